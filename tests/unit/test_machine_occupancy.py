"""Live intervals of rows by hand: from a write to the last read before the next write, and who wrote and read."""

from typing import NamedTuple

import numpy as np

from accel_sim.machine.occupancy import BEFORE, Intervals, _Rows
from accel_sim.machine.touches import Touch


class Seen(NamedTuple):
    """One interval: row, from, to, bytes, number of the writer and of the last reader."""

    row: int
    start: int
    end: int
    used: int
    owner: int
    reader: int


def touch(write: bool, edges: list[int], rows: list[int], used: int = 4) -> Touch:
    """Reads or writes of rows of bank 0, each at an edge after the start."""
    row = np.array(rows, np.int64)
    return Touch("img", write, 0 * row, row, np.array(edges, np.int64), np.full(row.size, used, np.int64))


def listed(found: Intervals) -> list[Seen]:
    columns = (found.row, found.start, found.end, found.used, found.owner, found.reader)
    return sorted(Seen(*map(int, one)) for one in zip(*columns, strict=True))


def test_a_row_lives_from_the_edge_of_its_write_to_the_edge_of_its_last_read() -> None:
    rows = _Rows(1, 3)
    rows.see(touch(True, [3, 4], [0, 1]), 10, 0)  # written at 13 and 14
    rows.see(touch(False, [1, 2], [0, 0]), 20, 1)  # row 0 read at 21 and 22
    rows.see(touch(False, [5], [0], used=2), 30, 2)  # and at 35, two of its bytes only
    rows.see(touch(True, [0], [0]), 50, 3)  # written again at 50
    rows.see(touch(False, [7], [0], used=1), 60, 4)  # one byte of it read at 67
    assert listed(rows.intervals()) == [Seen(0, 13, 35, 4, 0, 2), Seen(0, 50, 67, 1, 3, 4)]


def test_the_last_reader_is_noted_even_where_an_earlier_one_reads_later() -> None:
    """Engines overlap: the later instruction may reach a row first. The row is read later as long as either goes on."""
    rows = _Rows(1, 1)
    rows.see(touch(True, [0], [0]), 5, 0)
    rows.see(touch(False, [40], [0]), 10, 1)
    rows.see(touch(False, [1], [0]), 20, 2)
    assert listed(rows.intervals()) == [Seen(0, 5, 50, 4, 0, 2)]


def test_what_the_host_wrote_lives_from_the_first_cycle_on() -> None:
    rows = _Rows(1, 2)
    rows.see(touch(False, [6], [1]), 0, 0)
    found = rows.intervals()
    assert listed(found) == [Seen(1, 0, 6, 4, BEFORE, 0)]
    assert found.bit_cycles == 8 * 4 * 6
    assert found.is_live(0, 1, 3, 5)
    assert not found.is_live(0, 1, 4, 5)
    assert not found.is_live(0, 1, 3, 6)
    assert not found.is_live(0, 0, 3, 5)


def test_a_row_that_nobody_reads_and_one_that_is_read_before_its_write_are_dead() -> None:
    rows = _Rows(1, 2)
    rows.see(touch(True, [0, 0], [0, 1]), 9, 0)
    rows.see(touch(True, [0], [0]), 12, 1)
    rows.see(touch(False, [0], [1]), 9, 2)  # at the edge of the write: it reads what was there before
    assert listed(rows.intervals()) == []
