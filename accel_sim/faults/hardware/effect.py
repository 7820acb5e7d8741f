"""What a flipped bit of a memory does to tensors, where that is the same for everyone who reads it.

Three cases are exact, and found from the program alone:

* a constant that is flipped before anyone reads it: an upset of the stored parameter;
* a feature map in DDR that is flipped after it was written, where all that read it later do so through the same tensor
  of the graph, which nobody has read yet: an upset of that tensor;
* a row of image memory that is flipped before its first reader, where no other copy of the byte is ever read.

Everything else (a part of the readers sees the flip; requantisation parameters, tables, registers, instructions) is
left to the machine.
"""

from collections import defaultdict
from collections.abc import Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from accel_sim.config.memories import DDR_ROW_BYTES
from accel_sim.engine import Upset
from accel_sim.faults.hardware.fault import MEMORY, HardwareFault
from accel_sim.faults.hardware.life import MemoryLife, Place
from accel_sim.faults.hardware.readers import DdrReaders, Extent, ddr_byte, element_at, loads_of, onnx_position, reads
from accel_sim.isa import Compute, Load, Save
from accel_sim.isa.geometry import MEMORY_NAMES
from accel_sim.machine.occupancy import BEFORE
from accel_sim.machine.timing import Schedule
from accel_sim.model import Concat, Graph, Move
from accel_sim.program import ConstantSymbol, Program

STORED_AS_THEY_ARE = {"weight": 1, "bias": 4, "operand": 1}  # role of a constant: bytes of an element
PARAMETERS, ACTIVATIONS = "parameters", "activations"


class NotOneTensorError(Exception):
    """The fault is none of a single stored element; the machine has to run it."""


Element = tuple[str, str, int, int]  # kind, tensor, flat ONNX position, mask


