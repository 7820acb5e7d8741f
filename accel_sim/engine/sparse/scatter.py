"""Changed codes through linear nodes: exact differences added to golden accumulators.

A code that changed by ``d`` adds ``d * w`` to each accumulator that it reaches; integer addition has no order, so the
sum of such differences on top of the golden accumulator is the accumulator of a full recomputation, modulo 2**32.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg,assignment,var-annotated"
import numpy as np

from accel_sim.engine.jit import jit
from accel_sim.engine.requant import FLOAT32, GEMMLOWP, ROUNDER, SHIFT, gemmlowp_code, shift_code, step_code
from accel_sim.engine.sparse import fields as F
from accel_sim.engine.sparse.vector import add_products_8, add_products_16, lowest_bit, settle_eight
from accel_sim.engine.vector import LANES

SCAN = 5  # rows passed over in order cost about a fifth of rows visited out of order


@jit
def channel_code(node, ints, floats, channel, acc):
    """Requantise one accumulator of one output channel to a stored byte."""
    mode = node[F.MODE]
    low, high, zero = np.int32(node[F.LOW]), np.int32(node[F.HIGH]), np.int32(node[F.ZERO])
    if mode == FLOAT32:
        value = np.float32(acc) * floats[node[F.SCALE] + channel]
        value = min(max(value, np.float32(low - zero)), np.float32(high - zero))
        code = np.int32((value + ROUNDER) - ROUNDER) + zero
    elif mode == SHIFT:
        code = shift_code(acc, np.int64(ints[node[F.CHANNEL_INTS] + 2 * channel + 1]), low, high, zero)
    elif mode == GEMMLOWP:
        place = node[F.CHANNEL_INTS] + 2 * channel
        code = gemmlowp_code(acc, np.int64(ints[place]), np.int64(ints[place + 1]), low, high, zero)
    else:
        count = node[F.STEP_COUNT]
        place = node[F.STEP_PLACE] + channel * (2 * count + 1)
        code = step_code(acc, ints[place : place + count], ints[place + count : place + 2 * count + 1])
    return np.uint8(code + np.int32(node[F.BYTE]))


@jit
def record(golden, work, changes, found, offset, position, code):
    """Write a code into the work arena and note the change; returns how many changes the tensor has.

    `offset` is the tensor's place in the arenas, `found` its changes so far; a position is noted at most once.
    """
    place = offset + position
    before = golden[place]
    if code != before:
        if work[place] == before:
            changes[offset + found] = position
            found += 1
        work[place] = code
    return found


@jit
def spread(node, delta, weights, mark, touched, count, image, y, x, group, entries, filled):
    """Add what one pixel contributes to every accumulator row in reach; returns the new number of touched rows.

    `entries` holds the changed channels of one group: pairs for ungrouped nodes, single channels (difference, channel
    inside the group) otherwise.
    """
    oh, ow, sh, sw = node[F.OH], node[F.OW], node[F.SH], node[F.SW]
    kh, kw, dh, dw = node[F.KH], node[F.KW], node[F.DH], node[F.DW]
    groups, row, icg, ocg = node[F.GROUP], node[F.ROW], node[F.ICG], node[F.OCG]
    transposed = node[F.KIND] == F.TRANSPOSED
    pairs = (icg + 1) // 2
    for ky in range(kh):
        if transposed:
            oy = y * sh - node[F.TOP] + ky * dh
        else:
            oy = y + node[F.TOP] - ky * dh
            if sh > 1:
                if oy % sh != 0:
                    continue
                oy = oy // sh
        if oy < 0 or oy >= oh:
            continue
        for kx in range(kw):
            if transposed:
                ox = x * sw - node[F.LEFT] + kx * dw
            else:
                ox = x + node[F.LEFT] - kx * dw
                if sw > 1:
                    if ox % sw != 0:
                        continue
                    ox = ox // sw
            if ox < 0 or ox >= ow:
                continue
            unit = ((image * oh + oy) * ow + ox) * groups + group
            tap = ky * kw + kx
            if groups == 1:
                start = node[F.WEIGHT] + tap * pairs * row * 2
                place, origin = delta.ctypes.data + 4 * unit * row, weights.ctypes.data + 2 * start
                if row % 16 == 0:
                    add_products_16(place, origin, entries.ctypes.data, filled, 4 * row, row // 16)
                else:
                    add_products_8(place, origin, entries.ctypes.data, filled, 4 * row, row // 8)
            else:
                for e in range(filled):
                    start = node[F.WEIGHT] + ((group * icg + entries[e, 1]) * kh * kw + tap) * row
                    for o in range(ocg):
                        delta[unit * row + o] += entries[e, 0] * np.int32(weights[start + o])
            if mark[unit] == 0:
                mark[unit] = 1
                touched[count] = unit
                count += 1
    return count


@jit
def scatter_changes(state, number):
    """Add the differences of all changed inputs of a node to DELTA; returns the number of touched accumulator rows.

    Changes come in runs of one pixel: a run is collected into entries and spread at once.
    """
    node = state[F.NODES][number]
    golden, work, changes, counts = state[F.GOLDEN], state[F.WORK], state[F.CHANGES], state[F.COUNTS]
    delta, mark, touched, weights = state[F.DELTA], state[F.MARK], state[F.TOUCHED], state[F.WEIGHTS]
    source = node[F.IN]
    offset, total = state[F.TENSORS][source, F.OFFSET], counts[source]
    ih, iw, ic = np.int32(node[F.IH]), np.int32(node[F.IW]), np.int32(node[F.IC])
    groups, icg = np.int32(node[F.GROUP]), np.int32(node[F.ICG])
    entries = np.empty((icg + 1, 2), np.int32)
    count, filled, i = np.int64(0), np.int64(0), np.int64(0)
    while i < total:
        pixel = changes[offset + i] // ic
        first = pixel * ic
        group = (changes[offset + i] - first) // icg if groups > 1 else np.int32(0)
        first += group * icg
        filled = 0
        while i < total:
            channel = changes[offset + i] - first
            if channel < 0 or channel >= icg:
                break
            place = offset + changes[offset + i]
            difference = np.int32(work[place]) - np.int32(golden[place])
            if groups > 1:
                entries[filled, 0], entries[filled, 1] = difference, channel
                filled += 1
            else:
                half = np.int32((difference & 0xFFFF) << (16 * (channel & 1)))
                if filled and entries[filled - 1, 1] == channel >> 1:
                    entries[filled - 1, 0] |= half
                else:
                    entries[filled, 0], entries[filled, 1] = half, channel >> 1
                    filled += 1
            i += 1
        line = pixel // iw
        image = line // ih
        count = spread(
            node, delta, weights, mark, touched, count, np.int64(image), np.int64(line - image * ih),
            np.int64(pixel - line * iw), np.int64(group), entries, filled,
        )  # fmt: skip
        state[F.TALLY][F.PRODUCTS] += filled * node[F.KH] * node[F.KW] * node[F.ROW]
    return count


@jit
def settle_rows(state, number, count):
    """Requantise the touched accumulator rows, record the codes that changed, and leave the scratch zeroed."""
    node, ints, floats = state[F.NODES][number], state[F.INTS], state[F.FLOATS]
    delta, mark, touched, acc = state[F.DELTA], state[F.MARK], state[F.TOUCHED], state[F.ACCUMULATORS]
    golden, work, changes = state[F.GOLDEN], state[F.WORK], state[F.CHANGES]
    target = node[F.OUT]
    offset = state[F.TENSORS][target, F.OFFSET]
    found = state[F.COUNTS][target]
    group, ocg, row = node[F.GROUP], node[F.OCG], node[F.ROW]
    shift = np.int32(node[F.ACC_SHIFT])
    low, high, zero = np.int32(node[F.LOW]), np.int32(node[F.HIGH]), np.int32(node[F.ZERO])
    floor, ceiling = np.float32(low - zero), np.float32(high - zero)
    add = zero + np.int32(node[F.BYTE])
    buffer = np.empty(LANES, np.uint8)
    fast = node[F.MODE] == FLOAT32 and row % LANES == 0
    low_unit, high_unit = np.int64(node[F.UNITS]), np.int64(-1)
    for t in range(count):
        low_unit, high_unit = min(low_unit, np.int64(touched[t])), max(high_unit, np.int64(touched[t]))
    # Where a good part of a stretch is touched, walking all of it in order is quicker than going from row to row.
    in_order = count * SCAN > high_unit - low_unit
    steps = high_unit - low_unit + 1 if in_order else count
    if count == 0:
        steps = 0
    for t in range(steps):
        unit = low_unit + t if in_order else np.int64(touched[t])
        mark[unit] = 0
        first, base = unit * row, unit * ocg
        place = node[F.ACC] + first
        channel = (unit % group) * ocg if group > 1 else np.int64(0)
        for block in range(0, ocg, LANES):
            lanes = min(LANES, ocg - block)
            if fast:
                mask = settle_eight(
                    acc.ctypes.data + 4 * (place + block), delta.ctypes.data + 4 * (first + block),
                    golden.ctypes.data + offset + base + block,
                    floats.ctypes.data + 4 * (node[F.SCALE] + channel + block), buffer.ctypes.data, shift, floor,
                    ceiling,                    add,
                )  # fmt: skip
                mask &= (1 << lanes) - 1
            else:
                mask = 0
                for o in range(lanes):
                    total = np.int32(acc[place + block + o] + (delta[first + block + o] << shift))
                    delta[first + block + o] = 0
                    buffer[o] = channel_code(node, ints, floats, channel + block + o, total)
                    mask |= np.int64(buffer[o] != golden[offset + base + block + o]) << o
            while mask:
                o = lowest_bit(mask)
                mask &= mask - 1
                work[offset + base + block + o] = buffer[o]
                changes[offset + found] = base + block + o
                found += 1
    state[F.COUNTS][target] = found
    state[F.TALLY][F.REQUANTISED] += count * ocg
