"""What a flipped bit of a memory does to tensors, where that is the same for everyone who reads it.

Four cases are exact, and found from the program alone:

* a constant that is flipped before anyone reads it: an upset of the stored parameter;
* a feature map in DDR that is flipped after it was written, where all that read it later do so through the same tensor
  of the graph, which nobody has read yet: an upset of that tensor;
* a row of image memory that is flipped before its first reader, where no other copy of the byte is ever read;
* a feature map that is wrong for one layer only, which is a table, a concatenation or a move.

Everything else (a part of the readers sees the flip; requantisation parameters, tables, registers, instructions) is
left to the machine.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from accel_sim.config.memories import DDR_ROW_BYTES
from accel_sim.engine import Upset
from accel_sim.faults.hardware.fault import MEMORY, HardwareFault
from accel_sim.faults.hardware.life import MemoryLife, Place
from accel_sim.faults.hardware.passed_on import PassedOn
from accel_sim.faults.hardware.readers import (
    DdrReaders,
    Extent,
    Tensors,
    ddr_byte,
    element_at,
    loads_of,
    onnx_position,
    reads,
)
from accel_sim.faults.hardware.stored import ACTIVATIONS, PARAMETERS, Element, NotOneTensorError, StoredConstants
from accel_sim.isa import Compute, Load, Save
from accel_sim.isa.geometry import MEMORY_NAMES
from accel_sim.machine.occupancy import BEFORE
from accel_sim.machine.timing import Schedule
from accel_sim.model import Concat, Graph, Move
from accel_sim.program import Program


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
    ddr_of
        Bytes of DDR after the fault-free inference of an image.
    """

    def __init__(
        self, graph: Graph, program: Program, times: Schedule, lives: Mapping[str, MemoryLife],
        ddr_of: Callable[[int], NDArray[np.uint8]],
    ) -> None:  # fmt: skip
        self.graph, self.program, self.times, self.lives = graph, program, times, lives
        self.config = program.config
        self.ddr, self.reads = DdrReaders(program, times), reads(program)
        self.tensors = Tensors(program.tensors)
        self.constants, self.passed_on = StoredConstants(graph, program), PassedOn(graph, program, ddr_of)

    def upset(self, fault: HardwareFault) -> Upset | None:
        """Return the upset of stored tensors with the same outputs, or None where there is none."""
        if fault.space != MEMORY or fault.memory not in self.lives:
            return None
        masks: dict[tuple[str, str, int], int] = {}
        try:
            for u in fault.upsets:
                place = Place(u.bank, u.row, u.bit, u.cycle)
                if (number := self.lives[fault.memory].interval(place)) is not None:
                    for kind, name, position, mask in self._elements(fault, place, number):
                        masks[kind, name, position] = masks.get((kind, name, position), 0) ^ mask
        except NotOneTensorError:
            return None
        patches: dict[str, dict[str, list[tuple[int, int]]]] = {PARAMETERS: {}, ACTIVATIONS: {}}
        for (kind, name, position), mask in masks.items():
            patches[kind].setdefault(name, []).append((position, mask))
        return Upset(_arrays(patches[PARAMETERS]), _arrays(patches[ACTIVATIONS]))

    def _elements(self, fault: HardwareFault, place: Place, number: int) -> list[Element]:
        try:
            if fault.memory == "ddr":
                return [self._ddr(place)]
            if fault.memory in ("wgt", "dwt", "bias", "img"):
                return [self._buffer(fault.memory, place, number)]
        except NotOneTensorError:
            pass
        if len(fault.upsets) > 1 or fault.memory not in ("ddr", "img"):
            raise NotOneTensorError  # of two wrong bits in a byte a table makes something else than of each
        layer, name, byte = self._late_layer(place) if fault.memory == "ddr" else self._only_layer(place, number)
        at = element_at(self.program.tensors[name], byte)
        if at is None or not self.passed_on.applies(layer):
            raise NotOneTensorError
        found = self.passed_on.elements(layer, name, at, byte, 1 << place.bit % 8, fault.image)
        return [(ACTIVATIONS, *element) for element in found]

    # --- DDR -----------------------------------------------------------------------------------------------------
    def _ddr(self, place: Place) -> Element:
        byte, bit = place.row * DDR_ROW_BYTES + place.bit // 8, place.bit % 8
        if byte < self.program.constants.size:
            loads = self.ddr.load_numbers(byte)
            if any(int(self.times.start[n]) < place.cycle for n in loads):
                raise NotOneTensorError
            return self.constants.element(byte, bit)
        return self._feature(byte, bit, place.cycle)

    def _feature(self, byte: int, bit: int, cycle: int) -> Element:
        """Return the tensor's element of a DDR byte that holds a feature map."""
        tensors = self.program.tensors
        places = self.tensors.at(byte)
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

    def _late_layer(self, place: Place) -> tuple[int, str, int]:
        """Return the only layer that sees a byte of DDR flipped, and sees it only so; as which tensor; the byte."""
        byte = place.row * DDR_ROW_BYTES + place.bit // 8
        if byte < self.program.constants.size:
            raise NotOneTensorError
        loads, readers = self.ddr.load_numbers(byte), self.ddr.named(byte, place.cycle)
        seen, others = readers[: len(loads)], readers[len(loads) :]
        if any(after for _, after in others) or any(after is None for _, after in seen):
            raise NotOneTensorError
        late = {
            (self.program.instructions[n].layer, name) for n, (name, after) in zip(loads, seen, strict=True) if after
        }
        early = {self.program.instructions[n].layer for n, (_, after) in zip(loads, seen, strict=True) if not after}
        if len(late) != 1:
            raise NotOneTensorError
        ((layer, name),) = late
        if layer in early:
            raise NotOneTensorError
        return layer, name, byte

    # --- buffers -------------------------------------------------------------------------------------------------
    def _buffer(self, memory: str, place: Place, number: int) -> Element:
        life = self.lives[memory]
        owner, line = int(life.intervals.owner[number]), self._line(memory, place)
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
            return self.constants.element(byte, place.bit % 8)
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

    def _only_layer(self, place: Place, number: int) -> tuple[int, str, int]:
        """Return the same of a row of image memory that a LOAD brought for its own layer alone.

        A layer that hands bytes on reads such a row once, so that a live flip is seen.
        """
        intervals, instructions = self.lives["img"].intervals, self.program.instructions
        owner, last = int(intervals.owner[number]), int(intervals.reader[number])
        load = instructions[owner] if owner != BEFORE else None
        if not isinstance(load, Load) or instructions[last].layer != load.layer:
            raise NotOneTensorError
        byte = ddr_byte(load, self.config, place.bank, self._line("img", place), place.bit // 8)
        if byte is None or byte < self.program.constants.size or loads_of(load, byte) != 1:
            raise NotOneTensorError
        if [n for n in self.ddr.load_numbers(byte) if instructions[n].layer == load.layer] != [owner]:
            raise NotOneTensorError
        return load.layer, self.program.origins[owner].reads[0], byte

    def _line(self, memory: str, place: Place) -> int:
        """Return a row as instructions count it."""
        groups = place.bank // self.config.pixel_parallel if memory == "img" else 0
        return place.row + groups * self.config.image_rows


def _arrays(patch: Mapping[str, list[tuple[int, int]]]) -> dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Return positions and masks by name."""
    if not patch:
        return {}
    columns = {name: np.array(found, np.int64).T for name, found in patch.items()}
    return {name: (positions, masks) for name, (positions, masks) in columns.items()}
