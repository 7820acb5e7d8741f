"""Faulty runs that start where the fault strikes, against dense runs of a model that holds it from the start."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from accel_sim.engine import Engine, Upset
from accel_sim.engine.sparse import DENSE, DIFFERENCES, MODEL, FaultRunner, compile_tables
from accel_sim.faults import Fault, make_space, upset_of
from accel_sim.model import Graph
from accel_sim.reference import host_runner
from tests.conformance.fault_figures import corner_faults, drawn_faults, shape_of
from tests.unit.engine.networks import dense_run, network

NETWORKS = ["integer-uint8-int8", "integer-uint8-uint8", "integer-int8-int8", "u-net", "sharing"]
RANDOM = [f"random-{seed}" for seed in range(24)]
FAULTS, FEW = 60, 8
POLICIES = (MODEL, DIFFERENCES, DENSE)


@pytest.mark.parametrize("name", [*NETWORKS, *RANDOM])
def test_faulty_run_is_the_dense_run(name: str) -> None:
    """Node by node, and in compiled code with every strategy."""
    graph, images = network(name)
    engine = Engine(graph, host_runner)
    tables = compile_tables(graph, engine.steps)
    golden = [engine.run(image) for image in images]
    runners = [[FaultRunner(engine, tables, kept, policy) for policy in POLICIES] for kept in golden]
    faults = some_faults(graph, name)
    assert faults
    for number, fault in enumerate(faults):
        which = number % len(images)
        kept, upset = golden[which], upset_of(fault, shape_of(graph, fault))
        before = {n: a.tobytes() for n, a in kept.tensors.items()}
        changed = engine.run_faulty(kept, upset)
        assert {n for n, a in changed.items() if a.tobytes() == before[n]} == set(), f"{fault}: nothing changed there"
        assert {n for n, a in kept.tensors.items() if a.tobytes() != before[n]} == set(), f"{fault}: golden values"
        expected = dense_run(graph, images[which], fault)
        for found in [changed, *(changed_by(runner, upset) for runner in runners[which])]:
            outputs = engine.outputs(kept, found)
            for output, value in expected.items():
                assert outputs[output].dtype == value.dtype
                assert outputs[output].tobytes() == value.tobytes(), f"{fault}: {output}"


def changed_by(runner: FaultRunner, upset: Upset) -> dict[str, NDArray[Any]]:
    with runner.struck(upset) as floats:
        return runner.changed(floats)


def some_faults(graph: Graph, name: str) -> list[Fault]:
    """Of every space that is not empty; in the networks made for these tests more, and corners."""
    rng, count = np.random.default_rng(1), FAULTS if name in NETWORKS else FEW
    found = corner_faults(graph)[::5] if name in NETWORKS else []
    for space in ("parameters", "activations"):
        if any(s.population for s in make_space(space, graph, 1).strata):
            found += drawn_faults(graph, space, count, rng)
    return found


def test_a_masked_fault_stops_early() -> None:
    """A weight that only meets zero-point inputs changes nothing: no tensor is reported."""
    graph, (image, _) = network("integer-uint8-int8")
    engine = Engine(graph, host_runner)
    (source,) = graph.inputs
    zero = graph.tensors[source].quantisation
    assert zero is not None
    quiet = engine.run({source: np.full_like(image[source], zero.zero_point)})
    first = graph.nodes[0].views[0].parameter
    shape = graph.parameters[first].values.shape
    fault = make_space("parameters", graph, 1).fault(7, 0)
    assert fault.tensor == first
    assert engine.run_faulty(quiet, upset_of(fault, shape)) == {}


def test_two_upsets_at_once() -> None:
    """A weight and a later activation: the activation is flipped in what the weight has made of it."""
    graph, (image, _) = network("u-net")
    engine = Engine(graph, host_runner)
    golden = engine.run(image)
    weight, tensor = graph.nodes[0].views[0].parameter, graph.nodes[1].outputs[0]
    both = Upset({weight: (np.array([4]), np.array([64]))}, {tensor: (np.array([3, 9]), np.array([128, 3]))})
    first = engine.run_faulty(golden, Upset(both.parameters, {}))
    changed = engine.run_faulty(golden, both)
    difference = changed[tensor] ^ first.get(tensor, golden.tensors[tensor])
    assert sorted(difference[difference > 0].tolist()) == [3, 128]
    assert engine.run_faulty(golden, Upset({}, {})) == {}
    for policy in POLICIES:
        runner = FaultRunner(engine, compile_tables(graph, engine.steps), golden, policy)
        found = changed_by(runner, both)
        assert {n: a.tobytes() for n, a in found.items()} == {n: a.tobytes() for n, a in changed.items()}
        assert changed_by(runner, Upset({}, {})) == {}


@pytest.mark.parametrize("name", [*NETWORKS, *RANDOM[:8]])
def test_portable_path_gives_the_same_bytes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    graph, images = network(name)
    monkeypatch.delenv("ACCEL_SIM_PORTABLE", raising=False)
    fast = Engine(graph, host_runner)
    monkeypatch.setenv("ACCEL_SIM_PORTABLE", "1")
    portable = Engine(graph, host_runner)
    for image in images:
        ours, theirs = fast.run(image).tensors, portable.run(image).tensors
        assert ours.keys() == theirs.keys()
        for tensor, array in ours.items():
            assert array.tobytes() == theirs[tensor].tobytes(), tensor


def test_the_whole_portable_path_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine keeps the path that was asked for when it was made."""
    graph, (image, _) = network("u-net")
    monkeypatch.setenv("ACCEL_SIM_PORTABLE", "1")
    portable = Engine(graph, host_runner)
    monkeypatch.delenv("ACCEL_SIM_PORTABLE")
    assert [getattr(step, "portable", True) for step in portable.steps] == [True] * len(portable.steps)
    golden = portable.run(image)
    fault = drawn_faults(graph, "parameters", 1, np.random.default_rng(3))[0]
    upset = upset_of(fault, shape_of(graph, fault))
    other = Engine(graph, host_runner)
    left, right = portable.run_faulty(golden, upset), other.run_faulty(other.run(image), upset)
    assert left.keys() == right.keys()
    assert all(left[n].tobytes() == right[n].tobytes() for n in left)
