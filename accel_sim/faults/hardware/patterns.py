"""Several cells upset at once: shapes of neighbouring cells, how often each occurs, and which bits they are.

A memory bank is an array of cells. Without interleaving a row of cells holds one row of the bank, bit after bit. With
interleaving of degree I it holds I rows of the bank: cell ``b * I + r % I`` of cell row ``r // I`` is bit b of row r,
so that neighbours on a line of cells belong to different rows of the bank, and a word is hit in one bit only (the usual
companion of a code that repairs one). Which cells are neighbours in a device is not published; the two layouts are the
textbook ones.
"""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Any

from accel_sim.config import MemorySpec
from accel_sim.errors import InputError, UsageError
from accel_sim.faults.hardware.fault import MEMORY, HardwareFault

MOST_INTERLEAVING = 64
MOST_CELLS = 64
Cell = tuple[int, int]


@dataclass(frozen=True)
class Pattern:
    """A shape of cells that are upset together.

    Attributes
    ----------
    name
        Its name.
    cells
        Rows and columns of cells, counted from the cell that is struck: it is in the shape as (0, 0).
    weight
        How often it occurs, relative to the others of its table.
    """

    name: str
    cells: tuple[Cell, ...]
    weight: float = 1.0


SHAPES = {
    p.name: p
    for p in (
        Pattern("single", ((0, 0),)),
        Pattern("pair", ((0, 0), (0, 1))),
        Pattern("column", ((0, 0), (1, 0))),
        Pattern("diagonal", ((0, 0), (1, 1))),
        Pattern("triple", ((0, 0), (0, 1), (0, 2))),
        Pattern("corner", ((0, 0), (0, 1), (1, 0))),
        Pattern("square", ((0, 0), (0, 1), (1, 0), (1, 1))),
    )
}


@dataclass(frozen=True)
class PatternTable:
    """Shapes and how often each occurs.

    Attributes
    ----------
    patterns
        The shapes.
    source
        Where the weights come from.
    verified
        Whether someone has checked them against the source.
    interleave
        Degree of interleaving.
    """

    patterns: tuple[Pattern, ...]
    source: str
    verified: bool
    interleave: int = 1

    def pick(self, seed: int, number: int) -> Pattern:
        """Return the shape of the `number`-th draw: a function of seed and number, with the table's frequencies."""
        digest = hashlib.blake2b(f"pattern:{seed}:{number}".encode(), digest_size=8).digest()
        sums = list(accumulate(p.weight for p in self.patterns))
        place = int.from_bytes(digest, "big") / 2**64 * sums[-1]
        return next(p for p, end in zip(self.patterns, sums, strict=True) if place < end)

    def named(self, name: str) -> Pattern:
        """Return a shape by name.

        Raises
        ------
        UsageError
            The table has none of that name.
        """
        for pattern in self.patterns:
            if pattern.name == name:
                return pattern
        raise UsageError(f"pattern {name!r} is not in the table; use one of {', '.join(p.name for p in self.patterns)}")


def spread(fault: HardwareFault, pattern: Pattern, spec: MemorySpec, interleave: int = 1) -> HardwareFault:
    """Let a fault strike its cell's neighbours, too.

    Parameters
    ----------
    fault
        One bit of a memory.
    pattern
        The shape; cells beyond the edge of the bank are left out.
    spec
        The memory.
    interleave
        Rows of the bank in a row of cells.

    Returns
    -------
    HardwareFault
        The same with all bits of the shape; those of the fault's own row in `bits`, the others in `cells`.

    Raises
    ------
    InputError
        The fault has several bits already, or is none of a memory.
    """
    if fault.space != MEMORY:
        raise InputError(f"fault: a pattern is for the cells of a memory, and {fault.memory!r} is a register")
    if len(fault.bits) != 1 or fault.cells:
        raise InputError("fault: a pattern starts at one bit; give a single bit and no cells")
    found = []
    for down, right in pattern.cells:
        row, column = fault.row // interleave + down, fault.bits[0] * interleave + fault.row % interleave + right
        place = row * interleave + column % interleave, column // interleave
        if 0 <= place[0] < spec.rows and 0 <= place[1] < 8 * spec.row_bytes:
            found.append(place)
    own = tuple(sorted(bit for row, bit in found if row == fault.row))
    return replace(fault, bits=own, cells=tuple(sorted(cell for cell in found if cell[0] != fault.row)))


