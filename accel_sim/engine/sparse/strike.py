"""Where a fault begins: one code, one weight or one bias."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg,assignment,var-annotated"
import numpy as np

from accel_sim.engine.jit import jit
from accel_sim.engine.sparse import fields as F
from accel_sim.engine.sparse.codes import channel_code
from accel_sim.engine.sparse.plain import bias_of, channel_sum
from accel_sim.engine.sparse.reach import differs, widen
from accel_sim.engine.sparse.residual import may_leave, residual_of


@jit
def strike_code(state, tensor, position, mask):
    """Flip bits of one stored code."""
    row, channels = state[F.TENSORS][tensor], state[F.TENSORS][tensor, F.CHANNELS]
    state[F.WORK][row[F.OFFSET] + position] ^= np.uint8(mask)
    pixel = position // channels
    place = row[F.OFFSET] + pixel * channels
    if differs(state[F.GOLDEN].ctypes.data + place, state[F.WORK].ctypes.data + place, channels):
        state[F.FLAGS][row[F.PIXELS] + pixel] = 1
        widen(state[F.SPANS], tensor, pixel // row[F.WIDTH])


@jit
def strike_rows(state, number, channel, source_channel, ky, kx, difference):
    """Add a difference, times an input code where `source_channel` is one, to accumulators of one output channel."""
    node, golden, work = state[F.NODES][number], state[F.GOLDEN], state[F.WORK]
    ints, floats, weights, accumulators = state[F.INTS], state[F.FLOATS], state[F.WEIGHTS], state[F.ACCUMULATORS]
    offset, row = state[F.TENSORS][node[F.IN], F.OFFSET], state[F.TENSORS][node[F.OUT]]
    ih, iw, ic, oh, ow, oc = node[F.IH], node[F.IW], node[F.IC], node[F.OH], node[F.OW], node[F.OC]
    sh, sw, zero, shift = node[F.SH], node[F.SW], np.int32(node[F.X_ZERO]), np.int32(node[F.ACC_SHIFT])
    transposed, weighted = node[F.KIND] == F.TRANSPOSED, source_channel >= 0
    slack, unit = state[F.SLACK], np.int64(0)
    if node[F.ACC] >= 0:
        unit = np.int64(ints[node[F.UNIT] + channel])
    near, margin, longest = node[F.RESIDUAL] != 0, np.int64(0), np.int64(0)
    if near:
        margin, longest = np.int64(weights[node[F.MARGIN] + channel]), np.int64(weights[node[F.REACH] + channel])
    down, across = ky * node[F.DH] - node[F.TOP], kx * node[F.DW] - node[F.LEFT]
    walk_inputs = transposed and weighted
    height, width = (ih, iw) if walk_inputs else (oh, ow)
    for walked in range(node[F.UNITS] // (oh * ow) * height):
        # Walk the side on which every weight meets each position once: inputs if transposed, else outputs.
        image, a = walked // height, walked % height
        y, oy = (a, a * sh + down) if walk_inputs else (a * sh + down, a)
        if oy < 0 or oy >= oh or (weighted and (y < 0 or y >= ih)):
            continue
        line, found = image * oh + oy, False
        for b in range(width):
            x, ox = (b, b * sw + across) if walk_inputs else (b * sw + across, b)
            if ox < 0 or ox >= ow or (weighted and (x < 0 or x >= iw)):
                continue
            change = difference
            if weighted:
                code = golden[offset + ((image * ih + y) * iw + x) * ic + source_channel]
                change = (difference * (np.int32(code) - zero)) << shift
            pixel = line * ow + ox
            if node[F.ACC] >= 0:
                place = node[F.ACC] + pixel * node[F.ROW]
                if near:
                    if not may_leave(margin, longest, residual_of(slack, place + channel), np.int64(change)):
                        continue
                else:
                    up = np.int64(slack[2 * place + channel]) << unit
                    room = np.int64(slack[2 * place + channel + node[F.ROW]]) << unit
                    if -room <= change <= up:
                        continue
                total = accumulators[place + channel]
            else:
                total = channel_sum(node, golden, offset, weights, line, ox, channel) << shift
                total += bias_of(node, ints, channel)
            place = row[F.OFFSET] + pixel * oc + channel
            code = channel_code(node, ints, floats, channel, np.int32(total + change))
            if code != golden[place]:
                work[place] = code
                state[F.FLAGS][row[F.PIXELS] + pixel] = 1
                found = True
        if found:
            widen(state[F.SPANS], node[F.OUT], line)


@jit
def strike_bias(state, number, channel, difference):
    """Add a difference to the accumulators of one output channel."""
    strike_rows(state, number, channel, np.int64(-1), np.int64(0), np.int64(0), np.int32(difference))


@jit
def strike_weight(state, number, channel, source_channel, ky, kx, difference):
    """Add ``difference * (x - zero point)`` to every accumulator of one output channel that one weight feeds."""
    strike_rows(state, number, channel, source_channel, ky, kx, np.int32(difference))
