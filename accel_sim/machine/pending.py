"""Which instructions have to do with some rows: searches in tables of all accesses of a program, compiled."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.engine.jit import jit
from accel_sim.isa.geometry import Access

Ints = NDArray[np.int64]
STAYS, HAPPENS, OVERWRITTEN = 0, 1, 2


class Accesses(NamedTuple):
    """Accesses of all instructions: those of number n are ``first[n] .. first[n + 1]``.

    Attributes
    ----------
    memory, low, high
        int64: number of the memory, and the interval of rows (of bytes in DDR).
    write
        uint8: whether it writes.
    dense
        uint8, by instruction: whether it writes every row of its interval on the chip.
    """

    first: Ints
    memory: Ints
    low: Ints
    high: Ints
    write: NDArray[np.uint8]
    dense: NDArray[np.uint8]


def accesses_of(found: Sequence[Sequence[Access]], dense: Sequence[bool], names: Sequence[str]) -> Accesses:
    """Lay accesses out for the searches.

    Parameters
    ----------
    found
        Accesses of each instruction.
    dense
        Of each instruction whether it writes every row of its interval.
    names
        Memories by number.
    """
    rows = [(names.index(a.memory), a.low, a.high, a.write) for some in found for a in some]
    columns = np.array(rows, np.int64).reshape(-1, 4).T
    first = np.concatenate([[0], np.cumsum([len(some) for some in found])]).astype(np.int64)
    memory, low, high, write = (np.ascontiguousarray(column) for column in columns)
    return Accesses(first, memory, low, high, write.astype(np.uint8), np.array(dense, np.uint8))


@jit
def overlaps(table, access, intervals):
    """Whether an access meets one of the intervals, int64 rows (memory, low, high)."""
    for n in range(intervals.shape[0]):
        same = table.memory[access] == intervals[n, 0]
        if same and table.low[access] < intervals[n, 2] and intervals[n, 1] < table.high[access]:
            return True
    return False


@jit
def first_meeting(table, number, end, intervals, only_reads):
    """Return the first instruction from `number` on that touches (or reads) rows of some intervals; `end` for none."""
    for n in range(number, end):
        for access in range(table.first[n], table.first[n + 1]):
            if not (only_reads and table.write[access]) and overlaps(table, access, intervals):
                return n
    return end


@jit
def choose(table, ddr, waiting, wanted, fate):
    """Decide which waiting instructions happen, so that some rows hold what they should.

    Those happen that write wanted rows or read wanted bytes of DDR, and with each of them those that write rows which
    it writes, too: the later one has to come last. One whose rows are written again, all of them, by one that happens
    later is never needed again.

    Parameters
    ----------
    table
        Accesses of the program.
    ddr
        Number of DDR among the memories.
    waiting
        int64, numbers of instructions, ascending.
    wanted
        int64 rows (memory, low, high).
    fate
        uint8, one for each that waits; receives STAYS, HAPPENS or OVERWRITTEN.
    """
    count = wanted.shape[0]
    rows = np.empty((count + table.first[-1], 3), np.int64)  # more than can be added
    rows[:count] = wanted
    covered = np.empty((waiting.size, 3), np.int64)
    whole = 0
    for k in range(waiting.size - 1, -1, -1):
        n = waiting[k]
        fate[k] = STAYS
        touched = False
        for access in range(table.first[n], table.first[n + 1]):
            memory, low, high = table.memory[access], table.low[access], table.high[access]
            makes = table.write[access] and memory != ddr
            for c in range(whole):
                if makes and covered[c, 0] == memory and covered[c, 1] <= low and high <= covered[c, 2]:
                    fate[k] = OVERWRITTEN
            if table.write[access] or memory == ddr:
                touched = touched or overlaps(table, access, rows[:count])
        if fate[k] == OVERWRITTEN or not touched:
            continue
        fate[k] = HAPPENS
        for access in range(table.first[n], table.first[n + 1]):
            if table.write[access] and table.memory[access] != ddr:
                rows[count] = table.memory[access], table.low[access], table.high[access]
                count += 1
                if table.dense[n]:
                    covered[whole] = table.memory[access], table.low[access], table.high[access]
                    whole += 1
