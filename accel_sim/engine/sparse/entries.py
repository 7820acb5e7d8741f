"""The changed channel pairs of a node's input, listed row by row, each once.

Pixels stand in the list in their order, and the place where each of them begins is kept: what reaches a stretch of
output pixels are as many stretches of the list as the window has rows.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg,assignment,var-annotated"
import numpy as np

from accel_sim.engine.jit import inlined, jit
from accel_sim.engine.sparse import fields as F
from accel_sim.engine.sparse.products import changed_pairs, fill_sixteen
from accel_sim.engine.sparse.reach import flagged
from accel_sim.engine.sparse.vector import lowest_bit, peek_byte, peek_half, poke_byte

SPARE = 17  # places of a row of starts beyond its pixels: the end of the last one, and what is written past it


@inlined
def pixel_entries(before, after, channels, column, out):
    """Write the entries of one pixel, given the addresses of its codes; returns how many."""
    filled = 0
    for channel in range(0, channels, 16):
        number = column << 16 | channel // 2
        filled += changed_pairs(before + channel, after + channel, channels - channel, number, out + 8 * filled)
    return filled


@jit
def list_row(flags, before, after, width, channels, span, entries, filled, starts):
    """List the entries of the flagged pixels ``span[0] .. span[1]`` of a row; returns how many are listed by then.

    `flags`, `before`, `after` and `entries` are addresses, of the first two arrays' row; `starts` is the address of the
    row's places, int32, one more than it has pixels.
    """
    written = 0
    for x in range(span[0] // 64 * 64, span[1], 64):
        mask = flagged(flags, x, min(width, span[1]))
        if x < span[0]:
            mask &= np.int64(-1) << (span[0] - x)
        while mask:
            column = x + lowest_bit(mask)
            mask &= mask - 1
            while written <= column:
                fill_sixteen(starts + 4 * written, filled)
                written += 16
            written = column + 1
            place = column * channels
            filled += pixel_entries(before + place, after + place, channels, column, entries + 8 * filled)
    while written <= width:
        fill_sixteen(starts + 4 * written, filled)
        written += 16
    return filled


@inlined
def list_rows(places, node, first, last, span, filled):
    """List rows ``first .. last`` (of all images) of a node's input, unless they are listed already."""
    width, channels = node[F.IW], node[F.IC]
    for line in range(first, last):
        if peek_byte(places.listed + line) == 0:
            poke_byte(places.listed + line, np.uint8(1))
            place, starts = line * width * channels, places.starts + 4 * line * (width + SPARE)
            filled = list_row(
                places.flags + line * width, places.before + place, places.after + place, width, channels, span,
                places.entries, filled, starts,
            )  # fmt: skip
    return filled


@inlined
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
    return start + min(max(first, 0), node[F.IH]), start + max(min(last, node[F.IH]), 0)


@inlined
def window_columns(node, first, last):
    """First and last column of a node's input that output columns ``first .. last`` read."""
    reach = (node[F.KW] - 1) * node[F.DW]
    if node[F.KIND] == F.TRANSPOSED:
        begin, end = -((reach - first - node[F.LEFT]) // node[F.SW]), (last - 1 + node[F.LEFT]) // node[F.SW] + 1
    else:
        begin = first * node[F.SW] - node[F.LEFT]
        end = (last - 1) * node[F.SW] - node[F.LEFT] + reach + 1
    return min(max(begin, 0), node[F.IW]), max(min(end, node[F.IW]), 0)


@inlined
def source_row(node, line, ky):
    """Row (of all images) of a node's input that row `ky` of the window of output row `line` lies on, or -1."""
    image, y = line // node[F.OH], line % node[F.OH]
    if node[F.KIND] == F.TRANSPOSED:
        place = y + node[F.TOP] - ky * node[F.DH]
        row = place // node[F.SH]
        if row * node[F.SH] != place:
            return np.int64(-1)
    else:
        row = y * node[F.SH] - node[F.TOP] + ky * node[F.DH]
    if row < 0 or row >= node[F.IH]:
        return np.int64(-1)
    return image * node[F.IH] + row


@inlined
def listed_between(starts, width, line, begin, end):
    """Places in the list where pixels ``begin .. end`` of a row begin and end; `starts` is an address."""
    place = starts + 4 * line * (width + SPARE)
    return np.int64(peek_half(place + 4 * begin)), np.int64(peek_half(place + 4 * max(begin, end)))


@inlined
def entries_between(node, starts, line, first, last):
    """Count the listed entries that columns ``first .. last`` of an output row read, row by row of their windows."""
    begin, end = window_columns(node, first, last)
    count = np.int64(0)
    for ky in range(node[F.KH]):
        row = source_row(node, line, ky)
        if row >= 0:
            low, high = listed_between(starts, node[F.IW], row, begin, end)
            count += high - low
    return count
