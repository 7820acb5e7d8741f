"""What does not fit an entry of the lists of changes is recomputed instead, with the same bytes."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from accel_sim.engine import Engine, Upset
from accel_sim.engine.sparse import DIFFERENCES, MODEL, FaultRunner, compile_tables
from accel_sim.engine.sparse import fields as F  # noqa: N812
from accel_sim.engine.sparse.products import MOST_CHANNELS, MOST_COLUMNS
from accel_sim.model import import_onnx

RNG = np.random.default_rng(11)


def quantised(
    operator: str, x_shape: list[int], y_shape: list[int], weights: np.ndarray, **attributes
) -> onnx.ModelProto:
    """Make a model of one operator between 8-bit tensors."""
    scales = {"xs": 0.05, "ws": 0.02, "ys": 0.4}
    constants = {n: np.float32(v) for n, v in scales.items()} | {"w": weights, "wz": np.int8(0), "z": np.uint8(128)}
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "xs", "z"], ["xr"]),
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wr"]),
        helper.make_node(operator, ["xr", "wr"], ["r"], **attributes),
        helper.make_node("QuantizeLinear", ["r", "ys", "z"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "large",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, x_shape)],
        [helper.make_tensor_value_info("y", TensorProto.UINT8, y_shape)],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)


def wide(columns: int) -> onnx.ModelProto:
    weights = RNG.integers(-127, 128, (3, 2, 3)).astype(np.int8)
    return quantised("Conv", [1, 2, columns], [1, 3, columns], weights, pads=[1, 1])


def deep(channels: int) -> onnx.ModelProto:
    weights = RNG.integers(-127, 128, (channels, 4)).astype(np.int8)
    return quantised("MatMul", [1, channels], [1, 4], weights)


CASES = [
    (wide(MOST_COLUMNS), True),
    (wide(MOST_COLUMNS + 40), False),
    (deep(MOST_CHANNELS), True),
    (deep(MOST_CHANNELS + 6), False),
]


@pytest.mark.parametrize(("model", "kept"), CASES, ids=["columns", "more columns", "channels", "more channels"])
def test_at_the_limits(model: onnx.ModelProto, kept: bool) -> None:
    engine = Engine(import_onnx(model))
    tables = compile_tables(engine.graph, engine.steps)
    (row,) = (r for r in tables.nodes if r[F.KIND] == F.LINEAR)
    assert (row[F.ACC] >= 0) == kept
    shape = engine.graph.tensors["x"].shape
    golden = engine.run({"x": RNG.integers(0, 256, shape).astype(np.uint8)})
    last = int(np.prod(shape)) - 1
    places = (0, 1, last - 39, last - 7, last)
    for policy in (MODEL, DIFFERENCES):
        runner = FaultRunner(engine, tables, golden, policy)
        for place in places:
            upset = Upset({}, {"x": (np.array([place]), np.array([0x80]))})
            expected = engine.run_faulty(golden, upset)
            with runner.struck(upset) as floats:
                found = runner.changed(floats)
            assert found.keys() == expected.keys(), (policy, place)
            assert all(found[name].tobytes() == expected[name].tobytes() for name in expected), (policy, place)
