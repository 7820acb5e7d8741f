"""Bytes that one layer alone reads wrong, a table, a concatenation or a move: upsets of its output, as the machine
says."""

from collections import Counter
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from accel_sim.config.memories import DDR_ROW_BYTES
from accel_sim.faults.hardware import HardwareFault, HardwareInjector
from accel_sim.faults.hardware.life import MemoryLife
from accel_sim.isa import Load
from accel_sim.model import Concat, Lookup, Move
from tests.conformance.hardware_faults import compare, injector, network

SEEDS = (3, 5, 7, 10, 11, 15, 19, 21, 23, 34, 36, 57)


@cache
def struck(name: str, arch: str) -> HardwareInjector:
    return injector(*network(name), arch)


def handing_on(case: HardwareInjector) -> list[int]:
    """LOADs of feature maps by layers that hand bytes on."""
    program, applies = case.program, case.translator.passed_on.applies
    loads = [(n, i) for n, i in enumerate(program.instructions) if isinstance(i, Load)]
    return [n for n, i in loads if i.memory == 0 and i.address >= program.constants.size and applies(i.layer)]


def in_ddr(case: HardwareInjector, number: int, rng: np.random.Generator) -> HardwareFault:
    """A bit of a byte that a LOAD reads, shortly before, while or after it reads; or long before."""
    i, times = case.program.instructions[number], case.machine.schedule
    assert isinstance(i, Load)
    y, x = int(rng.integers(i.ny)), int(rng.integers(i.nx))
    byte = i.address + y * i.ddr_pitch_y + x * i.ddr_pitch_x + int(rng.integers(i.valid))
    start, end = int(times.start[number]), int(times.end[number])
    cycle = int(rng.choice([start - 1, start, int(rng.integers(start, end)), int(rng.integers(start + 1))]))
    bit = byte % DDR_ROW_BYTES * 8 + int(rng.integers(8))
    return HardwareFault("memory", "ddr", 0, byte // DDR_ROW_BYTES, (bit,), max(0, cycle))


def on_chip(case: HardwareInjector, number: int, rng: np.random.Generator) -> HardwareFault:
    """A bit of a row that a LOAD has brought, at any time until its last reader."""
    config, life = case.program.config, case.space("memory").lives["img"]
    assert isinstance(life, MemoryLife)
    intervals = life.intervals
    own = np.flatnonzero(intervals.owner == number)
    if not own.size:
        return in_ddr(case, number, rng)
    k = int(rng.choice(own))
    bit = int(rng.integers(8 * min(int(intervals.used[k]), config.word_bytes)))
    cycle = int(rng.choice([int(intervals.start[k]), int(rng.integers(intervals.start[k], intervals.end[k]))]))
    return HardwareFault("memory", "img", int(intervals.bank[k]), int(intervals.row[k]), (bit,), cycle)


def check(case: HardwareInjector, count: int, rng: np.random.Generator) -> Counter[str]:
    """Compare faults around these layers with the machine; count what they were."""
    loads, seen = handing_on(case), Counter[str]()
    for _ in range(count if loads else 0):
        number = int(rng.choice(loads))
        fault = (in_ddr if rng.random() < 0.5 else on_chip)(case, number, rng)
        upset = case.translator.upset(fault)
        found = compare(case, [fault])
        assert not found.differing, fault
        kind = type(case.injector.graph.nodes[case.program.instructions[number].layer].operation).__name__
        seen[kind] += 1
        written = case.program.origins[number + 1].writes
        outputs = case.injector.graph.nodes[case.program.instructions[number].layer].outputs
        if upset is not None and set(upset.activations) & {*outputs, written}:
            seen[f"{kind} by its output"] += 1
            seen[f"{fault.memory} changed"] += found.changed[fault.memory]
    return seen


@pytest.mark.parametrize("arch", ["tiny", "short", "b512"])
def test_random_networks(arch: str) -> None:
    seen = Counter[str]()
    for seed in SEEDS:
        seen += check(struck(f"random-{seed}", arch), 40, np.random.default_rng([seed, 5]))
    kinds = {kind.__name__ for kind in (Concat, Lookup, Move)}
    assert {kind for kind in kinds if seen[f"{kind} by its output"]} == kinds
    assert seen["ddr changed"] > 5
    assert seen["img changed"] > 5


def read_twice(case: HardwareInjector) -> list[tuple[int, int]]:
    """Bytes of feature maps that a layer which hands bytes on reads twice, each with a cycle between the two LOADs."""
    program, times, applies = case.program, case.machine.schedule, case.translator.passed_on.applies
    readers, found = case.translator.ddr, []
    for byte in range(program.constants.size, program.ddr_bytes):
        numbers = readers.load_numbers(byte)
        for first, second in pairwise(numbers):
            layer = program.instructions[first].layer
            later = times.start[second] >= times.end[first] - 1
            if applies(layer) and layer == program.instructions[second].layer and later:
                found.append((byte, int(times.end[first]) - 1))
    return found


def test_a_byte_that_a_layer_has_read_before_it_was_wrong_is_no_upset_of_its_output() -> None:
    looked = changed = 0
    for name, arch in (("random-9", "tiny"), ("random-9", "b512"), ("random-19", "short")):
        case, rng = struck(name, arch), np.random.default_rng(7)
        places = read_twice(case)
        for byte, cycle in [places[int(n)] for n in rng.integers(len(places), size=12 if places else 0)]:
            bit = byte % DDR_ROW_BYTES * 8 + int(rng.integers(8))
            fault = HardwareFault("memory", "ddr", 0, byte // DDR_ROW_BYTES, (bit,), cycle)
            assert case.translator.upset(fault) is None
            found = compare(case, [fault])
            assert not found.differing
            looked, changed = looked + 1, changed + found.changed["ddr"]
    assert looked
    assert changed


def test_the_skip_connections_of_a_unet() -> None:
    """Pools have read them before; the concatenation passes them through a table, behind another input."""
    case = struck("hsi-unet-relu", "b4096")
    seen = check(case, 60, np.random.default_rng(6))
    assert seen["Concat by its output"] > 20
    assert seen["ddr changed"] + seen["img changed"] > 10
