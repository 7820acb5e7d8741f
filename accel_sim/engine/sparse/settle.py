"""From sums of differences to codes: which pixels of a row may change, and what becomes of them."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg,assignment,var-annotated"
import numpy as np

from accel_sim.engine.jit import inlined, jit
from accel_sim.engine.requant import FLOAT32
from accel_sim.engine.sparse import fields as F
from accel_sim.engine.sparse.changes import fill_starts
from accel_sim.engine.sparse.codes import channel_code
from accel_sim.engine.sparse.entries import SPARE
from accel_sim.engine.sparse.reach import flagged
from accel_sim.engine.sparse.requantise import (
    UNKNOWN_SHIFT,
    exceeds_8,
    exceeds_16,
    leaves_8,
    leaves_16,
    leaves_32,
    near_8,
    near_16,
    near_pairs,
    settle_8,
    settle_16,
    settle_pairs,
)
from accel_sim.engine.sparse.scatter import slot_size, slots
from accel_sim.engine.sparse.vector import lowest_bit, peek_half, poke_byte, poke_half, prefetch

BY_ACCUMULATOR = 1 << 16  # beside a listed column: the residuals of the pixel do not do


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
def leaves(sums, residual, margin, reach, outputs, shift):
    """Whether the difference of any channel of a pixel, shifted, may leave its code (see `leaves_16`)."""
    if outputs <= 8:
        return leaves_8(sums, residual, margin, reach, outputs, shift)
    if outputs <= 16:
        return leaves_16(sums, residual, margin, reach, outputs, shift)
    found = np.int64(0)
    for c in range(0, outputs, 32):
        found |= leaves_32(sums + 4 * c, residual + 2 * c, margin + 2 * c, reach + 2 * c, outputs - c, shift)
    return found


@inlined
def settle(places, pixel, slot, outputs, row, by_accumulator, shift, floor, ceiling, add):
    """Requantise a pixel's channels a vector at a time (see `settle_16`); returns whether any code differs."""
    golden, out, sums = places.golden + pixel * outputs, places.work + pixel * outputs, places.sums + 4 * slot
    found = np.int64(0)
    if by_accumulator:
        acc = places.accumulators + 4 * pixel * row
        if outputs <= 8:
            return settle_8(acc, sums, outputs, golden, places.scale, places.step, out, shift, floor, ceiling, add)
        for c in range(0, outputs, 16):
            found |= settle_16(
                acc + 4 * c, sums + 4 * c, outputs - c, golden + c, places.scale + 4 * c, places.step + 4 * c, out + c,
                shift, floor, ceiling, add,
            )  # fmt: skip
        return found
    residual = places.slack + 2 * pixel * row
    if outputs <= 8:
        return near_8(residual, sums, outputs, golden, places.scale, places.step, out, shift, floor, ceiling, add)
    for c in range(0, outputs, 16):
        found |= near_16(
            residual + 2 * c, sums + 4 * c, outputs - c, golden + c, places.scale + 4 * c, places.step + 4 * c, out + c,
            shift, floor, ceiling, add,
        )  # fmt: skip
    return found


@inlined
def settle_into_list(places, pixel, column, slot, filled, outputs, row, by_accumulator, shift, floor, ceiling, add):
    """Requantise a pixel's channels into the output's list behind `filled` entries; returns how many it holds then."""
    golden, sums, out = places.golden + pixel * outputs, places.sums + 4 * slot, places.new_entries
    for c in range(0, outputs, 16):
        scale, step, first = places.scale + 4 * c, places.step + 4 * c, column << 16 | c // 2
        if by_accumulator:
            filled += settle_pairs(
                places.accumulators + 4 * (pixel * row + c), sums + 4 * c, outputs - c, golden + c, scale, step,
                out + 8 * filled, first, shift, floor, ceiling, add,
            )  # fmt: skip
        else:
            filled += near_pairs(
                places.slack + 2 * (pixel * row + c), sums + 4 * c, outputs - c, golden + c, scale, step,
                out + 8 * filled, first, shift, floor, ceiling, add,
            )  # fmt: skip
    return filled


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
    size, touched, found, near = slot_size(oc), np.int64(0), np.int64(0), node[F.RESIDUAL] != 0
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
            kept = slack + 2 * column * row
            if near:
                verdict = leaves(slot, kept, places.margin, places.reach, oc, shift)
                listed = column | (BY_ACCUMULATOR if verdict >> UNKNOWN_SHIFT else 0)
            else:
                verdict, listed = exceeds(slot, kept, row, places.units, oc, shift), column | BY_ACCUMULATOR
            poke_half(places.crossing + 4 * found, np.int32(listed))
            # Which pixels may change cannot be foreseen: instead of a branch, the others ask for a line at hand.
            prefetch(golden + column * oc if verdict else slot)
            found += verdict != 0
    if not near:
        for k in range(found):
            column = np.int64(peek_half(places.crossing + 4 * k)) % BY_ACCUMULATOR
            prefetch(accumulators + 4 * column * row)
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
        listed = np.int64(peek_half(places.crossing + 4 * k))
        column = listed % BY_ACCUMULATOR
        pixel, slot = start + column, (margin + (column - first) * step) * size
        if vector:
            differ = settle(places, pixel, slot, oc, row, listed >= BY_ACCUMULATOR, shift, floor, ceiling, add)
        else:
            differ = settle_slowly(state, number, pixel, slot)
        poke_byte(places.changed + pixel, np.uint8(differ != 0))
        found |= differ
    return found != 0


@inlined
def list_pixels(places, node, line, first, count, written, filled):
    """Requantise the listed columns of a row into the output's own list; returns how many entries that holds then.

    `written` pixels of the row have their place in the list already; it is returned as well.
    """
    oc, row, start = node[F.OC], node[F.ROW], line * node[F.OW]
    zero, shift = np.int32(node[F.ZERO]), np.int32(node[F.ACC_SHIFT])
    floor, ceiling = np.float32(node[F.LOW] - zero), np.float32(node[F.HIGH] - zero)
    add = zero + np.int32(node[F.BYTE])
    step, margin = slots(node, np.int64(0))[1:]
    size = slot_size(oc)
    starts = places.new_starts + 4 * line * (node[F.OW] + SPARE)
    for k in range(count):
        listed = np.int64(peek_half(places.crossing + 4 * k))
        column = listed % BY_ACCUMULATOR
        pixel, slot = start + column, (margin + (column - first) * step) * size
        written, before = fill_starts(starts, written, column, filled), filled
        filled = settle_into_list(
            places, pixel, column, slot, filled, oc, row, listed >= BY_ACCUMULATOR, shift, floor, ceiling, add
        )
        poke_byte(places.changed + pixel, np.uint8(filled != before))
    return filled, written
