"""Driver of ``accel_top``: its registers by AXI4-Lite, and a memory behind its AXI4 port (cocotbext-axi)."""

import logging
from collections.abc import Iterator
from enum import IntEnum
from random import Random
from typing import Any

from cocotb.clock import Clock  # type: ignore[import-not-found,unused-ignore]
from cocotb.triggers import (  # type: ignore[import-not-found,unused-ignore]
    ClockCycles,
    FallingEdge,
    First,
    RisingEdge,
)
from cocotbext.axi import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
    AxiBus,
    AxiLiteBus,
    AxiLiteMaster,
    AxiRam,
    AxiResp,
)

from accel_sim.rtl.cocotb_memory import HostMemory
from accel_sim.rtl.cocotb_program import Event, Report

START, ABORT, HOST_DONE = 1, 2, 4
# A bus that is not empty by then never will be.
ABORT_READS = 1000
CAUSES = ("", "illegal instruction", "fetch error", "load error", "save error", "abort")


class Register(IntEnum):
    """Byte addresses of the registers of ``accel_top``."""

    CONTROL = 0x00
    STATUS = 0x04
    COUNT = 0x08
    DDR_BYTES = 0x0C
    CALLS = 0x10
    TRAP = 0x14
    INS_BASE = 0x18
    INS_BASE_HIGH = 0x1C
    DDR_BASE = 0x20
    DDR_BASE_HIGH = 0x24
    CYCLES = 0x28
    CYCLES_HIGH = 0x2C
    SIZES = 0x30


def pauses(random: Random, share: float) -> Iterator[bool]:
    """Yield for every cycle whether a channel stalls; stalls come alone and in rows."""
    while True:
        row = random.choice((1, 1, 2, 7))
        stalled = random.random() < share
        yield from (stalled for _ in range(row))


class AxiTop:
    """``accel_top`` with a memory behind it.

    Parameters
    ----------
    dut
        Handle of the toplevel.
    memory
        Programs to come must lie in it; :meth:`attach` changes it.
    random, stalls
        Share of cycles in which each of the five channels stalls, and where the draws come from.
    offset
        Added to all addresses on the bus, a multiple of the memory's size: the bus model takes them modulo its size.
    """

    def __init__(
        self, dut: Any, memory: HostMemory, random: Random | None = None, stalls: float = 0.0, offset: int = 0
    ) -> None:
        assert offset % len(memory.bytes) == 0, "the offset is a multiple of the memory's size"
        logging.getLogger(f"cocotb.{dut._name}").setLevel(logging.WARNING)  # not a line for every burst
        self.dut, self.offset = dut, offset
        self.registers = AxiLiteMaster(
            AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk_i, dut.rst_ni, reset_active_level=False
        )
        self.ram = AxiRam(
            AxiBus.from_prefix(dut, "m_axi"), dut.clk_i, dut.rst_ni, reset_active_level=False, mem=memory.bytes
        )
        if random is not None and stalls:
            self.stall(random, stalls)

    def stall(self, random: Random, share: float) -> None:
        """Let every channel pause at random from now on."""
        write, read = self.ram.write_if, self.ram.read_if
        for channel in (write.aw_channel, write.w_channel, write.b_channel, read.ar_channel, read.r_channel):
            channel.set_pause_generator(pauses(Random(random.getrandbits(64)), share))

    def attach(self, memory: HostMemory) -> None:
        """Put another memory behind the port, of the same size."""
        for side in (self.ram, self.ram.write_if, self.ram.read_if):
            side.mem, side.size = memory.bytes, len(memory.bytes)

    async def reset(self) -> None:
        """Start the clock and reset."""
        self.dut.rst_ni.value = 0
        Clock(self.dut.clk_i, 10, unit="ns").start()
        await ClockCycles(self.dut.clk_i, 3)
        await FallingEdge(self.dut.clk_i)
        self.dut.rst_ni.value = 1
        await ClockCycles(self.dut.clk_i, 2)

    async def write(self, register: int, value: int) -> Any:
        """Write a register; return the response."""
        return (await self.registers.write(register, value.to_bytes(4, "little"))).resp

    async def read(self, register: int) -> int:
        """Read a register."""
        found = await self.registers.read(register, 4)
        assert found.resp == AxiResp.OKAY, f"register {register:#x}: {found.resp}"
        return int.from_bytes(found.data, "little")

    async def start(self, memory: HostMemory) -> None:
        """Write the parameters of the run, and the start bit."""
        ddr, ins = self.offset + memory.ddr_base, self.offset + memory.ins_base
        for register, value in (
            (Register.COUNT, len(memory.program.instructions)),
            (Register.DDR_BYTES, memory.ddr_bytes),
            (Register.CALLS, len(memory.program.calls)),
            (Register.INS_BASE, ins & 0xFFFFFFFF),
            (Register.INS_BASE_HIGH, ins >> 32),
            (Register.DDR_BASE, ddr & 0xFFFFFFFF),
            (Register.DDR_BASE_HIGH, ddr >> 32),
            (Register.CONTROL, START),
        ):
            assert await self.write(register, value) == AxiResp.OKAY, register.name

    async def wait(self, cycles: int) -> Report:
        """Wait for the interrupt; then look at the status."""
        if not int(self.dut.interrupt_o.value):
            await First(RisingEdge(self.dut.interrupt_o), ClockCycles(self.dut.clk_i, cycles))
        status = await self.read(Register.STATUS)
        counted = await self.read(Register.CYCLES) | await self.read(Register.CYCLES_HIGH) << 32
        if status & 8:
            return Report(Event.HOST, status >> 16 & 0xFFF, counted)
        if status & 4:
            return Report(Event.TRAPPED, await self.read(Register.TRAP), counted, CAUSES[status >> 4 & 7])
        return Report(Event.ENDED if status & 2 else Event.NOTHING, 0, counted)

    async def resume(self) -> None:
        """Set the bit that says that the host is done."""
        await self.write(Register.CONTROL, HOST_DONE)

    async def abort(self) -> None:
        """Set the abort bit and wait until the bus is empty.

        Raises
        ------
        AssertionError
            It never is.
        """
        await self.write(Register.CONTROL, ABORT)
        for _ in range(ABORT_READS):
            if not await self.read(Register.STATUS) & 1:
                return
        raise AssertionError(f"still busy after the abort bit and {ABORT_READS} reads of the status")
