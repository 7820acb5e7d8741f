"""Convolutions of chosen shapes, recomputed whole: what the recomputing half of the cost model is fitted on."""

from itertools import product

import numpy as np

from accel_sim.engine import Engine
from accel_sim.engine.sparse import DENSE, FaultRunner, compile_tables
from accel_sim.engine.sparse import fields as F  # noqa: N812
from accel_sim.model import Conv, Graph, Node, Parameter, Quantisation, Requantise, Tensor, View, Window
from tests.bench import strategies

CHANNELS = ((4, 8), (8, 8), (16, 16), (32, 16), (32, 32), (64, 24), (64, 64))
SIZES = ((12, 24), (48, 96), (96, 24))
KERNELS = ((3, 1), (1, 1), (3, 2))
"""Kernel and stride; with a stride patches are gathered."""
REPEATS = 5


def conv_graph(inputs: int, outputs: int, size: tuple[int, int], kernel: int, stride: int) -> Graph:
    """One convolution with random weights, padded so that its output is its input's size over the stride."""
    rng = np.random.default_rng([inputs, outputs, *size, kernel, stride])
    weights = rng.integers(-127, 128, (outputs, inputs, kernel, kernel), dtype=np.int8)
    bias = rng.integers(-3000, 3000, outputs).astype(np.int32)
    scale = np.full(outputs, 1 / (60 * np.sqrt(inputs * kernel**2)), np.float32)
    pad = kernel // 2
    operation = Conv(
        View("w", None, weights.shape, np.zeros(1, np.int32)),
        View("b", None, bias.shape, np.zeros(1, np.int32)),
        128,
        Window((kernel, kernel), (stride, stride), (pad, pad, pad, pad)),
        1,
        Requantise(scale, 128, 0, 255),
    )
    steps = Quantisation(0.05, 128)
    x = Tensor("x", (1, inputs, *size), "uint8", steps)
    y = Tensor("y", (1, outputs, *((n - 1) // stride + 1 for n in size)), "uint8", steps)
    parameters = {"w": Parameter("w", weights, "weight"), "b": Parameter("b", bias, "bias")}
    return Graph(
        "one", {"x": x, "y": y}, parameters, (Node("conv", "Conv", operation, ("x",), ("y",)),), ("x",), ("y",), ""
    )


def samples() -> list[tuple[list[float], float]]:
    """Recompute every shape after a change everywhere.

    Returns
    -------
    Vector products, gathered bytes, vectors of outputs, pixels, rows and 1 of every shape, and nanoseconds.
    """
    found = []
    for (inputs, outputs), size, (kernel, stride) in product(CHANNELS, SIZES, KERNELS):
        graph = conv_graph(inputs, outputs, size, kernel, stride)
        engine = Engine(graph)
        rng = np.random.default_rng(1)
        image = rng.integers(0, 256, graph.tensors["x"].shape, dtype=np.uint8)
        runner = FaultRunner(engine, compile_tables(graph, engine.steps), engine.run({"x": image}), DENSE)
        _change_everything(runner)
        times = [work.nanoseconds for _ in range(REPEATS) for work in strategies.again(runner, [0], DENSE)]
        row = runner.tables.nodes[0]
        pixels = int(row[F.UNITS])
        sharing = 2 if row[F.DIRECT] and outputs <= row[F.COLUMNS] // 2 else 1
        dots = pixels * (int(row[F.DEPTH]) // 4) * (int(row[F.COLUMNS]) // 16) / sharing
        gathered = 0.0 if row[F.DIRECT] else float(pixels * row[F.DEPTH])
        rows = pixels / int(row[F.OW])
        found.append(([dots, gathered, float(pixels * -(-outputs // 8)), float(pixels), rows, 1.0], float(min(times))))
    return found


def _change_everything(runner: FaultRunner) -> None:
    tensor = runner.tables.tensors[runner.tables.numbers["x"]]
    first, size = tensor[F.OFFSET], tensor[F.SIZE]
    runner.state[F.WORK][first : first + size] ^= np.uint8(1)
    pixels = int(tensor[F.WIDTH] * tensor[F.ROWS])
    runner.state[F.FLAGS][tensor[F.PIXELS] : tensor[F.PIXELS] + pixels] = 1
    runner.state[F.SPANS][runner.tables.numbers["x"], : F.STANDING] = 0, tensor[F.ROWS]
