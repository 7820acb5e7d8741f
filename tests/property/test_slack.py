"""Residuals and slack kept of a golden run: no difference within them changes a code, and a little more does."""

from collections import Counter

import numpy as np
import pytest

from accel_sim.engine import Engine
from accel_sim.engine.requant import FLOAT32, GEMMLOWP, SHIFT, STEPS
from accel_sim.engine.sparse import FaultRunner, compile_tables
from accel_sim.engine.sparse import fields as F  # noqa: N812
from accel_sim.engine.sparse import residual as residual_module
from accel_sim.engine.sparse.codes import channel_code
from accel_sim.engine.sparse.residual import may_leave, middle, residual_of
from accel_sim.engine.sparse.slack import MOST, between_steps
from accel_sim.errors import ModelError
from accel_sim.inputs import split_images
from accel_sim.model import import_onnx
from accel_sim.reference import host_runner
from accel_sim.session import load, random_inputs
from tests.conformance.test_other_arithmetics import W_SCALE, X_SCALE, Y_SCALE, network
from tests.generators import random_graph
from tests.property import test_incremental as incremental

SAMPLES = 60
SCALES = (X_SCALE, W_SCALE, X_SCALE * W_SCALE, Y_SCALE)


def slack_of(runner: FaultRunner, row, pixel: int, channel: int) -> tuple[int, int, int, int]:
    """Accumulator of an output, and how far it may fall and rise; the unit."""
    unit = 1 << int(runner.state[F.INTS][row[F.UNIT] + channel])
    first = int(row[F.ACC] + pixel * row[F.ROW])
    up, down = runner.state[F.SLACK][[2 * first + channel, 2 * first + int(row[F.ROW]) + channel]]
    return int(runner.state[F.ACCUMULATORS][first + channel]), int(down) * unit, int(up) * unit, unit


def check(engine: Engine, inputs, rng: np.random.Generator, seen: Counter[str] | None = None) -> None:
    runner = FaultRunner(engine, compile_tables(engine.graph, engine.steps), engine.run(inputs))
    seen = Counter() if seen is None else seen
    for row in runner.tables.nodes:
        if row[F.KIND] in (F.LINEAR, F.TRANSPOSED):
            (check_residuals if row[F.RESIDUAL] else check_slack)(runner, row, rng, seen)


def check_slack(runner: FaultRunner, row, rng: np.random.Generator, seen: Counter[str]) -> None:
    ints, floats, moving = runner.state[F.INTS], runner.state[F.FLOATS], 0
    for _ in range(SAMPLES):
        pixel, channel = int(rng.integers(row[F.UNITS])), int(rng.integers(row[F.OC]))
        acc, down, up, unit = slack_of(runner, row, pixel, channel)
        code = channel_code(row, ints, floats, channel, np.int32(acc))
        place = runner.tables.tensors[row[F.OUT], F.OFFSET] + pixel * row[F.OC] + channel
        assert code == runner.state[F.GOLDEN][place]
        for move in (-down, up, *(int(m) for m in rng.integers(-down, up + 1, 4))):
            assert channel_code(row, ints, floats, channel, np.int32(acc + move)) == code, (row[F.MODE], acc, move)
        # One unit more changes the code, or is more than a byte holds; of steps, the threshold may be none.
        if up < MOST * unit and row[F.MODE] != STEPS and acc + up + unit < 2**31:
            assert channel_code(row, ints, floats, channel, np.int32(acc + up + unit)) != code
        moving += up + down > 0 or unit == 1  # steps of a few units of the accumulator leave no slack
        seen["slack"] += 1
    assert moving > SAMPLES // 2, "slack of next to none: every difference would be requantised"


