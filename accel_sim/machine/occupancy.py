"""When a row holds something that is still to be read: intervals from the program alone, nothing is run.

A flip after edge k is overwritten by a write at edge w > k and seen by a read at edge r > k. A row that is written at w
and read for the last time at r before its next write is therefore live for flips at ``w <= k < r``: ``r - w`` cycles.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.config import memory_map
from accel_sim.isa import Host, Load, Transfer
from accel_sim.machine.timing import Schedule, schedule
from accel_sim.machine.touches import Touch, touches
from accel_sim.program import Program, TensorSymbol

BEFORE = -1  # owner of what the host wrote before the first cycle


@dataclass(frozen=True, eq=False)
class Intervals:
    """Live intervals of one memory; arrays of one length.

    Attributes
    ----------
    bank, row
        Where; in ``ddr`` a row is a single byte.
    start, end
        Flips at cycles ``start <= k < end`` can matter.
    used
        Bytes of the row, from byte 0, that a reader uses.
    owner
        Number of the instruction that wrote, -1 for the host before the start.
    reader
        Number of the last instruction that reads; the number of all instructions where the host reads after the end.
    """

    bank: NDArray[np.int64]
    row: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    used: NDArray[np.int64]
    owner: NDArray[np.int64]
    reader: NDArray[np.int64]

    @property
    def bit_cycles(self) -> int:
        """Sum of live bits times live cycles."""
        return int((8 * self.used * (self.end - self.start)).sum())

    def is_live(self, bank: int, row: int, byte: int, cycle: int) -> bool:
        """Whether a flip can matter."""
        here = (self.bank == bank) & (self.row == row) & (self.used > byte)
        return bool(np.any(here & (self.start <= cycle) & (cycle < self.end)))


class _Rows:
    """The state of a memory while the program is read through."""

    def __init__(self, banks: int, rows: int) -> None:
        self.written = np.zeros((banks, rows), np.int64)
        self.read = np.full((banks, rows), -1, np.int64)
        self.used = np.zeros((banks, rows), np.int64)
        self.owner = np.full((banks, rows), BEFORE, np.int64)
        self.reader = np.full((banks, rows), BEFORE, np.int64)
        self.closed: list[tuple[NDArray[np.int64], ...]] = []

    def see(self, touch: Touch, start: int, number: int) -> None:
        """Take note of reads or writes."""
        at = touch.bank, touch.row
        if not touch.write:
            np.maximum.at(self.read, at, start + touch.edge)
            np.maximum.at(self.used, at, touch.used)
            self.reader[at] = number
            return
        self.close(*at)
        self.written[at], self.owner[at] = start + touch.edge, number
        self.read[at], self.used[at] = -1, 0

    def close(self, bank: NDArray[np.int64], row: NDArray[np.int64]) -> None:
        """Finish intervals of rows that were read since they were written."""
        live = self.read[bank, row] > self.written[bank, row]
        b, r = bank[live], row[live]
        columns = (self.written, self.read, self.used, self.owner, self.reader)
        self.closed.append((b, r, *(column[b, r] for column in columns)))

    def intervals(self) -> Intervals:
        """Finish everything."""
        bank, row = (axis.reshape(-1) for axis in np.indices(self.read.shape))
        self.close(bank, row)
        return Intervals(*(np.concatenate(parts) for parts in zip(*self.closed, strict=True)))


@dataclass(frozen=True, eq=False)
class Occupancy:
    """Live intervals of all memories but the instructions'.

    Attributes
    ----------
    memories
        By name.
    cycles
        Cycles of one inference.
    """

    program: Program
    memories: Mapping[str, Intervals]
    cycles: int

    def live_fraction(self, memory: str) -> float:
        """Share of the memory's bits times cycles in which a flip can matter."""
        return self.memories[memory].bit_cycles / (self.program.memories[memory].bits * self.cycles)

    def owner_name(self, owner: int) -> str:
        """Tensor or constant that an interval holds."""
        if owner == BEFORE:
            return "constants and inputs"
        origin, instruction = self.program.origins[owner], self.program.instructions[owner]
        if isinstance(instruction, Load):
            return ", ".join(origin.reads)
        return origin.writes

    def by_layer(self, memory: str) -> dict[tuple[int, str], int]:
        """Live bit-cycles by number of the writing layer (-1: before the start) and by what is held."""
        found: dict[tuple[int, str], int] = {}
        intervals = self.memories[memory]
        cycles = 8 * intervals.used * (intervals.end - intervals.start)
        owners, inverse = np.unique(intervals.owner, return_inverse=True)
        totals = np.bincount(inverse, weights=cycles.astype(np.float64), minlength=owners.size)
        for owner, total in zip(owners.tolist(), totals.tolist(), strict=True):
            layer = -1 if owner == BEFORE else self.program.instructions[owner].layer
            key = layer, self.owner_name(owner)
            found[key] = found.get(key, 0) + round(total)
        return found


def _bytes_of(symbol: TensorSymbol) -> NDArray[np.int64]:
    """DDR bytes of a tensor."""
    assert symbol.address is not None
    total = np.array(symbol.address, np.int64)
    for size, pitch in zip(symbol.extent, (*symbol.pitches, 1), strict=True):
        total = total[..., None] + np.arange(size, dtype=np.int64) * pitch
    return total.reshape(-1)


def _ddr_touch(symbols: Mapping[str, TensorSymbol], names: tuple[str, ...], write: bool) -> Touch:
    found = [_bytes_of(symbols[n]) for n in names if symbols[n].address is not None]
    rows = np.concatenate(found) if found else np.empty(0, np.int64)
    return Touch("ddr", write, 0 * rows, rows, 0 * rows, 1 + 0 * rows)


def _touches(program: Program, number: int) -> Iterator[Touch]:
    instruction = program.instructions[number]
    if isinstance(instruction, Host):
        call = program.calls[instruction.call]
        yield _ddr_touch(program.tensors, call.inputs, write=False)
        yield _ddr_touch(program.tensors, call.outputs, write=True)
        return
    channels = program.origins[number].channels
    assert channels or isinstance(instruction, Transfer) or not hasattr(instruction, "out_groups")
    yield from touches(instruction, channels, program.config)


def occupancy(program: Program, times: Schedule | None = None) -> Occupancy:
    """Find all live intervals of a program.

    Parameters
    ----------
    times
        Its schedule, where it is known already.
    """
    times = times or schedule(program.instructions, program.config)
    rows = {name: _Rows(spec.banks, spec.rows) for name, spec in memory_map(program.config).items()}
    rows["ddr"] = _Rows(1, program.memories["ddr"].rows * program.memories["ddr"].row_bytes)
    for number in range(len(program.instructions)):
        for touch in _touches(program, number):
            rows[touch.memory].see(touch, int(times.start[number]), number)
    outputs = _ddr_touch(program.tensors, program.outputs, write=False)
    rows["ddr"].see(outputs, times.cycles, len(program.instructions))
    return Occupancy(program, {name: state.intervals() for name, state in rows.items()}, times.cycles)
