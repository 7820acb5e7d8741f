"""Compute instructions flattened for compiled code, and the pieces that the slot by slot and the fast form share."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg"
from typing import NamedTuple

import numpy as np

from accel_sim.config import AcceleratorConfig
from accel_sim.engine.jit import jit
from accel_sim.engine.microkernel import copy_bytes
from accel_sim.isa import Compute
from accel_sim.isa.geometry import walk


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
    sizes = [w.lanes, config.pixel_parallel, w.phases, w.prelude, w.across, w.taps, w.group_cycles]
    return Loops._make([*values, *sizes])


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
def gather(img, base, pitch_y, pitch_x, pixels, out):
    """Copy a tile of image memory to bytes (lines, pixels, channels)."""
    height, across, channels = out.shape
    rows, width = img.shape[1], img.shape[2]
    for y in range(height):
        for x in range(across):
            line = base + y * pitch_y + x // pixels * pitch_x
            for c in range(0, channels, width):
                word = ((line // rows * pixels + x % pixels) * rows + line % rows) * width
                byte = (y * across + x) * channels + c
                copy_bytes(out.ctypes.data + byte, img.ctypes.data + word, min(width, channels - c))
                line += 1


@jit
def scatter(img, base, pitch_y, pitch_x, pixels, values):
    """Copy bytes (lines, pixels, channels), whole words, to image memory."""
    height, across, channels = values.shape
    rows, width = img.shape[1], img.shape[2]
    for y in range(height):
        for x in range(across):
            line = base + y * pitch_y + x // pixels * pitch_x
            for c in range(0, channels, width):
                word = ((line // rows * pixels + x % pixels) * rows + line % rows) * width
                byte = (y * across + x) * channels + c
                copy_bytes(img.ctypes.data + word, values.ctypes.data + byte, width)
                line += 1


@jit
def find_rows(place, rows, shared, base, pitch_y, pitch_x, size, lanes, inside, out):
    """Find rows ``bank * rows + row`` among those that the loops of an instruction go through.

    Parameters
    ----------
    place
        int64.
    shared
        Whether all banks hold the same.
    size
        Lines, pixels of a line, words of a pixel.
    inside, out
        uint8 and int64 (3, n): receive whether a row is one of them, and its line, pixel and word.
    """
    height, width, words = size
    for n in range(place.size):
        bank, row = place[n] // rows, place[n] % rows
        if shared:
            bank = 0
        rest = bank // lanes * rows + row - base
        y, across = 0, 0
        if height > 1 and pitch_y:
            y, rest = rest // pitch_y, rest % pitch_y
        if width > lanes and pitch_x:
            across, rest = rest // pitch_x, rest % pitch_x
        x = across * lanes + bank % lanes
        inside[n] = 0 <= y < height and 0 <= x < width and 0 <= rest < words
        out[0, n], out[1, n], out[2, n] = y, x, rest


@jit
def differing_words(a, b, used, found):
    """Find the words of pixels in which two arrays differ.

    Parameters
    ----------
    a, b
        uint8, (pixels, words, bytes).
    used
        Bytes of a pixel that count, from the first one on.
    found
        int64, long enough; receives ``pixel * words + word``, ascending.

    Returns
    -------
    int
        How many.
    """
    pixels, words, width = a.shape
    count = 0
    for p in range(pixels):
        for w in range(words):
            for j in range(min(width, used - w * width)):
                if a[p, w, j] != b[p, w, j]:
                    found[count] = p * words + w
                    count += 1
                    break
    return count
