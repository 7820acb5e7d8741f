"""Neighbouring cells: against an array of cells written out, and the files that say how often each shape occurs."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_sim.config import MemorySpec
from accel_sim.errors import InputError, UsageError
from accel_sim.faults.hardware import HardwareFault
from accel_sim.faults.hardware.patterns import SHAPES, Pattern, load_patterns, spread

SPEC = MemorySpec("wgt", 2, 12, 2, "bram", "weights")
GOOD = """
source = "Table 3 of the test report"
verified = false
interleave = 2
[[pattern]]
name = "one"
cells = [[0, 0]]
weight = 70
[[pattern]]
name = "two"
cells = [[0, 0], [0, 1]]
weight = 25
[[pattern]]
name = "tall"
cells = [[0, 0], [-1, 0], [1, 0]]
weight = 5
"""


def bank(interleave: int) -> np.ndarray:
    """Cells of a bank, (rows of cells, columns): each says which (row, bit) it is."""
    cells = np.zeros((SPEC.rows // interleave, 8 * SPEC.row_bytes * interleave, 2), np.int64)
    for row in range(SPEC.rows):
        for bit in range(8 * SPEC.row_bytes):
            cells[row // interleave, bit * interleave + row % interleave] = row, bit
    return cells


@given(
    row=st.integers(0, SPEC.rows - 1), bit=st.integers(0, 15), shape=st.sampled_from(sorted(SHAPES)),
    interleave=st.sampled_from([1, 2, 3, 4]),
)  # fmt: skip
def test_neighbours_are_those_of_the_array(row: int, bit: int, shape: str, interleave: int) -> None:
    cells = bank(interleave)
    (y, x) = np.argwhere((cells == (row, bit)).all(axis=2))[0]
    expected = {
        tuple(cells[y + dy, x + dx].tolist())
        for dy, dx in SHAPES[shape].cells
        if 0 <= y + dy < cells.shape[0] and 0 <= x + dx < cells.shape[1]
    }
    fault = HardwareFault("memory", "wgt", 1, row, (bit,), 7, 2)
    found = spread(fault, SHAPES[shape], SPEC, interleave)
    assert {(u.row, u.bit) for u in found.upsets} == expected
    assert {(u.bank, u.cycle, u.memory) for u in found.upsets} == {(1, 7, "wgt")}
    assert (row, bit) in expected
    assert found.image == 2
    found.check_model()


def test_interleaving_takes_neighbours_on_a_line_out_of_the_word() -> None:
    fault = HardwareFault("memory", "wgt", 0, 4, (3,), 0)
    assert spread(fault, SHAPES["triple"], SPEC).bits == (3, 4, 5)
    apart = spread(fault, SHAPES["triple"], SPEC, 4)
    assert (apart.bits, apart.cells) == ((3,), ((5, 3), (6, 3)))


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (HardwareFault("registers", "pe_acc", 0, 0, (1,), 0), "'pe_acc' is a register"),
        (HardwareFault("memory", "wgt", 0, 0, (1, 2), 0), "starts at one bit"),
        (HardwareFault("memory", "wgt", 0, 0, (1,), 0, cells=((1, 1),)), "starts at one bit"),
    ],
)
def test_only_a_single_bit_of_a_memory_has_neighbours(fault: HardwareFault, words: str) -> None:
    with pytest.raises(InputError, match=words):
        spread(fault, SHAPES["pair"], SPEC)


def test_a_table_is_read_and_drawn_from(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text(GOOD)
    table = load_patterns(path)
    assert (table.source, table.verified, table.interleave) == ("Table 3 of the test report", False, 2)
    assert table.patterns[1] == Pattern("two", ((0, 0), (0, 1)), 25.0)
    assert table.named("tall").cells == ((0, 0), (-1, 0), (1, 0))
    drawn = Counter(table.pick(1, i).name for i in range(4000))
    assert [abs(drawn[n] / 4000 - p) < 0.03 for n, p in (("one", 0.7), ("two", 0.25), ("tall", 0.05))] == [True] * 3
    assert [table.pick(1, i).name for i in range(50)] == [table.pick(1, i).name for i in range(50)]
    assert [table.pick(1, i).name for i in range(50)] != [table.pick(2, i).name for i in range(50)]
    with pytest.raises(UsageError, match="pattern 'wide' is not in the table; use one of one, two, tall"):
        table.named("wide")


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("source = ", "sauce = ", "unknown field 'sauce'; the fields are interleave, pattern, source, verified"),
        ('source = "Table 3 of the test report"', "", "field 'source' is missing; a table says where"),
        ("verified = false", "", "field 'verified' is missing"),
        ("verified = false", "verified = 0", "verified is 0, but must be true or false"),
        ('"Table 3 of the test report"', '""', "source is '', but must be a text"),
        ("interleave = 2", "interleave = 0", "interleave is 0, but must be a whole number from 1 to 64"),
        ("interleave = 2", "interleave = true", "interleave is True, but must be"),
        ("[[0, 0], [0, 1]]", "[[0, 1]]", r"pattern 1: cells must be different and hold the struck cell \[0, 0\]"),
        ("[[0, 0], [0, 1]]", "[[0, 0], [0, 0]]", "pattern 1: cells must be different"),
        ("[[0, 0], [0, 1]]", "[[0, 0], [0.5, 1]]", "pattern 1: cells is"),
        ("[[0, 0], [0, 1]]", "[]", "pattern 1: cells is"),
        ("weight = 25", "weight = -1", "pattern 1: weight is -1, but must be a number that is not negative"),
        ("weight = 25", "weight = nan", "pattern 1: weight is nan"),
        ("weight = 25", "", "pattern 1: field 'weight' is missing; each has name, cells and weight"),
        ("weight = 25", "weight = 25\nwait = 1", "pattern 1: unknown field 'wait'"),
        ('name = "two"', 'name = "one"', "pattern 'one' is there twice"),
        ('name = "two"', "name = 2", "pattern 1: name is 2, but must be a text"),
        ("[[pattern]]", "[pattern", "is not TOML"),
    ],
)
def test_wrong_tables_are_refused_with_file_and_field(before: str, after: str, words: str, tmp_path: Path) -> None:
    assert before in GOOD
    path = tmp_path / "p.toml"
    path.write_text(GOOD.replace(before, after, 1))
    with pytest.raises(UsageError, match=words) as caught:
        load_patterns(path)
    assert "p.toml" in str(caught.value)


def test_tables_without_weight_and_files_that_are_none_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text('source = "s"\nverified = true\n[[pattern]]\nname = "a"\ncells = [[0, 0]]\nweight = 0\n')
    with pytest.raises(UsageError, match="all weights are 0"):
        load_patterns(path)
    path.write_text('source = "s"\nverified = true\npattern = 3\n')
    with pytest.raises(UsageError, match=r"pattern must be one or several \[\[pattern\]\] tables"):
        load_patterns(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="cannot be read"):
        load_patterns(path)
    with pytest.raises(UsageError, match=r"none\.toml: cannot be read \(No such file"):
        load_patterns(tmp_path / "none.toml")
