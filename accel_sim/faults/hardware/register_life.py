"""When registers hold something that is still to be read, in closed form from the loops of each instruction.

A register of an engine is written and read once in every turn of a loop, so that its live cycles repeat: `count`
windows of `length` cycles, one every `period` cycles from `start` on, for all registers of some lanes. Lanes that have
nothing to do (beyond the last channel or pixel) are counted as live; their faults come out as masked.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.config import RegisterSpec, register_map
from accel_sim.faults.hardware.life import Place, layer_names
from accel_sim.isa import Alu, AluOp, Compute, Conv
from accel_sim.isa.geometry import SUM, Walk, walk
from accel_sim.machine.timing import Schedule
from accel_sim.program import Program

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Window:
    """Live cycles of the registers in banks ``low .. high``: ``start + i * period + j``, i < count, j < length."""

    low: int
    high: int
    start: int
    period: int
    count: int
    length: int


class RegisterLife:
    """Live cycles of one class of registers.

    Parameters
    ----------
    spec
        The registers.
    windows
        Their live cycles.
    group
        The group of each window.
    groups
        Names of the groups.
    """

    def __init__(
        self, spec: RegisterSpec, windows: Sequence[Window], group: Sequence[int], groups: Sequence[str]
    ) -> None:
        self.name, self.bits, self.element_bits, self.rows = spec.name, spec.bits, spec.row_bits, spec.rows
        self.groups = tuple(groups)
        order = np.argsort(np.array(group, np.int64), kind="stable")
        columns = np.array([[getattr(w, f) for f in Window.__dataclass_fields__] for w in windows], np.int64)
        self.low, self.high, self.start, self.period, self.count, self.length = columns.reshape(-1, 6)[order].T
        self.bounds = np.searchsorted(np.array(group, np.int64)[order], np.arange(len(groups) + 1))
        self._weights = (self.high - self.low) * self.rows * self.count * self.length

    def _sums(self, group: int) -> Ints:
        cut = slice(int(self.bounds[group]), int(self.bounds[group + 1]))
        return np.cumsum(self._weights[cut])

    def population(self, group: int, bit: int) -> int:
        """Live bit-cycles of one group in one bit position."""
        assert 0 <= bit < self.element_bits
        return int(self._sums(group)[-1])

    def place(self, group: int, bit: int, k: int) -> Place:
        """Return the k-th of them: window by window, register by register, cycle by cycle."""
        sums = self._sums(group)
        at = int(np.searchsorted(sums, k, side="right"))
        n = int(self.bounds[group]) + at
        register, later = divmod(k - (int(sums[at - 1]) if at else 0), int(self.count[n] * self.length[n]))
        turn, offset = divmod(later, int(self.length[n]))
        bank, row = divmod(register, self.rows)
        return Place(int(self.low[n]) + bank, row, bit, int(self.start[n] + turn * self.period[n]) + offset)

    def is_live(self, place: Place) -> bool:
        """Whether a flip can matter."""
        turn, offset = np.divmod(place.cycle - self.start, self.period)
        here = (self.low <= place.bank) & (place.bank < self.high)
        return bool(np.any(here & (turn >= 0) & (turn < self.count) & (offset < self.length)))


def _windows(name: str, i: Compute, w: Walk, start: int, kept: int) -> Iterator[Window]:
    """Windows of one instruction that starts at edge `start`; see docs/machine.md for the edges.

    `kept` is the edge since which the accumulators hold the sums that the instruction goes on with.
    """
    lanes, block = w.lanes, w.taps * w.phases
    for o in range(w.groups):
        read = start + 1 + o * w.group_cycles + w.prelude  # of the first slot's first phase
        if name == "act":
            for lane in range(lanes):
                phase = w.phase_of(lane)
                yield Window(lane, lane + 1, read + phase, w.phases, w.blocks * w.taps, w.phases - phase)
        elif name == "wgt":
            if isinstance(i, Conv) or (isinstance(i, Alu) and i.op == AluOp.DEPTHWISE):
                yield Window(0, -1, read, w.phases, w.blocks * w.taps, w.phases)
        elif name == "acc":
            yield from _sums(i, w, read, block, kept)
        elif isinstance(i, Conv) and not i.last:
            continue
        else:
            first = read + block + (SUM if name == "rqa" else SUM + 1)
            yield Window(0, lanes, first, block, w.blocks, 1)


def _sums(i: Compute, w: Walk, read: int, block: int, kept: int) -> Iterator[Window]:
    """Accumulators: from the first sum of a block until the requantiser takes the last one, or the next instruction."""
    first = read + w.phases
    length = block - w.phases + 1
    if isinstance(i, Conv) and not i.first:  # a single block: goes on with older sums
        first, length = kept, read + block + 1 - kept
    yield Window(0, w.lanes, first, max(block, length), w.blocks, length)


def register_lives(program: Program, schedule: Schedule) -> dict[str, RegisterLife]:
    """Find the live cycles of all registers that the program uses."""
    found, names = {}, layer_names(program)
    compute = [(n, i) for n, i in enumerate(program.instructions) if isinstance(i, Compute)]
    for name, spec in register_map(program.config).items():
        kind = Conv if spec.engine == "CONV" else Alu
        windows: list[Window] = []
        layers: list[int] = []
        kept = 0
        for number, i in compute:
            if not isinstance(i, kind):
                continue
            w, start = walk(i, program.config), int(schedule.start[number])
            for window in _windows(name.split("_")[1], i, w, start, kept):
                high = spec.banks if window.high < 0 else window.high
                windows.append(Window(window.low, high, *list(vars(window).values())[2:]))
                layers.append(i.layer)
            kept = start + 1 + w.groups * w.group_cycles + 1
        if windows:
            used, group = np.unique(layers, return_inverse=True)
            groups = [f"{name}:{names[int(g)]}" for g in used]
            found[name] = RegisterLife(spec, windows, group.tolist(), groups)
    return found
