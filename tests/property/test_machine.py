"""Upsets at any bit and cycle: the machine against the accelerator stepped edge by edge.

``ACCEL_SIM_MACHINE_UPSETS`` sets how many upsets per network (40 by default).
"""

import os
from collections import Counter
from functools import cache
from typing import Any

import numpy as np
import pytest

from accel_sim.compiler import compile_graph
from accel_sim.config import PRESETS, AcceleratorConfig
from accel_sim.engine import Engine
from accel_sim.errors import InputError
from accel_sim.inputs import split_images
from accel_sim.isa import Alu, Conv
from accel_sim.isa.geometry import accesses
from accel_sim.machine import BitUpset, Machine
from accel_sim.machine.occupancy import occupancy
from accel_sim.model import import_onnx
from accel_sim.reference import host_runner
from tests.generators import random_graph
from tests.oracles.edges import Edges

COUNT = int(os.environ.get("ACCEL_SIM_MACHINE_UPSETS", "40"))
MOST_CYCLES = 6000
SEEDS = (1, 2, 9, 12, 17, 25)
CONFIGS = ("tiny", "b512")


@cache
def case(seed: int, arch: str) -> tuple[Machine, Any]:
    model, feeds = random_graph(seed)
    graph = import_onnx(model)
    engine = Engine(graph, host_runner)
    machine = Machine(compile_graph(graph, PRESETS[arch]), engine.run_node)
    return machine, split_images(graph, feeds, "inputs").items[0]


