"""Which bits of the memories matter when, sorted for two questions: is this fault live, and which is the k-th one."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from accel_sim.config.memories import DDR_ROW_BYTES, INSTRUCTION_BYTES, PARAMETER_BYTES
from accel_sim.machine.occupancy import BEFORE, Intervals, Occupancy
from accel_sim.machine.timing import Schedule
from accel_sim.program import Program

Ints = NDArray[np.int64]
ELEMENT_BYTES = {"bias": 4, "rqp": PARAMETER_BYTES}  # of the other memories 1


class Place(NamedTuple):
    """One bit at one cycle."""

    bank: int
    row: int
    bit: int
    cycle: int


class Life(Protocol):
    """Live bits of one memory or class of registers, in groups (layers)."""

    name: str
    groups: tuple[str, ...]
    element_bits: int  # of a stored element: bit positions are classed by their place in it
    bits: int  # of the whole memory

    def population(self, group: int, bit: int) -> int:
        """Live bit-cycles of one group in one bit position of the element."""
        ...

    def place(self, group: int, bit: int, k: int) -> Place:
        """Return the k-th of them."""
        ...

    def is_live(self, place: Place) -> bool:
        """Whether a flip can matter."""
        ...


class MemoryLife:
    """Live intervals of one memory.

    Parameters
    ----------
    name
        Name of the memory.
    intervals
        When its rows are live; in DDR a row is a byte.
    group
        int64, the group of each interval.
    groups
        Their names.
    rows
        Rows of a bank (bytes, in DDR).
    cycles
        Cycles of one inference.
    bits
        Bits of the whole memory.
    """

    def __init__(
        self, name: str, intervals: Intervals, group: Ints, groups: Sequence[str], rows: int, cycles: int, bits: int
    ) -> None:
        self.name, self.groups, self.bits = name, tuple(groups), bits
        self.rows, self.cycles = rows, cycles
        self.element_bits = 8 * ELEMENT_BYTES.get(name, 1)
        order = np.argsort(group, kind="stable")
        self.intervals = Intervals(*(getattr(intervals, f)[order] for f in Intervals.__dataclass_fields__))
        self.bounds = np.searchsorted(group[order], np.arange(len(self.groups) + 1))
        self._sums: dict[tuple[int, int], Ints] = {}

    def _slice(self, group: int) -> slice:
        return slice(int(self.bounds[group]), int(self.bounds[group + 1]))

    def _bytes(self, used: Ints, byte: int) -> Ints:
        """Return the number of used bytes at place `byte` of an element."""
        width = self.element_bits // 8
        return np.maximum(0, (used - byte + width - 1) // width)

    def _cumulated(self, group: int, byte: int) -> Ints:
        """Live cycles of that byte of an element, cumulated over the group's intervals."""
        if (group, byte) not in self._sums:
            cut, i = self._slice(group), self.intervals
            self._sums[group, byte] = np.cumsum(self._bytes(i.used[cut], byte) * (i.end[cut] - i.start[cut]))
        return self._sums[group, byte]

    def population(self, group: int, bit: int) -> int:
        """Live bit-cycles of one group in one bit position of the element."""
        sums = self._cumulated(group, bit // 8)
        return int(sums[-1]) if sums.size else 0

    def place(self, group: int, bit: int, k: int) -> Place:
        """Return the k-th of them: interval by interval, element by element, cycle by cycle."""
        sums = self._cumulated(group, bit // 8)
        at = int(np.searchsorted(sums, k, side="right"))
        number, i = self._slice(group).start + at, self.intervals
        element, later = divmod(k - (int(sums[at - 1]) if at else 0), int(i.end[number] - i.start[number]))
        bank, row, byte = int(i.bank[number]), int(i.row[number]), element * self.element_bits // 8 + bit // 8
        if self.name == "ddr":
            row, byte = divmod(row, DDR_ROW_BYTES)
        return Place(bank, row, 8 * byte + bit % 8, int(i.start[number]) + later)

    @cached_property
    def _order(self) -> tuple[Ints, Ints]:
        """Intervals by row and time: their keys, ascending, and numbers."""
        keys = (self.intervals.bank * self.rows + self.intervals.row) * self.cycles + self.intervals.start
        order = np.argsort(keys)
        return keys[order], order

    def interval(self, place: Place) -> int | None:
        """Return the number of the live interval that holds a place, or None."""
        row, byte = (
            (place.row * DDR_ROW_BYTES + place.bit // 8, 0) if self.name == "ddr" else (place.row, place.bit // 8)
        )
        keys, order = self._order
        line = (place.bank * self.rows + row) * self.cycles
        at = int(keys.searchsorted(line + place.cycle, side="right")) - 1
        if at < 0 or keys[at] < line:
            return None
        number = int(order[at])
        live = place.cycle < self.intervals.end[number] and byte < self.intervals.used[number]
        return number if live else None

    def of_row(self, bank: int, row: int) -> Ints:
        """Return the numbers of all live intervals of a row (in DDR, of a byte) in order of time."""
        keys, order = self._order
        line = (bank * self.rows + row) * self.cycles
        low, high = np.searchsorted(keys, (line, line + self.cycles))
        return order[low:high]

    def is_live(self, place: Place) -> bool:
        """Whether a flip can matter."""
        return self.interval(place) is not None


def memory_lives(occupied: Occupancy, schedule: Schedule) -> dict[str, MemoryLife]:
    """Sort the live intervals of all memories, the instructions' included, by the layer that they belong to.

    The group of an interval is the layer whose instruction wrote it; in DDR the constants of a layer are a group of
    their own, and the inputs another.
    """
    program, found = occupied.program, {}
    names = layer_names(program)
    for name, intervals in {**occupied.memories, "ins": _instructions(program, schedule)}.items():
        layers = np.array([i.layer for i in program.instructions], np.int64)
        labels = names
        if name == "ins":
            group = layers[intervals.row]
        else:
            group = np.where(intervals.owner == BEFORE, 0, layers[np.maximum(intervals.owner, 0)])
        if name == "ddr":
            labels = (*names, *(f"{n}:constants" for n in names), "inputs")
            before = intervals.owner == BEFORE
            group[before] = _before(program, intervals.row[before])
        used, group = np.unique(group, return_inverse=True)
        spec = program.memories[name]
        rows = spec.rows * spec.row_bytes if name == "ddr" else spec.rows
        groups = [f"{name}:{labels[int(g)]}" for g in used]
        found[name] = MemoryLife(
            name, intervals, group.astype(np.int64), groups, rows, occupied.cycles, spec.bits
        )  # fmt: skip
    return found


def layer_names(program: Program) -> tuple[str, ...]:
    """Names of the layers, different for each."""
    if len(set(program.layers)) == len(program.layers) and all(program.layers):
        return program.layers
    return tuple(f"{number} {name}".strip() for number, name in enumerate(program.layers))


def _instructions(program: Program, schedule: Schedule) -> Intervals:
    """Instruction memory: live from the start until the fetch."""
    row = np.arange(len(program.instructions), dtype=np.int64)
    fetched = np.maximum(schedule.fetch, 0)
    live = fetched > 0
    count = int(live.sum())
    zero = np.zeros(count, np.int64)
    return Intervals(zero, row[live], zero, fetched[live], zero + INSTRUCTION_BYTES, zero + BEFORE, row[live])


def _before(program: Program, byte: Ints) -> Ints:
    """Group the DDR bytes that the host wrote before the start: the reading layer's constants, or the inputs."""
    layers = len(program.layers)
    addresses = np.array([s.address for s in program.symbols], np.int64)
    reading = np.array([s.layer for s in program.symbols], np.int64)
    order = np.argsort(addresses)
    at = np.searchsorted(addresses[order], byte, side="right") - 1
    inside = (byte < program.constants.size) & (at >= 0)
    found = np.full(byte.size, 2 * layers, np.int64)
    found[inside] = layers + reading[order][at[inside]]
    return found


def total_bit_cycles(lives: Mapping[str, Life], cycles: int) -> int:
    """Bits times cycles of all memories, live or not."""
    return sum(life.bits for life in lives.values()) * cycles
