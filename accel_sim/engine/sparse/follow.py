"""Changed codes through linear nodes: exact differences on top of golden accumulators.

A code that changed by ``d`` adds ``d * w`` to each accumulator that it reaches; integer addition has no order, so the
sum of such differences on top of the golden accumulator is the accumulator of a full recomputation, modulo 2**32. Every
output pixel within reach gathers the changed channel pairs of its window, adds them up in registers and is requantised
at once.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg,assignment,var-annotated"
import numpy as np

from accel_sim.engine.bytewise import copy_stretch
from accel_sim.engine.jit import jit
from accel_sim.engine.requant import FLOAT32, GEMMLOWP, ROUNDER, SHIFT, gemmlowp_code, shift_code, step_code
from accel_sim.engine.sparse import fields as F
from accel_sim.engine.sparse.entries import gather_pixel, window_rows
from accel_sim.engine.sparse.reach import flagged, widen
from accel_sim.engine.sparse.vector import lowest_bit, pixel_codes_8, pixel_codes_16, pixel_sums_16, prefetch


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
def settle_slowly(node, ints, floats, accumulators, golden, first, place, sums, codes):
    """Requantise the channels of a pixel one by one; returns whether a code differs and leaves them in `codes`."""
    differ = False
    for channel in range(node[F.OC]):
        total = np.int32(accumulators[first + channel] + (sums[channel] << np.int32(node[F.ACC_SHIFT])))
        codes[channel] = channel_code(node, ints, floats, channel, total)
        differ = differ or codes[channel] != golden[place + channel]
    return differ


@jit
def follow_rows(state, number, begin, end):
    """Follow the differences into the touched pixels of some output rows, flag those that change, clear the marks."""
    node, touched, spans = state[F.NODES][number], state[F.TOUCHED], state[F.SPANS]
    source, target = state[F.TENSORS][node[F.IN]], state[F.TENSORS][node[F.OUT]]
    flags, ranges = state[F.FLAGS].ctypes.data + source[F.PIXELS], state[F.RANGES].ctypes.data
    entries, listed = state[F.ENTRIES].ctypes.data, state[F.LISTED].ctypes.data + 64
    accumulators, golden, ints, floats = state[F.ACCUMULATORS], state[F.GOLDEN], state[F.INTS], state[F.FLOATS]
    weights, work = state[F.WEIGHTS].ctypes.data + 2 * node[F.WEIGHT], state[F.WORK].ctypes.data
    sums, out_flags = state[F.SUMS], state[F.FLAGS]
    oc, width, shift = node[F.OC], node[F.OW], np.int32(node[F.ACC_SHIFT])
    zero = np.int32(node[F.ZERO])
    floor, ceiling = np.float32(node[F.LOW] - zero), np.float32(node[F.HIGH] - zero)
    add, scale = zero + np.int32(node[F.BYTE]), floats.ctypes.data + 4 * node[F.SCALE]
    codes = np.empty(oc + 16, np.uint8)
    golden_codes = golden.ctypes.data + source[F.OFFSET]
    places = (flags, ranges, golden_codes, work + source[F.OFFSET], entries)
    out, vector = codes.ctypes.data, node[F.MODE] == FLOAT32
    products, settled, filled = np.int64(0), np.int64(0), np.int64(0)
    for line in range(begin, end):
        found = False
        for x in range(0, width, 64):
            mask = flagged(touched.ctypes.data + line * width, x, width)
            coming = mask
            while coming:  # large models do not fit the caches: ask for all lines before waiting for the first
                pixel = line * width + x + lowest_bit(coming)
                coming &= coming - 1
                acc = accumulators.ctypes.data + 4 * (node[F.ACC] + pixel * node[F.ROW])
                for ahead in range(0, 4 * node[F.ROW], 64):
                    prefetch(acc + ahead)
                prefetch(golden.ctypes.data + target[F.OFFSET] + pixel * oc)
            while mask:
                column = x + lowest_bit(mask)
                mask &= mask - 1
                pixel = line * width + column
                filled, fours = gather_pixel(node, places, listed, filled, line, column)
                products += fours
                settled += 1
                first, place = node[F.ACC] + pixel * node[F.ROW], target[F.OFFSET] + pixel * oc
                acc, before = accumulators.ctypes.data + 4 * first, golden.ctypes.data + place
                if vector and oc > 8:
                    differ = pixel_codes_16(
                        acc, weights, listed, fours, oc, before, scale, out, shift, floor, ceiling, add
                    )
                elif vector:
                    differ = pixel_codes_8(
                        acc, weights, listed, fours, oc, before, scale, out, shift, floor, ceiling, add
                    )
                else:
                    pixel_sums_16(weights, listed, fours, oc, sums.ctypes.data)
                    differ = np.int64(
                        settle_slowly(node, ints, floats, accumulators, golden, first, place, sums, codes)
                    )
                if differ:
                    copy_stretch(work + place, out, oc)
                    out_flags[target[F.PIXELS] + pixel] = 1
                    found = True
        if found:
            widen(spans, node[F.OUT], line)
        touched[line * width : (line + 1) * width] = 0
    if settled:
        first, last = window_rows(node, begin)[0], window_rows(node, end - 1)[1]
        state[F.RANGES][first * node[F.IW] : last * node[F.IW]] = 0
    state[F.TALLY][F.PRODUCTS] += 8 * products * oc
    state[F.TALLY][F.REQUANTISED] += settled * oc
    state[F.TALLY][F.LISTED_ENTRIES] += 4 * products
    state[F.TALLY][F.FOLLOWED] += settled
