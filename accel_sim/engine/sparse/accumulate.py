"""Golden accumulators, computed once per image."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg,assignment,var-annotated"
import numpy as np

from accel_sim.engine.jit import jit
from accel_sim.engine.sparse import fields as F
from accel_sim.engine.sparse.follow import gather_pixel, pixel_entries
from accel_sim.engine.sparse.plain import bias_of, grouped_sums
from accel_sim.engine.sparse.vector import pixel_sums_16


@jit
def accumulate(state, number):
    """Fill the accumulators of a linear node from the golden codes, bias included, in place.

    An ungrouped node is followed as if every pixel had changed from the zero point.
    """
    node, sums = state[F.NODES][number], state[F.SUMS]
    row, ic, oc = state[F.TENSORS][node[F.IN]], node[F.IC], node[F.OC]
    offset, shift = row[F.OFFSET], np.int32(node[F.ACC_SHIFT])
    entries, listed = state[F.ENTRIES].ctypes.data, state[F.LISTED].ctypes.data + 64
    weights = state[F.WEIGHTS].ctypes.data + 2 * node[F.WEIGHT]
    pixels = row[F.SIZE] // ic
    flags = np.ones(pixels, np.uint8)
    if node[F.GROUP] == 1:
        blank = np.full(ic + 64, node[F.X_ZERO], np.uint8)
        filled = np.int64(0)
        for pixel in range(pixels):
            place = state[F.GOLDEN].ctypes.data + offset + pixel * ic
            count = pixel_entries(blank.ctypes.data, place, ic, entries + 8 * filled)
            state[F.RANGES][pixel] = filled | count << 32
            filled += count
    for unit in range(node[F.UNITS]):
        line, x = unit // node[F.OW], unit % node[F.OW]
        if node[F.GROUP] > 1:
            grouped_sums(node, state[F.GOLDEN], offset, state[F.WEIGHTS], line, x, sums)
        else:
            twos = gather_pixel(node, flags.ctypes.data, state[F.RANGES].ctypes.data, entries, listed, line, x)
            pixel_sums_16(weights, listed, twos, oc, sums.ctypes.data)
        first = node[F.ACC] + unit * node[F.ROW]
        for channel in range(oc):
            state[F.ACCUMULATORS][first + channel] = (sums[channel] << shift) + bias_of(node, state[F.INTS], channel)


@jit
def accumulate_pool(state, number):
    """Fill the golden sums of a global pool."""
    node, golden, acc = state[F.NODES][number], state[F.GOLDEN], state[F.ACCUMULATORS]
    tensors = state[F.TENSORS]
    offset, size, ic = tensors[node[F.IN], F.OFFSET], tensors[node[F.IN], F.SIZE], node[F.IC]
    pixels = node[F.IH] * node[F.IW]
    acc[node[F.ACC] : node[F.ACC] + size // pixels] = 0
    for position in range(size):
        unit = position // (pixels * ic) * ic + position % ic
        acc[node[F.ACC] + unit] += np.int32(golden[offset + position]) - np.int32(node[F.X_ZERO])
