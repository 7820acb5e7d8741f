"""Where a fault begins: one code, one weight or one bias."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg,assignment,var-annotated"
import numpy as np

from accel_sim.engine.jit import jit
from accel_sim.engine.sparse import fields as F
from accel_sim.engine.sparse.scatter import channel_code, record


@jit
def strike_code(state, tensor, position, mask):
    """Flip bits of one stored code."""
    offset, counts, work = state[F.TENSORS][tensor, F.OFFSET], state[F.COUNTS], state[F.WORK]
    code = work[offset + position] ^ np.uint8(mask)
    counts[tensor] = record(state[F.GOLDEN], work, state[F.CHANGES], counts[tensor], offset, position, code)


@jit
def strike_bias(state, number, channel, difference):
    """Add a difference to the accumulators of one output channel."""
    node = state[F.NODES][number]
    group, ocg, row = node[F.GROUP], node[F.OCG], node[F.ROW]
    g, local = channel // ocg, channel % ocg
    golden, work, changes, counts = state[F.GOLDEN], state[F.WORK], state[F.CHANGES], state[F.COUNTS]
    out, found = state[F.TENSORS][node[F.OUT], F.OFFSET], counts[node[F.OUT]]
    for unit in range(g, node[F.UNITS], group):
        total = np.int32(state[F.ACCUMULATORS][node[F.ACC] + unit * row + local] + difference)
        code = channel_code(node, state[F.INTS], state[F.FLOATS], channel, total)
        found = record(golden, work, changes, found, out, unit * ocg + local, code)
    counts[node[F.OUT]] = found


@jit
def strike_weight(state, number, channel, source_channel, ky, kx, difference):
    """Add ``difference * (x - zero point)`` to every accumulator of one output channel that one weight feeds."""
    node, golden, work = state[F.NODES][number], state[F.GOLDEN], state[F.WORK]
    changes, counts = state[F.CHANGES], state[F.COUNTS]
    out, found = state[F.TENSORS][node[F.OUT], F.OFFSET], counts[node[F.OUT]]
    offset = state[F.TENSORS][node[F.IN], F.OFFSET]
    ih, iw, ic, oh, ow = node[F.IH], node[F.IW], node[F.IC], node[F.OH], node[F.OW]
    sh, sw, top, left = node[F.SH], node[F.SW], node[F.TOP], node[F.LEFT]
    group, ocg, row, zero = node[F.GROUP], node[F.OCG], node[F.ROW], np.int32(node[F.X_ZERO])
    shift = np.int32(node[F.ACC_SHIFT])
    g, local = channel // ocg, channel % ocg
    images = node[F.UNITS] // (oh * ow * group)
    transposed = node[F.KIND] == F.TRANSPOSED
    down, across = ky * node[F.DH], kx * node[F.DW]
    height, width = (ih, iw) if transposed else (oh, ow)
    for image in range(images):
        for a in range(height):
            # Walk the side on which every weight meets each position once: inputs if transposed, else outputs.
            y = a if transposed else a * sh - top + down
            oy = a * sh - top + down if transposed else a
            if y < 0 or y >= ih or oy < 0 or oy >= oh:
                continue
            for b in range(width):
                x = b if transposed else b * sw - left + across
                ox = b * sw - left + across if transposed else b
                if x < 0 or x >= iw or ox < 0 or ox >= ow:
                    continue
                value = np.int32(golden[offset + ((image * ih + y) * iw + x) * ic + source_channel]) - zero
                if value == 0:
                    continue
                unit = ((image * oh + oy) * ow + ox) * group + g
                total = np.int32(
                    state[F.ACCUMULATORS][node[F.ACC] + unit * row + local] + ((difference * value) << shift)
                )
                code = channel_code(node, state[F.INTS], state[F.FLOATS], channel, total)
                found = record(golden, work, changes, found, out, unit * ocg + local, code)
    counts[node[F.OUT]] = found
