"""Searches among the accesses of a program, against the same said with a list of last writers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.isa.geometry import Access
from accel_sim.machine.pending import HAPPENS, OVERWRITTEN, STAYS, Accesses, accesses_of, choose, first_meeting

NAMES = ["img", "wgt", "ddr"]
ROWS = 24
DDR = NAMES.index("ddr")
Made = tuple[str, int, int, bool]  # memory, interval, whether every row of it is written


def table_of(made: list[Made]) -> Accesses:
    """Instructions that write rows on the chip, as LOADs of byte n of DDR."""
    found = [[Access("ddr", n, n + 1, False), Access(m, low, high, True)] for n, (m, low, high, _) in enumerate(made)]
    return accesses_of(found, [dense for *_, dense in made], NAMES)


@st.composite
def programs(draw: st.DrawFn) -> list[Made]:
    found = []
    for _ in range(draw(st.integers(1, 9))):
        low = draw(st.integers(0, ROWS - 2))
        high = draw(st.integers(low + 1, ROWS - 1))
        found.append((draw(st.sampled_from(NAMES[:2])), low, high, draw(st.booleans())))
    return found


def rows_written(made: Made) -> list[int]:
    """All rows of a dense interval; of another one first and last row."""
    _, low, high, dense = made
    return list(range(low, high)) if dense else [low, high - 1]


@settings(deadline=None)  # the first call compiles
@given(made=programs(), data=st.data())
def test_rows_that_are_asked_for_hold_what_they_should(made: list[Made], data: st.DataObject) -> None:
    """Some rows are asked for, then others, in the order of a run that moves on: always the last writer's are there."""
    table, held = table_of(made), {name: np.full(ROWS, -1) for name in NAMES[:2]}
    waiting: list[int] = []
    for number in range(len(made)):
        waiting.append(number)
        for _ in range(data.draw(st.integers(0, 2))):
            memory, low = data.draw(st.sampled_from(NAMES[:2])), data.draw(st.integers(0, ROWS - 1))
            high = data.draw(st.integers(low + 1, ROWS))
            before, fate = len(waiting), np.full(len(waiting), 9, np.uint8)
            wanted = np.array([(NAMES.index(memory), low, high)], np.int64)
            choose(table, DDR, np.array(waiting, np.int64), wanted, fate)
            for n, what in zip(waiting, fate.tolist(), strict=True):
                if what == HAPPENS:
                    held[made[n][0]][rows_written(made[n])] = n
            waiting = [n for n, what in zip(waiting, fate.tolist(), strict=True) if what == STAYS]
            assert len(waiting) <= before
            expected = np.full(ROWS, -1)
            for n in range(number + 1):
                if made[n][0] == memory:
                    expected[rows_written(made[n])] = n
            assert held[memory][low:high].tolist() == expected[low:high].tolist()


def test_what_is_wanted_grows_and_nothing_of_it_is_lost() -> None:
    """The last one is asked for and brings the one below it; the first, asked for as well, is none of these two's."""
    table = table_of([("img", 0, 4, True), ("img", 10, 14, True), ("img", 20, 23, True), ("img", 12, 16, True)])
    fate = np.zeros(4, np.uint8)
    choose(table, DDR, np.arange(4), np.array([(0, 2, 3), (0, 15, 16)], np.int64), fate)
    assert fate.tolist() == [HAPPENS, HAPPENS, STAYS, HAPPENS]


def test_who_is_written_over_as_a_whole_never_happens() -> None:
    both = [("img", 4, 8, True), ("img", 2, 9, True)]
    for dense, expected in ((True, OVERWRITTEN), (False, HAPPENS)):
        fate = np.zeros(2, np.uint8)
        choose(table_of([both[0], (*both[1][:3], dense)]), DDR, np.arange(2), np.array([(0, 5, 6)], np.int64), fate)
        assert fate.tolist() == [expected, HAPPENS]
    fate = np.zeros(2, np.uint8)
    choose(table_of([both[0], ("wgt", *both[1][1:])]), DDR, np.arange(2), np.array([(1, 5, 6)], np.int64), fate)
    assert fate.tolist() == [STAYS, HAPPENS]  # the same rows of another memory


def test_who_reads_a_byte_of_ddr_happens_before_it_is_struck() -> None:
    table, fate = table_of([("img", 0, 4, True), ("img", 10, 14, True)]), np.zeros(2, np.uint8)
    choose(table, DDR, np.arange(2), np.array([(DDR, 1, 2)], np.int64), fate)
    assert fate.tolist() == [STAYS, HAPPENS]


@pytest.mark.parametrize(
    ("interval", "only_reads", "first"),
    [
        ((0, 3, 4), False, 0), ((0, 4, 5), False, 2), ((0, 3, 4), True, 1), ((0, 9, 10), False, 3),
        ((0, 9, 10), True, 3), ((1, 0, 24), False, 3), ((DDR, 2, 3), True, 0), ((DDR, 9, 10), False, 3),
    ],
)  # fmt: skip
def test_the_first_that_touches_a_row(interval: tuple[int, int, int], only_reads: bool, first: int) -> None:
    found = [
        [Access("ddr", 0, 3, False), Access("img", 0, 4, True)], [Access("img", 2, 4, False)],
        [Access("img", 4, 6, True)],
    ]  # fmt: skip
    table = accesses_of(found, [True] * 3, NAMES)
    assert first_meeting(table, 0, 3, np.array([interval], np.int64), only_reads) == first
    assert first_meeting(table, 3, 3, np.array([interval], np.int64), only_reads) == 3
