"""Which feature maps stay on the chip between the node that makes them and the last one that reads them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from accel_sim.compiler.emitter import Emitter
from accel_sim.compiler.jobs import Job
from accel_sim.compiler.regions import Region
from accel_sim.compiler.tiling import groups_of, rows_of
from accel_sim.config import AcceleratorConfig

SCRATCH_SHARE = 4  # a resident must leave a quarter of image memory to tiles wherever tiles are needed


@dataclass(frozen=True)
class Candidate:
    """A tensor that could stay: linear rows, position of its producer and of its last reader on the array."""

    tensor: str
    rows: int
    first: int
    last: int


def free_range(lines: int, taken: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Return the largest gap among taken intervals."""
    best, start = (0, 0), 0
    for low, high in [*sorted(taken), (lines, lines)]:
        if low - start > best[1] - best[0]:
            best = (start, low)
        start = max(start, high)
    return best


def first_fit(lines: int, taken: Sequence[tuple[int, int]], rows: int) -> int | None:
    """Return the lowest place for an interval of `rows`, or None."""
    start = 0
    for low, high in [*sorted(taken), (lines, lines)]:
        if low - start >= rows:
            return start
        start = max(start, high)
    return None


class Residency:
    """Decides one candidate after the other.

    Parameters
    ----------
    jobs
        Jobs of every node position; None for positions that need the whole scratch only for moves, or none.
    piece_rows
        Scratch rows that the moves of every position need at least.
    """

    def __init__(
        self,
        config: AcceleratorConfig,
        regions: Mapping[str, Region],
        jobs: Sequence[Sequence[Job]],
        piece_rows: Sequence[int],
    ) -> None:
        self.config, self.jobs, self.piece_rows = config, jobs, piece_rows
        self.regions = dict(regions)
        self.taken: list[list[tuple[int, int]]] = [[] for _ in jobs]

    def candidate(self, tensor: str, first: int, readers: Sequence[int]) -> Candidate | None:
        """Return what there is to decide about a tensor, or None when it cannot stay."""
        _, height, width, channels = self.regions[tensor].extent
        makers = self.jobs[first]
        if self.regions[tensor].extent[0] != 1 or not makers or not all(job.writes_residents for job in makers):
            return None
        last = [p for p in readers if any(self._reads(job, tensor) for job in self.jobs[p])]
        if not last or any(not job.reads_residents for p in last for job in self.jobs[p]):
            return None
        rows = rows_of(height, width, groups_of(channels, self.config), self.config)
        return Candidate(tensor, rows, first, max(last))

    @staticmethod
    def _reads(job: Job, tensor: str) -> bool:
        return job.source.tensor == tensor or (job.second is not None and job.second.tensor == tensor)

    def place(self, candidate: Candidate) -> bool:
        """Keep a tensor on the chip if every node meanwhile still has room; return whether."""
        positions = range(candidate.first, candidate.last + 1)
        lines = self.config.image_lines
        base = first_fit(lines, [i for p in positions for i in self.taken[p]], candidate.rows)
        if base is None:
            return False
        region = self.regions[candidate.tensor]
        groups = groups_of(region.extent[3], self.config)
        view = (base, rows_of(1, region.extent[2], groups, self.config), groups)
        before = region
        self.regions[candidate.tensor] = replace(region, resident=view)
        interval = (base, base + candidate.rows)
        if all(self._feasible(p, [*self.taken[p], interval]) for p in positions):
            for position in positions:
                self.taken[position].append(interval)
            return True
        self.regions[candidate.tensor] = before
        return False

    def scratch(self, position: int) -> tuple[int, int]:
        """Linear rows that a node's tiles may use."""
        return free_range(self.config.image_lines, self.taken[position])

    def _feasible(self, position: int, taken: list[tuple[int, int]]) -> bool:
        low, high = free_range(self.config.image_lines, taken)
        if high - low < self.piece_rows[position]:
            return False
        emitter = Emitter(self.config, self.regions)
        tilings = [emitter.tiling(job, high - low) for job in self.jobs[position]]
        if any(tiling is None for tiling in tilings):
            return False
        tiled = any(tiling is not None and tiling.rows for tiling in tilings) or self.piece_rows[position]
        return not tiled or high - low >= self.config.image_lines // SCRATCH_SHARE
