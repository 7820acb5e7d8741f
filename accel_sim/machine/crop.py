"""A part of a compute instruction: some of its output lines and channel groups, as an instruction of its own."""

from dataclasses import replace
from typing import Any, NamedTuple

from accel_sim.config import AcceleratorConfig
from accel_sim.isa import Alu, AluOp, Compute, Conv
from accel_sim.isa.geometry import has_parameters, taps_of, walk
from accel_sim.isa.instructions import TWO_OPERANDS


class Part(NamedTuple):
    """Output lines ``top .. bottom`` (excluded) of the channel groups ``low .. high`` (excluded)."""

    low: int
    high: int
    top: int
    bottom: int

    def joined(self, other: "Part") -> "Part":
        """Return the smallest part that holds both; an empty one adds nothing."""
        if not self.size or not other.size:
            return other if not self.size else self
        return Part(
            min(self.low, other.low), max(self.high, other.high), min(self.top, other.top),
            max(self.bottom, other.bottom),
        )  # fmt: skip

    @property
    def size(self) -> int:
        """Lines times groups."""
        return max(0, self.high - self.low) * max(0, self.bottom - self.top)


EMPTY = Part(0, 0, 0, 0)


def whole(i: Compute) -> Part:
    """Return the part that is everything."""
    return Part(0, i.out_groups, 0, i.out_height)


def crop(i: Compute, part: Part, config: AcceleratorConfig) -> Compute:
    """Return an instruction that makes a part of another's output, from the same rows with the same values.

    Parameters
    ----------
    i
        An instruction that starts and finishes its sums.
    part
        What of it.
    """
    if part == whole(i):
        return i
    pairs = isinstance(i, Alu) and i.op in TWO_OPERANDS
    skipped = part.top if pairs else max(0, part.top * i.stride_y - i.pad_top)
    lines = part.bottom - part.top
    pad = 0 if pairs else max(0, i.pad_top - part.top * i.stride_y)
    reach = lines if pairs else (lines - 1) * i.stride_y - pad + (i.kernel_y - 1) * i.dilation_y + 1
    change: dict[str, Any] = {
        "in_base": i.in_base + skipped * i.in_pitch_y,
        # Where only padding is under the window, one line stays: no instruction has an input without lines.
        "in_height": max(1, min(i.in_height - skipped, reach)),
        "pad_top": pad,
        "out_base": i.out_base + part.top * i.out_pitch_y + part.low,
        "out_height": lines,
        "out_groups": part.high - part.low,
    }
    if i.in_height <= skipped:
        nothing = i.kernel_y * i.dilation_y + lines * i.stride_y
        change |= {"in_base": i.in_base, "in_height": 1, "pad_top": nothing}
    if isinstance(i, Conv) or (isinstance(i, Alu) and i.op == AluOp.DEPTHWISE):
        change["weight_base"] = i.weight_base + part.low * taps_of(i)
    if not isinstance(i, Conv):
        change["in_base"] += part.low
    if has_parameters(i):
        change["bias_base"] = i.bias_base + part.low * config.bias_words
        change["parameter_base"] = i.parameter_base + part.low
    if isinstance(i, Alu) and pairs:
        lines_down = 0 if i.broadcast else part.top * i.second_pitch_y
        change["second_base"] = i.second_base + lines_down + part.low
    return replace(i, **change)


def start_of(i: Compute, part: Part, start: int, config: AcceleratorConfig) -> int:
    """Return when a part of a single group would have to start so that its operands are read at the same edges."""
    w = walk(i, config)
    return start + part.low * w.group_cycles + part.top * w.across * w.taps * w.phases


def lines_reading(i: Compute, y: int) -> tuple[int, int]:
    """Return the output lines (from, to excluded) whose windows hold line `y` of the input; maybe none."""
    if isinstance(i, Alu) and i.op in TWO_OPERANDS:
        return y, y + 1
    low = -(-(y + i.pad_top - (i.kernel_y - 1) * i.dilation_y) // i.stride_y)
    high = (y + i.pad_top) // i.stride_y + 1
    return max(0, low), min(i.out_height, high)
