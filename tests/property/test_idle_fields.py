"""Flips of fields that an instruction does not use: the machine makes the same outputs in the same cycles."""

from collections import Counter
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from accel_sim.compiler import compile_graph
from accel_sim.engine import Engine
from accel_sim.faults.hardware.idle_fields import changes_nothing, without_idle_fields
from accel_sim.inputs import split_images
from accel_sim.isa import Alu, Conv, Load, Save, layout
from accel_sim.machine import BitUpset, Machine
from accel_sim.model import import_onnx
from accel_sim.reference import host_runner
from tests.conformance.hardware_faults import CONFIGS
from tests.generators import random_graph


def machine_of(seed: int, arch: str) -> tuple[Machine, Any]:
    model, feeds = random_graph(seed)
    graph = import_onnx(model)
    machine = Machine(compile_graph(graph, CONFIGS[arch]), Engine(graph, host_runner).run_node)
    return machine, split_images(graph, feeds, "inputs").items[0]


@pytest.mark.parametrize("arch", ["tiny", "short", "b512"])
def test_flips_of_idle_fields_change_nothing(arch: str) -> None:
    """All fields whose flips are said to do nothing, of every instruction that is fetched late enough to be struck."""
    seen = Counter[tuple[type, str]]()
    for seed in (1, 2, 9, 17):
        machine, image = machine_of(seed, arch)
        golden, rng = machine.run(image), np.random.default_rng(seed)
        for row in np.flatnonzero(machine.schedule.fetch > 0).tolist():
            i = machine.program.instructions[row]
            for name, position, width in layout(type(i)):
                upset = BitUpset("ins", 0, row, position + int(rng.integers(width)), 0)
                if not changes_nothing(machine.program, [upset]) or seen[type(i), name] >= 6:
                    continue
                seen[type(i), name] += 1
                found = machine.run(image, [upset])
                assert (found.status, found.cycles) == ("ok", golden.cycles), upset
                assert all(found.outputs[n].tobytes() == v.tobytes() for n, v in golden.outputs.items()), upset
    kinds = {kind for kind, _ in seen}
    assert {Load, Save, Conv, Alu} <= kinds
    assert {name for kind, name in seen if kind is Load} >= {"ddr_pitch_y", "pitch_y"}
    assert {name for kind, name in seen if kind is Alu} >= {"second_base", "real_c", "broadcast"}


def test_fields_that_are_used_are_not_idle() -> None:
    machine, _ = machine_of(9, "tiny")
    used = {
        "address",
        "ny",
        "nx",
        "nc",
        "valid",
        "base",
        "in_base",
        "out_base",
        "in_height",
        "weight_base",
        "wait",
        "low",
    }
    for i in machine.program.instructions:
        for item in fields(i):
            if item.name in used:
                other = replace(i, **{item.name: getattr(i, item.name) ^ 1})
                assert without_idle_fields(other, machine.config) != without_idle_fields(i, machine.config), item.name


def test_an_illegal_word_and_a_second_flip_that_matters() -> None:
    machine, _ = machine_of(9, "tiny")
    program = machine.program
    row = next(n for n, i in enumerate(program.instructions) if isinstance(i, Load) and i.ny == 1)
    places = {name: position for name, position, _ in layout(Load)}
    idle = BitUpset("ins", 0, row, places["pitch_y"], 0)
    assert changes_nothing(program, [idle])
    assert not changes_nothing(program, [idle, BitUpset("ins", 0, row, places["address"], 0)])
    assert not changes_nothing(program, [idle, BitUpset("ins", 0, row + 1, 0, 0)])
    assert not changes_nothing(program, [BitUpset("ins", 0, row, 511, 0)])  # beyond the fields
