"""One inference on ``accel_bench`` under cocotb, and the bit that flips on the way."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.handle import Immediate
from cocotb.triggers import ClockCycles, FallingEdge, First, RisingEdge, Timer

from accel_sim.config.memories import DDR_ROW_BYTES
from accel_sim.isa import Host
from accel_sim.machine import BitUpset, Machine, MachineResult
from accel_sim.machine.machine import BUDGET, _NeverMadeError
from accel_sim.rtl.parameters import Array, arrays, bench_parameters

Memory = Mapping[tuple[str, int], Any]  # name and bank to the handle of an array


@dataclass(frozen=True, eq=False)
class Bench:
    """The design under test, and the host beside it.

    Attributes
    ----------
    dut
        Handle of ``accel_bench``.
    host
        Never runs an instruction; holds the host's tensors, and the bytes of DDR while the host works.
    places
        Arrays of the design by memory and bank.
    """

    dut: Any
    host: Machine
    places: Memory
    image: Mapping[str, Any]

    # --- storage -------------------------------------------------------------------------------------------------
    def word(self, memory: str, bank: int, row: int) -> int:
        """Read one row of a memory or one register; of DDR one byte."""
        return int(self.places[memory, bank][row].value)

    def flip(self, upset: BitUpset) -> None:
        """Flip one bit at once, and read it back through the handle."""
        row, bit = upset.row, upset.bit
        if upset.memory == "ddr":  # a byte per element
            row, bit = row * DDR_ROW_BYTES + bit // 8, bit % 8
        before = self.word(upset.memory, upset.bank, row)
        self.places[upset.memory, upset.bank][row].value = Immediate(before ^ 1 << bit)
        after = self.word(upset.memory, upset.bank, row)
        assert after == before ^ 1 << bit, f"{upset} did not flip: {before:#x} is now {after:#x}"

    def _load(self) -> None:
        """Zero what the accelerator has, write what the host writes."""
        for (memory, _), array in self.places.items():
            if memory not in ("ddr", "ins"):
                array.value = [0] * len(array)
        words = [int.from_bytes(word.tobytes(), "little") for word in self.host.memories["ins"].data[0]]
        for number, word in enumerate(words):
            self.places["ins", 0][number].value = word
        self._write_ddr(np.zeros(0, np.uint8))

    def _write_ddr(self, known: Any) -> None:
        """Write the host's bytes of DDR, but for those that are known to be there."""
        data, array = self.host.memories["ddr"].data.reshape(-1), self.places["ddr", 0]
        for number in range(data.size) if known.size == 0 else np.flatnonzero(data != known).tolist():
            array[number].value = int(data[number])

    def _read_ddr(self) -> Any:
        data = self.host.memories["ddr"].data.reshape(-1)
        array = self.places["ddr", 0]
        data[:] = [int(array[number].value) for number in range(data.size)]
        return data.copy()

    # --- time ----------------------------------------------------------------------------------------------------
    async def begin(self) -> None:
        """Fill the memories, reset, start: no edge of the program has passed."""
        dut, host = self.dut, self.host
        dut.host_done_i.value, dut.start_i.value, dut.rst_ni.value = 0, 0, 0
        await FallingEdge(dut.clk_i)
        host.memories["ddr"].data.fill(0)  # what an earlier run has left there
        host.reload()
        host._on_host = {}
        for name in host.program.inputs:
            host._write(name, np.asarray(self.image[name]))
        self._load()
        await FallingEdge(dut.clk_i)
        dut.count_i.value, dut.calls_i.value = len(host.program.instructions), len(host.program.calls)
        dut.ddr_bytes_i.value = host.memories["ddr"].data.size
        dut.rst_ni.value, dut.start_i.value = 1, 1
        await FallingEdge(dut.clk_i)
        dut.start_i.value = 0

    async def until(self, cycles: int) -> str:
        """Go on until so many edges have passed; "ended" or "trapped" where that comes before."""
        dut = self.dut
        while True:
            if not int(dut.running_o.value):
                return "ended" if int(dut.ended_o.value) else "trapped"
            if int(dut.host_request_o.value):
                await self._serve(int(dut.host_call_o.value))
                continue
            missing = cycles - int(dut.cycles_o.value)
            if missing <= 0:
                return "running"
            due = ClockCycles(dut.clk_i, missing, FallingEdge)
            if await First(due, RisingEdge(dut.host_request_o), FallingEdge(dut.running_o)) is not due:
                await FallingEdge(dut.clk_i)

    async def _serve(self, call: int) -> None:
        known = self._read_ddr()
        self.host.step(Host(call=call), None, 0)
        self._write_ddr(known)
        self.dut.host_done_i.value = 1
        await FallingEdge(self.dut.clk_i)
        self.dut.host_done_i.value = 0

    async def run(self, upset: BitUpset | None) -> MachineResult:
        """Run one inference, struck between the edge of the upset's cycle and the next."""
        budget = BUDGET * self.host.schedule.cycles
        await self.begin()
        try:
            if upset is not None and await self.until(upset.cycle + 1) != "trapped":
                self.flip(upset)
            status = await self.until(budget + 1)
            if status == "ended":
                self._read_ddr()
                outputs = {name: self.host._read(name) for name in self.host.program.outputs}
                return MachineResult(outputs, int(self.dut.cycles_o.value))
        except _NeverMadeError as error:
            return MachineResult({}, 0, "trap", str(error))
        return MachineResult({}, 0, "trap" if status == "trapped" else "hang")


def parameters(machine: Machine) -> dict[str, int]:
    """Return the parameters of ``accel_bench`` with a simulated memory just large enough."""
    ddr_bytes, count = machine.memories["ddr"].data.size, len(machine.program.instructions)
    sizes = {"DdrBytes": 1 << (ddr_bytes - 1).bit_length(), "Instructions": 1 << (count - 1).bit_length()}
    return bench_parameters(machine.config, ddr_bytes, count) | sizes


def handle(dut: Any, array: Array) -> Any:
    """Return the handle of a memory bank, or of the registers of a lane."""
    if array.path.endswith("]"):
        place, _, index = array.path[:-1].rpartition("[")
        return dut[place][int(index)]
    return dut[array.path]


async def bench(dut: Any, machine: Machine, image: Mapping[str, Any]) -> Bench:
    """Start the clock and find every memory and register class of the design."""
    places = {(a.memory, a.bank): handle(dut, a) for a in arrays(machine.config, parameters(machine))}
    dut.clk_i.value = 0
    Clock(dut.clk_i, 10, unit="ns").start()
    await Timer(1, unit="ns")
    cocotb.log.info("%d arrays", len(places))
    return Bench(dut, machine, places, image)
