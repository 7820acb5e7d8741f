"""What a fault does to the tensor of the layer that it strikes: the instructions that meet it, run again.

Of the layer that meets the fault first, those instructions run again that read a wrong row or are struck while they
run, and of those only the lines and channel groups that can differ; everything else has the bytes of the fault-free
inference. Where nothing but the layer's own output differs in the end among the bytes that are read later, the fault
is an upset of that tensor. Where anything else does, the machine has to run the whole program.
"""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from accel_sim.config.memories import DDR_ROW_BYTES
from accel_sim.engine import Upset
from accel_sim.faults.hardware.fault import REGISTERS, HardwareFault
from accel_sim.faults.hardware.golden import Recorder, View, resident
from accel_sim.faults.hardware.layer_state import LayerState
from accel_sim.faults.hardware.readers import element_at, elements_at, loads_of, onnx_positions
from accel_sim.faults.hardware.rerun import run_layer
from accel_sim.faults.hardware.wrong_rows import differing, held_in
from accel_sim.isa import Host, Transfer
from accel_sim.machine.timing import Schedule
from accel_sim.machine.upsets import ENGINE_TYPES, plan_strikes
from accel_sim.program import TensorSymbol

Ints = NDArray[np.int64]
NOTHING = Upset({}, {})
NO_BYTES: Ints = np.empty((2, 0), np.int64)


