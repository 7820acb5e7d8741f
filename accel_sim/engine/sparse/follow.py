"""Changed codes through linear nodes: exact differences on top of golden accumulators.

A code that changed by ``d`` adds ``d * w`` to each accumulator that it reaches; integer addition has no order, so the
sum of such differences on top of the golden accumulator is the accumulator of a full recomputation, modulo 2**32. The
differences of a stretch of output pixels are summed first (`scatter`). Where one exceeds its slack the pixel is put on
a list, and only those pixels are requantised.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg,assignment,var-annotated"
import numpy as np

from accel_sim.engine.jit import inlined, jit
from accel_sim.engine.requant import FLOAT32
from accel_sim.engine.sparse import fields as F
from accel_sim.engine.sparse.codes import channel_code
from accel_sim.engine.sparse.entries import list_rows, window_rows
from accel_sim.engine.sparse.places import places_of
from accel_sim.engine.sparse.products import exceeds_8, exceeds_16, settle_8, settle_16
from accel_sim.engine.sparse.reach import clear_flags, flagged, widen
from accel_sim.engine.sparse.scatter import scatter, slot_size, slots
from accel_sim.engine.sparse.vector import highest_bit, lowest_bit, peek_half, poke_byte, poke_half, prefetch

EARLY = 16  # accumulators of a pixel, more than which are asked for as soon as it is known that they are needed


@inlined
def exceeds(sums, slack, row, units, outputs, shift):
    """Whether the difference of any channel of a pixel, shifted, exceeds its slack.

    `sums`, `slack` and `units` are addresses; the slack downwards stands `row` bytes behind that upwards.
    """
    if outputs <= 8:
        return exceeds_8(sums, slack, slack + row, units, outputs, shift)
    found = np.int64(0)
    for c in range(0, outputs, 16):
        found |= exceeds_16(sums + 4 * c, slack + c, slack + row + c, units + 4 * c, outputs - c, shift)
    return found


@inlined
def settle(acc, sums, outputs, golden, scale, out, shift, floor, ceiling, add):
    """Requantise a pixel's channels a vector at a time (see `settle_16`); returns whether any code differs."""
    if outputs <= 8:
        return settle_8(acc, sums, outputs, golden, scale, out, shift, floor, ceiling, add)
    found = np.int64(0)
    for c in range(0, outputs, 16):
        found |= settle_16(
            acc + 4 * c, sums + 4 * c, outputs - c, golden + c, scale + 4 * c, out + c, shift, floor, ceiling, add
        )
    return found


@jit
def settle_slowly(state, number, pixel, slot):
    """Requantise the channels of an output pixel one by one; returns whether a code differs."""
    node, sums, accumulators = state[F.NODES][number], state[F.SUMS], state[F.ACCUMULATORS]
    golden, work = state[F.GOLDEN], state[F.WORK]
    place = state[F.TENSORS][node[F.OUT], F.OFFSET] + pixel * node[F.OC]
    first, differ = node[F.ACC] + pixel * node[F.ROW], np.int64(0)
    for channel in range(node[F.OC]):
        total = np.int32(accumulators[first + channel] + (sums[slot + channel] << np.int32(node[F.ACC_SHIFT])))
        code = channel_code(node, state[F.INTS], state[F.FLOATS], channel, total)
        if code != golden[place + channel]:
            work[place + channel] = code
            differ = np.int64(1)
    return differ


@inlined
def crossing_pixels(places, node, line, first, last):
    """List the touched columns ``first .. last`` of a row in which a code may change, and ask for their memory.

    Returns how many there are, and how many were touched.
    """
    oc, row, width, shift = node[F.OC], node[F.ROW], node[F.OW], np.int32(node[F.ACC_SHIFT])
    step, margin = slots(node, np.int64(0))[1:]
    size, touched, found = slot_size(oc), np.int64(0), np.int64(0)
    start = line * width
    accumulators, slack = places.accumulators + 4 * start * row, places.slack + 2 * start * row
    golden = places.golden + start * oc
    for x in range(first // 64 * 64, last, 64):
        mask = flagged(places.touched + start, x, last)
        if x < first:
            mask &= np.int64(-1) << (first - x)
        while mask:
            column = x + lowest_bit(mask)
            mask &= mask - 1
            touched += 1
            slot = places.sums + 4 * (margin + (column - first) * step) * size
            poke_half(places.crossing + 4 * found, np.int32(column))
            beyond = exceeds(slot, slack + 2 * column * row, row, places.units, oc, shift) != 0
            found += beyond
            if row > EARLY:
                # Which pixels need their accumulators cannot be foreseen: instead of a branch, the others ask for a
                # line that is at hand.
                place = accumulators + 4 * column * row
                for ahead in range(0, 4 * row, 64):
                    prefetch(place + ahead if beyond else slot)
                prefetch(golden + column * oc if beyond else slot)
    if row <= EARLY:
        for k in range(found):
            column = np.int64(peek_half(places.crossing + 4 * k))
            prefetch(accumulators + 4 * column * row)
            prefetch(golden + column * oc)
    return found, touched


@inlined
def settle_pixels(state, number, places, node, line, first, count):
    """Requantise the listed columns of a row; returns whether any code changed."""
    oc, row, start = node[F.OC], node[F.ROW], line * node[F.OW]
    zero, shift = np.int32(node[F.ZERO]), np.int32(node[F.ACC_SHIFT])
    floor, ceiling = np.float32(node[F.LOW] - zero), np.float32(node[F.HIGH] - zero)
    add, vector = zero + np.int32(node[F.BYTE]), node[F.MODE] == FLOAT32
    step, margin = slots(node, np.int64(0))[1:]
    size, found = slot_size(oc), np.int64(0)
    for k in range(count):
        column = np.int64(peek_half(places.crossing + 4 * k))
        pixel, slot = start + column, (margin + (column - first) * step) * size
        if vector:
            differ = settle(
                places.accumulators + 4 * pixel * row, places.sums + 4 * slot, oc, places.golden + pixel * oc,
                places.scale, places.work + pixel * oc, shift, floor, ceiling, add,
            )  # fmt: skip
        else:
            differ = settle_slowly(state, number, pixel, slot)
        poke_byte(places.changed + pixel, np.uint8(differ != 0))
        found |= differ
    return found != 0


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
    tiles of `size` pixels) says which tiles are up to date.
    """
    node, places, spans = state[F.NODES][number], places_of(state, number), state[F.SPANS]
    width = node[F.OW]
    made, settled, followed = np.int64(0), np.int64(0), np.int64(0)
    ask_for(places, node, first)
    for line in range(first, last):
        if line + 1 < last:
            ask_for(places, node, line + 1)
        column, found = np.int64(0), False
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
            found |= settle_pixels(state, number, places, node, line, begin, crossing)
            settled += crossing
            followed += touched
        if found:
            widen(spans, node[F.OUT], line)
        clear_flags(places.touched + line * width, width)
    begin, end = window_rows(node, first)[0], window_rows(node, last - 1)[1]
    state[F.LISTED][begin:end] = 0
    tally = state[F.TALLY]
    tally[F.PRODUCTS] += 2 * made * node[F.OC] * node[F.KW]
    tally[F.LISTED_ENTRIES] += made
    tally[F.REQUANTISED] += settled * node[F.OC]
    tally[F.FOLLOWED] += followed
