"""Golden accumulators, computed once per image."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg,assignment,var-annotated"
import numpy as np

from accel_sim.engine.jit import jit
from accel_sim.engine.sparse import fields as F
from accel_sim.engine.sparse.entries import gather_pixel
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
    ones, blank = np.ones(pixels + 64, np.uint8), np.full(pixels * ic + 64, node[F.X_ZERO], np.uint8)
    ranges = state[F.RANGES].ctypes.data
    golden = state[F.GOLDEN].ctypes.data + offset
    places = (ones.ctypes.data, ranges, blank.ctypes.data, golden, entries)
    filled = np.int64(0)
    for unit in range(node[F.UNITS]):
        line, x = unit // node[F.OW], unit % node[F.OW]
        if node[F.GROUP] > 1:
            grouped_sums(node, state[F.GOLDEN], offset, state[F.WEIGHTS], line, x, sums)
        else:
            filled, fours = gather_pixel(node, places, listed, filled, line, x)
            pixel_sums_16(weights, listed, fours, oc, sums.ctypes.data)
        first = node[F.ACC] + unit * node[F.ROW]
        for channel in range(oc):
            state[F.ACCUMULATORS][first + channel] = (sums[channel] << shift) + bias_of(node, state[F.INTS], channel)
    state[F.RANGES][:pixels] = 0


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
