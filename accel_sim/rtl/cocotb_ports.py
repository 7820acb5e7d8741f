"""Driver for toplevels that are controlled by ``accel_core``'s own ports; the memory behind them is a subclass's."""

from typing import Any

from cocotb.clock import Clock  # type: ignore[import-not-found,unused-ignore]
from cocotb.triggers import (  # type: ignore[import-not-found,unused-ignore]
    ClockCycles,
    FallingEdge,
    First,
    RisingEdge,
)

from accel_sim.rtl.cocotb_memory import HostMemory
from accel_sim.rtl.cocotb_program import Event, Report


class PortTop:
    """Start, status and host handshake by ports; see the port list of ``accel_core``.

    Parameters
    ----------
    dut
        Handle of a toplevel with the ports ``clk_i``, ``rst_ni``, ``start_i``, ``count_i``, ``ddr_bytes_i``,
        ``calls_i``, ``ended_o``, ``trapped_o``, ``trap_number_o``, ``cycles_o``, ``host_request_o``, ``host_call_o``,
        ``host_done_i``.
    """

    def __init__(self, dut: Any) -> None:
        self.dut = dut

    def attach(self, memory: HostMemory) -> None:
        """Set ports that say where the program lies, and let the memory model use its bytes."""
        raise NotImplementedError("a toplevel's own driver knows its memory")

    async def reset(self) -> None:
        """Start the clock and reset."""
        for port in (self.dut.start_i, self.dut.host_done_i, self.dut.count_i, self.dut.ddr_bytes_i, self.dut.calls_i):
            port.value = 0
        self.dut.rst_ni.value = 0
        Clock(self.dut.clk_i, 10, unit="ns").start()
        await self._pulse_reset()

    async def _pulse_reset(self) -> None:
        self.dut.rst_ni.value = 0
        await ClockCycles(self.dut.clk_i, 2)
        await FallingEdge(self.dut.clk_i)
        self.dut.rst_ni.value = 1

    async def start(self, memory: HostMemory) -> None:
        """Reset, as after a trap there must be one; then start."""
        await self._pulse_reset()
        self.attach(memory)
        self.dut.count_i.value = len(memory.program.instructions)
        self.dut.ddr_bytes_i.value = memory.ddr_bytes
        self.dut.calls_i.value = len(memory.program.calls)
        await self._pulse(self.dut.start_i)

    async def _pulse(self, port: Any) -> None:
        await FallingEdge(self.dut.clk_i)
        port.value = 1
        await FallingEdge(self.dut.clk_i)
        port.value = 0

    async def wait(self, cycles: int) -> Report:
        """Wait for the host request, the end or a trap."""
        dut = self.dut
        signals = {Event.HOST: dut.host_request_o, Event.ENDED: dut.ended_o, Event.TRAPPED: dut.trapped_o}
        if not any(int(signal.value) for signal in signals.values()):
            await First(*(RisingEdge(signal) for signal in signals.values()), ClockCycles(dut.clk_i, cycles))
        counted = int(dut.cycles_o.value)
        for event, signal in signals.items():
            if int(signal.value):
                number = dut.host_call_o if event is Event.HOST else dut.trap_number_o
                return Report(event, int(number.value), counted, "illegal instruction")
        return Report(Event.NOTHING, 0, counted)

    async def resume(self) -> None:
        """Say for one cycle that the host is done."""
        await self._pulse(self.dut.host_done_i)

    async def abort(self) -> None:
        """Reset."""
        await self._pulse_reset()
