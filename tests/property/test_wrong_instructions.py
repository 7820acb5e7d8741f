"""Flips of instructions that end as upsets of one tensor; the machine is the judge."""

from collections import Counter
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from accel_sim.engine import Upset
from accel_sim.faults.hardware import HARDWARE_SPACES, HardwareFault, HardwareInjector, hardware_space
from accel_sim.faults.hardware.golden import _in_place
from accel_sim.faults.hardware.wrong_instructions import WrongInstructions
from accel_sim.isa import Conv, Host, encode
from accel_sim.isa.geometry import accesses
from accel_sim.model import import_onnx
from accel_sim.session import random_inputs
from tests.conformance.hardware_faults import ARCHITECTURES, SEEDS, compare, injector, live_faults
from tests.conformance.operator_graphs import Network
from tests.generators import random_graph

COUNT = 60


@cache
def struck(seed: int, arch: str, images: int = 1) -> HardwareInjector:
    model, feeds = random_graph(seed)
    return injector(import_onnx(model), feeds, arch, images=images)


def flips(case: HardwareInjector, count: int, rng: np.random.Generator) -> list[HardwareFault]:
    space = hardware_space("memory", case.program, case.machine.schedule, len(case.images), memories=["ins"])
    return list(live_faults(space, count, rng))


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_wrong_instructions_as_on_the_machine(arch: str) -> None:
    ran, changed = Counter[str](), 0
    for seed in SEEDS:
        case, rng = struck(seed, arch), np.random.default_rng([seed, 11])
        found = compare(case, flips(case, COUNT, rng))
        assert not found.differing
        ran += Counter({how: count for (_, how), count in found.faults.items()})
        changed += found.changed["ins"]
    assert ran["engine"]
    assert ran["nothing"]
    assert ran["machine"]
    assert changed


def test_where_a_wrong_convolution_writes_over_its_own_operands_order_counts() -> None:
    """A convolution of many products, which is run at once where it is right: here it has to go slot by slot."""
    net = Network((1, 16, 12, 12))
    net.add("Conv", [net.real("x", "a"), net.stored("w", (16, 16, 3, 3))], ["b"], pads=[1, 1, 1, 1])
    net.add("Conv", [net.real(net.codes("b", "b_codes"), "c"), net.stored("v", (16, 16, 1, 1))], ["d"])
    graph = net.graph([net.codes("d", "y")])
    case = injector(graph, random_inputs(graph, 4), "b512")
    config, faults = case.program.config, []
    for row, i in enumerate(case.program.instructions):
        for field in ("in_base", "out_base") if isinstance(i, Conv) else ():
            for bit in range(12):
                wrong = replace(i, **{field: getattr(i, field) ^ (1 << bit)})
                if _in_place(accesses(wrong, config)):
                    mask = np.frombuffer(encode(wrong), np.uint8) ^ case.program.words[row]
                    (place,) = np.flatnonzero(np.unpackbits(mask, bitorder="little")).tolist()
                    faults.append(HardwareFault("memory", "ins", 0, row, (place,), 0))
    found = compare(case, faults)
    assert not found.differing
    assert found.faults["ins", "engine"]
    assert found.changed["ins"]


def same(a: Upset | None, b: Upset | None) -> bool:
    if a is None or b is None:
        return a is b
    pairs = [(a.activations[n], b.activations[n]) for n in a.activations if n in b.activations]
    equal = all(np.array_equal(x, y) for first, second in pairs for x, y in zip(first, second, strict=True))
    return a.activations.keys() == b.activations.keys() and equal and not a.parameters and not b.parameters


def test_few_stops_and_few_images_find_the_same() -> None:
    """Every layer is reached from another stop, images in turn, and what a flip leaves behind reaches no other one."""
    case, found = struck(12, "short", 3), Counter[str]()
    one = WrongInstructions(case.replay, image_bytes=1, images=1)
    faults = flips(case, 2 * COUNT, np.random.default_rng(3))
    first = [case.wrong_instructions.upset(fault) for fault in faults]
    for fault, expected in reversed(list(zip(faults, first, strict=True))):
        assert same(one.upset(fault), expected)
        found["none" if expected is None else "upset" if expected.activations else "nothing"] += 1
    assert len(one._stops) == 1
    assert min(found.values()) > 0
    assert len(found) == 3


@pytest.mark.parametrize("seed", SEEDS)
def test_what_a_wrong_instruction_leaves_behind_reaches_no_other_fault(seed: int) -> None:
    """In turn with faults of memories and registers, which start from the same memories."""
    case, rng = struck(seed, "short", 2), np.random.default_rng(seed)
    others = [f for space in HARDWARE_SPACES for f in live_faults(case.space(space), COUNT // 2, rng)]
    mixed = [fault for pair in zip(flips(case, len(others), rng), others, strict=True) for fault in pair]
    assert not compare(case, mixed).differing


def test_flips_in_two_layers_are_for_the_machine() -> None:
    case, alone, together = struck(9, "tiny"), 0, 0
    instructions, words = case.program.instructions, case.program.words
    for row in range(1, len(instructions) - 1):
        if instructions[row].layer == instructions[row - 1].layer or isinstance(instructions[row], Host):
            continue
        for bit in np.flatnonzero(np.unpackbits(words[row], bitorder="little")).tolist():
            one = HardwareFault("memory", "ins", 0, row, (bit,), 0)
            two = HardwareFault("memory", "ins", 0, row, (bit,), 0, cells=((row - 1, bit),))
            if case.wrong_instructions.upset(one) is None:
                continue
            alone += 1
            if case.wrong_instructions.upset(two) is not None:
                together += 1
                assert not compare(case, [two]).differing
            else:
                assert case.needs_machine(two) or not compare(case, [two]).differing
    assert alone
    assert not together
