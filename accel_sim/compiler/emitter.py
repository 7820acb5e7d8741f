"""Instructions of jobs and pieces, tile by tile."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from accel_sim.compiler.constant_loads import ConstantLoader
from accel_sim.compiler.jobs import Job, Part
from accel_sim.compiler.regions import Region
from accel_sim.compiler.tiling import MOST_PADDING, Tiling, choose_tiling, groups_of, reach, rows_of
from accel_sim.config import AcceleratorConfig
from accel_sim.config.memories import MEMORY_IDS
from accel_sim.isa import Instruction, Load, Save
from accel_sim.program import Origin

View = tuple[int, int, int]


@dataclass(frozen=True)
class Tile:
    """One tile of an output: first line and pixel, size, image of the batch, number."""

    n: int
    y: int
    x: int
    height: int
    width: int
    number: int


@dataclass(frozen=True)
class Span:
    """Input positions under a tile along one axis: ``[low, high)``, and the padding in front of `low`."""

    low: int
    high: int
    pad: int


def span(first: int, tile: int, stride: int, kernel: int, dilation: int, pad: int, size: int) -> Span:
    """Input lines (or pixels) that `tile` outputs from `first` on read."""
    start, length = first * stride - pad, reach(tile, stride, kernel, dilation)
    low, high = max(start, 0), min(start + length, size)
    if low >= high:  # nothing but padding: every read falls in front of the one line that is there
        return Span(0, 1, length)
    return Span(low, high, low - start)


class Emitter:
    """Collects instructions.

    Parameters
    ----------
    regions
        Where every tensor is.
    """

    def __init__(self, config: AcceleratorConfig, regions: Mapping[str, Region]) -> None:
        self.config, self.regions = config, regions
        self.instructions: list[Instruction] = []
        self.origins: list[Origin] = []
        self.layer = 0
        self.scratch = (0, config.image_lines)
        self.constants = ConstantLoader(config, self.add)
        self.turn = 0

    def add(self, instruction: Instruction, origin: Origin | None = None) -> None:
        """Append an instruction."""
        self.instructions.append(replace(instruction, layer=self.layer))
        self.origins.append(origin or Origin())

    # --- jobs --------------------------------------------------------------------------------------------------
    def tiling(self, job: Job, capacity: int) -> Tiling | None:
        """Return the cut of a job for a scratch of `capacity` linear rows."""
        second = self.regions[job.second.tensor] if job.second else None
        source, target = self.regions[job.source.tensor], self.regions[job.target.tensor]
        return choose_tiling(job, source, target, second, capacity, self.config)

    def job(self, job: Job) -> None:
        """Append all instructions of a job."""
        tiling = self.tiling(job, self.scratch[1] - self.scratch[0])
        assert tiling is not None, job
        total = groups_of(job.target.count, self.config)
        chunks = [(g, min(tiling.groups, total - g)) for g in range(0, total, tiling.groups)]
        tiles = list(self._tiles(job, tiling))
        if job.is_conv and not tiling.weights_outer:
            for tile in tiles:
                source = self._source(job, tiling, tile, None)
                for chunk in chunks:
                    self._compute(job, tiling, tile, chunk, source)
            return
        for chunk in chunks:
            for tile in tiles:
                self._compute(job, tiling, tile, chunk, self._source(job, tiling, tile, chunk))

    def _tiles(self, job: Job, tiling: Tiling) -> Iterator[Tile]:
        images = self.regions[job.target.tensor].extent[0]
        number = 0
        for n in range(images):
            for y in range(0, job.size[0], tiling.height):
                for x in range(0, job.size[1], tiling.width):
                    size = min(tiling.height, job.size[0] - y), min(tiling.width, job.size[1] - x)
                    yield Tile(n, y, x, *size, number)
                    number += 1

    def _buffer(self, tiling: Tiling, turn: int, offset: int) -> int:
        """Return the base of a scratch buffer: the two sets of buffers lie in the two halves of scratch."""
        half = (self.scratch[1] - self.scratch[0]) // 2 if tiling.double else 0
        return self.scratch[0] + turn % 2 * half + offset

    def _spans(self, job: Job, tile: Tile) -> tuple[Span, Span]:
        t, extent = job.template, self.regions[job.source.tensor].extent
        y = (t.stride_y, t.kernel_y, t.dilation_y) if t else (1, 1, 1)
        x = (t.stride_x, t.kernel_x, t.dilation_x) if t else (1, 1, 1)
        return (
            span(tile.y, tile.height, *y, job.pads[0], extent[1]),
            span(tile.x, tile.width, *x, job.pads[1], extent[2]),
        )

    def _source(self, job: Job, tiling: Tiling, tile: Tile, chunk: tuple[int, int] | None) -> View:
        """Load the input tile, unless it is resident; return its view."""
        lines, pixels = self._spans(job, tile)
        part = job.source
        if not job.is_conv and chunk is not None:
            part = self._part(job.source, chunk)
        base = self._buffer(tiling, tile.number if job.is_conv and not tiling.weights_outer else self.turn, 0)
        return self._bring(part, job.source, tile.n, lines, pixels, base, chunk)

    def _part(self, part: Part, chunk: tuple[int, int]) -> Part:
        word = self.config.word_bytes
        start = chunk[0] * word
        return Part(part.tensor, part.start + start, min(part.count - start, chunk[1] * word))

    def _bring(
        self, part: Part, whole: Part, n: int, lines: Span, pixels: Span, base: int, chunk: tuple[int, int] | None
    ) -> View:
        region = self.regions[part.tensor]
        if region.resident is not None:
            first, pitch_y, pitch_x = region.resident
            group = (part.start - whole.start) // self.config.word_bytes
            return first + lines.low * pitch_y + group, pitch_y, pitch_x
        height, width = lines.high - lines.low, pixels.high - pixels.low
        groups = groups_of(part.count, self.config)
        pitch_y = rows_of(1, width, groups, self.config)
        start = (n, lines.low, pixels.low, part.start)
        self.add(
            Load(
                memory=MEMORY_IDS["img"], address=region.byte(*start), ny=height, nx=width, nc=groups,
                valid=part.count, ddr_pitch_y=region.pitches[1], ddr_pitch_x=region.pitches[2],
                base=base, pitch_y=pitch_y, pitch_x=groups,
            ),
            Origin((part.tensor,), "", start, (1, 1), part.count),
        )  # fmt: skip
        return base, pitch_y, groups

    def _compute(self, job: Job, tiling: Tiling, tile: Tile, chunk: tuple[int, int], source: View) -> None:
        """One tile of one chunk: constants, second operand, compute, save."""
        config, turn = self.config, self.turn
        self.turn += 1
        target = self._part(job.target, chunk)
        groups = groups_of(target.count, config)
        region = self.regions[job.target.tensor]
        step_y, step_x = job.out_step
        start = (
            tile.n,
            job.out_start[0] + tile.y * step_y,
            job.out_start[1] + tile.x * step_x,
            target.start,
        )
        view = source
        if job.template is not None:
            view = self._out_view(tiling, tile, chunk, region, turn, groups)
            self._instruction(
                job, tiling, tile, chunk, source, view, Origin((), target.tensor, start, job.out_step, target.count)
            )
        if region.address is not None:
            self.add(
                Save(
                    memory=MEMORY_IDS["img"], address=region.byte(*start), ny=tile.height, nx=tile.width, nc=groups,
                    valid=target.count, ddr_pitch_y=region.pitches[1] * step_y, ddr_pitch_x=region.pitches[2] * step_x,
                    base=view[0], pitch_y=view[1], pitch_x=view[2],
                ),
                Origin((target.tensor,), target.tensor, start, job.out_step, target.count),
            )  # fmt: skip

    def _out_view(
        self, tiling: Tiling, tile: Tile, chunk: tuple[int, int], region: Region, turn: int, groups: int
    ) -> View:
        if region.resident is not None:
            base, pitch_y, pitch_x = region.resident
            column = tile.x // self.config.pixel_parallel
            return base + tile.y * pitch_y + column * pitch_x + chunk[0], pitch_y, pitch_x
        base = self._buffer(tiling, turn, tiling.in_rows + tiling.second_rows)
        return base, rows_of(1, tile.width, groups, self.config), groups

    def _instruction(
        self, job: Job, tiling: Tiling, tile: Tile, chunk: tuple[int, int], source: View, view: View, origin: Origin
    ) -> None:
        template, config = job.template, self.config
        assert template is not None
        lines, pixels = self._spans(job, tile)
        resident = self.regions[job.source.tensor].resident is not None
        width = self.regions[job.source.tensor].extent[2]
        channels = job.source.count
        changes: dict[str, Any] = {
            "in_base": source[0], "in_pitch_y": source[1], "in_pitch_x": source[2],
            "in_height": lines.high - lines.low, "in_width": width if resident else pixels.high - pixels.low,
            "in_groups": groups_of(channels, config) if job.is_conv else chunk[1],
            "tail": (channels - 1) % config.word_bytes + 1 if job.is_conv else config.word_bytes,
            "pad_top": lines.pad, "pad_left": job.pads[1] if resident else pixels.pad,
            "out_base": view[0], "out_pitch_y": view[1], "out_pitch_x": view[2],
            "out_height": tile.height, "out_width": tile.width, "out_groups": chunk[1],
        }  # fmt: skip
        assert max(changes["pad_top"], changes["pad_left"]) <= MOST_PADDING, changes
        reads = (job.source.tensor, *job.constants.names)
        if job.second is not None:
            second = self._second(job, tiling, tile, chunk)
            changes |= {"second_base": second[0], "second_pitch_y": second[1], "second_pitch_x": second[2]}
            changes |= {"broadcast": int(job.broadcast)}
            reads = (job.source.tensor, job.second.tensor)
        if job.constants.table is not None:
            changes["weight_base"] = self.constants.table(job.constants.table, job.constants.names)
        if not job.parts:
            changes |= self.constants.bases(job, chunk)
            self.add(replace(template, **changes), replace(origin, reads=reads))
            return
        group = 0
        for number, (count, constants) in enumerate(job.parts):
            groups = groups_of(count, config)
            part = replace(job, constants=constants, template=replace(template, in_groups=groups))
            mine = changes | self.constants.bases(part, chunk)
            mine |= {"in_base": source[0] + group, "in_groups": groups, "tail": (count - 1) % config.word_bytes + 1}
            mine |= {"first": int(number == 0), "last": int(number == len(job.parts) - 1)}
            self.add(replace(template, **mine), replace(origin, reads=(job.source.tensor, *constants.names)))
            group += groups

    def _second(self, job: Job, tiling: Tiling, tile: Tile, chunk: tuple[int, int]) -> View:
        assert job.second is not None
        lines, pixels = Span(tile.y, tile.y + tile.height, 0), Span(tile.x, tile.x + tile.width, 0)
        if job.broadcast:
            lines = pixels = Span(0, 1, 0)
        base = self._buffer(tiling, self.turn - 1, tiling.in_rows)
        n = tile.n if self.regions[job.second.tensor].extent[0] > 1 else 0
        return self._bring(self._part(job.second, chunk), job.second, n, lines, pixels, base, chunk)
