"""cocotb tests of ``accel_top``: whole programs behind AXI4, with stalls, errors and aborts."""

# mypy: disable-error-code="untyped-decorator"
import json
import os
from random import Random
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles
from cocotbext.axi import AxiResp

from accel_sim.machine.machine import MachineResult
from accel_sim.rtl.cocotb_axi import START, AxiTop, Register
from accel_sim.rtl.cocotb_memory import HostMemory
from accel_sim.rtl.cocotb_monitor import AxiMonitor
from accel_sim.rtl.cocotb_program import Event, run_program
from tests.rtl.axi.programs import Case, case, copies, place

SEEDS = json.loads(os.environ.get("ACCEL_SIM_AXI_SEEDS", "[0, 1, 2]"))
FIGURES = os.environ.get("ACCEL_SIM_AXI_FIGURES", "")
DATA_BYTES = int(os.environ.get("ACCEL_SIM_AXI_BYTES", "8"))
OFFSET = 0x35_0000_0000
# Of simulated time, 300,000 cycles, ten times what the longest test takes: a port that never answers is a failure,
# however fast the computer is.
limited = cocotb.test(timeout_time=3, timeout_unit="ms")
NEVER = 10**9
BASES = (0x1FC0, 0x2380, 0x0, 0x3E40)


class Bench:
    """The toplevel with its monitors; memories of one size, one after the other."""

    def __init__(self, dut: Any, memory: HostMemory, stalls: float = 0.0) -> None:
        self.random = Random(f"{cocotb.RANDOM_SEED} {stalls}")
        self.top = AxiTop(dut, memory, self.random, stalls, OFFSET)
        self.monitor = AxiMonitor(dut, dut.clk_i, dut.rst_ni, data_bytes=DATA_BYTES, max_beats=16)

    async def run(self, one: Case, budget: int | None = None) -> MachineResult:
        self.top.attach(one.memory)
        found = await run_program(self.top, one.memory, one.image, budget=budget)
        self.monitor.finish()
        return found


async def all_programs(dut: Any, stalls: float) -> None:
    """Every program twice: the second inference finds what the first one left."""
    cases = [case(seed, BASES[n % len(BASES)]) for n, seed in enumerate(SEEDS)]
    bench = Bench(dut, cases[0].memory, stalls)
    await bench.top.reset()
    figures = []
    for seed, one in zip(SEEDS, cases, strict=True):
        for _ in range(2):
            before = bench.monitor.counts.copy()
            found = await bench.run(one)
            one.checker.check(found, one.memory, one.image)
            traffic = bench.monitor.counts - before
            figures.append({"seed": seed, "native_cycles": one.checker.machine.schedule.cycles,
                            "axi_cycles": found.cycles, **traffic})  # fmt: skip
    counts = bench.monitor.counts
    assert counts["read_bursts_of_id_0"], "no LOAD"
    assert counts["read_bursts_of_id_1"], "no instruction"
    assert counts["longest_read"] > 1
    assert counts["longest_write"] > 1
    if stalls:
        assert min(bench.monitor.aw.counts["waited"], bench.monitor.w.counts["waited"]) > 0
        assert min(bench.monitor.ar.counts["waited"], bench.monitor.r.counts["taken"]) > 0
    if FIGURES:
        with open(FIGURES, "a") as file:
            file.write(json.dumps({"stalls": stalls, "runs": figures}) + "\n")


@limited
async def programs(dut: Any) -> None:
    """A memory that never stalls."""
    await all_programs(dut, 0.0)


@limited
async def programs_with_stalls(dut: Any) -> None:
    """Every channel pauses in half of all cycles."""
    await all_programs(dut, 0.5)


