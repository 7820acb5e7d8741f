"""Changed codes through linear nodes: exact differences on top of golden accumulators.

A code that changed by ``d`` adds ``d * w`` to each accumulator that it reaches; integer addition has no order, so the
sum of such differences on top of the golden accumulator is the accumulator of a full recomputation, modulo 2**32. The
differences of a stretch of output pixels are summed first (`scatter`). Where one exceeds its slack the pixel is put on
a list, and only those pixels are requantised.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg,assignment,var-annotated"
import numpy as np

from accel_sim.engine.jit import inlined, jit
from accel_sim.engine.sparse import fields as F
from accel_sim.engine.sparse.changes import fill_starts, stop_listing
from accel_sim.engine.sparse.cost import count_touched
from accel_sim.engine.sparse.entries import SPARE, list_rows, window_rows
from accel_sim.engine.sparse.places import places_of
from accel_sim.engine.sparse.reach import clear_flags, flagged, widen
from accel_sim.engine.sparse.scatter import scatter
from accel_sim.engine.sparse.settle import crossing_pixels, list_pixels, settle_pixels
from accel_sim.engine.sparse.vector import highest_bit, lowest_bit, poke_byte, prefetch


@inlined
def marked(row, first, last):
    """First and last marked pixel of columns ``first .. last`` of a row at an address."""
    begin, end = last, first
    for x in range(first, last, 64):
        mask = flagged(row, x, last)
        if mask != 0:
            begin, end = min(begin, x + lowest_bit(mask)), x + highest_bit(mask) + 1
    return begin, end


@inlined
def ask_for(places, node, line):
    """Ask for the slack of an output row's touched pixels: large models do not fit the caches."""
    row, width = node[F.ROW], node[F.OW]
    for x in range(0, width, 64):
        mask = flagged(places.touched + line * width, x, width)
        while mask:
            column = x + lowest_bit(mask)
            mask &= mask - 1
            prefetch(places.slack + 2 * (line * width + column) * row)


@jit
def follow_rows(state, number, first, last, span, filled, left_out, size):
    """Follow the differences into the touched pixels of some output rows, flag those that change, clear the marks.

    `span` is the columns of the input whose entries are listed, `filled` how many are listed already; `left_out` (rows,
    tiles of `size` pixels) says which tiles are up to date. Where the output's changes are to stand in its list, they
    do so as long as it has room.
    """
    node, places, spans = state[F.NODES][number], places_of(state, number), state[F.SPANS]
    width, target = node[F.OW], node[F.OUT]
    room = state[F.TENSORS][target, F.ROOM]
    made, settled, followed = np.int64(0), np.int64(0), np.int64(0)
    ask_for(places, node, first)
    for line in range(first, last):
        if line + 1 < last:
            ask_for(places, node, line + 1)
        column, found, written = np.int64(0), False, np.int64(0)
        listing = spans[target, F.STANDING] == F.AS_LIST
        before = spans[target, F.FILLED]
        if listing and before + width * ((node[F.OC] + 1) // 2) > room:
            pixels = count_touched(places.touched + line * width, width)
            if before + pixels * ((node[F.OC] + 1) // 2) > room:
                stop_listing(state, target)
                listing = False
        new = before
        while column < width:
            stop = column
            while stop < width and not left_out[line - first, stop // size]:
                stop += size
            begin, end = marked(places.touched + line * width, column, min(stop, width))
            column = stop + size
            if begin >= end:
                continue
            rows = window_rows(node, line)
            filled = list_rows(places, node, rows[0], rows[1], span, filled)
            made += scatter(places, node, line, begin, end)
            crossing, touched = crossing_pixels(places, node, line, begin, end)
            if listing:
                new, written = list_pixels(places, node, line, begin, crossing, written, new)
            else:
                found |= settle_pixels(state, number, places, node, line, begin, crossing)
            settled += crossing
            followed += touched
        if new > before:
            fill_starts(places.new_starts + 4 * line * (width + SPARE), written, width, new)
            poke_byte(places.new_listed + line, np.uint8(1))
            spans[target, F.FILLED] = new
        if found or new > before:
            widen(spans, target, line)
        clear_flags(places.touched + line * width, width)
    if spans[node[F.IN], F.STANDING] == F.WRITTEN:
        begin, end = window_rows(node, first)[0], window_rows(node, last - 1)[1]
        state[F.LISTED][begin:end] = 0
    tally = state[F.TALLY]
    tally[F.PRODUCTS] += 2 * made * node[F.OC] * node[F.KW]
    tally[F.LISTED_ENTRIES] += made
    tally[F.REQUANTISED] += settled * node[F.OC]
    tally[F.FOLLOWED] += followed