def load_patterns(path: str | Path) -> PatternTable:
    """Read a table of shapes from a TOML file.

    The file has ``source`` (text), ``verified`` (true or false), optionally ``interleave``, and for each shape a
    ``[[pattern]]`` with ``name``, ``cells`` (``[[row, column], ...]`` from the struck cell, which is ``[0, 0]``) and
    ``weight``. There is no table in this package: shares of multiple upsets differ by device and process.

    Raises
    ------
    UsageError
        The file cannot be read, or a field is missing or not legal.
    """
    try:
        plain = tomllib.loads(Path(path).read_bytes().decode())
    except (OSError, UnicodeDecodeError) as error:
        reason = "it is no text" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise UsageError(f"{path}: cannot be read ({reason}); give a TOML file of patterns") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: is not TOML ({error}); one key = value on a line") from error
    known = {"source", "verified", "interleave", "pattern"}
    for name in sorted(set(plain) - known):
        raise UsageError(f"{path}: unknown field {name!r:.80}; the fields are {', '.join(sorted(known))}")
    for name in ("source", "verified", "pattern"):
        if name not in plain:
            raise UsageError(f"{path}: field {name!r} is missing; a table says where its weights come from")
    source, verified, patterns = plain["source"], plain["verified"], plain["pattern"]
    if not isinstance(source, str) or not source:
        raise UsageError(f"{path}: source is {source!r:.80}, but must be a text; name the paper, table or test report")
    if not isinstance(verified, bool):
        raise UsageError(f"{path}: verified is {verified!r:.80}, but must be true or false")
    if not isinstance(patterns, list) or not patterns or not all(isinstance(p, dict) for p in patterns):
        raise UsageError(f"{path}: pattern must be one or several [[pattern]] tables")
    found = tuple(_pattern(path, number, record) for number, record in enumerate(patterns))
    names = [p.name for p in found]
    if double := next((n for n in names if names.count(n) > 1), None):
        raise UsageError(f"{path}: pattern {double!r} is there twice; give each a name of its own")
    if not sum(p.weight for p in found) > 0:
        raise UsageError(f"{path}: all weights are 0; one at least must be larger")
    return PatternTable(found, source, verified, check_interleave(plain.get("interleave", 1), str(path)))


def check_interleave(value: object, where: str = "--interleave") -> int:
    """Return a degree of interleaving.

    Raises
    ------
    UsageError
        It is not a whole number from 1 to 64.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_INTERLEAVING:
        limits = f"a whole number from 1 to {MOST_INTERLEAVING}"
        raise UsageError(f"{where}: interleave is {value!r:.80}, but must be {limits}")
    return value


def _pattern(path: str | Path, number: int, record: Mapping[str, Any]) -> Pattern:
    where = f"{path}: pattern {number}"
    for name in sorted(set(record) - {"name", "cells", "weight"}):
        raise UsageError(f"{where}: unknown field {name!r:.80}; the fields are cells, name, weight")
    for name in ("name", "cells", "weight"):
        if name not in record:
            raise UsageError(f"{where}: field {name!r} is missing; each has name, cells and weight")
    name, cells, weight = record["name"], record["cells"], record["weight"]
    if not isinstance(name, str) or not name:
        raise UsageError(f"{where}: name is {name!r:.80}, but must be a text")
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < float("inf"):
        raise UsageError(f"{where}: weight is {weight!r:.80}, but must be a number that is not negative")
    if not isinstance(cells, list) or not 0 < len(cells) <= MOST_CELLS or not all(_is_cell(c) for c in cells):
        raise UsageError(f"{where}: cells is {cells!r:.80}, but must be 1 to {MOST_CELLS} pairs [row, column]")
    shape = tuple((int(row), int(column)) for row, column in cells)
    if (0, 0) not in shape or len(set(shape)) != len(shape):
        raise UsageError(f"{where}: cells must be different and hold the struck cell [0, 0]")
    return Pattern(name, shape, float(weight))


def _is_cell(cell: object) -> bool:
    return isinstance(cell, list) and len(cell) == 2 and all(type(n) is int and abs(n) <= 4096 for n in cell)