@limited
async def words_across_pages(dut: Any) -> None:
    """LOADs and SAVEs of words at any address, around page boundaries."""
    one = case(15, 0x1FC0)
    bench = Bench(dut, one.memory, 0.3)
    await bench.top.reset()
    expected = place(one.memory, copies(one.memory, Random(5), (len(one.program.instructions) - 1) // 2))
    await bench.top.start(one.memory)
    report = await bench.top.wait(40_000)
    assert report.event is Event.ENDED, report
    wrong = np.flatnonzero(one.memory.memories["ddr"].data.reshape(-1) != expected["ddr"].data.reshape(-1))
    assert not wrong.size, wrong[:10]
    assert not one.memory.strays()
    bench.monitor.finish()


class Erring:
    """Makes the memory model answer with an error, for a number of accesses of one kind at some addresses."""

    def __init__(self, top: AxiTop) -> None:
        self.kind, self.response, self.range, self.after, self.hits = "", AxiResp.OKAY, range(0), 0, 0
        self._ram = top.ram
        read, write = top.ram.read_if.r_channel, top.ram.write_if.b_channel
        self._send_read, self._send_write = read.send, write.send
        self._read, self._write = top.ram.read_if._read, top.ram.write_if._write
        self._address, self._bad = 0, False
        read.send, write.send = self._answer_read, self._answer_write
        top.ram.read_if._read, top.ram.write_if._write = self._see_read, self._see_write

    async def _see_read(self, address: int, length: int) -> Any:
        self._address = address % len(self._ram.mem)
        return await self._read(address, length)

    async def _see_write(self, address: int, data: bytes) -> None:
        self._bad = self._bad or (self.kind == "write" and address % len(self._ram.mem) in self.range)
        await self._write(address, data)

    def _hit(self) -> bool:
        self.hits += 1
        return self.hits > self.after

    async def _answer_read(self, item: Any) -> None:
        if self.kind == "read" and self._address in self.range and self._hit():
            item.rresp = self.response
        await self._send_read(item)

    async def _answer_write(self, item: Any) -> None:
        if self._bad and self._hit():
            item.bresp = self.response
        self._bad = False
        await self._send_write(item)


@limited
async def errors_trap(dut: Any) -> None:
    """Every kind of bus error ends the run with its cause; the next run is as if nothing had been."""
    one = case(2, 0x1FC0)
    memory, instructions = one.memory, len(one.program.instructions)
    bench = Bench(dut, memory, 0.3)
    await bench.top.reset()
    erring = Erring(bench.top)
    ddr = range(memory.ddr_base, memory.ddr_base + memory.ddr_bytes)
    ins = range(memory.ins_base, memory.ins_base + 64 * instructions)
    kinds = (("read", ins, "fetch error"), ("read", ddr, "load error"), ("write", ddr, "save error"))
    for kind, addresses, cause in kinds:
        # How many accesses there are depends on the width of the port: first one run without an error.
        erring.kind, erring.range, erring.after, erring.hits = kind, addresses, NEVER, 0
        one.checker.check(await bench.run(one), memory, one.image)
        for after in (0, erring.hits * 3 // 8):
            for response in (AxiResp.SLVERR, AxiResp.DECERR):
                erring.kind, erring.after, erring.response, erring.hits = kind, after, response, 0
                found = await bench.run(one)
                assert erring.hits > after, "no error was given"
                assert (found.status, found.detail.split(" at ")[0]) == ("trap", cause), (kind, after, found)
                erring.kind = ""
                found = await bench.run(one)
                one.checker.check(found, memory, one.image)


@limited
async def illegal_instruction_traps(dut: Any) -> None:
    """A word that is no instruction: a trap that names it, also while other engines work."""
    one = case(2, 0x1FC0)
    bench = Bench(dut, one.memory, 0.3)
    await bench.top.reset()
    for number in (0, 5, 11, 12):
        one.memory.begin(one.image)
        one.memory.memories["ins"].data[0, number, 0] |= 0xF
        await bench.top.start(one.memory)
        while (report := await bench.top.wait(200_000)).event is Event.HOST:
            one.memory.serve(report.number)
            await bench.top.resume()
        assert (report.event, report.number, report.cause) == (Event.TRAPPED, number, "illegal instruction")
        bench.monitor.finish()
        one.checker.check(await bench.run(one), one.memory, one.image)


@limited
async def a_hanging_program_is_aborted(dut: Any) -> None:
    """A token that never comes; and a run that is broken off in the middle, at many moments."""
    one = case(2, 0x1FC0)
    bench = Bench(dut, one.memory, 0.3)
    await bench.top.reset()
    one.memory.begin(one.image)
    one.memory.memories["ins"].data[0, 3, 0] |= 0xF0  # waits for tokens of all engines
    await bench.top.start(one.memory)
    while (report := await bench.top.wait(20_000)).event is Event.HOST:
        one.memory.serve(report.number)
        await bench.top.resume()
    assert report.event is Event.NOTHING
    await bench.top.abort()
    assert (await bench.top.wait(1)).cause == "abort"
    bench.monitor.finish()
    for cycles in range(20, 320, 41):
        found = await bench.run(one, budget=cycles)
        assert found.status == "hang"
    one.checker.check(await bench.run(one), one.memory, one.image)


@limited
async def registers(dut: Any) -> None:
    """Parameters read back and stand still while a run goes on; what does not exist answers with an error."""
    one = case(1, 0)
    bench = Bench(dut, one.memory)
    await bench.top.reset()
    top, random = bench.top, Random(1)
    held = {Register.COUNT: 32, Register.DDR_BYTES: 32, Register.CALLS: 13, Register.INS_BASE_HIGH: 32}
    for register, bits in held.items():
        value = random.getrandbits(32)
        assert await top.write(register, value) == AxiResp.OKAY
        assert await top.read(register) == value & ((1 << bits) - 1)
    await top.write(Register.DDR_BASE, 0xFFFFFFFF)
    assert await top.read(Register.DDR_BASE) == 0xFFFFFFC0
    await top.registers.write(Register.DDR_BASE + 1, b"\x12")  # a byte of a register
    assert await top.read(Register.DDR_BASE) == 0xFFFF12C0
    assert await top.read(Register.SIZES) == 0x01020402
    for register in (Register.STATUS, Register.CYCLES, 0x34, 0xFC):
        assert await top.write(register, 1) == AxiResp.SLVERR, register
    assert (await top.registers.read(0x34, 4)).resp == AxiResp.SLVERR
    one.memory.begin(one.image)
    await top.start(one.memory)
    assert await top.read(Register.STATUS) == 1
    assert await top.write(Register.COUNT, 7) == AxiResp.SLVERR
    assert await top.read(Register.COUNT) == len(one.program.instructions)
    await top.write(Register.CONTROL, START)  # while busy: ignored
    await ClockCycles(dut.clk_i, 50)
    while (report := await top.wait(100_000)).event is Event.HOST:
        one.memory.serve(report.number)
        await top.resume()
    assert report.event is Event.ENDED
    assert np.array_equal(one.memory.memories["ins"].data[0], one.program.words)
