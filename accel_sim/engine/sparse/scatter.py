"""Sums of differences times weights for a stretch of output pixels, entry by entry.

The entries of a row lie one after the other whatever pixel they belong to, and each of them adds to as many
neighbouring outputs as the window is wide: one long loop, whose end the processor foresees. Outputs have slots of whole
vectors in a scratch, with room on both sides for what falls outside the stretch; a convolution of stride s uses every
s-th slot.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg,assignment,var-annotated"
import numpy as np

from accel_sim.engine.jit import inlined, jit
from accel_sim.engine.sparse import fields as F
from accel_sim.engine.sparse.entries import listed_between, source_row, window_columns
from accel_sim.engine.sparse.products import add_products_8, add_products_16, fill_eight, fill_sixteen
from accel_sim.engine.sparse.reach import flagged
from accel_sim.engine.sparse.vector import lowest_bit, peek_word


@inlined
def slot_size(outputs):
    """Accumulators of a slot: whole vectors."""
    return 8 if outputs <= 8 else (outputs + 15) // 16 * 16


@inlined
def slots(node, columns):
    """Slots that a stretch of output columns needs, how far apart its outputs are and where the first one is."""
    margin = (node[F.KW] - 1) * node[F.DW]
    step = np.int64(1) if node[F.KIND] == F.TRANSPOSED else node[F.SW]
    return columns * step + 2 * margin, step, margin


@jit
def scatter_narrow(entries, count, weights, sums, pitch, across, tap, taps):
    """Add `count` entries for up to eight outputs; all but `count` and `taps` are addresses and distances in bytes.

    A pair's weights are 32 bytes, those of the next tap `tap` further; an entry's column is `pitch` in `sums`.
    """
    for place in range(entries, entries + 8 * count, 8):
        entry = peek_word(place)
        out, row = sums + (entry >> 48 & 0xFFFF) * pitch, weights + (entry >> 32 & 0xFFFF) * 32
        if taps == 3:
            add_products_8(out, row, entry)
            add_products_8(out + across, row + tap, entry)
            add_products_8(out + 2 * across, row + 2 * tap, entry)
        else:
            for k in range(taps):
                add_products_8(out + k * across, row + k * tap, entry)


@jit
def scatter_wide(entries, count, weights, sums, pitch, across, tap, taps, row_size, vectors):
    """Add `count` entries for any number of outputs, 16 at a time; a pair's weights are `row_size` bytes."""
    for place in range(entries, entries + 8 * count, 8):
        entry = peek_word(place)
        out, row = sums + (entry >> 48 & 0xFFFF) * pitch, weights + (entry >> 32 & 0xFFFF) * row_size
        if taps == 3:
            for vector in range(0, 64 * vectors, 64):
                add_products_16(out + vector, row + vector, entry)
                add_products_16(out + across + vector, row + tap + vector, entry)
                add_products_16(out + 2 * across + vector, row + 2 * tap + vector, entry)
        else:
            for k in range(taps):
                for vector in range(0, 64 * vectors, 64):
                    add_products_16(out + k * across + vector, row + k * tap + vector, entry)


@inlined
def clear_slots(touched, first, last, sums, apart, length):
    """Set the slots of the touched columns ``first .. last`` to zero; nothing else is read of what entries add to.

    `touched` and `sums` are addresses, of the row and of the first column's slot; slots are `length` bytes.
    """
    for x in range(first // 64 * 64, last, 64):
        mask = flagged(touched, x, last)
        if x < first:
            mask &= np.int64(-1) << (first - x)
        while mask:
            slot = sums + (x + lowest_bit(mask) - first) * apart
            mask &= mask - 1
            if length == 32:
                fill_eight(slot, np.int64(0))
            else:
                for place in range(slot, slot + length, 64):
                    fill_sixteen(place, np.int64(0))


@inlined
def scatter(places, node, line, first, last):
    """Leave the sums of output columns ``first .. last`` of a row in their slots; returns the entries that were added.

    See `Places` for the first argument.
    """
    oc, kw, sums = node[F.OC], node[F.KW], places.sums
    size = slot_size(oc)
    step, margin = slots(node, last - first)[1:]
    clear_slots(places.touched + line * node[F.OW], first, last, sums + 4 * margin * size, 4 * step * size, 4 * size)
    begin, end = window_columns(node, first, last)
    pitch, across = 4 * size, -4 * size * node[F.DW]
    base = sums + 4 * size * (margin - first * step + node[F.LEFT])
    if node[F.KIND] == F.TRANSPOSED:
        pitch, across = pitch * node[F.SW], -across
        base = sums + 4 * size * (margin - first - node[F.LEFT])
    row_size = 4 * node[F.ROW]
    tap = (node[F.IC] + 1) // 2 * row_size
    made = np.int64(0)
    for ky in range(node[F.KH]):
        row = source_row(node, line, ky)
        if row < 0:
            continue
        low, high = listed_between(places.starts, node[F.IW], row, begin, end)
        entries, weights = places.entries + 8 * low, places.weights + ky * kw * tap
        if oc <= 8:
            scatter_narrow(entries, high - low, weights, base, pitch, across, tap, kw)
        else:
            scatter_wide(entries, high - low, weights, base, pitch, across, tap, kw, row_size, size // 16)
        made += high - low
    return made
