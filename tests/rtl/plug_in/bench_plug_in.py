"""cocotb tests of a toplevel that is not the product's: all that it takes is a driver of some fifty lines."""

# mypy: disable-error-code="untyped-decorator"
from random import Random
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge

from accel_sim.rtl.cocotb_memory import HostMemory
from accel_sim.rtl.cocotb_ports import PortTop
from accel_sim.rtl.cocotb_program import run_program
from tests.rtl.axi.programs import case

MISTAKES = {1: "whole words", 2: "address bits", 3: "half a word", 4: "skipped instruction"}


class PlugInTop(PortTop):
    """Control by ports, and a memory that answers each access after a random delay."""

    def __init__(self, dut: Any, random: Random, mistake: int = 0) -> None:
        super().__init__(dut)
        self._random, self._bytes = random, memoryview(b"")
        dut.mistake_i.value = mistake
        dut.ack_i.value = 0

    def attach(self, memory: HostMemory) -> None:
        self.dut.ddr_base_i.value = memory.ddr_base
        self.dut.ins_base_i.value = memory.ins_base
        self._bytes = memoryview(memory.bytes)

    async def reset(self) -> None:
        await super().reset()
        cocotb.start_soon(self._answer())

    async def _answer(self) -> None:
        dut = self.dut
        while True:
            await FallingEdge(dut.clk_i)
            dut.ack_i.value = 0
            if not int(dut.cyc_o.value):
                continue
            for _ in range(self._random.choice((0, 0, 0, 1, 5))):
                await FallingEdge(dut.clk_i)
            if not int(dut.cyc_o.value):  # a reset came in between
                continue
            address, select = int(dut.adr_o.value) % len(self._bytes), int(dut.sel_o.value)
            if int(dut.we_o.value):
                for lane, byte in enumerate(int(dut.dat_o.value).to_bytes(4, "little")):
                    if select >> lane & 1:
                        self._bytes[address + lane] = byte
            else:
                dut.dat_i.value = int.from_bytes(self._bytes[address : address + 4], "little")
            dut.ack_i.value = 1


@cocotb.test()
async def programs(dut: Any) -> None:
    """Whole programs, checked like those of the product's own toplevel."""
    top = PlugInTop(dut, Random(cocotb.RANDOM_SEED))
    await top.reset()
    for seed in (0, 1, 2):
        one = case(seed, 0x1FC0)
        one.checker.check(await run_program(top, one.memory, one.image), one.memory, one.image)


async def with_mistake(dut: Any, mistake: int) -> None:
    """Pass only if the checker finds something in one of the programs."""
    top = PlugInTop(dut, Random(cocotb.RANDOM_SEED), mistake)
    await top.reset()
    for seed in (1, 2):
        one = case(seed, 0x1FC0)
        found = await run_program(top, one.memory, one.image, budget=30_000)
        try:
            one.checker.check(found, one.memory, one.image)
        except AssertionError as error:
            dut._log.info("noticed: %s", error)
            return
    raise AssertionError(f"nobody noticed: {MISTAKES[mistake]}")


for number in MISTAKES:

    async def caught(dut: Any, number: int = number) -> None:
        await with_mistake(dut, number)

    caught.__name__ = caught.__qualname__ = f"mistake_{number}_is_caught"
    globals()[caught.__name__] = cocotb.test()(caught)