class Translator:
    """Finds the upset of tensors that a memory fault amounts to.

    Parameters
    ----------
    graph, program
        The model, and what it was compiled to.
    times
        Its schedule.
    lives
        Live intervals of all memories.
    """

    def __init__(self, graph: Graph, program: Program, times: Schedule, lives: Mapping[str, MemoryLife]) -> None:
        self.graph, self.program, self.times, self.lives = graph, program, times, lives
        self.config = program.config
        self.ddr, self.reads = DdrReaders(program, times), reads(program)

    def upset(self, fault: HardwareFault) -> Upset | None:
        """Return the upset of stored tensors with the same outputs, or None where there is none."""
        if fault.space != MEMORY or fault.memory not in self.lives:
            return None
        masks: dict[tuple[str, str, int], int] = defaultdict(int)
        try:
            for u in fault.upsets:
                place = Place(u.bank, u.row, u.bit, u.cycle)
                if (number := self.lives[fault.memory].interval(place)) is not None:
                    kind, name, position, mask = self._element(fault.memory, place, number)
                    masks[kind, name, position] ^= mask
        except NotOneTensorError:
            return None
        patches: dict[str, dict[str, list[tuple[int, int]]]] = {PARAMETERS: {}, ACTIVATIONS: {}}
        for (kind, name, position), mask in masks.items():
            patches[kind].setdefault(name, []).append((position, mask))
        made = [
            {name: (np.array([p for p, _ in found], np.int64), np.array([m for _, m in found], np.int64))
             for name, found in patches[kind].items()}
            for kind in (PARAMETERS, ACTIVATIONS)
        ]  # fmt: skip
        return Upset(*made)

    def _element(self, memory: str, place: Place, number: int) -> Element:
        if memory == "ddr":
            return self._ddr(place)
        if memory in ("wgt", "dwt", "bias", "img"):
            return self._buffer(memory, place, number)
        raise NotOneTensorError

    # --- DDR -----------------------------------------------------------------------------------------------------
    def _ddr(self, place: Place) -> Element:
        byte, bit = place.row * DDR_ROW_BYTES + place.bit // 8, place.bit % 8
        if byte < self.program.constants.size:
            loads = self.ddr.load_numbers(byte)
            if any(int(self.times.start[n]) < place.cycle for n in loads):
                raise NotOneTensorError
            return self._constant(byte, bit)
        return self._feature(byte, bit, place.cycle)

    def _constant(self, byte: int, bit: int) -> Element:
        """Return the parameter's element of a byte of the constant image."""
        starts, symbols = self._symbols
        symbol = symbols[int(np.searchsorted(starts, byte, side="right")) - 1]
        offset = byte - symbol.address
        width = STORED_AS_THEY_ARE.get(symbol.role, 0)
        if not width or offset >= symbol.elements.size or symbol.name not in self._stored_once:
            raise NotOneTensorError
        element = int(symbol.elements[offset])
        if element < 0:
            raise NotOneTensorError
        return PARAMETERS, symbol.name, element, 1 << 8 * (offset % width) + bit

    @cached_property
    def _symbols(self) -> tuple[NDArray[np.int64], list[ConstantSymbol]]:
        symbols = sorted(self.program.symbols, key=lambda s: s.address)
        return np.array([s.address for s in symbols], np.int64), symbols

    @cached_property
    def _stored_once(self) -> frozenset[str]:
        """Parameters whose elements lie in DDR as the model stores them, each of them in one place."""
        found = set()
        for name, parameter in self.graph.parameters.items():
            own = [s for s in self.program.symbols if s.name == name]
            widths = {STORED_AS_THEY_ARE.get(s.role, 0) for s in own}
            views = [v for i in self.graph.readers[name] for v in self.graph.nodes[i].views if v.parameter == name]
            plain = all(v.gain is None for v in views) and widths == {parameter.values.itemsize}
            if widths == {4}:
                plain = plain and all(not np.any(v.zero_point) for v in views)
            if not own or not plain or {s.layer for s in own} != set(self.graph.readers[name]):
                continue
            elements = np.concatenate([s.elements for s in own])
            counts = np.bincount(elements[elements >= 0], minlength=parameter.values.size)
            if counts.max() <= parameter.values.itemsize:
                found.add(name)
        return frozenset(found)

    def _feature(self, byte: int, bit: int, cycle: int) -> Element:
        """Return the tensor's element of a DDR byte that holds a feature map."""
        tensors = self.program.tensors
        places = {n: at for n, s in tensors.items() if (at := element_at(s, byte)) is not None}
        readers = self.ddr.named(byte, cycle)
        if any(after is None for _, after in readers):
            raise NotOneTensorError
        late = {name for name, after in readers if after and name in places}
        early = {name for name, after in readers if not after and name in places}
        for name, place in places.items():
            whole = self._derived(name, places)
            if late <= whole and not early & whole and all(tensors[n].resident is None for n in whole):
                return ACTIVATIONS, name, onnx_position(tensors[name], place), 1 << bit
        raise NotOneTensorError

    def _derived(self, name: str, places: Mapping[str, object]) -> set[str]:
        """Tensors that hold the same byte because they were made of `name` by address: concatenations, reshapes."""
        found, waiting = {name}, [name]
        while waiting:
            for position in self.graph.consumers[waiting.pop()]:
                node = self.graph.nodes[position]
                if isinstance(node.operation, Concat | Move) and node.outputs[0] in places:
                    waiting += {node.outputs[0]} - found
                    found.add(node.outputs[0])
        return found

    # --- buffers -------------------------------------------------------------------------------------------------
    def _buffer(self, memory: str, place: Place, number: int) -> Element:
        life = self.lives[memory]
        owner, line = int(life.intervals.owner[number]), place.row
        if memory == "img":
            line += place.bank // self.config.pixel_parallel * self.config.image_rows
        for n in self.reads[memory].covering(line):
            if n > owner and self.times.start[n] < place.cycle:
                raise NotOneTensorError  # it may have read the row before the flip
        writer = self.program.instructions[owner] if owner != BEFORE else None
        if isinstance(writer, Load):
            return self._loaded(memory, writer, owner, place, line)
        if isinstance(writer, Compute):
            return self._computed(writer, owner, place, line)
        raise NotOneTensorError

    def _loaded(self, memory: str, load: Load, owner: int, place: Place, line: int) -> Element:
        """Row that came from DDR; nobody else may ever read the byte there."""
        assert MEMORY_NAMES[load.memory] == memory
        byte = ddr_byte(load, self.config, place.bank, line, place.bit // 8)
        if byte is None or self.ddr.load_numbers(byte) != [owner] or loads_of(load, byte) != 1:
            raise NotOneTensorError
        if byte < self.program.constants.size:
            return self._constant(byte, place.bit % 8)
        if len(self.ddr.named(byte, place.cycle)) != 1:
            raise NotOneTensorError
        name = self.program.origins[owner].reads[0]
        symbol = self.program.tensors[name]
        at = element_at(symbol, byte)
        if at is None or symbol.resident is not None:
            raise NotOneTensorError
        return ACTIVATIONS, name, onnx_position(symbol, at), 1 << place.bit % 8

    def _computed(self, i: Compute, owner: int, place: Place, line: int) -> Element:
        """Row that an instruction has just made: everybody reads it from here, or what is saved from here."""
        origin, rest = self.program.origins[owner], line - i.out_base
        y, rest = divmod(rest, i.out_pitch_y) if i.out_height > 1 else (0, rest)
        across, group = divmod(rest, i.out_pitch_x) if i.out_width > self.config.pixel_parallel else (0, rest)
        x = across * self.config.pixel_parallel + place.bank % self.config.pixel_parallel
        c = group * self.config.word_bytes + place.bit // 8
        inside = 0 <= y < i.out_height and 0 <= x < i.out_width and 0 <= group < i.out_groups and c < origin.channels
        if not inside:
            raise NotOneTensorError
        symbol, start = self.program.tensors[origin.writes], origin.start
        at: Extent | None = (start[0], start[1] + y * origin.step[0], start[2] + x * origin.step[1], start[3] + c)
        if isinstance(self.graph.nodes[i.layer].operation, Concat | Move):
            # A rectangle on its way through a table: where it belongs is known to the SAVE that follows.
            save = self.program.instructions[owner + 1]
            assert isinstance(save, Save)
            byte = ddr_byte(save, self.config, place.bank, line, place.bit // 8)
            at = None if byte is None else element_at(symbol, byte)
        if at is None:
            raise NotOneTensorError
        return ACTIVATIONS, origin.writes, onnx_position(symbol, at), 1 << place.bit % 8
