"""When an upset acts: before which instruction, inside of one, or never.

All accesses to a row follow each other in program order (tokens see to that), so that an upset belongs in front of the
first instruction that touches its row at a later edge. Only where an instruction is half through with a row does the
order inside of it matter.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from accel_sim.config import AcceleratorConfig
from accel_sim.config.memories import DDR_ROW_BYTES
from accel_sim.isa import Alu, Compute, Conv, Host, Instruction, Load, Save, Transfer
from accel_sim.isa.geometry import MEMORY_NAMES, accesses, lanes_of, transfer_offset, walk, word_bytes
from accel_sim.machine import literal
from accel_sim.machine.memory import BitUpset, Memory
from accel_sim.machine.timing import Schedule
from accel_sim.program import Program, TensorSymbol

ENGINE_TYPES = {"CONV": Conv, "ALU": Alu}
_KIND = {
    "img": literal.IMG, "wgt": literal.WEIGHTS, "dwt": literal.WEIGHTS, "bias": literal.BIAS,
    "rqp": literal.PARAMETERS, "tab": literal.TABLE,
    "act": literal.ACT, "wgt_": literal.WOP, "acc": literal.ACC, "rqa": literal.RQA, "rqo": literal.RQO,
}  # fmt: skip


@dataclass
class Strike:
    """Upsets around one instruction: before it starts, and while it runs."""

    before: list[BitUpset] = field(default_factory=list)
    inside: list[BitUpset] = field(default_factory=list)

    def events(self, instruction: Compute, config: AcceleratorConfig) -> NDArray[np.int64] | None:
        """Return events for :mod:`literal`, or None without any."""
        if not self.inside:
            return None
        rows = [_event(upset, config) for upset in self.inside]
        return np.array(sorted(rows), np.int64)


def _event(upset: BitUpset, config: AcceleratorConfig) -> tuple[int, int, int, int, int, int]:
    if upset.memory not in _KIND:
        short = upset.memory.split("_")[1]
        kind = _KIND["wgt_" if short == "wgt" else short]
        return kind, upset.cycle, upset.bank, upset.row, 0, 1 << upset.bit
    return _KIND[upset.memory], upset.cycle, upset.bank, upset.row, upset.bit // 8, 1 << upset.bit % 8


def instruction_upsets(upsets: Sequence[BitUpset]) -> list[BitUpset]:
    """Upsets of instruction memory in program order."""
    return sorted((u for u in upsets if u.memory == "ins"), key=lambda u: (u.row, u.cycle))


def plan_strikes(
    program: Program,
    instructions: Sequence[Instruction],
    times: Schedule,
    upsets: Sequence[BitUpset],
    near: Sequence[int] | None = None,
) -> dict[int, Strike]:
    """Return what happens around which instruction; the number after the last one stands for the end of the run.

    Parameters
    ----------
    near
        Numbers of the instructions, ascending, among which all are that touch the rows of the upsets; None for unknown.
    """
    near = range(len(instructions)) if near is None else near
    found: dict[int, Strike] = defaultdict(Strike)
    for upset in sorted((u for u in upsets if u.memory != "ins"), key=lambda u: u.cycle):
        is_register = upset.memory not in program.memories
        where = _register(program, instructions, times, upset) if is_register else None
        where = where if is_register else _row(program, instructions, times, upset, near)
        if where is not None:
            number, inside = where
            (found[number].inside if inside else found[number].before).append(upset)
    return dict(found)


def _register(
    program: Program, instructions: Sequence[Instruction], times: Schedule, upset: BitUpset
) -> tuple[int, bool] | None:
    kind = Conv if upset.memory.startswith("pe_") else Alu
    for number, instruction in enumerate(instructions):
        if not isinstance(instruction, kind) or times.end[number] <= upset.cycle:
            continue
        if times.start[number] <= upset.cycle:
            return number, True
        keeps = isinstance(instruction, Conv) and not instruction.first and upset.memory == "pe_acc"
        return (number, False) if keeps else None
    return None


def _touching(
    program: Program, instructions: Sequence[Instruction], near: Sequence[int], memory: str, low: int, high: int
) -> Iterator[tuple[int, Instruction, bool, bool]]:
    """Those of some instructions whose intervals meet ``[low, high)`` of a memory: number, itself, reads, writes."""
    for number in near:
        instruction = instructions[number]
        if isinstance(instruction, Host) and memory == "ddr":
            call = program.calls[instruction.call]
            reads, writes = (
                any(_meets(program.tensors[n], low, high) for n in names) for names in (call.inputs, call.outputs)
            )
        else:
            met = [
                a for a in accesses(instruction, program.config) if a.memory == memory and a.low < high > low < a.high
            ]
            reads, writes = any(not a.write for a in met), any(a.write for a in met)
        if reads or writes:
            yield number, instruction, reads, writes


def _meets(symbol: TensorSymbol, low: int, high: int) -> bool:
    if symbol.address is None:
        return False
    extent = [(size - 1) * pitch for size, pitch in zip(symbol.extent, (*symbol.pitches, 1), strict=True)]
    return symbol.address < high and low <= symbol.address + sum(extent)


def _row(
    program: Program, instructions: Sequence[Instruction], times: Schedule, upset: BitUpset, near: Sequence[int]
) -> tuple[int, bool] | None:
    """Where an upset of a memory belongs; None when it is overwritten or never seen again."""
    config, memory = program.config, upset.memory
    if memory == "ddr":
        low = upset.row * DDR_ROW_BYTES + upset.bit // 8
    elif memory == "img":
        low = upset.bank // config.pixel_parallel * config.image_rows + upset.row
    else:
        low = upset.row
    for number, instruction, reads, writes in _touching(program, instructions, near, memory, low, low + 1):
        start, end = int(times.start[number]), int(times.end[number])
        if start < 0 or end - 1 <= upset.cycle:
            continue
        if start >= upset.cycle and (not isinstance(instruction, Host) or start > upset.cycle):
            return number, False
        if isinstance(instruction, Host):
            continue
        if writes:
            edges = _write_edges(instruction, config, memory, upset, low)
            if edges.size and start + edges.min() > upset.cycle:
                return None  # overwritten before anything reads it
        if isinstance(instruction, Compute) and reads:
            return number, True
        if isinstance(instruction, Transfer) and reads:
            edges = _read_edges(instruction, config, memory, upset, low)
            if edges.size and start + edges.max() > upset.cycle:
                return number, True
    return (len(instructions), False) if memory == "ddr" else None


def _words(instruction: Transfer) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Coordinates (y, x, c) of all words of a transfer."""
    grid = np.indices((instruction.ny, instruction.nx, instruction.nc))
    y, x, c = (axis.reshape(-1) for axis in grid)
    return y, x, c


