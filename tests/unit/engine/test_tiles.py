"""Convolutions of stride one in tiles: recomputed, followed, or some tiles each, the bytes of a dense run."""

from itertools import pairwise

import numpy as np
import pytest

from accel_sim.engine import Engine, Upset
from accel_sim.engine.microkernel import ROWS
from accel_sim.engine.sparse import DENSE, DIFFERENCES, MODEL, FaultRunner, compile_tables
from accel_sim.engine.sparse import fields as F  # noqa: N812
from accel_sim.engine.sparse.entry import run_propagate
from accel_sim.engine.sparse.runner import ALL
from accel_sim.model import Conv, Graph, Node, Parameter, Quantisation, Requantise, Tensor, View, Window

POLICIES = {MODEL: "mixed", DIFFERENCES: "follow", DENSE: "recompute"}
# Widths around one and two register tiles (12 pixels, 24 where two pixels share a vector), a full word of flags and a
# block of the dense kernel; channels around 8, where tiles are twice as wide, and around whole vectors.
WIDTHS = (1, 2, 11, 12, 13, 23, 24, 25, 49, 64, 65, 97, 130)
CHANNELS = ((1, 1), (3, 5), (8, 8), (9, 8), (4, 9), (16, 16), (5, 17), (33, 31), (12, 40))
PATTERNS = ("one", "few", "row", "block", "half", "all")


def conv_graph(
    rng: np.random.Generator, inputs: int, outputs: int, width: int, mode: str, least_kernel: int = 1
) -> Graph:
    """A random convolution of stride one that takes the direct kernel: padding and kernel as they come."""
    kernel = (int(rng.integers(least_kernel, 4)), int(rng.integers(least_kernel, 4)))
    pads = tuple(int(rng.integers(0, k)) for k in (*kernel, *kernel))
    images, height = int(rng.integers(1, 3)), int(rng.integers(kernel[0], 9))
    if width <= 3:
        images = 2  # a single column of a single image does not take the direct kernel
    width = max(width, kernel[1])
    out = (height + pads[0] + pads[2] - kernel[0] + 1, width + pads[1] + pads[3] - kernel[1] + 1)
    x_zero, y_zero = (int(z) for z in rng.integers(0, 256, 2))
    x = Tensor("x", (images, inputs, height, width), "uint8", Quantisation(0.05, x_zero))
    y = Tensor("y", (images, outputs, *out), "uint8", Quantisation(0.05, y_zero))
    weights = rng.integers(-128, 128, (outputs, inputs, *kernel), dtype=np.int8)
    # Some sums of products and bias leave int32 on the way.
    bias = rng.integers(-(2**31), 2**31, outputs) if rng.random() < 0.2 else rng.integers(-9000, 9000, outputs)
    scale = (rng.uniform(0.2, 1, outputs) / (60 * np.sqrt(weights[0].size))).astype(np.float32)
    if mode == "shift":
        scale = np.exp2(np.round(np.log2(scale))).astype(np.float32)
    operation = Conv(
        View("w", None, weights.shape, np.zeros(1, np.int32)),
        View("b", None, (outputs,), np.zeros(1, np.int32)),
        x_zero,
        Window(kernel, (1, 1), (pads[0], pads[1], pads[2], pads[3])),
        1,
        Requantise(scale, y_zero, int(rng.choice([0, y_zero])), 255, mode),
    )
    stored = {"w": Parameter("w", weights, "weight"), "b": Parameter("b", bias.astype(np.int32), "bias")}
    return Graph("one", {"x": x, "y": y}, stored, (Node("c", "Conv", operation, ("x",), ("y",)),), ("x",), ("y",), "")


def changed_input(rng: np.random.Generator, x: np.ndarray, pattern: str) -> np.ndarray:
    """Codes (n, h, w, c) with some pixels changed, in one channel or in all of them."""
    images, height, width, channels = x.shape
    where = np.zeros((images, height, width), bool)
    image, row, column = int(rng.integers(images)), int(rng.integers(height)), int(rng.integers(width))
    if pattern == "one":
        where[image, row, column] = True
    elif pattern == "row":
        where[image, row] = True
    elif pattern == "block":
        where[:, row : row + 3, column : column + 20] = True
    else:
        where = rng.random(where.shape) < {"few": 0.05, "half": 0.5, "all": 1.0}[pattern]
        where[image, row, column] = True
    hit = where[..., None] & (rng.random(x.shape) < rng.choice([0.1, 1.0]))
    hit[image, row, column, int(rng.integers(channels))] |= where[image, row, column]
    return np.asarray(np.where(hit, x ^ rng.integers(1, 256, x.shape, dtype=np.uint8), x))


