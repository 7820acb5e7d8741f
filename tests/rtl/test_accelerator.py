"""Whole programs: every output byte, every memory and every cycle of the RTL against the machine and the engine.

``ACCEL_SIM_RTL_GRAPHS`` sets how many generated graphs (40 by default), ``ACCEL_SIM_RTL_UPSETS`` how many upsets per
graph (60 by default).
"""

import os
from collections import Counter
from typing import Any

import numpy as np
import pytest

from accel_sim.isa import AluOp, Compute, Load, Save, Transfer
from accel_sim.isa.geometry import MEMORY_NAMES
from accel_sim.machine import BitUpset
from accel_sim.machine.touches import touches
from accel_sim.model import import_onnx
from tests.conformance.real_models import bundled, needs_shared, shared
from tests.property.test_machine import random_upset
from tests.rtl.conftest import differing
from tests.rtl.programs import Pair, pair, random_pair

GRAPHS = int(os.environ.get("ACCEL_SIM_RTL_GRAPHS", "40"))
UPSETS = int(os.environ.get("ACCEL_SIM_RTL_UPSETS", "60"))
BATCH = 20
UPSET_SEEDS = (1, 2, 9, 17)
pytestmark = pytest.mark.rtl


def check(case: Pair, label: object) -> None:
    """Run both; compare everything."""
    golden, found = case.machine.run(case.image), case.rtl.run(case.image)
    assert (found.status, found.detail) == ("ok", ""), label
    assert not differing(found.outputs, golden.outputs), label
    assert not differing(found.outputs, case.expected), label
    assert found.cycles == golden.cycles, label
    assert case.memories() == [], label


@pytest.mark.parametrize("start", range(0, GRAPHS, BATCH))
def test_generated_graphs(start: int) -> None:
    for seed in range(start, min(start + BATCH, GRAPHS)):
        check(random_pair(seed), seed)


def test_the_generated_graphs_use_every_instruction() -> None:
    """Otherwise the agreement says less than it seems to."""
    seen: Counter[str] = Counter()
    for seed in range(GRAPHS):
        for i in random_pair(seed).machine.program.instructions:
            seen[type(i).__name__] += 1
            if isinstance(i, Transfer):
                seen[f"{type(i).__name__} {MEMORY_NAMES[i.memory]}"] += 1
            if hasattr(i, "op"):
                seen[f"Alu {AluOp(i.op).name}"] += 1
    wanted = {f"Load {name}" for name in MEMORY_NAMES.values()} | {f"Alu {op.name}" for op in AluOp}
    assert wanted | {"Save img", "Conv", "Host", "End"} <= set(seen)


def test_a_second_inference_finds_what_the_first_one_left() -> None:
    case = random_pair(5)
    for _ in range(3):
        check(case, "again")


def test_one_edge_before_its_end_an_instruction_is_not_done() -> None:
    """Comparing at the edge of an end (``test_lockstep.py`` does at every edge) notices a shift by one."""
    case = random_pair(5)
    program, schedule = case.machine.program, case.machine.schedule
    number = max(n for n, i in enumerate(program.instructions) if isinstance(i, Save))
    case.rtl.run(case.image)
    done = case.rtl.memories["ddr"].data.copy()
    case.clear()
    case.rtl.begin(case.image)
    for edge, same in ((int(schedule.end[number]) - 1, False), (int(schedule.end[number]), True)):
        case.rtl.advance(edge)
        assert np.array_equal(case.rtl.memories["ddr"].data, done) == same, edge


# Bandwidths of at least a word a cycle: below, the machine's closed form may let two words pass at one edge.
SIZES = [
    {"queue_depth": 1, "fetch_cycles": 5, "ddr_latency_cycles": 1, "pixel_parallel": 4, "alu_pixel_parallel": 2},
    {"ddr_bytes_per_1024_cycles": 5000, "image_groups": 3, "pixel_parallel": 1, "ddr_latency_cycles": 30},
]
LARGE_SIZES = [
    {"input_channel_parallel": 10, "output_channel_parallel": 10, "ddr_bytes_per_1024_cycles": 16384},
    {"pixel_parallel": 8, "alu_pixel_parallel": 4, "input_channel_parallel": 8, "output_channel_parallel": 8,
     "ddr_bytes_per_1024_cycles": 26624},
]  # fmt: skip


@pytest.mark.parametrize("sizes", SIZES, ids=["deep", "narrow"])
def test_other_sizes(sizes: dict[str, Any]) -> None:
    for seed in range(12):
        check(random_pair(seed, **sizes), (sizes, seed))


