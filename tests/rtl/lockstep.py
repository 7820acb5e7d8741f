"""The RTL beside the machine edge by edge: after every edge all buffers are what the machine's instructions have made.

Instructions overlap, and the machine executes them one after the other. What an instruction writes is taken from the
machine, the edge at which each row of it is written from the closed forms; so the content of every memory is known at
every edge, between the ends of instructions too.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from accel_sim.isa import Compute, Conv, Host, Transfer
from accel_sim.machine.touches import touches
from tests.rtl.programs import Array, Pair

Write = tuple[str, Any, Array]  # memory, index into its data, content


@dataclass(frozen=True, eq=False)
class Expected:
    """What every memory holds at every edge of a run.

    Attributes
    ----------
    before
        Memories when the run starts, inputs written.
    writes
        By edge: a write at edge t is in the row when t + 1 edges have passed.
    sums
        Accumulators of CONV and ALU when so many edges have passed.
    ends
        Edges at which instructions end.
    """

    before: Mapping[str, Array]
    writes: Mapping[int, list[Write]]
    sums: Mapping[int, list[tuple[str, Array]]]
    ends: frozenset[int]


def expected(case: Pair) -> Expected:
    """Step the machine through the program of a pair whose memories are clear."""
    machine, program = case.machine, case.machine.program
    machine.reload()
    machine._on_host = {}
    for name in program.inputs:
        machine._write(name, np.asarray(case.image[name]))
    before = {name: memory.data.copy() for name, memory in machine.memories.items()}
    writes: dict[int, list[Write]] = defaultdict(list)
    sums: dict[int, list[tuple[str, Array]]] = defaultdict(list)
    for number, i in enumerate(program.instructions):
        start, end = int(machine.schedule.start[number]), int(machine.schedule.end[number])
        ddr = machine.memories["ddr"].data.copy() if isinstance(i, Host) else None
        machine.step(i, None, 0)
        if ddr is not None:
            changed = np.nonzero(ddr != machine.memories["ddr"].data)
            writes[start].append(("ddr", changed, machine.memories["ddr"].data[changed]))
        for touch in touches(i, program.origins[number].channels, program.config):
            if touch.write:
                _add(writes, touch, machine.memories[touch.memory].data, start)
        if isinstance(i, Compute):
            engine, name = ("CONV", "pe_acc") if isinstance(i, Conv) else ("ALU", "alu_acc")
            sums[end].append((name, machine.accumulators[engine].copy()))
    ends = (int(end) for i, end in zip(program.instructions, machine.schedule.end, strict=True) if _works(i))
    return Expected(before, writes, sums, frozenset(ends))


def _works(instruction: Any) -> bool:
    return isinstance(instruction, Transfer | Compute)


def _add(writes: dict[int, list[Write]], touch: Any, data: Array, start: int) -> None:
    for edge in np.unique(touch.edge):
        now = touch.edge == edge
        bank, row = touch.bank[now], touch.row[now]
        # DDR is written by bytes.
        index = (0, row // data.shape[2], row % data.shape[2]) if touch.memory == "ddr" else (bank, row)
        writes[start + int(edge)].append((touch.memory, index, data[index].copy()))


def follow(case: Pair, before_edge: Callable[[int], None] = lambda edge: None) -> tuple[list[str], int]:
    """Run the RTL edge by edge beside the machine, until a memory differs or the program is over.

    Parameters
    ----------
    before_edge
        Called with the number of each edge before it passes.

    Returns
    -------
    list of str
        What differs first, and after how many edges; empty where nothing does.
    int
        Ends of instructions at which everything has been compared.
    """
    case.clear()
    known = expected(case)
    now, rtl = {name: data.copy() for name, data in known.before.items()}, case.rtl
    banks, met = rtl.simulation.banks, 0
    rtl.begin(case.image)
    for edge in range(case.machine.schedule.cycles):
        before_edge(edge)
        rtl.advance(edge + 1)
        assert rtl.simulation.cycles == edge + 1
        for memory, index, content in known.writes.get(edge, ()):
            now[memory][index] = content
        wrong = [name for name in now if not _same(rtl, name, now[name])]
        for name, sums in known.sums.get(edge + 1, ()):
            if not np.array_equal(np.stack(banks[name]).view(np.int32)[..., 0], sums):
                wrong.append(name)
        if wrong:
            return [f"{name} after {edge + 1} edges" for name in wrong], met
        met += edge + 1 in known.ends
    return [], met


def _same(rtl: Any, name: str, data: Array) -> bool:
    if name in ("ddr", "ins"):
        return np.array_equal(rtl.memories[name].data, data)
    return all(np.array_equal(bank, rows) for bank, rows in zip(rtl.simulation.banks[name], data, strict=True))