class LayerReplay(Recorder):
    """Runs pieces of single layers from fault-free memories; parameters as for :class:`Recorder`."""

    def upset(self, fault: HardwareFault) -> Upset | None:
        """Return the upset of one tensor with the same outputs as a flip, or None where there is none."""
        touching = self._touching(fault)
        if not touching:
            return None
        layer = self.program.instructions[touching[0]].layer
        first, end, name = self.first[layer], self.end[layer], self.output_of(layer)
        if name is None:
            return None
        own = self.program.instructions[first:end]
        t, cut = self.schedule, slice(first, end)
        times = Schedule(t.fetch[cut], t.dispatch[cut], t.start[cut], t.end[cut], t.cycles, None)
        near = [n - first for n in touching if n < end]
        strikes = plan_strikes(self.program, own, times, fault.upsets, near)
        if sum(len(s.before) + len(s.inside) for s in strikes.values()) != len(fault.upsets):
            return None  # a later layer may be the first to see one of them
        state = LayerState(self, self.golden(fault.image), layer)
        try:
            run_layer(state, strikes)
            return self._outcome(state, self.program.tensors[name], end)
        finally:
            state.leave()

    def output_of(self, layer: int) -> str | None:
        """Return the only tensor that a layer writes, None where there is none or where the host has a part in it."""
        return self._outputs[layer]

    @cached_property
    def _outputs(self) -> dict[int, str | None]:
        found: dict[int, str | None] = {}
        for layer, first in self.first.items():
            own = slice(first, self.end[layer])
            written = {o.writes for o in self.program.origins[own]} - {""}
            hosted = any(isinstance(i, Host) for i in self.program.instructions[own])
            found[layer] = None if hosted or len(written) != 1 else written.pop()
        return found

    def _touching(self, fault: HardwareFault) -> list[int]:
        """Return the numbers of the instructions that the fault can reach, ascending; of a register only the first."""
        if fault.space == REGISTERS:
            users, ends = self._users[self.registers[fault.memory].engine]
            at = int(ends.searchsorted(fault.cycle, side="right"))
            return [int(n) for n in users[at : at + 1]]
        if fault.memory not in self._touches:
            return []
        late = self.schedule.end - 1 > fault.cycle
        if fault.memory == "ddr":
            struck = {u.row * DDR_ROW_BYTES + u.bit // 8 for u in fault.upsets}
            return sorted({n for byte in struck for n in self._ddr_users(byte) if late[n]})
        groups = fault.bank // self.config.pixel_parallel if fault.memory == "img" else 0
        number, low, high = self._touches[fault.memory]
        reached = np.zeros(number.size, np.bool_)
        for line in {groups * self.config.image_rows + u.row for u in fault.upsets}:
            reached |= (low <= line) & (line < high)
        return sorted(set(number[reached & late[number]].tolist()))

    @cached_property
    def _users(self) -> dict[str, tuple[Ints, Ints]]:
        """Numbers of the instructions of an engine, and the edges at which they end; both ascend."""
        numbered = list(enumerate(self.program.instructions))
        own = {name: [n for n, i in numbered if isinstance(i, kind)] for name, kind in ENGINE_TYPES.items()}
        return {name: (np.array(n, np.int64), self.schedule.end[n]) for name, n in own.items()}

    def _ddr_users(self, byte: int) -> list[int]:
        """Numbers of the instructions that read or write a byte of DDR."""
        number, low, high = self._touches["ddr"]
        found = []
        for n in number[(low <= byte) & (byte < high)].tolist():
            instruction = self.program.instructions[n]
            if isinstance(instruction, Host):
                call = self.program.calls[instruction.call]
                names = (*call.inputs, *call.outputs)
                if any(element_at(self.program.tensors[name], byte) is not None for name in names):
                    found.append(n)
            elif isinstance(instruction, Transfer) and loads_of(instruction, byte):
                found.append(n)
        return found

    @cached_property
    def _touches(self) -> dict[str, Ints]:
        """Accesses by memory: instruction number and the interval of rows, (3, n); the host's count for all of DDR."""
        found: dict[str, list[tuple[int, int, int]]] = {}
        everything = self.memories["ddr"].data.size
        for number, instruction in enumerate(self.program.instructions):
            if isinstance(instruction, Host):
                found.setdefault("ddr", []).append((number, 0, everything))
            for access in self.accesses[number]:
                found.setdefault(access.memory, []).append((number, access.low, access.high))
        return {name: np.array(rows, np.int64).T for name, rows in found.items()}

    # --- what differs --------------------------------------------------------------------------------------------
    def _outcome(self, state: LayerState, symbol: TensorSymbol, following: int) -> Upset | None:
        """Return the upset of the layer's output, or None when more than that differs and is read again."""
        home = resident(symbol, self.config)
        if self._others_are_read(state, home, symbol, following):
            return None
        chip = self._in_image_memory(state, home, symbol) if home else NO_BYTES
        ddr = self._in_ddr(state, symbol) if symbol.address is not None else NO_BYTES
        if home and symbol.address is not None and not np.array_equal(chip, ddr):
            return None  # the two copies differ, and both may be read
        wrong = chip if home else ddr
        if not wrong.size:
            return NOTHING
        return Upset({}, {symbol.name: (onnx_positions(symbol, wrong[0]), wrong[1])})

    def _others_are_read(self, state: LayerState, home: View | None, symbol: TensorSymbol, following: int) -> bool:
        """Whether a wrong row that is none of the output's is read after the layer."""
        for name, (dirty, intact) in state.wrong.chip.items():
            place, used = self.read_later(following, name)
            inside = home.find(dirty, self.config.image_rows)[0] if home and name == "img" else np.zeros_like(dirty) > 0
            other = np.flatnonzero(~inside & held_in(place, dirty))
            if not other.size:
                continue
            rows = dirty[other]
            differs = self.flat(name)[rows] != intact[other]
            keep = np.arange(differs.shape[1]) < used[np.searchsorted(place, rows)][:, None]
            if np.any(differs & keep):
                return True
        others = [
            b for b in state.wrong.flipped if state.ddr[b] != state.golden.ddr[b] and element_at(symbol, b) is None
        ]
        return any(self._byte_is_read(byte, following) for byte in others)

    def _byte_is_read(self, byte: int, following: int) -> bool:
        """Whether instruction `following` or a later one reads a byte of DDR before it is written again."""
        life = self.lives["ddr"]
        numbers = life.of_row(0, byte)
        i = life.intervals
        return bool(np.any((i.owner[numbers] < following) & (i.reader[numbers] >= following)))

    def _in_image_memory(self, state: LayerState, home: View, symbol: TensorSymbol) -> Ints:
        """Flat places in the stored form, ascending, and masks of the output's wrong bytes on the chip, (2, n)."""
        if "img" not in state.wrong.chip:
            return NO_BYTES
        dirty, intact = state.wrong.chip["img"]
        inside, y, x, word = home.find(dirty, self.config.image_rows)
        found = (self.flat("img")[dirty] ^ intact) * inside[:, None]
        row, byte = np.nonzero(found)
        channel = word[row] * self.config.word_bytes + byte
        flat = (y[row] * symbol.extent[2] + x[row]) * symbol.extent[3] + channel
        keep = channel < symbol.extent[3]
        wrong = np.array([flat[keep], found[row, byte][keep]], np.int64)
        return wrong[:, np.argsort(wrong[0])]

    def _in_ddr(self, state: LayerState, symbol: TensorSymbol) -> Ints:
        """Flat places in the stored form, ascending, and masks of the output's wrong bytes in DDR, (2, n)."""
        assert symbol.address is not None
        parts = [(low, high) for low, high in state.wrong.ddr() if low < high]
        found = [low + differing(state.ddr[low:high], state.golden.ddr[low:high]) for low, high in parts]
        if not found:
            return NO_BYTES
        wrong = np.unique(np.concatenate(found))
        inside, flat = elements_at(symbol, wrong)
        order = np.argsort(flat[inside])
        masks = state.ddr[wrong] ^ state.golden.ddr[wrong]
        return np.array([flat[inside][order], masks[inside][order]], np.int64)