def random_upset(machine: Machine, rng: np.random.Generator) -> BitUpset:
    """Any bit and cycle, most of them in rows and at times that some instruction uses."""
    config: AcceleratorConfig = machine.config
    sizes = {n: (s.banks, s.rows, s.row_bytes * 8) for n, s in machine.program.memories.items() if n != "ins"}
    sizes |= {n: (s.banks, s.rows, s.row_bits) for n, s in machine.registers.items()}
    number = int(rng.integers(len(machine.program.instructions)))
    touched = accesses(machine.program.instructions[number], config)
    start, end = int(machine.schedule.start[number]), int(machine.schedule.end[number])
    cycle = int(np.clip(rng.integers(start - 3, end + 20), 0, machine.schedule.cycles - 1))
    if touched and rng.random() < 0.7:
        access = touched[int(rng.integers(len(touched)))]
        line = int(rng.integers(access.low, access.high))
        banks, rows, bits = sizes[access.memory]
        if access.memory == "ddr":
            return BitUpset("ddr", 0, line // 16, line % 16 * 8 + int(rng.integers(8)), cycle)
        lane = int(rng.integers(config.pixel_parallel if access.memory == "img" else banks))
        bank = line // rows * config.pixel_parallel + lane if access.memory == "img" else lane
        return BitUpset(access.memory, bank, line % rows, int(rng.integers(bits)), cycle)
    memory = str(rng.choice(list(machine.registers)))
    banks, rows, bits = sizes[memory]
    engine = Conv if machine.registers[memory].engine == "CONV" else Alu
    users = [n for n, i in enumerate(machine.program.instructions) if isinstance(i, engine)]
    if users:
        number = int(rng.choice(users))
        cycle = int(rng.integers(machine.schedule.start[number], machine.schedule.end[number]))
    return BitUpset(memory, int(rng.integers(banks)), int(rng.integers(rows)), int(rng.integers(bits)), cycle)


def stepped(machine: Machine, image: Any, upsets: list[BitUpset]) -> tuple[dict[str, Any], Any]:
    edges = Edges(machine, image)
    edges.run(upsets)
    return {n: machine._read(n) for n in machine.program.outputs}, machine.memories["ddr"].data.copy()


@pytest.mark.parametrize("arch", CONFIGS)
@pytest.mark.parametrize("seed", SEEDS)
def test_upsets_act_as_edge_by_edge(seed: int, arch: str) -> None:
    machine, image = case(seed, arch)
    if machine.schedule.cycles > MOST_CYCLES:
        pytest.skip(f"{machine.schedule.cycles} cycles")
    golden = machine.run(image).outputs
    outputs, _ = stepped(machine, image, [])
    assert all(outputs[n].tobytes() == golden[n].tobytes() for n in golden)
    rng, seen = np.random.default_rng([seed, len(arch)]), Counter[str]()
    for number in range(COUNT):
        upsets = [random_upset(machine, rng) for _ in range(1 if number % 4 else 2)]
        expected, ddr = stepped(machine, image, upsets)
        found = machine.run(image, upsets)
        assert found.status == "ok"
        assert all(found.outputs[n].tobytes() == expected[n].tobytes() for n in expected), upsets
        assert np.array_equal(machine.memories["ddr"].data, ddr), upsets
        seen["wrong" if any(expected[n].tobytes() != golden[n].tobytes() for n in expected) else "masked"] += 1
    assert seen["masked"]


def test_some_upsets_of_every_kind_change_outputs() -> None:
    machine, image = case(17, "tiny")
    golden, rng, changed = machine.run(image).outputs, np.random.default_rng(5), Counter[str]()
    for _ in range(1000):
        upset = random_upset(machine, rng)
        outputs = machine.run(image, [upset]).outputs
        changed[upset.memory] += any(outputs[n].tobytes() != golden[n].tobytes() for n in golden)
    assert changed["img"]
    assert changed["ddr"]
    assert sum(changed[n] for n in machine.registers)


@pytest.mark.parametrize("arch", CONFIGS)
@pytest.mark.parametrize("seed", SEEDS)
def test_upsets_outside_of_live_intervals_are_masked(seed: int, arch: str) -> None:
    machine, image = case(seed, arch)
    golden, rng = machine.run(image).outputs, np.random.default_rng([seed, 7])
    live = occupancy(machine.program, machine.schedule).memories
    counts = Counter[tuple[bool, bool]]()
    for _ in range(5 * COUNT):
        upset = random_upset(machine, rng)
        if upset.memory in machine.registers:
            continue
        in_ddr = upset.memory == "ddr"
        row, byte = (upset.row * 16 + upset.bit // 8, 0) if in_ddr else (upset.row, upset.bit // 8)
        matters = live[upset.memory].is_live(upset.bank, row, byte, upset.cycle)
        outputs = machine.run(image, [upset]).outputs
        wrong = any(outputs[n].tobytes() != golden[n].tobytes() for n in golden)
        assert matters or not wrong, upset
        counts[matters, wrong] += 1
    assert counts[True, True]  # the intervals are not merely everything
    assert counts[False, False]


@pytest.mark.parametrize("seed", SEEDS)
def test_wrong_instructions_end_in_a_result_a_trap_or_a_hang(seed: int) -> None:
    machine, image = case(seed, "tiny")
    rng, seen = np.random.default_rng(seed), Counter[str]()
    golden = machine.run(image)
    for _ in range(3 * COUNT):
        number = int(rng.integers(len(machine.program.instructions)))
        cycle = int(rng.integers(machine.schedule.fetch[number] + 1))
        upset = BitUpset("ins", 0, number, int(rng.integers(512)), cycle)
        result = machine.run(image, [upset])
        seen[result.status] += 1
        if cycle == machine.schedule.fetch[number]:  # read before the flip
            assert result.status == "ok"
            assert all(result.outputs[n].tobytes() == golden.outputs[n].tobytes() for n in golden.outputs)
        assert (result.status == "ok") == bool(result.outputs)
    assert seen["ok"]
    assert seen["trap"]
    assert set(seen) <= {"ok", "trap", "hang"}


def test_a_weight_upset_in_ddr_lasts_until_the_host_reloads() -> None:
    machine, image = case(2, "tiny")
    golden = machine.run(image).outputs
    symbol = next(s for s in machine.program.symbols if s.role == "weight")
    address = symbol.address + int(np.flatnonzero(symbol.elements >= 0)[0])
    upset = BitUpset("ddr", 0, address // 16, address % 16 * 8 + 7, 0)

    def wrong(outputs: Any) -> bool:
        return any(outputs[n].tobytes() != golden[n].tobytes() for n in golden)

    assert wrong(machine.run(image, [upset]).outputs)
    assert wrong(machine.run(image, reload=False).outputs)
    assert not wrong(machine.run(image).outputs)


@pytest.mark.parametrize(
    ("upset", "said"),
    [
        (BitUpset("cache", 0, 0, 0, 0), "memory 'cache' does not exist; use one of img, wgt"),
        (BitUpset("img", 4, 0, 0, 0), "bank 4 of memory 'img' is outside 0 .. 3"),
        (BitUpset("wgt", 0, 512, 0, 0), "row 512 of memory 'wgt' is outside 0 .. 511"),
        (BitUpset("pe_acc", 0, 0, 32, 0), "bit 32 of memory 'pe_acc' is outside 0 .. 31"),
        (BitUpset("img", 0, 0, 0, 10**9), "cycle 1000000000 of memory 'img' is outside"),
    ],
)
def test_upsets_that_do_not_exist(upset: BitUpset, said: str) -> None:
    machine, image = case(2, "tiny")
    with pytest.raises(InputError, match=said):
        machine.run(image, [upset])