@pytest.mark.rtl_long
@pytest.mark.parametrize("sizes", LARGE_SIZES, ids=["ten-channels", "b1024-array"])
def test_large_sizes(sizes: dict[str, Any]) -> None:
    for seed in range(12):
        check(random_pair(seed, **sizes), (sizes, seed))


def test_buffers_in_block_ram_give_the_same_bytes_one_edge_later() -> None:
    for seed in range(12):
        case = random_pair(seed, block_ram=True)
        golden, found = case.machine.run(case.image), case.rtl.run(case.image)
        assert found.status == "ok"
        assert not differing(found.outputs, golden.outputs), seed
        assert case.memories() == []
        computing = sum(isinstance(i, Compute) for i in case.machine.program.instructions)
        assert golden.cycles <= found.cycles <= golden.cycles + computing


@pytest.mark.parametrize("seed", UPSET_SEEDS)
def test_upsets(seed: int) -> None:
    """The same flip at the same edge: the same bytes, trap or hang."""
    case = random_pair(seed)
    machine, program = case.machine, case.machine.program
    golden, rng, seen = machine.run(case.image), np.random.default_rng([seed, 77]), Counter[str]()
    for number in range(UPSETS):
        upsets = [random_upset(machine, rng) for _ in range(1 if number % 4 else 2)]
        if number % 10 == 9:
            row = int(rng.integers(len(program.instructions)))
            fetched = int(machine.schedule.fetch[row])
            upsets = [BitUpset("ins", 0, row, int(rng.integers(512)), int(rng.integers(fetched + 1)))]
        case.clear()
        expected, found = machine.run(case.image, upsets), case.rtl.run(case.image, upsets)
        assert found.status == expected.status, upsets
        if expected.status == "ok":
            assert found.cycles == expected.cycles, upsets
            assert not differing(found.outputs, expected.outputs), upsets
            assert np.array_equal(case.rtl.memories["ddr"].data, machine.memories["ddr"].data), upsets
        wrong = expected.status == "ok" and differing(expected.outputs, golden.outputs)
        seen["wrong" if wrong else "masked" if expected.status == "ok" else expected.status] += 1
    assert seen["masked"]
    assert seen["wrong"]
    assert seen["trap"]


def test_a_run_that_is_given_up_leaves_nothing_behind() -> None:
    """Stores are under way when it stops; the reset that starts the next run cancels them."""
    case = random_pair(17)
    number = next(n for n, i in enumerate(case.machine.program.instructions) if isinstance(i, Compute))
    schedule = case.machine.schedule
    for cycle in range(int(schedule.start[number]), int(schedule.end[number])):
        case.clear()
        case.rtl.begin(case.image)
        case.rtl.advance(cycle)
        case.clear()
        case.rtl.begin(case.image)
        case.rtl.settle()
        assert not case.rtl.memories["img"].data.any(), cycle
    check(case, "after all of them")


def first_load(case: Pair) -> int:
    return next(n for n, i in enumerate(case.machine.program.instructions) if isinstance(i, Load) and i.memory == 0)


def test_the_edge_of_a_write_divides_flips() -> None:
    """A flip before the write of its row is erased, one after it is kept: at the same edge as in the machine."""
    case = random_pair(5)
    machine, number = case.machine, first_load(case)
    instruction, start = machine.program.instructions[number], int(machine.schedule.start[number])
    (write,) = [t for t in touches(instruction, 0, machine.config) if t.write]
    bank, row, edge = int(write.bank[0]), int(write.row[0]), start + int(write.edge[0])
    contents = []
    for cycle in (None, edge - 2, edge - 1, edge, edge + 1):
        case.clear()
        case.rtl.begin(case.image)
        if cycle is not None:
            case.rtl.advance(cycle + 1)
            case.rtl.strike(BitUpset("img", bank, row, 3, cycle))
        case.rtl.advance(edge + 2)
        contents.append(case.rtl.simulation.banks["img"][bank][row].copy())
    kept = [bool((content ^ contents[0]).any()) for content in contents[1:]]
    assert kept == [False, False, True, True]


@pytest.mark.rtl_long
@pytest.mark.parametrize("model", bundled(), ids=lambda m: m.name)
def test_bundled_models(model: Any) -> None:
    check(pair(import_onnx(model.path), model.inputs(1)), model.name)


@pytest.mark.rtl_long
@pytest.mark.shared
@needs_shared
@pytest.mark.parametrize("name", ["resnet-8", "ds-cnn"])
def test_real_models(name: str) -> None:
    (model,) = [m for m in shared() if m.name == name]
    check(pair(import_onnx(model.path), model.inputs(1)), name)
