"""Accumulators straight from the definition: grouped convolutions, and channels whose golden accumulators are not kept.

Weights of grouped nodes are stored as (taps, inputs of a group, outputs), those of other nodes in pairs of inputs, as
(taps, pairs, outputs, 2).
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg,assignment,var-annotated"
import numpy as np

from accel_sim.engine.jit import jit
from accel_sim.engine.sparse import fields as F


@jit
def source_pixel(node, line, x, tap):
    """Input pixel that a tap multiplies for one output pixel (row over all images, column), or -1."""
    ky, kx = tap // node[F.KW], tap % node[F.KW]
    image, y = line // node[F.OH], line % node[F.OH]
    if node[F.KIND] == F.TRANSPOSED:
        iy, ix = y + node[F.TOP] - ky * node[F.DH], x + node[F.LEFT] - kx * node[F.DW]
        if iy % node[F.SH] != 0 or ix % node[F.SW] != 0:
            return np.int64(-1)
        iy, ix = iy // node[F.SH], ix // node[F.SW]
    else:
        iy = y * node[F.SH] - node[F.TOP] + ky * node[F.DH]
        ix = x * node[F.SW] - node[F.LEFT] + kx * node[F.DW]
    if iy < 0 or iy >= node[F.IH] or ix < 0 or ix >= node[F.IW]:
        return np.int64(-1)
    return (image * node[F.IH] + iy) * node[F.IW] + ix


@jit
def grouped_sums(node, codes, offset, weights, line, x, sums):
    """Accumulators of all channels of one output pixel of a grouped node, without bias."""
    icg, ocg, oc, zero = node[F.ICG], node[F.OCG], node[F.OC], np.int32(node[F.X_ZERO])
    sums[:oc] = 0
    for tap in range(node[F.KH] * node[F.KW]):
        pixel = source_pixel(node, line, x, tap)
        if pixel < 0:
            continue
        start = offset + pixel * node[F.IC]
        for j in range(icg):
            place = node[F.WEIGHT] + (tap * icg + j) * node[F.ROW]
            for o in range(oc):
                value = np.int32(codes[start + (o // ocg) * icg + j]) - zero
                sums[o] += value * np.int32(weights[place + o])


@jit
def channel_sum(node, codes, offset, weights, line, x, channel):
    """Accumulator of one channel of one output pixel, without bias."""
    icg, row, zero = node[F.ICG], node[F.ROW], np.int32(node[F.X_ZERO])
    first = (channel // node[F.OCG]) * icg
    pairs = (icg + 1) // 2
    total = np.int32(0)
    for tap in range(node[F.KH] * node[F.KW]):
        pixel = source_pixel(node, line, x, tap)
        if pixel < 0:
            continue
        start = offset + pixel * node[F.IC] + first
        for j in range(icg):
            if node[F.GROUP] > 1:
                place = node[F.WEIGHT] + (tap * icg + j) * row + channel
            else:
                place = node[F.WEIGHT] + 2 * ((tap * pairs + j // 2) * row + channel) + (j & 1)
            total += (np.int32(codes[start + j]) - zero) * np.int32(weights[place])
    return total


@jit
def bias_of(node, ints, channel):
    """Bias of a channel in accumulator units."""
    return ints[node[F.CHANNEL_INTS] + 2 * node[F.OC] + channel]