def check_residuals(runner: FaultRunner, row, rng: np.random.Generator, seen: Counter[str]) -> None:
    """A difference that is said to change nothing does not; the residual and the code are the accumulator."""
    ints, floats, halves = runner.state[F.INTS], runner.state[F.FLOATS], runner.state[F.WEIGHTS]
    for _ in range(SAMPLES):
        pixel, channel = int(rng.integers(row[F.UNITS])), int(rng.integers(row[F.OC]))
        first = int(row[F.ACC] + pixel * row[F.ROW] + channel)
        acc, residual = int(runner.state[F.ACCUMULATORS][first]), int(residual_of(runner.state[F.SLACK], first))
        code = runner.state[F.GOLDEN][runner.tables.tensors[row[F.OUT], F.OFFSET] + pixel * row[F.OC] + channel]
        margin, reach = int(halves[row[F.MARGIN] + channel]), int(halves[row[F.REACH] + channel])
        if abs(residual) < residual_module.MOST:
            assert int(middle(row, floats, channel, code)) + residual == acc
            seen["whole"] += 1
        else:
            seen["clipped"] += 1
        near = [-margin - residual, margin - residual, -margin - residual - 1, margin - residual + 1]
        wide = rng.integers(-3 * reach - 3, 3 * reach + 4, 4)
        for change in (*near, *(int(m) for m in wide), 1 << 20, -(1 << 20), 1 << 30, -(1 << 31)):
            moved = channel_code(row, ints, floats, channel, np.int32((acc + change + 2**31) % 2**32 - 2**31))
            if not may_leave(np.int64(margin), np.int64(reach), np.int64(residual), np.int64(change)):
                assert moved == code, (row[F.MODE], acc, residual, change)
                seen["stays"] += 1
            elif moved == code:
                seen["needlessly"] += 1
            else:
                seen["leaves"] += 1


@pytest.mark.parametrize("seed", range(40))
def test_random_graphs(seed: int) -> None:
    model, feeds = random_graph(seed)[:2]
    try:
        graph = import_onnx(model)
        engine = Engine(graph, host_runner)
    except ModelError:
        pytest.skip("nothing of this graph runs on the array")
    check(engine, split_images(graph, feeds).items[0], np.random.default_rng(seed))


@pytest.mark.parametrize("name", ["hsi-unet-relu", "hsi-unet-sigmoid", "hsi-unet-hardsigmoid"])
def test_bundled_models(name: str) -> None:
    model, seen = load(name), Counter[str]()
    check(model.engine, random_inputs(model.graph), np.random.default_rng(3), seen)
    assert min(seen["whole"], seen["stays"], seen["leaves"]) > SAMPLES, seen
    assert name != "hsi-unet-relu" or seen["clipped"] > 0, "no accumulator far into saturation"
    assert seen["needlessly"] < seen["leaves"] / 2, "margins far from the steps: too much would be requantised"


@pytest.mark.parametrize("arithmetic", ["dpu", "gemmlowp"])
def test_other_arithmetics(arithmetic: str) -> None:
    rng = np.random.default_rng(8)
    bias = rng.integers(-9000, 9000, 6).astype(np.int32)
    engine = Engine(import_onnx(network(SCALES, bias, 4)[0], arithmetic=arithmetic))
    inputs = {"x": rng.integers(-128, 128, (1, 4, 7, 9)).astype(np.int8)}
    check(engine, inputs, rng)
    incremental.check(engine, inputs, rng, 60)


@pytest.mark.parametrize(("acc", "up", "down"), [(15, 4, 5), (2**31 - 4, 3, MOST), (3 - 2**31, MOST, 3)])
def test_steps_end_where_accumulators_wrap(acc: int, up: int, down: int) -> None:
    """Behind the last threshold the code stays, but only as far as an int32 goes."""
    node, ints = np.zeros(F.NODE_FIELDS, np.int64), np.array([10, 20, 0, 1, 2], np.int32)
    node[F.STEP_COUNT], node[F.STEP_PLACE] = 2, 0
    assert between_steps(node, ints, 0, acc, 1) == (up, down)


def test_the_cases_above_hold_every_scheme() -> None:
    seen: Counter[int] = Counter()
    for seed in range(8):
        graph = import_onnx(random_graph(seed)[0])
        rows = compile_tables(graph, Engine(graph, host_runner).steps).nodes
        seen.update(int(r[F.MODE]) for r in rows if r[F.KIND] in (F.LINEAR, F.TRANSPOSED))
    for arithmetic in ("dpu", "gemmlowp"):
        graph = import_onnx(network(SCALES, np.zeros(6, np.int32), 4)[0], arithmetic=arithmetic)
        seen.update(int(r[F.MODE]) for r in compile_tables(graph, Engine(graph).steps).nodes if r[F.KIND] == F.LINEAR)
    assert seen.keys() == {FLOAT32, SHIFT, GEMMLOWP, STEPS}, seen
