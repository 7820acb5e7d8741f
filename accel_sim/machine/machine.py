"""Run a Program on banked memories."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.config import register_map
from accel_sim.engine.layout import from_stored, to_stored
from accel_sim.errors import ModelError
from accel_sim.isa import Compute, Conv, Host, IllegalInstructionError, Instruction, Transfer, decode
from accel_sim.isa.geometry import check
from accel_sim.machine import execute
from accel_sim.machine.memory import BitUpset, Memory, StuckBit, check_upset
from accel_sim.machine.timing import Schedule, schedule
from accel_sim.machine.upsets import Strike, instruction_upsets, plan_strikes, repeat_late_words
from accel_sim.model import Tensor
from accel_sim.program import Program, TensorSymbol

Array = NDArray[Any]
HostRunner = Callable[[int, Mapping[str, Array]], Mapping[str, Array]]
BUDGET = 4  # a faulty program may take this many times the cycles of the fault-free one


@dataclass(frozen=True, eq=False)
class MachineResult:
    """One inference.

    Attributes
    ----------
    outputs
        Graph outputs in ONNX order; empty unless `status` is ``ok``.
    cycles
        Cycles of the accelerator.
    status
        ``ok``, ``trap`` (an illegal instruction was met) or ``hang`` (no end within the cycle budget).
    detail
        What trapped or where it hangs.
    """

    outputs: Mapping[str, Array]
    cycles: int
    status: str = "ok"
    detail: str = ""


class _NeverMadeError(Exception):
    """A wrong program made the host read a value that it has not got."""


def _no_host(node: int, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
    raise ModelError(f"node {node} runs on the host, and no host runtime was given")


class Machine:
    """Memories, accumulators and a host around a program.

    Parameters
    ----------
    program
        What to run.
    host
        Runs a node, given its position in the graph and its inputs by name in ONNX order: ``Engine.run_node``.
    literal
        Execute every convolution slot by slot, also without upsets (slow; the same bytes).

    Attributes
    ----------
    memories
        By name; DDR keeps its constants between runs only where a run says so.
    schedule
        Times of the fault-free program.
    """

    def __init__(self, program: Program, host: HostRunner = _no_host, *, literal: bool = False) -> None:
        self.program, self.host, self.literal = program, host, literal
        self.config = program.config
        self.memories = {name: Memory(spec) for name, spec in program.memories.items()}
        self.registers = register_map(self.config)
        self.schedule = schedule(program.instructions, self.config)
        assert self.schedule.stuck is None, self.schedule.stuck
        for instruction in program.instructions:
            check(instruction, self.config, self._ddr_bytes, len(program.calls))
        self.accumulators: dict[str, NDArray[np.int32]] = {
            spec.engine: np.zeros((spec.banks, spec.rows), np.int32)
            for name, spec in self.registers.items()
            if name.endswith("_acc")
        }
        self._on_host: dict[str, Array] = {}
        self._stuck = dict.fromkeys(self.accumulators, execute.NO_STUCK)
        self.reload()

    @property
    def _ddr_bytes(self) -> int:
        return self.memories["ddr"].data.size

    def reload(self) -> None:
        """Let the host write constants and instructions to DDR anew."""
        ddr = self.memories["ddr"].data.reshape(-1)
        ddr[: self.program.constants.size] = self.program.constants
        self.memories["ins"].data[0] = self.program.words

    def run(
        self,
        inputs: Mapping[str, Array],
        upsets: Sequence[BitUpset] = (),
        *,
        reload: bool = True,
        stuck: Sequence[StuckBit] = (),
    ) -> MachineResult:
        """Run one inference.

        Parameters
        ----------
        inputs
            Arrays in the model's own shapes and types, by name.
        upsets
            Bits that flip on the way.
        reload
            Start with fresh constants in DDR; otherwise upsets of earlier runs in DDR and in the instructions persist.
        stuck
            Bits of memories and registers that keep their values throughout this run.

        Raises
        ------
        InputError
            An upset does not exist.
        """
        for upset in upsets:
            check_upset(upset, self.program.memories, self.registers, self.schedule.cycles)
        for bit in stuck:
            check_upset(BitUpset(bit.memory, bit.bank, bit.row, bit.bit, 0), self.program.memories, self.registers, 1)
        self._hold(stuck)
        try:
            return self._run(inputs, upsets, reload=reload)
        finally:
            self._hold(())

    def _hold(self, stuck: Sequence[StuckBit]) -> None:
        """Take over which bits are stuck from now on."""
        for name, memory in self.memories.items():
            memory.stuck = tuple(bit for bit in stuck if bit.memory == name)
            memory.hold()
        self._stuck = {engine: execute.stuck_registers(stuck, engine, self.registers) for engine in self.accumulators}

    def _run(self, inputs: Mapping[str, Array], upsets: Sequence[BitUpset], *, reload: bool) -> MachineResult:
        if reload:
            self.reload()
        self._on_host = {}
        for name in self.program.inputs:
            self._write(name, np.asarray(inputs[name]))
        for memory in self.memories.values():
            memory.hold()
        try:
            instructions, times = self._instructions(upsets)
        except IllegalInstructionError as error:
            return MachineResult({}, self.schedule.cycles, "trap", str(error))
        if self._hangs(times):
            return MachineResult({}, BUDGET * self.schedule.cycles, "hang", f"at instruction {times.stuck}")
        try:
            self._execute(instructions, times, upsets)
            outputs = {name: self._read(name) for name in self.program.outputs}
        except _NeverMadeError as error:
            return MachineResult({}, times.cycles, "trap", f"the host waits for {error}, which was never made")
        return MachineResult(outputs, times.cycles)

    def _hangs(self, times: Schedule) -> bool:
        """Whether a program does not come to its end in time."""
        return times.stuck is not None or times.cycles > BUDGET * self.schedule.cycles

    def fetched(self, upsets: Sequence[BitUpset]) -> list[Instruction] | None:
        """Return the instructions as they are fetched after flips of their memory, in which the flips stay.

        Returns
        -------
        list or None
            Those that are not wrong are the program's own objects; None where the program hangs.

        Raises
        ------
        IllegalInstructionError
            One of them traps.
        """
        instructions, times = self._instructions(upsets)
        return None if self._hangs(times) else list(instructions)

    def _instructions(self, upsets: Sequence[BitUpset]) -> tuple[Sequence[Instruction], Schedule]:
        """Instructions as they are fetched, and their times."""
        words = self.memories["ins"].data[0]
        instructions, times = list(self.program.instructions), self.schedule
        changed = np.flatnonzero(np.any(words != self.program.words, axis=1)).tolist()
        for number in changed:
            instructions[number] = self._decode(words[number])
        if changed:
            times = schedule(instructions, self.config)
        for upset in instruction_upsets(upsets):
            # Earlier instructions decide when this one is fetched, so rows are settled in program order.
            fetched = int(times.fetch[upset.row])
            self.memories["ins"].flip(upset)
            if 0 <= upset.cycle < fetched:
                instructions[upset.row] = self._decode(words[upset.row])
                times = schedule(instructions, self.config)
        return instructions, times

    def _decode(self, word: NDArray[np.uint8]) -> Instruction:
        instruction = decode(word.tobytes())
        check(instruction, self.config, self._ddr_bytes, len(self.program.calls))
        return instruction

    def _execute(self, instructions: Sequence[Instruction], times: Schedule, upsets: Sequence[BitUpset]) -> None:
        strikes = plan_strikes(self.program, instructions, times, upsets)
        exact = self._slot_by_slot(instructions)
        for number, instruction in enumerate(instructions):
            if times.start[number] < 0:
                break
            strike = strikes.get(number)
            if strike is None:
                self.step(instruction, execute.NO_EVENTS if number in exact else None, 0)
            else:
                self._struck(instruction, int(times.start[number]), strike)
        for upset in strikes.get(len(instructions), Strike()).before:
            self.flip(upset)

    def _slot_by_slot(self, instructions: Sequence[Instruction]) -> set[int]:
        """Return the numbers of the instructions that have to meet the memories as the hardware does.

        Of a wrong one input and output may overlap; and where it goes on with older sums, the accumulators have to hold
        those of the CONV before it.
        """
        own = self.program.instructions
        found = {number for number, instruction in enumerate(instructions) if instruction is not own[number]}
        convolutions = [(n, i.first) for n, i in enumerate(instructions) if isinstance(i, Conv)] if found else []
        return found | {before for (before, _), (n, first) in pairwise(convolutions) if n in found and not first}

    def _struck(self, instruction: Instruction, start: int, strike: Strike) -> None:
        for upset in strike.before:
            self.flip(upset)
        if isinstance(instruction, Compute):
            self.step(instruction, strike.events(instruction, self.config), start)
            return
        self.step(instruction, None, start)
        for upset in strike.inside:
            self.flip(upset)
            if isinstance(instruction, Transfer):
                repeat_late_words(instruction, self.config, self.memories, upset, start)

    def flip(self, upset: BitUpset) -> None:
        """Flip a bit of a memory, or of an accumulator, now."""
        if upset.memory in self.memories:
            self.memories[upset.memory].flip(upset)
        else:
            accumulators = self.accumulators[self.registers[upset.memory].engine]
            accumulators.view(np.uint32)[upset.bank, upset.row] ^= np.uint32(1 << upset.bit)

    def step(self, instruction: Instruction, events: NDArray[np.int64] | None, start: int) -> None:
        """Execute one instruction; slot by slot from edge `start` where there are events, even an empty array."""
        if isinstance(instruction, Transfer):
            execute.transfer(instruction, self.config, self.memories)
        elif isinstance(instruction, Compute):
            stuck = self._stuck[execute.engine_of(instruction)]
            if events is None and (self.literal or len(stuck)):
                events = execute.NO_EVENTS
            execute.compute(instruction, self.config, self.memories, self.accumulators, start, events, stuck)
        elif isinstance(instruction, Host):
            call = self.program.calls[instruction.call]
            results = self.host(call.node, {name: self._read(name) for name in call.inputs})
            for name in call.outputs:
                self._write(name, results[name])
        for memory in self.memories.values():
            memory.hold()

    # --- tensors -------------------------------------------------------------------------------------------------
    def _bytes(self, symbol: TensorSymbol) -> NDArray[np.uint8]:
        """Return the tensor's bytes in DDR as a (n, h, w, c) view."""
        flat = self.memories["ddr"].data.reshape(-1)
        assert symbol.address is not None
        strides = (*symbol.pitches, 1)
        return np.lib.stride_tricks.as_strided(flat[symbol.address :], symbol.extent, strides)

    def _read(self, name: str) -> Array:
        symbol = self.program.tensors[name]
        if symbol.address is None:
            if name not in self._on_host:
                raise _NeverMadeError(repr(name))
            return self._on_host[name]
        tensor = Tensor(name, symbol.shape, symbol.dtype)
        stored_shape = to_stored(np.empty(symbol.shape, symbol.dtype), tensor).shape
        return from_stored(self._bytes(symbol).reshape(stored_shape), tensor)

    def _write(self, name: str, value: Array) -> None:
        symbol = self.program.tensors[name]
        if symbol.address is None:
            self._on_host[name] = value
            return
        stored = to_stored(np.ascontiguousarray(value), Tensor(name, symbol.shape, symbol.dtype))
        self._bytes(symbol)[...] = stored.reshape(symbol.extent)
