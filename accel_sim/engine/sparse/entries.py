"""The changed channel pairs that an output pixel of a linear node sees: made once per pixel, listed per window."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg,assignment,var-annotated"
import numpy as np

from accel_sim.engine.jit import inlined, jit
from accel_sim.engine.sparse import fields as F
from accel_sim.engine.sparse.vector import (
    append_entries,
    changed_pairs,
    peek_byte,
    peek_word,
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
    """Append the entries of an input pixel, none if it is not flagged; returns how many are made and how many listed.

    `places` are the addresses of flags, ranges, golden codes, codes and entries of the image; the entries of a pixel
    are made when it is first met, which its range of zero tells.
    """
    flags, ranges, golden, work, entries = places
    found = peek_word(ranges + 8 * pixel)
    if found == 0 and peek_byte(flags + pixel) != 0:
        place = pixel * channels
        made = pixel_entries(golden + place, work + place, channels, entries + 8 * filled)
        found = filled | made << 32
        poke_word(ranges + 8 * pixel, found)
        filled += made
    append_entries(listed + 8 * count, entries + 8 * (found & 0xFFFFFFFF), found >> 32, tap)
    return filled, count + (found >> 32)


@inlined
def gather(places, listed, filled, iy, ix, ih, iw, kh, kw, dh, dw, channels):
    """List the entries within a window whose first pixel is (iy, ix); see `append_pixel`.

    Inside the picture, windows three wide look at every pixel without asking first whether it is flagged: three appends
    of nothing cost less than one branch that was guessed wrongly.
    """
    pairs, count, flags = (channels + 1) // 2, np.int64(0), places[0]
    inside = kw == 3 and dw == 1 and ix >= 0 and ix + 3 <= iw
    for ky in range(kh):
        y = iy + ky * dh
        if y < 0 or y >= ih:
            continue
        pixel, tap = y * iw + ix, ky * kw * pairs
        if inside:
            filled, count = append_pixel(places, pixel, channels, tap, listed, filled, count)
            filled, count = append_pixel(places, pixel + 1, channels, tap + pairs, listed, filled, count)
            filled, count = append_pixel(places, pixel + 2, channels, tap + 2 * pairs, listed, filled, count)
            continue
        for kx in range(kw):
            x = ix + kx * dw
            if 0 <= x < iw and peek_byte(flags + y * iw + x):
                filled, count = append_pixel(places, y * iw + x, channels, tap + kx * pairs, listed, filled, count)
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
    """List the entries that reach one output pixel; returns the entries made so far and a quarter of those listed.

    `places` are those of the whole input (see `append_pixel`). The list is filled up with entries of zero.
    """
    image, y = line // node[F.OH], line % node[F.OH]
    ih, iw, channels = node[F.IH], node[F.IW], node[F.IC]
    first = image * ih * iw
    flags, ranges, golden, work, entries = places
    codes = first * channels
    here = (flags + first, ranges + 8 * first, golden + codes, work + codes, entries)
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
    return filled, (count + 3) // 4
