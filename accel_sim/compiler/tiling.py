"""How large a tile is: the cut of a job that fits the scratch part of image memory and moves the fewest bytes."""

from collections.abc import Iterator
from dataclasses import dataclass

from accel_sim.compiler.jobs import Job
from accel_sim.compiler.regions import Region
from accel_sim.config import AcceleratorConfig
from accel_sim.isa import Conv
from accel_sim.isa.geometry import has_parameters, taps_of

INSTRUCTION_COST_BYTES = 256  # what an instruction's latency is worth when cuts are compared
MOST_PADDING = 511
OVERLAP_TILES = 3  # so that loading, computing and saving can overlap


@dataclass(frozen=True)
class Tiling:
    """A cut.

    Attributes
    ----------
    height, width
        Output lines and pixels of a tile.
    groups
        Output channel groups of a chunk.
    weights_outer
        Whether all tiles of a chunk come before the next chunk, so that weights are loaded once.
    in_rows, second_rows, out_rows
        Linear rows of the buffers in scratch.
    double
        Whether there are two of each.
    """

    height: int
    width: int
    groups: int
    weights_outer: bool
    in_rows: int
    second_rows: int
    out_rows: int
    double: bool

    @property
    def rows(self) -> int:
        """Linear rows of scratch."""
        return (self.in_rows + self.second_rows + self.out_rows) * (2 if self.double else 1)


def reach(tile: int, stride: int, kernel: int, dilation: int) -> int:
    """Input positions under `tile` outputs."""
    return (tile - 1) * stride + (kernel - 1) * dilation + 1


def groups_of(channels: int, config: AcceleratorConfig) -> int:
    """Words of a pixel."""
    return -(-channels // config.word_bytes)


def rows_of(height: int, width: int, groups: int, config: AcceleratorConfig) -> int:
    """Linear rows of a tile."""
    return height * -(-width // config.pixel_parallel) * groups


def most_groups(job: Job, config: AcceleratorConfig) -> int:
    """Output groups whose weights, biases and parameters fit half of their memories (all of one, for a single one)."""
    template = job.template
    if template is None or not has_parameters(template):
        return 1 << 12
    found = min(config.bias_rows // 2 // config.bias_words, config.parameter_rows // 2)
    if job.constants.weights is not None:
        is_conv = isinstance(template, Conv)
        taps = taps_of(template)
        rows = config.weight_rows if is_conv else config.depthwise_rows
        found = min(found, max(rows // 2 // taps, min(1, rows // taps)))
    return found


def _sizes(full: int, unit: int) -> Iterator[int]:
    """`full`, then halves of it rounded up to the unit."""
    size = full
    while True:
        yield size
        smaller = -(-size // 2 // unit) * unit
        if smaller >= size:
            return
        size = smaller


@dataclass(frozen=True, eq=False)
class _Cutter:
    job: Job
    source: Region
    target: Region
    second: Region | None
    capacity: int
    config: AcceleratorConfig

    def cut(self, height: int, width: int, groups: int) -> Tiling | None:
        job, config = self.job, self.config
        t = job.template
        window = (t.stride_y, t.kernel_y, t.dilation_y, t.stride_x, t.kernel_x, t.dilation_x) if t else (1,) * 6
        in_height = min(reach(height, *window[:3]), self.source.extent[1])
        in_width = min(reach(width, *window[3:]), self.source.extent[2])
        in_groups = groups_of(job.source.count, config) if job.is_conv else groups
        in_rows = 0 if self.source.resident else rows_of(in_height, in_width, in_groups, config)
        out_rows = 0 if self.target.resident or t is None else rows_of(height, width, groups, config)
        second_rows = 0
        if self.second is not None and not self.second.resident:
            second_rows = groups if job.broadcast else rows_of(height, width, groups, config)
        total = groups_of(job.target.count, config)
        tiles = -(-job.size[0] // height) * -(-job.size[1] // width)
        chunks = -(-total // groups)
        single = tiles == chunks == 1
        weights = 0 if job.constants.weights is None or t is None else job.target.count * taps_of(t) * config.word_bytes
        loaded = 0 if self.source.resident else tiles * in_height * in_width * job.source.count
        by_tile = loaded + (weights * tiles if chunks > 1 else weights)
        by_chunk = loaded * (chunks if job.is_conv else 1) + weights
        found = Tiling(height, width, groups, by_chunk < by_tile, in_rows, second_rows, out_rows, not single)
        if found.rows > self.capacity:
            return None
        return found

    def cost(self, tiling: Tiling) -> int:
        job, config = self.job, self.config
        t = job.template
        tiles = -(-job.size[0] // tiling.height) * -(-job.size[1] // tiling.width)
        chunks = -(-groups_of(job.target.count, config) // tiling.groups)
        halo = tiles * tiling.in_rows * config.pixel_parallel * config.word_bytes
        weights = 0 if t is None or job.constants.weights is None else job.target.count * taps_of(t) * config.word_bytes
        turns = (1, chunks if job.is_conv else 1) if tiling.weights_outer else (tiles if chunks > 1 else 1, 1)
        return weights * turns[0] + halo * turns[1] + tiles * chunks * INSTRUCTION_COST_BYTES

    def tallest(self, width: int, groups: int) -> Tiling | None:
        full = self.job.size[0]
        spills = not (self.source.resident and self.target.resident)
        first = -(-full // OVERLAP_TILES) if spills and full >= 2 * OVERLAP_TILES else full
        for height in range(first, 0, -1):
            found = self.cut(height, width, groups)
            if found is not None:
                return found
        return None


def choose_tiling(
    job: Job, source: Region, target: Region, second: Region | None, capacity: int, config: AcceleratorConfig
) -> Tiling | None:
    """Return the best cut, or None when even the smallest tile does not fit.

    Parameters
    ----------
    capacity
        Linear rows of scratch.
    """
    limit = min(most_groups(job, config), groups_of(job.target.count, config))
    if limit < 1:
        return None
    cutter = _Cutter(job, source, target, second, capacity, config)
    whole_lines = source.resident is not None or (second is not None and second.resident is not None)
    widths = [job.size[1]] if whole_lines else list(_sizes(job.size[1], config.pixel_parallel))
    groups = [1] if job.parts else list(_sizes(limit, 1))
    if job.parts:
        widths = [min(job.size[1], config.pixel_parallel)]
        if whole_lines and widths[0] < job.size[1]:
            return None
    found = [cutter.cut(1, widths[0], 1)] if job.parts else [cutter.tallest(w, g) for g in groups for w in widths]
    fitting = [tiling for tiling in found if tiling is not None]
    return min(fitting, key=cutter.cost) if fitting else None
