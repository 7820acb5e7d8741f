"""Concatenation along the channels of tensors whose changes stand in lists: the lists are merged, no code is copied."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg,assignment,var-annotated"
import numpy as np

from accel_sim.engine.jit import inlined, jit
from accel_sim.engine.sparse import fields as F
from accel_sim.engine.sparse.changes import (
    difference,
    fill_starts,
    list_changes,
    may_list,
    place_of_pair,
    row_of_list,
)
from accel_sim.engine.sparse.entries import SPARE
from accel_sim.engine.sparse.places import address
from accel_sim.engine.sparse.reach import widen
from accel_sim.engine.sparse.vector import peek_byte, peek_word, poke_byte, poke_word, prefetch


@jit
def mergeable(state, number, wanted):
    """Whether a node joins along the channels and all its changes are listed and fit the list of its output."""
    node, ints, spans = state[F.NODES][number], state[F.INTS], state[F.SPANS]
    if not may_list(state, node[F.OUT], wanted):
        return False
    outer, entries = state[F.TENSORS][node[F.OUT]], np.int64(0)
    for part in range(node[F.COUNT]):
        place = node[F.INDEX] + F.PART * part
        source = np.int64(ints[place])
        row = state[F.TENSORS][source]
        along = ints[place + 2] == row[F.CHANNELS] and ints[place + 3] == outer[F.CHANNELS]
        if not along or row[F.WIDTH] != outer[F.WIDTH] or ints[place + 4] % 2 != 0:
            return False
        if spans[source, F.LAST] > 0:
            if row[F.ROOM] == 0 or not list_changes(state, source):
                return False
            entries += spans[source, F.FILLED]
    return entries <= outer[F.ROOM]


@inlined
def mapped(entry, codes, table):
    """Differences of an entry behind a table of codes; `codes` is the address of the pair's golden codes."""
    result = np.int64(0)
    for half in range(2):
        change = difference(entry, half)
        if change != 0:
            before = np.int64(peek_byte(codes + half))
            after = np.int64(peek_byte(table + before + change)) - np.int64(peek_byte(table + before))
            result |= (after & 0xFFFF) << (16 * half)
    return result


@inlined
def golden_pair(state, row, line, entry):
    """Address of the golden codes that an entry of a row changes."""
    column, pair = place_of_pair(entry)
    return address(state[F.GOLDEN]) + row[F.OFFSET] + (line * row[F.WIDTH] + column) * row[F.CHANNELS] + 2 * pair


@jit
def begin_row(state, number, line, cursors):
    """Set the cursors, (inputs, 2) addresses, to a row of all inputs, and ask for the codes that the next row needs."""
    node, ints = state[F.NODES][number], state[F.INTS]
    for part in range(node[F.COUNT]):
        source = np.int64(ints[node[F.INDEX] + F.PART * part])
        row, spans = state[F.TENSORS][source], state[F.SPANS]
        cursors[part] = 0
        if not spans[source, F.FIRST] <= line < spans[source, F.LAST]:
            continue
        cursors[part, 0], cursors[part, 1] = row_of_list(state, row, line)
        if ints[node[F.INDEX] + F.PART * part + 1] >= 0 and line + 1 < spans[source, F.LAST]:
            first, last = row_of_list(state, row, line + 1)
            for place in range(first, last, 8):
                prefetch(golden_pair(state, row, line + 1, peek_word(place)))


@inlined
def next_column(cursors):
    """Lowest column of the entries at the cursors."""
    column = np.int64(1) << 60
    for part in range(cursors.shape[0]):
        if cursors[part, 0] < cursors[part, 1]:
            column = min(column, place_of_pair(peek_word(cursors[part, 0]))[0])
    return column


@jit
def merge_row(state, number, line, cursors, filled):
    """Append the entries of a row of all inputs to the list of the output; returns how many that holds then."""
    node, ints = state[F.NODES][number], state[F.INTS]
    outer = state[F.TENSORS][node[F.OUT]]
    starts = address(state[F.STARTS]) + 4 * (outer[F.START] + line * (outer[F.WIDTH] + SPARE))
    out = address(state[F.ENTRIES]) + 8 * outer[F.ENTRY]
    changed = address(state[F.FLAGS]) + outer[F.PIXELS] + line * outer[F.WIDTH]
    written, column = np.int64(0), next_column(cursors)
    while column < outer[F.WIDTH]:
        written, before = fill_starts(starts, written, column, filled), filled
        for part in range(node[F.COUNT]):
            place = node[F.INDEX] + F.PART * part
            table, shift = np.int64(ints[place + 1]), np.int64(ints[place + 4]) // 2 << 32
            while cursors[part, 0] < cursors[part, 1]:
                entry = peek_word(cursors[part, 0])
                if place_of_pair(entry)[0] != column:
                    break
                cursors[part, 0] += 8
                moved = entry + shift
                if table >= 0:
                    codes = golden_pair(state, state[F.TENSORS][np.int64(ints[place])], line, entry)
                    after = mapped(entry, codes, address(state[F.TABLES]) + table)
                    moved = moved >> 32 << 32 | after
                    poke_word(out + 8 * filled, moved)
                    filled += after != 0  # the table may have one code for both
                else:
                    poke_word(out + 8 * filled, moved)
                    filled += 1
        poke_byte(changed + column, np.uint8(filled != before))
        column = next_column(cursors)
    fill_starts(starts, written, outer[F.WIDTH], filled)
    return filled


@jit
def join_lists(state, number, wanted):
    """Merge the lists of a node's inputs into that of its output; returns False where that cannot be done."""
    if not mergeable(state, number, wanted):
        return False
    node, ints, spans = state[F.NODES][number], state[F.INTS], state[F.SPANS]
    target, filled = node[F.OUT], np.int64(0)
    first, last = np.int64(1 << 60), np.int64(0)
    for part in range(node[F.COUNT]):
        source = np.int64(ints[node[F.INDEX] + F.PART * part])
        if spans[source, F.LAST] > 0:
            first, last = min(first, spans[source, F.FIRST]), max(last, spans[source, F.LAST])
    cursors = np.zeros((node[F.COUNT], 2), np.int64)
    for line in range(first, last):
        begin_row(state, number, line, cursors)
        before, filled = filled, merge_row(state, number, line, cursors, filled)
        if filled > before:
            state[F.LISTED][state[F.TENSORS][target, F.MARK] + line] = 1
            widen(spans, target, line)
    if filled > 0:
        spans[target, F.STANDING], spans[target, F.FILLED] = F.AS_LIST, filled
    return True
