"""The incremental run equals the dense run in every byte of every tensor, whatever strategy it takes."""

import numpy as np
import pytest

from accel_sim.engine import Engine
from accel_sim.engine.sparse import DENSE, DIFFERENCES, MODEL, FaultRunner, compile_tables
from accel_sim.engine.sparse import fields as F  # noqa: N812
from accel_sim.errors import ModelError
from accel_sim.faults import make_space, upset_of
from accel_sim.inputs import split_images
from accel_sim.model import import_onnx
from accel_sim.reference import host_runner
from accel_sim.session import load, random_inputs
from tests.generators import random_graph

FAULTS = 12
TAKEN = np.zeros(F.TALLY_FIELDS, np.int64)


def faults_of(graph, rng, count):
    """Draw faults from all strata alike, so that biases and high bits are hit often."""
    for name in ("parameters", "activations"):
        space = make_space(name, graph, 1)
        for _ in range(count if space.strata else 0):
            stratum = int(rng.integers(len(space.strata)))
            fault = space.fault(stratum, int(rng.integers(space.strata[stratum].population)))
            tensors = graph.parameters if name == "parameters" else graph.tensors
            shape = graph.parameters[fault.tensor].values.shape if name == "parameters" else tensors[fault.tensor].shape
            yield fault, upset_of(fault, shape)


def check(engine, inputs, rng, count):
    tables = compile_tables(engine.graph, engine.steps)
    golden = engine.run(inputs)
    runners = [FaultRunner(engine, tables, golden, policy) for policy in (MODEL, DIFFERENCES, DENSE)]
    for fault, upset in faults_of(engine.graph, rng, count):
        expected = engine.run_faulty(golden, upset)
        for runner in runners:
            with runner.struck(upset) as floats:
                changed = runner.changed(floats)
            assert changed.keys() == expected.keys(), (fault, runner.policy)
            for name, value in expected.items():
                assert changed[name].tobytes() == value.tobytes(), (fault, runner.policy, name)
    for runner in runners:
        assert not runner.state[F.SPANS].any()
        assert not runner.state[F.FLAGS].any()
        assert not runner.state[F.TOUCHED].any()
        assert np.array_equal(runner.state[F.WORK], runner.state[F.GOLDEN])
        TAKEN[:] += runner.state[F.TALLY]


@pytest.mark.parametrize("seed", range(60))
def test_random_graphs(seed: int) -> None:
    model, feeds = random_graph(seed)[:2]
    try:
        graph = import_onnx(model)
        engine = Engine(graph, host_runner)
    except ModelError:
        pytest.skip("nothing of this graph runs on the array")
    check(engine, split_images(graph, feeds).items[0], np.random.default_rng(seed), FAULTS)


@pytest.mark.parametrize("name", ["hsi-unet-relu", "hsi-unet-sigmoid", "hsi-unet-hardsigmoid"])
def test_bundled_models(name: str) -> None:
    model = load(name)
    check(model.engine, random_inputs(model.graph), np.random.default_rng(1), 10)


def test_every_strategy_is_taken() -> None:
    """Over the models above; a strategy that is never taken would be dead code that no comparison reaches."""
    model = load("hsi-unet-relu")
    check(model.engine, random_inputs(model.graph), np.random.default_rng(2), 5)
    assert TAKEN[F.FOLLOWED] > 0
    assert TAKEN[F.RECOMPUTED] > 0
    assert TAKEN[F.LOCAL_NODES] > 0
