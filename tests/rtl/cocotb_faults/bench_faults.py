"""cocotb tests: random flips of every memory and register class, and the edge that divides them, on ``accel_bench``.

``ACCEL_SIM_FLIPS`` sets how many flips of each class, ``ACCEL_SIM_REPORT`` where their counts are written.
"""

# mypy: disable-error-code="untyped-decorator"
import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import cocotb
import numpy as np

from accel_sim.isa import Compute, Load, Save
from accel_sim.machine import BitUpset, Machine
from accel_sim.machine.touches import Touch, touches
from tests.bench.rtl_faults import Case, agree, draw, fast_case, same_bytes
from tests.rtl.cocotb_faults.inference import Bench, bench

NETWORK = 17  # one that uses every memory and register class
EACH = int(os.environ.get("ACCEL_SIM_FLIPS", "1"))


async def prepare(dut: Any) -> tuple[Bench, Case]:
    """Make the bench and the same program on the machine; both agree without a flip."""
    case = fast_case(NETWORK)
    machine = case.fast.machine
    found = await bench(dut, Machine(machine.program, machine.host), case.fast.images[0])
    assert agree(await found.run(None), machine.run(case.fast.images[0]))
    return found, case


@cocotb.test()
async def random_flips(dut: Any) -> None:
    """The same flip gives the machine's status, cycles and bytes."""
    under_test, case = await prepare(dut)
    golden = case.fast.machine.run(case.fast.images[0])
    rng, counts, begin = np.random.default_rng(cocotb.RANDOM_SEED), {}, time.perf_counter()
    for memory in case.sizes:
        count = counts[memory] = Counter[str]()
        for _ in range(EACH):
            fault = draw(case, memory, rng)
            found, expected = await under_test.run(fault.upsets[0]), case.machine(fault)
            count["compared"] += 1
            if not agree(found, expected):
                assert memory == "ins", fault
                assert (found.status, found.cycles) == (expected.status, expected.cycles), fault
                assert same_bytes(case.edge_by_edge(fault), found.outputs), fault
                count["reordered"] += 1
            changed = expected.status == "ok" and not same_bytes(expected.outputs, golden.outputs)
            count["wrong" if changed else "masked" if expected.status == "ok" else expected.status] += 1
    assert sum(count["wrong"] for count in counts.values()) >= EACH
    if report := os.environ.get("ACCEL_SIM_REPORT"):
        seconds = time.perf_counter() - begin
        Path(report).write_text(json.dumps({"each": EACH, "seconds": round(seconds, 1), "memories": counts}))


def touched(case: Case, kind: type, memory: str, write: bool) -> tuple[int, Touch]:
    """Return the first instruction of a kind that touches a memory, and its touch."""
    machine = case.fast.machine
    for number, i in enumerate(machine.program.instructions):
        if isinstance(i, kind):
            for touch in touches(i, machine.program.origins[number].channels, machine.config):
                if touch.memory == memory and touch.write == write and touch.row.size:
                    return number, touch
    raise AssertionError(f"no {kind.__name__} touches {memory}")


def row_of(case: Case, kind: type, memory: str, write: bool) -> tuple[int, int, int]:
    """Return bank and row of the touch's first row, and the edge of its write or last read."""
    number, touch = touched(case, kind, memory, write)
    start = int(case.fast.machine.schedule.start[number])
    return int(touch.bank[0]), int(touch.row[0]), start + int(touch.edge[0])


@cocotb.test()
async def sweep_across_a_read(dut: Any) -> None:
    """A row is read at edge t: a flip at cycle k is seen if k < t, and not from k = t on.

    SAVE reads an image row once, and its bytes are in DDR `ddr_latency_cycles` later. Of a convolution's operands the
    last read is taken: the operand register holds them after its edge.
    """
    under_test, case = await prepare(dut)
    bank, row, edge = row_of(case, Save, "img", False)
    after = edge + case.fast.machine.config.ddr_latency_cycles + 1
    seen = []
    for cycle in (None, *range(edge - 3, edge + 3)):
        await under_test.begin()
        if cycle is not None:
            await under_test.until(cycle + 1)
            under_test.flip(BitUpset("img", bank, row, 3, cycle))
        await under_test.until(after)
        seen.append([under_test.word("ddr", 0, byte) for byte in range(case.fast.machine.memories["ddr"].data.size)])
    assert [state != seen[0] for state in seen[1:]] == [True, True, True, False, False, False]
    bank, row, edge = row_of(case, Compute, "img", False)
    registers = [(name, lane) for name in ("pe_act", "alu_act") for n, lane in under_test.places if n == name]
    seen = []
    for cycle in (None, *range(edge - 2, edge + 1)):
        await under_test.begin()
        if cycle is not None:
            await under_test.until(cycle + 1)
            under_test.flip(BitUpset("img", bank, row, 3, cycle))
        await under_test.until(edge + 1)
        seen.append([under_test.word(name, lane, c) for name, lane in registers for c in range(4)])
    assert [state != seen[0] for state in seen[1:]] == [True, True, False]


@cocotb.test()
async def sweep_across_a_write(dut: Any) -> None:
    """A row is written at edge t: a flip at cycle k < t is erased, one at k >= t stays. LOAD and the datapath alike."""
    under_test, case = await prepare(dut)
    for kind in (Load, Compute):
        bank, row, edge = row_of(case, kind, "img", True)
        contents = []
        for cycle in (None, *range(edge - 3, edge + 3)):
            await under_test.begin()
            if cycle is not None:
                await under_test.until(cycle + 1)
                under_test.flip(BitUpset("img", bank, row, 3, cycle))
            await under_test.until(max(edge, cycle or 0) + 1)
            contents.append(under_test.word("img", bank, row))
        assert [content ^ contents[0] for content in contents[1:]] == [0, 0, 0, 8, 8, 8], kind


@cocotb.test()
async def sweep_across_a_register(dut: Any) -> None:
    """An operand register is loaded and summed: at every cycle a flip gives the machine's outputs."""
    under_test, case = await prepare(dut)
    machine = case.fast.machine
    number, touch = touched(case, Compute, "img", False)
    first = int(machine.schedule.start[number]) + 1
    engine = "pe_act" if hasattr(machine.program.instructions[number], "first") else "alu_act"
    for cycle in range(first, min(first + 14, int(machine.schedule.end[number]))):
        upset = BitUpset(engine, 0, 0, 7, cycle)
        found = await under_test.run(upset)
        for memory in machine.memories.values():
            memory.data.fill(0)
        for sums in machine.accumulators.values():
            sums.fill(0)
        assert agree(found, machine.run(case.fast.images[0], [upset])), (upset, touch.memory)
