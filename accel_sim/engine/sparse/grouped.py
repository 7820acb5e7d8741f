"""Grouped convolutions recomputed where a changed pixel reaches them."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg,assignment,var-annotated"
import numpy as np

from accel_sim.engine.depthwise import border_taps, channel_sums, inner_taps
from accel_sim.engine.jit import inlined, jit
from accel_sim.engine.requant import FLOAT32
from accel_sim.engine.sparse import fields as F
from accel_sim.engine.sparse.codes import channel_code
from accel_sim.engine.sparse.plain import grouped_sums
from accel_sim.engine.sparse.reach import clear_flags, differs, flagged, widen
from accel_sim.engine.sparse.vector import lowest_bit, poke_byte
from accel_sim.engine.vector import LANES, store_eight


@inlined
def is_depthwise(node):
    """Whether every channel has a window of its own."""
    return node[F.KIND] == F.LINEAR and node[F.ICG] == 1 and node[F.OCG] == 1


@inlined
def depthwise_sums(node, codes, weights, line, x, inner, some, sums):
    """Accumulators of all channels of one output pixel of a depthwise node, without bias.

    `codes` and `weights` are the addresses of the input's codes and of the node's weights, `inner` the table of a whole
    window, `some` room for another.
    """
    height, width, channels = node[F.IH], node[F.IW], node[F.IC]
    y, left = line % node[F.OH] * node[F.SH] - node[F.TOP], x * node[F.SW] - node[F.LEFT]
    down, right = (node[F.KH] - 1) * node[F.DH], (node[F.KW] - 1) * node[F.DW]
    taps, count = inner.ctypes.data, np.int64(inner.shape[0])
    if y < 0 or y + down >= height or left < 0 or left + right >= width:
        count = border_taps(inner, node[F.KW], node[F.DH], node[F.DW], height, width, y, left, some)
        taps = some.ctypes.data
    corner = codes + ((line // node[F.OH] * height + y) * width + left) * channels
    channel_sums(corner, weights, taps, count, channels, np.int32(node[F.X_ZERO]), sums)


@inlined
def requantise_pixel(node, ints, floats, sums, out):
    """Write the codes of one pixel from its sums without bias; `out` are its bytes."""
    oc, shift = node[F.OC], np.int32(node[F.ACC_SHIFT])
    bias, whole = node[F.CHANNEL_INTS] + 2 * oc, np.int64(0)
    if node[F.MODE] == FLOAT32 and shift == 0:
        zero, whole = np.int32(node[F.ZERO]), oc // LANES * LANES
        floor, ceiling = np.float32(node[F.LOW] - zero), np.float32(node[F.HIGH] - zero)
        add = zero + np.int32(node[F.BYTE])
        constants, scale = ints.ctypes.data + 4 * bias, floats.ctypes.data + 4 * node[F.SCALE]
        for c in range(0, whole, LANES):
            place = sums.ctypes.data + 4 * c
            store_eight(place, constants + 4 * c, scale + 4 * c, out.ctypes.data + c, floor, ceiling, add)
    for channel in range(whole, oc):
        total = np.int32((sums[channel] << shift) + ints[bias + channel])
        out[channel] = channel_code(node, ints, floats, channel, total)


@jit
def recompute_grouped(state, number, first, last):
    """Recompute the touched pixels of some rows of a grouped node, flag those that change, clear the marks."""
    node, touched, flags, spans = state[F.NODES][number], state[F.TOUCHED], state[F.FLAGS], state[F.SPANS]
    work, golden, ints, floats = state[F.WORK], state[F.GOLDEN], state[F.INTS], state[F.FLOATS]
    row, oc, weights, sums = state[F.TENSORS][node[F.OUT]], node[F.OC], state[F.WEIGHTS], state[F.SUMS]
    offset, width, taps = state[F.TENSORS][node[F.IN], F.OFFSET], node[F.OW], node[F.KH] * node[F.KW]
    inner, some = np.empty((taps, 2), np.int64), np.empty((taps, 2), np.int64)
    inner_taps(node[F.KH], node[F.KW], node[F.DH], node[F.DW], node[F.IW], node[F.IC], node[F.ROW], inner)
    alone, codes, factors = is_depthwise(node), work.ctypes.data + offset, weights.ctypes.data + 2 * node[F.WEIGHT]
    settled = np.int64(0)
    for line in range(first, last):
        found, marks = False, touched.ctypes.data + line * width
        for block in range(0, width, 64):
            mask = flagged(marks, block, width)
            while mask:
                x = block + lowest_bit(mask)
                mask &= mask - 1
                settled += 1
                if alone:
                    depthwise_sums(node, codes, factors, line, x, inner, some, sums.ctypes.data)
                else:
                    grouped_sums(node, work, offset, weights, line, x, sums)
                pixel = line * width + x
                place = row[F.OFFSET] + pixel * oc
                requantise_pixel(node, ints, floats, sums, work[place : place + oc])
                if differs(golden.ctypes.data + place, work.ctypes.data + place, oc):
                    poke_byte(flags.ctypes.data + row[F.PIXELS] + pixel, np.uint8(1))
                    found = True
        clear_flags(marks, width)
        if found:
            widen(spans, node[F.OUT], line)
    state[F.TALLY][F.REQUANTISED] += settled * oc
    state[F.TALLY][F.PRODUCTS] += settled * oc * node[F.ICG] * taps
    state[F.TALLY][F.GROUPED] += settled
