"""Hardware faults: dead bits, upsets of tensors in their place, verdicts; the machine is the judge.

``ACCEL_SIM_HARDWARE_FAULTS`` sets how many faults per network (100 by default); the large comparison is
``python -m tests.conformance.hardware_faults``.
"""

import os
from collections import Counter
from functools import cache

import numpy as np
import pytest

from accel_sim.faults.hardware import HARDWARE_SPACES, HardwareFault, HardwareInjector
from accel_sim.faults.hardware.readers import DdrReaders
from accel_sim.model import import_onnx
from tests.conformance.hardware_faults import (
    ARCHITECTURES,
    SEEDS,
    any_fault,
    compare,
    injector,
    live_faults,
    network,
    same_outputs,
)
from tests.generators import random_graph

COUNT = int(os.environ.get("ACCEL_SIM_HARDWARE_FAULTS", "100"))


@cache
def struck(seed: int, arch: str) -> HardwareInjector:
    model, feeds = random_graph(seed)
    return injector(import_onnx(model), feeds, arch)


@pytest.mark.parametrize("space", HARDWARE_SPACES)
@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("seed", SEEDS)
def test_dead_bits_change_nothing(seed: int, arch: str, space: str) -> None:
    case, rng, seen = struck(seed, arch), np.random.default_rng([seed, 3]), Counter[bool]()
    if not case.space(space).strata:
        pytest.skip("the network does not use these")
    judge = HardwareInjector(case.injector, case.images, case.program, level="machine")
    for _ in range(2 * COUNT):
        fault = any_fault(case, space, rng)
        live = case.space(space).is_live(fault)
        seen[live] += 1
        if not live:
            assert judge.inject(fault).verdict.outcome == "masked", fault
    assert seen[False]
    assert seen[True]


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("seed", SEEDS)
def test_engine_and_machine_agree(seed: int, arch: str) -> None:
    case, rng = struck(seed, arch), np.random.default_rng([seed, 4])
    for space in HARDWARE_SPACES:
        if case.space(space).strata:
            found = compare(case, list(live_faults(case.space(space), COUNT, rng)))
            assert not found.differing
            memories = Counter[str]()
            for (memory, ran), count in found.faults.items():
                memories[ran] += count * (memory != "ins")
            assert memories["machine"] <= 0.2 * COUNT  # what the fast path leaves to the machine
            assert memories["nothing"] + memories["engine"] >= 0.5 * COUNT


def several_times(case: HardwareInjector, rng: np.random.Generator) -> list[HardwareFault]:
    """Faults in DDR bytes that are loaded several times: before all loads, between two of them, at their start."""
    readers, start = DdrReaders(case.program, case.machine.schedule), case.machine.schedule.start
    loads = {byte: readers.load_numbers(byte) for byte in range(case.program.ddr_bytes)}
    several = [byte for byte, numbers in loads.items() if len(numbers) > 1]
    faults = []
    for byte in rng.choice(several, 3 * COUNT).tolist():
        edges = [0, *(int(start[n]) for n in loads[byte])]
        first = int(rng.integers(len(edges) - 1))
        cycle = int(rng.integers(edges[first], edges[first + 1] + 1))
        faults.append(HardwareFault("memory", "ddr", 0, byte // 16, (byte % 16 * 8 + int(rng.integers(8)),), cycle))
    return faults


def test_bytes_of_ddr_that_some_readers_see_flipped_and_others_not() -> None:
    on_engine, changed = 0, 0
    for seed in (8, 12, 23, 34):
        case = struck(seed, "short")
        found = compare(case, several_times(case, np.random.default_rng([seed, 9])))
        assert not found.differing
        on_engine, changed = on_engine + found.faults["ddr", "engine"], changed + found.changed["ddr"]
    assert on_engine
    assert changed


def test_a_byte_that_two_layers_see_flipped_needs_the_machine() -> None:
    """A skip connection flipped between the tiles of the pooling beside it: pooling and concatenation both see it."""
    case = injector(*network("hsi-unet-relu"), "b4096")
    symbol = case.program.tensors["enc1.act2_out_QuantizeLinear_Output"]
    assert symbol.address is not None
    byte = symbol.address + 5 * int(np.prod(symbol.extent)) // 6
    start = [
        int(case.machine.schedule.start[n]) for n in DdrReaders(case.program, case.machine.schedule).load_numbers(byte)
    ]
    assert len(start) == 2
    for cycle, machine in ((min(start) - 1, True), (max(start) - 1, False)):
        fault = HardwareFault("memory", "ddr", 0, byte // 16, (byte % 16 * 8 + 7,), cycle)
        if case.translator.upset(fault) is None:
            assert case.needs_machine(fault) == machine
            assert not compare(case, [fault]).differing
    assert (
        case.replay.upset(HardwareFault("memory", "ddr", 0, byte // 16, (byte % 16 * 8 + 7,), min(start) - 1)) is None
    )


def test_several_bits_of_a_row() -> None:
    case, rng, seen = struck(2, "tiny"), np.random.default_rng(5), Counter[str]()
    judge = HardwareInjector(case.injector, case.images, case.program, level="machine")
    sizes = {n: 8 * s.row_bytes for n, s in case.program.memories.items()}
    for single in live_faults(case.space("memory"), 3 * COUNT, rng):
        start = int(rng.integers(max(1, sizes[single.memory] - 12)))
        bits = tuple(sorted(rng.choice(min(12, sizes[single.memory]), 3, replace=False) + start))
        fault = HardwareFault("memory", single.memory, single.bank, single.row, tuple(map(int, bits)), single.cycle)
        if case.effect(fault) is None:
            continue
        expected = judge.inject(fault)
        found = case.inject(fault)
        assert found.verdict == expected.verdict, fault
        assert same_outputs(found.outputs, expected.outputs), fault
        seen[expected.verdict.outcome] += 1
    assert seen["masked"]
    assert seen["critical"]


def test_wrong_instructions_are_detected_or_judged() -> None:
    case, rng, seen = struck(1, "tiny"), np.random.default_rng(6), Counter[str]()
    program = case.program
    for _ in range(COUNT):
        row = int(rng.integers(len(program.instructions)))
        done = case.inject(HardwareFault("memory", "ins", 0, row, (int(rng.integers(512)),), 0))
        assert (done.verdict.outcome == "due") == (not done.outputs[0])
        seen[done.verdict.outcome] += 1
    assert seen["due"]
    assert seen["masked"]


def test_a_verdict_depends_on_its_fault_alone() -> None:
    """What one faulty run leaves in the memories does not reach the next: also where stale bytes are read."""
    case, rng = struck(12, "tiny"), np.random.default_rng(8)
    rows = len(case.program.instructions)
    faults = [
        HardwareFault("memory", "ins", 0, int(rng.integers(rows)), (int(rng.integers(512)),), 0) for _ in range(40)
    ]
    first = [case.inject(f) for f in faults]
    for fault, before in reversed(list(zip(faults, first, strict=True))):
        again = case.inject(fault)
        assert again.verdict == before.verdict
        assert all(again.outputs[0][n].tobytes() == value.tobytes() for n, value in before.outputs[0].items())
