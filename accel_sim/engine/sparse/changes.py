"""Where the changes of a tensor stand: in the arena of codes, in a list of its own, or in both.

A list holds the entries of every flagged pixel (see `entries`), row by row. What reads entries needs no codes: a change
that is followed from convolution to convolution touches neither the golden codes nor the work arena, and nothing has to
be undone. What reads codes has them written first.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg,assignment,var-annotated"
import numpy as np

from accel_sim.engine.jit import inlined, jit
from accel_sim.engine.sparse import fields as F
from accel_sim.engine.sparse.cost import count_touched
from accel_sim.engine.sparse.entries import SPARE, list_row
from accel_sim.engine.sparse.places import address
from accel_sim.engine.sparse.products import fill_sixteen
from accel_sim.engine.sparse.vector import peek_byte, peek_half, peek_word, poke_byte


@inlined
def difference(entry, half):
    """One of the two differences of an entry."""
    return np.int64(np.int16(entry >> (16 * half) & 0xFFFF))


@inlined
def place_of_pair(entry):
    """Column and number of the pair of channels of an entry."""
    return entry >> 48 & 0xFFFF, entry >> 32 & 0xFFFF


@inlined
def fill_starts(starts, written, column, filled):
    """Let the entries of all pixels up to a column that have no place yet begin at `filled`; returns the next pixel."""
    while written <= column:
        fill_sixteen(starts + 4 * written, filled)
        written += 16
    return column + 1


@inlined
def may_list(state, tensor, wanted):
    """Whether changes of a tensor may be listed.

    It has a list, nothing of it changed yet, and its codes are not asked for (see `propagate` for `wanted`).
    """
    row, spans = state[F.TENSORS][tensor], state[F.SPANS]
    return wanted >= 0 and tensor != wanted and row[F.ROOM] > 0 and spans[tensor, F.LAST] == 0


@inlined
def row_of_list(state, row, line):
    """Addresses of the first entry that a row (of all images) of a listed tensor has, and behind the last."""
    if peek_byte(address(state[F.LISTED]) + row[F.MARK] + line) == 0:
        return np.int64(0), np.int64(0)
    starts = address(state[F.STARTS]) + 4 * (row[F.START] + line * (row[F.WIDTH] + SPARE))
    entries = address(state[F.ENTRIES]) + 8 * row[F.ENTRY]
    return entries + 8 * np.int64(peek_half(starts)), entries + 8 * np.int64(peek_half(starts + 4 * row[F.WIDTH]))


@jit
def write_codes(state, tensor):
    """Write the codes of a tensor whose changes stand in its list only."""
    spans, row = state[F.SPANS], state[F.TENSORS][tensor]
    if spans[tensor, F.STANDING] != F.AS_LIST:
        return
    spans[tensor, F.STANDING] = F.BOTH
    width, channels, work = row[F.WIDTH], row[F.CHANNELS], address(state[F.WORK]) + row[F.OFFSET]
    for line in range(spans[tensor, F.FIRST], spans[tensor, F.LAST]):
        first, last = row_of_list(state, row, line)
        for place in range(first, last, 8):
            entry = peek_word(place)
            column, pair = place_of_pair(entry)
            code = work + (line * width + column) * channels + 2 * pair
            poke_byte(code, np.uint8(np.int64(peek_byte(code)) + difference(entry, 0)))
            if difference(entry, 1) != 0:  # the last channel of an odd number has no neighbour
                poke_byte(code + 1, np.uint8(np.int64(peek_byte(code + 1)) + difference(entry, 1)))


@jit
def list_changes(state, tensor):
    """List the changes of a tensor whose codes are written; returns False if its list has no room for them."""
    spans, row = state[F.SPANS], state[F.TENSORS][tensor]
    if spans[tensor, F.STANDING] != F.WRITTEN:
        return True
    width, channels, filled = row[F.WIDTH], row[F.CHANNELS], np.int64(0)
    flags, listed = address(state[F.FLAGS]) + row[F.PIXELS], address(state[F.LISTED]) + row[F.MARK]
    golden, work = address(state[F.GOLDEN]) + row[F.OFFSET], address(state[F.WORK]) + row[F.OFFSET]
    entries = address(state[F.ENTRIES]) + 8 * row[F.ENTRY]
    spans[tensor, F.STANDING] = F.BOTH
    for line in range(spans[tensor, F.FIRST], spans[tensor, F.LAST]):
        count = count_touched(flags + line * width, width)
        if filled + count * ((channels + 1) // 2) > row[F.ROOM]:
            forget_list(state, tensor)
            return False
        place, starts = line * width * channels, address(state[F.STARTS]) + 4 * (row[F.START] + line * (width + SPARE))
        filled = list_row(
            flags + line * width, golden + place, work + place, width, channels, (np.int64(0), width), entries, filled,
            starts,
        )  # fmt: skip
        poke_byte(listed + line, np.uint8(1))
    spans[tensor, F.FILLED] = filled
    return True


@jit
def stop_listing(state, tensor):
    """Write the codes of a tensor and give up its list."""
    write_codes(state, tensor)
    forget_list(state, tensor)


@jit
def forget_list(state, tensor):
    """Empty the list of a tensor."""
    spans, row = state[F.SPANS], state[F.TENSORS][tensor]
    if spans[tensor, F.STANDING] != F.WRITTEN:
        spans[tensor, F.STANDING], spans[tensor, F.FILLED] = F.WRITTEN, 0
        state[F.LISTED][row[F.MARK] : row[F.MARK] + row[F.ROWS]] = 0