def update(runner: FaultRunner, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Put codes in the place of the input and bring the convolution up to date; returns its codes and flags."""
    tables, state = runner.tables, runner.state
    source, target = (tables.tensors[tables.numbers[n]] for n in ("x", "y"))
    changed = (codes != runner.golden.tensors["x"]).any(axis=-1).reshape(-1)
    state[F.WORK][source[F.OFFSET] : source[F.OFFSET] + source[F.SIZE]] = codes.reshape(-1)
    state[F.FLAGS][source[F.PIXELS] : source[F.PIXELS] + changed.size] = changed
    rows = np.flatnonzero(changed.reshape(-1, source[F.WIDTH]).any(axis=1))
    state[F.SPANS][tables.numbers["x"], : F.STANDING] = rows[0], rows[-1] + 1
    assert run_propagate(runner.handles, 0, 1, runner.portable, runner.policy, ALL) == 1
    pixels = int(target[F.ROWS] * target[F.WIDTH])
    flags = state[F.FLAGS][target[F.PIXELS] : target[F.PIXELS] + pixels].copy()
    return state[F.WORK][target[F.OFFSET] : target[F.OFFSET] + target[F.SIZE]].copy(), flags


@pytest.mark.parametrize("mode", ["float32", "shift", "gemmlowp"])
@pytest.mark.parametrize(("inputs", "outputs"), CHANNELS)
def test_all_policies_are_the_dense_run(inputs: int, outputs: int, mode: str) -> None:
    """Codes and flags of changed pixels, over widths, kernels, paddings and patterns of change."""
    rng = np.random.default_rng([inputs, outputs, len(mode)])
    for width in WIDTHS:
        graph = conv_graph(rng, inputs, outputs, width, mode)
        engine = Engine(graph)
        tables = compile_tables(graph, engine.steps)
        assert tables.nodes[0, F.DIRECT], "not the kernel that this test is about"
        constant = tables.nodes[0, F.LOW] == tables.nodes[0, F.HIGH]  # then there is no step from code to code
        assert bool(tables.nodes[0, F.RESIDUAL]) != constant, "not the comparison that this test is about"
        image = rng.integers(0, 256, graph.tensors["x"].shape, dtype=np.uint8)
        golden = engine.run({"x": image})
        runners = [FaultRunner(engine, tables, golden, policy) for policy in POLICIES]
        for pattern in PATTERNS:
            codes = changed_input(rng, golden.tensors["x"], pattern)
            (expected,) = engine.steps[0].run([codes])
            differs = (expected != golden.tensors["y"]).any(axis=-1).reshape(-1)
            for runner in runners:
                found, flags = update(runner, codes)
                place = f"{POLICIES[runner.policy]}, {pattern}, width {width}: {graph.nodes[0].operation}"
                assert found.tobytes() == expected.tobytes(), place
                assert np.array_equal(flags, differs), place
                assert not runner.state[F.TOUCHED].any(), place
                with runner.struck(Upset({}, {})):
                    pass  # undoes
                assert np.array_equal(runner.state[F.WORK], runner.state[F.GOLDEN]), place


def test_some_tiles_of_a_row_are_recomputed_and_others_followed() -> None:
    """A dense patch beside single pixels: the choice is made tile by tile, not once a node."""
    rng = np.random.default_rng(5)
    graph = conv_graph(rng, 32, 32, 130, "float32", 3)
    engine = Engine(graph)
    golden = engine.run({"x": rng.integers(0, 256, graph.tensors["x"].shape, dtype=np.uint8)})
    runner = FaultRunner(engine, compile_tables(graph, engine.steps), golden, MODEL)
    codes = golden.tensors["x"].copy()
    codes[0, :, : 2 * ROWS] ^= 255
    codes[0, 0, 100, 3] ^= 255
    (expected,) = engine.steps[0].run([codes])
    assert update(runner, codes)[0].tobytes() == expected.tobytes()
    tally = runner.state[F.TALLY]
    assert tally[F.FOLLOWED] > 0
    assert tally[F.RECOMPUTED] > 0


def test_the_more_is_touched_the_more_is_recomputed() -> None:
    """The cost model follows one changed code and recomputes where everything changed."""
    rng = np.random.default_rng(6)
    graph = conv_graph(rng, 32, 32, 97, "float32", 3)
    engine = Engine(graph)
    golden = engine.run({"x": rng.integers(0, 256, graph.tensors["x"].shape, dtype=np.uint8)})
    shares = []
    for share in (0.0, 0.3, 1.0):
        runner = FaultRunner(engine, compile_tables(graph, engine.steps), golden, MODEL)
        hit = rng.random(golden.tensors["x"].shape) < share
        hit.reshape(-1)[7] = True
        update(runner, np.where(hit, golden.tensors["x"] ^ 1, golden.tensors["x"]))
        tally = runner.state[F.TALLY]
        shares.append(tally[F.RECOMPUTED] / (tally[F.RECOMPUTED] + tally[F.FOLLOWED]))
    assert shares[0] == 0
    assert shares[2] > 0.9  # the last tile of a row may hold a pixel or two
    assert all(a <= b for a, b in pairwise(shares))
