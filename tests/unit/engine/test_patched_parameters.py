"""A step told about upset parameters gives what a step prepared with them gives."""

from dataclasses import replace

import numpy as np
import pytest

from accel_sim.engine import Engine
from accel_sim.engine.layout import from_stored
from accel_sim.engine.operands import patched
from accel_sim.model import Graph
from tests.conformance.fault_oracle import flipped
from tests.unit.engine.one_node import with_steps
from tests.unit.engine.test_linear_kernels import NAMES, case_of

SEEDS, UPSETS = 12, 10


def with_flips(graph: Graph, name: str, positions: np.ndarray, masks: np.ndarray) -> Graph:
    """A copy of a graph whose stored values differ in the given bits."""
    parameter = graph.parameters[name]
    values = parameter.values
    for position, mask in zip(positions.tolist(), masks.tolist(), strict=True):
        bits = tuple(b for b in range(parameter.bits) if mask >> b & 1)
        values = flipped(values, tuple(int(i) for i in np.unravel_index(position, values.shape)), bits)
    return replace(graph, parameters={**graph.parameters, name: replace(parameter, values=values)})


@pytest.mark.parametrize("name", NAMES)
def test_one_upset_element(name: str) -> None:
    changed = 0
    for seed in range(SEEDS):
        case = case_of(name, seed) if seed % 3 or name == "operand" else with_steps(case_of(name, seed), seed)
        engine = Engine(case.graph)
        golden = engine.run({"x": case.x}).tensors
        rng = np.random.default_rng(seed)
        for parameter in case.graph.parameters.values():
            for _ in range(UPSETS):
                position = rng.integers(parameter.values.size, size=1)
                mask = np.array([1 << int(rng.integers(parameter.bits))], np.int64)
                found = engine.steps[0].run_patched([golden["x"]], golden["y"], {parameter.name: (position, mask)})
                other = Engine(with_flips(case.graph, parameter.name, position, mask))
                expected = other.run({"x": case.x}).tensors["y"]
                assert np.array_equal(found, expected), f"{name} {seed}: {parameter.name}[{position}] ^ {mask}"
                changed += not np.array_equal(found, golden["y"])
    assert changed > 10


@pytest.mark.parametrize("name", NAMES)
def test_many_upset_elements_of_several_parameters(name: str) -> None:
    """So many channels that the whole node is prepared again; weights and bias together; several bits at once."""
    for seed in range(SEEDS):
        case = case_of(name, seed)
        engine, graph = Engine(case.graph), case.graph
        golden = engine.run({"x": case.x}).tensors
        rng = np.random.default_rng(seed)
        patch = {}
        for parameter in case.graph.parameters.values():
            count = min(parameter.values.size, 12)
            positions = rng.choice(parameter.values.size, count, replace=False)
            masks = rng.integers(1, 1 << parameter.bits, count, dtype=np.int64)
            patch[parameter.name] = (positions, masks)
            graph = with_flips(graph, parameter.name, positions, masks)
        found = engine.steps[0].run_patched([golden["x"]], golden["y"], patch)
        assert np.array_equal(found, Engine(graph).run({"x": case.x}).tensors["y"])


def test_the_step_itself_is_not_changed() -> None:
    case = case_of("conv", 1)
    engine = Engine(case.graph)
    golden = engine.run({"x": case.x})
    before = golden.tensors["y"].copy()
    engine.steps[0].run_patched([golden.tensors["x"]], golden.tensors["y"], {"w": (np.array([0]), np.array([128]))})
    assert np.array_equal(golden.tensors["y"], before)
    assert np.array_equal(engine.run({"x": case.x}).tensors["y"], before)
    assert np.array_equal(from_stored(before, case.graph.tensors["y"]), case.expected)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32"])
def test_patches_are_exclusive_ors_of_stored_bits(dtype: str) -> None:
    rng = np.random.default_rng(1)
    values = rng.integers(np.iinfo(dtype).min, np.iinfo(dtype).max, (3, 4), dtype, endpoint=True)
    bits = 8 * values.dtype.itemsize
    for bit in range(bits):
        after = patched(values, (np.array([5]), np.array([1 << bit])))
        assert np.array_equal(after, flipped(values, (1, 1), (bit,)))
    both = patched(values, (np.array([0, 11]), np.array([3, 1 << (bits - 1)])))
    assert np.array_equal(both, flipped(flipped(values, (0, 0), (0, 1)), (2, 3), (bits - 1,)))


def test_an_injection_that_misses_is_noticed() -> None:
    """Two masks on one bit cancel: fewer bits differ than were planned."""
    with pytest.raises(AssertionError, match="0 bits differ after an injection of 2"):
        patched(np.zeros(4, np.int8), (np.array([2, 2]), np.array([4, 4])))
