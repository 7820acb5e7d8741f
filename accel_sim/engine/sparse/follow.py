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
from accel_sim.engine.sparse.reach import flagged, widen
from accel_sim.engine.sparse.vector import (
    append_entries,
    changed_pairs,
    lowest_bit,
    peek_byte,
    peek_word,
    pixel_codes_8,
    pixel_codes_16,
    pixel_sums_16,
    poke_byte,
    poke_word,
)


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
def pixel_entries(before, after, channels, out):
    """Write the entries of one pixel, given the addresses of its codes; returns how many."""
    filled = 0
    for channel in range(0, channels, 16):
        filled += changed_pairs(before + channel, after + channel, channels - channel, channel // 2, out + 8 * filled)
    return filled


@jit
def list_pixel(before, after, channels, fresh, ranges, entries, filled):
    """List the entries of one input pixel, if that is not done yet; returns the new number of entries.

    All but `channels` and `filled` are addresses that belong to the pixel, `entries` to the whole list.
    """
    if peek_byte(fresh):
        return filled
    poke_byte(fresh, np.uint8(1))
    count = pixel_entries(before, after, channels, entries + 8 * filled)
    poke_word(ranges, filled | count << 32)
    return filled + count


@jit
def window_rows(node, line):
    """First and last row (of all images) of a node's input that output row `line` reads."""
    image, y = line // node[F.OH], line % node[F.OH]
    reach = (node[F.KH] - 1) * node[F.DH]
    if node[F.KIND] == F.TRANSPOSED:
        first, last = -((reach - y - node[F.TOP]) // node[F.SH]), (y + node[F.TOP]) // node[F.SH] + 1
    else:
        first = y * node[F.SH] - node[F.TOP]
        last = first + reach + 1
    start = image * node[F.IH]
    return start + max(first, 0), start + min(last, node[F.IH])


@jit
def list_window(node, source, flags, fresh, ranges, golden, work, entries, filled, line, x, rows):
    """List the entries of the flagged input pixels that one output pixel reads; returns the new number of entries."""
    channels, iw = node[F.IC], node[F.IW]
    reach = (node[F.KW] - 1) * node[F.DW]
    if node[F.KIND] == F.TRANSPOSED:
        first, last = -((reach - x - node[F.LEFT]) // node[F.SW]), (x + node[F.LEFT]) // node[F.SW] + 1
    else:
        first = x * node[F.SW] - node[F.LEFT]
        last = first + reach + 1
    for y in range(rows[0], rows[1]):
        for column in range(max(first, 0), min(last, iw)):
            pixel = y * iw + column
            if peek_byte(flags + pixel):
                place = source + pixel * channels
                filled = list_pixel(
                    golden + place, work + place, channels, fresh + pixel, ranges + 8 * pixel, entries, filled
                )
    return filled


@jit
def gather(flags, ranges, entries, listed, iy, ix, ih, iw, kh, kw, dh, dw, pairs):
    """List the entries within a window whose first pixel is (iy, ix); returns how many.

    `flags` and `ranges` (of the image), `entries` and `listed` are addresses.
    """
    filled = np.int64(0)
    for ky in range(kh):
        y = iy + ky * dh
        if y < 0 or y >= ih:
            continue
        for kx in range(kw):
            x = ix + kx * dw
            if x < 0 or x >= iw or peek_byte(flags + y * iw + x) == 0:
                continue
            found = peek_word(ranges + 8 * (y * iw + x))
            count = found >> 32
            append_entries(listed + 8 * filled, entries + 8 * (found & 0xFFFFFFFF), count, (ky * kw + kx) * pairs)
            filled += count
    return filled


@jit
def gather_transposed(flags, ranges, entries, listed, y, x, ih, iw, kh, kw, dh, dw, sh, sw, pairs):
    """List the entries that reach an output pixel of a transposed convolution; `y` and `x` include the padding."""
    filled = np.int64(0)
    for ky in range(kh):
        iy = y - ky * dh
        if iy % sh != 0 or iy < 0 or iy // sh >= ih:
            continue
        for kx in range(kw):
            ix = x - kx * dw
            if ix % sw != 0 or ix < 0 or ix // sw >= iw:
                continue
            pixel = iy // sh * iw + ix // sw
            if peek_byte(flags + pixel) == 0:
                continue
            found = peek_word(ranges + 8 * pixel)
            count = found >> 32
            append_entries(listed + 8 * filled, entries + 8 * (found & 0xFFFFFFFF), count, (ky * kw + kx) * pairs)
            filled += count
    return filled


@jit
def gather_pixel(node, flags, ranges, entries, listed, line, x):
    """List the entries that reach one output pixel; returns half their number, rounded up (see `gather`).

    `flags` and `ranges` are addresses of the whole input. An odd list is filled up with an entry of zero.
    """
    pairs, image, y = (node[F.ICG] + 1) // 2, line // node[F.OH], line % node[F.OH]
    ih, iw = node[F.IH], node[F.IW]
    first = image * ih * iw
    if node[F.KIND] == F.TRANSPOSED:
        filled = gather_transposed(
            flags + first, ranges + 8 * first, entries, listed, y + node[F.TOP], x + node[F.LEFT], ih, iw, node[F.KH],
            node[F.KW], node[F.DH], node[F.DW], node[F.SH], node[F.SW], pairs,
        )  # fmt: skip
    else:
        filled = gather(
            flags + first, ranges + 8 * first, entries, listed, y * node[F.SH] - node[F.TOP],
            x * node[F.SW] - node[F.LEFT], ih, iw, node[F.KH], node[F.KW], node[F.DH], node[F.DW], pairs,
        )  # fmt: skip
    append_entries(listed + 8 * filled, listed - 64, np.int64(1), np.int64(0))  # eight zeros stand before the list
    return (filled + 1) // 2


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
    codes, fresh = np.empty(oc + 16, np.uint8), state[F.FRESH].ctypes.data
    out, vector = codes.ctypes.data, node[F.MODE] == FLOAT32
    products, settled, filled = np.int64(0), np.int64(0), np.int64(0)
    for line in range(begin, end):
        found, rows = False, window_rows(node, line)
        for x in range(0, width, 64):
            mask = flagged(touched.ctypes.data + line * width, x, width)
            while mask:
                column = x + lowest_bit(mask)
                mask &= mask - 1
                pixel = line * width + column
                filled = list_window(
                    node, source[F.OFFSET], flags, fresh, ranges, golden.ctypes.data, work, entries, filled, line,
                    column, rows,
                )  # fmt: skip
                twos = gather_pixel(node, flags, ranges, entries, listed, line, column)
                products += twos
                settled += 1
                first, place = node[F.ACC] + pixel * node[F.ROW], target[F.OFFSET] + pixel * oc
                acc, before = accumulators.ctypes.data + 4 * first, golden.ctypes.data + place
                if vector and oc > 8:
                    differ = pixel_codes_16(
                        acc, weights, listed, twos, oc, before, scale, out, shift, floor, ceiling, add
                    )
                elif vector:
                    differ = pixel_codes_8(
                        acc, weights, listed, twos, oc, before, scale, out, shift, floor, ceiling, add
                    )
                else:
                    pixel_sums_16(weights, listed, twos, oc, sums.ctypes.data)
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
        state[F.FRESH][first * node[F.IW] : last * node[F.IW]] = 0
    state[F.TALLY][F.PRODUCTS] += 4 * products * oc
    state[F.TALLY][F.REQUANTISED] += settled * oc
    state[F.TALLY][F.SPARSE_ROWS] += end - begin
