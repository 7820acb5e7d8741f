"""Golden accumulators of the linear nodes, kept so that a fault only has to add to them."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg,assignment,var-annotated"
import numpy as np

from accel_sim.engine.jit import jit
from accel_sim.engine.sparse import fields as F
from accel_sim.engine.sparse.scatter import spread


@jit
def accumulate(state, number):
    """Fill the golden accumulators of a linear node: every input is spread as if it had changed from the zero point."""
    node, golden, acc, weights = state[F.NODES][number], state[F.GOLDEN], state[F.ACCUMULATORS], state[F.WEIGHTS]
    mark, touched = state[F.MARK], state[F.TOUCHED]
    offset, size = state[F.TENSORS][node[F.IN], F.OFFSET], state[F.TENSORS][node[F.IN], F.SIZE]
    ih, iw, ic, icg, groups, row = node[F.IH], node[F.IW], node[F.IC], node[F.ICG], node[F.GROUP], node[F.ROW]
    zero, shift, ocg = np.int32(node[F.X_ZERO]), np.int32(node[F.ACC_SHIFT]), node[F.OCG]
    sums = acc[node[F.ACC] : node[F.ACC] + node[F.UNITS] * row]
    sums[:] = 0
    entries = np.empty((icg + 1, 2), np.int32)
    for pixel in range(size // ic):
        line = pixel // iw
        for group in range(groups):
            first = offset + pixel * ic + group * icg
            filled = 0
            for channel in range(0, icg, 1 if groups > 1 else 2):
                value = np.int32(golden[first + channel]) - zero
                index = channel
                if groups == 1:
                    value &= 0xFFFF
                    if channel + 1 < icg:
                        value |= (np.int32(golden[first + channel + 1]) - zero) << 16
                    index = channel >> 1
                if value != 0:
                    entries[filled, 0], entries[filled, 1] = np.int32(value), np.int32(index)
                    filled += 1
            if filled:
                spread(node, sums, weights, mark, touched, 0, line // ih, line % ih, pixel % iw, group, entries, filled)
    mark[: node[F.UNITS]] = 0
    bias = node[F.CHANNEL_INTS] + 2 * node[F.OC]
    for unit in range(node[F.UNITS]):
        channel = (unit % groups) * ocg
        for o in range(ocg):
            sums[unit * row + o] = (sums[unit * row + o] << shift) + state[F.INTS][bias + channel + o]


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