def _ddr_words(i: Transfer, config: AcceleratorConfig, byte: int) -> NDArray[np.int64]:
    """Numbers of the words that hold a DDR byte."""
    y, x, c = _words(i)
    width = word_bytes(MEMORY_NAMES[i.memory], config)
    first = i.address + y * i.ddr_pitch_y + x * i.ddr_pitch_x + c * width
    count = np.minimum(width, i.valid - c * width)
    return np.flatnonzero((first <= byte) & (byte < first + count))


def _buffer_words(i: Transfer, config: AcceleratorConfig, lane: int, line: int) -> NDArray[np.int64]:
    """Numbers of the words that go to (or come from) a row."""
    y, x, c = _words(i)
    lanes = lanes_of(MEMORY_NAMES[i.memory], config)
    rows = i.base + y * i.pitch_y + x // lanes * i.pitch_x + c
    return np.flatnonzero((rows == line) & (x % lanes == lane % lanes))


def _port_edges(i: Transfer, config: AcceleratorConfig, words: NDArray[np.int64], late: bool) -> NDArray[np.int64]:
    """Edges of words on the port, or, where `late`, a memory latency later."""
    offsets = [transfer_offset(i, config, int(w) // i.nc, int(w) % i.nc) for w in words]
    return np.array(offsets, np.int64) + (config.ddr_latency_cycles if late else 0)


def _write_edges(
    instruction: Instruction, config: AcceleratorConfig, memory: str, upset: BitUpset, low: int
) -> NDArray[np.int64]:
    """Edges after the start at which the row (the byte, in DDR) is written."""
    if isinstance(instruction, Transfer):
        words = (
            _ddr_words(instruction, config, low)
            if memory == "ddr"
            else _buffer_words(instruction, config, upset.bank, low)
        )
        return _port_edges(instruction, config, words, late=True)
    assert isinstance(instruction, Compute)
    i, w = instruction, walk(instruction, config)
    group, y, x = (axis.reshape(-1) for axis in np.indices((i.out_groups, i.out_height, i.out_width)))
    rows = i.out_base + y * i.out_pitch_y + x // config.pixel_parallel * i.out_pitch_x + group
    hits = np.flatnonzero((rows == low) & (x % config.pixel_parallel == upset.bank % config.pixel_parallel))
    edges = [w.write_edge(int(group[h]), int(y[h]) * w.across + int(x[h]) // w.lanes) for h in hits]
    return np.array(edges, np.int64)


def _read_edges(
    instruction: Transfer, config: AcceleratorConfig, memory: str, upset: BitUpset, low: int
) -> NDArray[np.int64]:
    words = (
        _ddr_words(instruction, config, low) if memory == "ddr" else _buffer_words(instruction, config, upset.bank, low)
    )
    return _port_edges(instruction, config, words, late=False)


def repeat_late_words(
    instruction: Transfer, config: AcceleratorConfig, memories: Mapping[str, Memory], upset: BitUpset, start: int
) -> None:
    """Move those words of a transfer again that are read after the upset, which is in the source by now."""
    i, name = instruction, MEMORY_NAMES[instruction.memory]
    ddr, buffer, width = memories["ddr"].data.reshape(-1), memories[name].data, word_bytes(name, config)
    if upset.memory == "ddr":
        words = _ddr_words(i, config, upset.row * DDR_ROW_BYTES + upset.bit // 8)
    else:
        line = upset.bank // config.pixel_parallel * config.image_rows + upset.row
        words = _buffer_words(i, config, upset.bank, line)
    for word in words[start + _port_edges(i, config, words, late=False) > upset.cycle]:
        pixel, c = divmod(int(word), i.nc)
        y, x = divmod(pixel, i.nx)
        lanes = lanes_of(name, config)
        address = i.address + y * i.ddr_pitch_y + x * i.ddr_pitch_x + c * width
        count = min(width, i.valid - c * width)
        line = i.base + y * i.pitch_y + x // lanes * i.pitch_x + c
        rows = buffer.shape[1]
        one = buffer[line // rows * lanes + x % lanes, line % rows]
        if isinstance(i, Save):
            ddr[address : address + count] = one[:count]
        elif name == "tab":
            buffer[:, line, 0] = ddr[address]
        else:
            assert isinstance(i, Load)
            one[:count] = ddr[address : address + count]
