"""The faults of an accelerator: what is counted, and that every number stands for another live bit and cycle."""

from functools import cache

import numpy as np
import pytest

from accel_sim.compiler import compile_graph
from accel_sim.config import PRESETS
from accel_sim.errors import UsageError
from accel_sim.faults.hardware import HARDWARE_SPACES, HardwareSpace, hardware_space
from accel_sim.isa import Alu, AluOp, Compute, Conv
from accel_sim.isa.geometry import walk
from accel_sim.machine import schedule
from accel_sim.machine.occupancy import occupancy
from accel_sim.model import import_onnx
from tests.generators import random_graph

SEEDS = (1, 2, 9, 12, 17)


@cache
def space(name: str, seed: int, images: int = 1) -> HardwareSpace:
    program = compile_graph(import_onnx(random_graph(seed)[0]), PRESETS["tiny"])
    return hardware_space(name, program, schedule(program.instructions, program.config), images)


@pytest.mark.parametrize("seed", SEEDS)
def test_populations_are_the_live_bit_cycles(seed: int) -> None:
    found = space("memory", seed)
    expected = {n: i.bit_cycles for n, i in occupancy(found.program).memories.items()}
    expected["ins"] = 512 * int(schedule(found.program.instructions, found.program.config).fetch.sum())
    counted = dict.fromkeys(expected, 0)
    for number, stratum in enumerate(found.strata):
        counted[found.memory_of(number)] += stratum.population
    assert counted == expected


@pytest.mark.parametrize("name", HARDWARE_SPACES)
@pytest.mark.parametrize("seed", SEEDS)
def test_names_of_strata_are_unique_and_tell_the_memory(name: str, seed: int) -> None:
    found = space(name, seed)
    keys = [(s.name, s.bit) for s in found.strata]
    assert len(set(keys)) == len(keys)
    for number, stratum in enumerate(found.strata):
        assert stratum.name.startswith(f"{found.memory_of(number)}:")
        assert stratum.population > 0


@pytest.mark.parametrize("name", HARDWARE_SPACES)
@pytest.mark.parametrize("seed", SEEDS)
def test_every_number_is_a_different_live_bit_and_cycle(name: str, seed: int) -> None:
    found, rng = space(name, seed), np.random.default_rng(seed)
    small = [n for n, s in enumerate(found.strata) if s.population <= 3000]
    for number in rng.choice(small, min(8, len(small)), replace=False).tolist():
        stratum = found.strata[number]
        faults = [found.fault(number, k) for k in range(stratum.population)]
        assert len(set(faults)) == stratum.population
        width = found.lives[found.memory_of(number)].element_bits
        for fault in faults:
            found.check(fault)
            assert found.is_live(fault)
            assert fault.bits[0] % width == stratum.bit


@pytest.mark.parametrize("name", HARDWARE_SPACES)
def test_ends_of_large_strata(name: str) -> None:
    found = space(name, 17)
    for number, stratum in enumerate(found.strata):
        for k in (0, stratum.population // 2, stratum.population - 1):
            assert found.is_live(found.fault(number, k))
        with pytest.raises(IndexError):
            found.fault(number, stratum.population)


@pytest.mark.parametrize("name", HARDWARE_SPACES)
def test_images_multiply(name: str) -> None:
    one, three = space(name, 2), space(name, 2, 3)
    for number, (a, b) in enumerate(zip(one.strata, three.strata, strict=True)):
        assert b.population == 3 * a.population
        last, again = three.fault(number, b.population - 1), one.fault(number, a.population - 1)
        assert last.image == 2
        assert (last.bank, last.row, last.bits, last.cycle) == (again.bank, again.row, again.bits, again.cycle)
    assert three.describe() == {**one.describe(), "images": 3}


def test_operand_registers_are_live_while_slots_run() -> None:
    """With one phase a slot an operand is replaced every cycle: live in each cycle of a slot, and in no other."""
    found = space("registers", 2)
    times = schedule(found.program.instructions, found.program.config)
    slots, expected = 0, 0
    for number, i in enumerate(found.program.instructions):
        uses = isinstance(i, Conv) or (isinstance(i, Alu) and i.op == AluOp.DEPTHWISE)
        if isinstance(i, Compute) and uses:
            w = walk(i, found.program.config)
            slots = w.groups * w.blocks * w.taps * w.phases
            spec = "pe_wgt" if isinstance(i, Conv) else "alu_wgt"
            expected += slots * found.lives[spec].bits
            assert times.start[number] >= 0
    strata = [s for s in found.strata if s.name.split(":")[0] in ("pe_wgt", "alu_wgt")]
    assert sum(s.population for s in strata) == expected > 0


def test_only_some_memories() -> None:
    whole = space("memory", 17)
    part = hardware_space(
        "memory", whole.program, schedule(whole.program.instructions, whole.program.config), 1, ["img"]
    )
    assert {s.name.split(":")[0] for s in part.strata} == {"img"}
    assert part.describe()["memories"] == ["img"]
    with pytest.raises(UsageError, match="--memory 'pe_acc' is not in space memory; use some of img, wgt"):
        hardware_space(
            "memory", whole.program, schedule(whole.program.instructions, whole.program.config), 1, ["pe_acc"]
        )


def test_other_spaces_are_refused() -> None:
    program = space("memory", 17).program
    with pytest.raises(UsageError, match="space 'cache' is not one of memory, registers"):
        hardware_space("cache", program, schedule(program.instructions, program.config), 1)
