"""The changed channel pairs that an output pixel of a linear node sees: made once per pixel, listed per window."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg,assignment,var-annotated"
import numpy as np

from accel_sim.engine.jit import inlined, jit
from accel_sim.engine.sparse import fields as F
from accel_sim.engine.sparse.vector import (
    append_entries,
    changed_pairs,
    lowest_bit,
    peek_byte,
    peek_word,
    poke_byte,
    poke_word,
)


@inlined
def pixel_entries(before, after, channels, out):
    """Write the entries of one pixel, given the addresses of its codes; returns how many."""
    filled = 0
    for channel in range(0, channels, 16):
        filled += changed_pairs(before + channel, after + channel, channels - channel, channel // 2, out + 8 * filled)
    return filled


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


@inlined
def append_pixel(places, pixel, channels, tap, listed, filled, count):
    """Append the entries of one flagged input pixel; returns the entries made so far and those listed.

    `places` are the addresses of flags, freshness marks, ranges, golden codes, codes and entries of the image; the
    entries of a pixel are made when it is first met.
    """
    _, fresh, ranges, golden, work, entries = places
    if peek_byte(fresh + pixel) == 0:
        poke_byte(fresh + pixel, np.uint8(1))
        place = pixel * channels
        made = pixel_entries(golden + place, work + place, channels, entries + 8 * filled)
        poke_word(ranges + 8 * pixel, filled | made << 32)
        filled += made
    found = peek_word(ranges + 8 * pixel)
    append_entries(listed + 8 * count, entries + 8 * (found & 0xFFFFFFFF), found >> 32, tap)
    return filled, count + (found >> 32)


@inlined
def gather(places, listed, filled, iy, ix, ih, iw, kh, kw, dh, dw, channels):
    """List the entries within a window whose first pixel is (iy, ix); see `append_pixel`."""
    pairs, count, flags = (channels + 1) // 2, np.int64(0), places[0]
    for ky in range(kh):
        y = iy + ky * dh
        if y < 0 or y >= ih:
            continue
        if dw == 1 and kw < 8:  # the flags of a row of the window in one word
            begin = min(max(ix, 0), iw)
            end = max(min(ix + kw, iw), begin)
            word = peek_word(flags + y * iw + begin) & ((np.int64(1) << 8 * (end - begin)) - 1)
            while word:
                step = lowest_bit(word) // 8
                word &= ~(np.int64(0xFF) << 8 * step)
                tap = (ky * kw + begin + step - ix) * pairs
                filled, count = append_pixel(places, y * iw + begin + step, channels, tap, listed, filled, count)
            continue
        for kx in range(kw):
            x = ix + kx * dw
            if 0 <= x < iw and peek_byte(flags + y * iw + x):
                tap = (ky * kw + kx) * pairs
                filled, count = append_pixel(places, y * iw + x, channels, tap, listed, filled, count)
    return filled, count


@inlined
def gather_transposed(places, listed, filled, y, x, ih, iw, kh, kw, dh, dw, sh, sw, channels):
    """List the entries that reach an output pixel of a transposed convolution; `y` and `x` include the padding."""
    pairs, count = (channels + 1) // 2, np.int64(0)
    for ky in range(kh):
        iy = y - ky * dh
        if iy % sh != 0 or iy < 0 or iy // sh >= ih:
            continue
        for kx in range(kw):
            ix = x - kx * dw
            if ix % sw != 0 or ix < 0 or ix // sw >= iw:
                continue
            pixel = iy // sh * iw + ix // sw
            if peek_byte(places[0] + pixel):
                tap = (ky * kw + kx) * pairs
                filled, count = append_pixel(places, pixel, channels, tap, listed, filled, count)
    return filled, count


@inlined
def gather_pixel(node, places, listed, filled, line, x):
    """List the entries that reach one output pixel; returns the entries made so far and half of those listed.

    `places` are those of the whole input (see `append_pixel`). An odd list is filled up with an entry of zero.
    """
    image, y = line // node[F.OH], line % node[F.OH]
    ih, iw, channels = node[F.IH], node[F.IW], node[F.IC]
    first = image * ih * iw
    flags, fresh, ranges, golden, work, entries = places
    codes = first * channels
    here = (flags + first, fresh + first, ranges + 8 * first, golden + codes, work + codes, entries)
    if node[F.KIND] == F.TRANSPOSED:
        filled, count = gather_transposed(
            here, listed, filled, y + node[F.TOP], x + node[F.LEFT], ih, iw, node[F.KH], node[F.KW], node[F.DH],
            node[F.DW], node[F.SH], node[F.SW], channels,
        )  # fmt: skip
    else:
        filled, count = gather(
            here, listed, filled, y * node[F.SH] - node[F.TOP], x * node[F.SW] - node[F.LEFT], ih, iw, node[F.KH],
            node[F.KW], node[F.DH], node[F.DW], channels,
        )  # fmt: skip
    append_entries(listed + 8 * count, listed - 64, np.int64(1), np.int64(0))  # eight zeros stand before the list
    return filled, (count + 1) // 2
