"""Compiled convolution without upsets: the same reads, products and writes as :mod:`literal`, in an order that is fast."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"
from typing import NamedTuple

import numpy as np

from accel_sim.config import AcceleratorConfig
from accel_sim.engine.jit import jit
from accel_sim.isa import Compute
from accel_sim.isa.geometry import walk
from accel_sim.machine.arithmetic import requantised


class Loops(NamedTuple):
    """An instruction as the kernels take it; names as in :class:`accel_sim.isa.Compute` and ``Walk``."""

    in_base: int
    in_pitch_y: int
    in_pitch_x: int
    in_height: int
    in_width: int
    in_groups: int
    tail: int
    kernel_y: int
    kernel_x: int
    stride_y: int
    stride_x: int
    dilation_y: int
    dilation_x: int
    pad_top: int
    pad_left: int
    out_base: int
    out_pitch_y: int
    out_pitch_x: int
    out_height: int
    out_width: int
    out_groups: int
    weight_base: int
    bias_base: int
    parameter_base: int
    x_zero: int
    mode: int
    zero: int
    low: int
    high: int
    shift: int
    first: int
    last: int
    second_base: int
    second_pitch_y: int
    second_pitch_x: int
    broadcast: int
    second_zero: int
    lanes: int
    pixels: int
    phases: int
    prelude: int
    across: int
    taps: int
    group_cycles: int


_INSTRUCTION_FIELDS = Loops._fields[: Loops._fields.index("lanes")]


def loops_of(instruction: Compute, config: AcceleratorConfig) -> Loops:
    """Flatten an instruction; fields that its kind lacks are 0, `first` and `last` 1."""
    w = walk(instruction, config)
    missing = {"first": 1, "last": 1}
    values = [int(getattr(instruction, name, missing.get(name, 0))) for name in _INSTRUCTION_FIELDS]
    return Loops(*values, w.lanes, config.pixel_parallel, w.phases, w.prelude, w.across, w.taps, w.group_cycles)


@jit
def word16(row):
    """First four bytes of a row as int32."""
    return np.int32(
        np.uint32(row[0]) | np.uint32(row[1]) << 8 | np.uint32(row[2]) << 16 | np.uint32(row[3]) << 24
    )


@jit
def biases(bias, row, channels, out):
    """Read a group's int32 biases from `row` on."""
    width = bias.shape[2]
    for c in range(channels):
        value = np.uint32(0)
        for j in range(4):
            at = 4 * c + j
            value |= np.uint32(bias[0, row + at // width, at % width]) << np.uint32(8 * j)
        out[c] = np.int32(value)


@jit
def weight_zero(entry):
    """Zero point of a channel's weights, from its parameters."""
    return np.int32(np.int16(np.uint16(entry[5]) | np.uint16(entry[6]) << 8))


@jit
def _weights(wgt, rqp, g, width, out):
    """All weights of an instruction without their zero points, (groups, channels, taps * width)."""
    channels = out.shape[1]
    for o in range(g.out_groups):
        for c in range(channels):
            zero = weight_zero(rqp[c, g.parameter_base + o])
            row = g.weight_base + o * g.taps
            for t in range(g.taps):
                for i in range(width):
                    out[o, c, t * width + i] = np.int16(np.int32(np.int8(wgt[c, row + t, i])) - zero)


@jit
def _patch(img, g, y, x, width, out):
    """Activations under the window of output (y, x) without their zero point; 0 for padding and absent channels."""
    rows = img.shape[1]
    at = 0
    for ky in range(g.kernel_y):
        iy = y * g.stride_y - g.pad_top + ky * g.dilation_y
        for kx in range(g.kernel_x):
            ix = x * g.stride_x - g.pad_left + kx * g.dilation_x
            if iy < 0 or iy >= g.in_height or ix < 0 or ix >= g.in_width:
                out[at : at + g.in_groups * width] = 0
                at += g.in_groups * width
                continue
            line = g.in_base + iy * g.in_pitch_y + ix // g.pixels * g.in_pitch_x
            lane = ix % g.pixels
            for i in range(g.in_groups):
                word = img[(line + i) // rows * g.pixels + lane, (line + i) % rows]
                count = g.tail if i == g.in_groups - 1 else width
                for j in range(count):
                    out[at + j] = np.int16(np.int32(word[j]) - g.x_zero)
                for j in range(count, width):
                    out[at + j] = 0
                at += width


@jit
def _dot(a, b):
    total = np.int32(0)
    for j in range(a.size):
        total = np.int32(total + np.int32(a[j]) * np.int32(b[j]))
    return total


@jit
def convolve(img, wgt, bias, rqp, acc, g):
    """CONV; `acc`, int32 (lanes, channels), keeps the sums of instructions without `last`."""
    width, channels, rows = img.shape[2], wgt.shape[0], img.shape[1]
    depth = g.taps * width
    weights = np.empty((g.out_groups, channels, depth), np.int16)
    _weights(wgt, rqp, g, width, weights)
    fixed = np.empty((g.out_groups, channels), np.int32)
    for o in range(g.out_groups):
        biases(bias, g.bias_base + o * g.prelude, channels, fixed[o])
    patch = np.empty(depth, np.int16)
    for y in range(g.out_height):
        for x in range(g.out_width):
            _patch(img, g, y, x, width, patch)
            line = g.out_base + y * g.out_pitch_y + x // g.pixels * g.out_pitch_x
            lane = x % g.pixels
            for o in range(g.out_groups):
                target = img[(line + o) // rows * g.pixels + lane, (line + o) % rows]
                for c in range(channels):
                    total = _dot(patch, weights[o, c])
                    if not g.first:
                        total = np.int32(total + acc[lane, c])
                    if not g.last:
                        acc[lane, c] = total
                        continue
                    total = np.int32((np.int64(total) << g.shift) + fixed[o, c])
                    entry = rqp[c, g.parameter_base + o]
                    target[c] = requantised(total, entry, g.mode, g.zero, g.low, g.high)

