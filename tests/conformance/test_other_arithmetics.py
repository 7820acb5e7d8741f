"""The DPU's shift and gemmlowp's multiplier inside whole networks, against plain loops."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from accel_sim.engine import Engine, from_stored
from accel_sim.errors import ModelError
from accel_sim.model import import_onnx
from tests.oracles.convolution import conv_accumulators
from tests.oracles.scalar import (
    dpu_requantise,
    gemmlowp_multiplier,
    gemmlowp_requantise,
)

X_SCALE, W_SCALE, B_SCALE, Y_SCALE = 2.0**-5, 2.0**-7, 2.0**-6, 2.0**-4


def network(scales, bias, seed):
    """x -> Conv with an int8 or int32 bias -> Relu -> codes: the form that quantisers for the DPU write."""
    rng = np.random.default_rng(seed)
    # Multiples of 8, and of 16 in the inputs: half of all accumulators are then exact ties of a shift by 8.
    weights = (8 * rng.integers(-4, 5, (6, 4, 3, 3))).astype(np.int8)
    x_scale, w_scale, b_scale, y_scale = scales
    constants = {
        "w": weights, "b": bias, "xs": np.float32(x_scale), "ws": np.float32(w_scale), "bs": np.float32(b_scale),
        "ys": np.float32(y_scale), "zero": np.int8(0), "bzero": np.zeros((), bias.dtype),
    }  # fmt: skip
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "xs", "zero"], ["xr"]),
        helper.make_node("DequantizeLinear", ["w", "ws", "zero"], ["wr"]),
        helper.make_node("DequantizeLinear", ["b", "bs", "bzero"], ["br"]),
        helper.make_node("Conv", ["xr", "wr", "br"], ["c"], name="conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("QuantizeLinear", ["r", "ys", "zero"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "dpu",
        [helper.make_tensor_value_info("x", TensorProto.INT8, [1, 4, 7, 9])],
        [helper.make_tensor_value_info("y", TensorProto.INT8, [1, 6, 7, 9])],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10), weights


def outputs(model, arithmetic, x):
    graph = import_onnx(model, arithmetic=arithmetic)
    engine = Engine(graph)
    golden = engine.run({"x": x})
    return from_stored(golden.tensors["y"], graph.tensors["y"])


@pytest.mark.parametrize("seed", range(5))
def test_dpu_shift_with_an_int8_bias_of_its_own_scale(seed: int) -> None:
    rng = np.random.default_rng(100 + seed)
    bias = rng.integers(-128, 128, 6).astype(np.int8)
    model, weights = network((X_SCALE, W_SCALE, B_SCALE, Y_SCALE), bias, seed)
    x = (16 * rng.integers(-8, 8, (1, 4, 7, 9))).astype(np.int8)
    # Exponents by hand: the product has 2**-12, so the bias of 2**-6 moves up by 6, and the output takes a shift of 8.
    acc = conv_accumulators(x, 0, weights, 0, None, pads=[1, 1, 1, 1])
    expected = np.zeros(acc.shape, np.int8)
    for place in np.ndindex(acc.shape):
        total = int(acc[place]) + int(bias[place[1]]) * 2**6
        expected[place] = max(dpu_requantise(total, 8, np.int8), 0)
    got = outputs(model, "dpu", x)
    assert np.array_equal(got, expected)
    halves = np.abs(np.modf(acc / 2.0**8)[0]) == 0.5
    assert halves.any()  # without exact ties the rounding rule would not be tested


def test_dpu_ties_differ_from_onnxruntimes() -> None:
    model, _ = network((X_SCALE, W_SCALE, B_SCALE, Y_SCALE), np.zeros(6, np.int8), 3)
    x = (16 * np.random.default_rng(5).integers(-8, 8, (1, 4, 7, 9))).astype(np.int8)
    dpu, even = outputs(model, "dpu", x).astype(int), outputs(model, "onnxruntime", x).astype(int)
    assert set(np.unique(dpu - even)) == {0, 1}  # ties to even are never above ties upwards


def test_dpu_refuses_other_scales() -> None:
    model, _ = network((0.03, W_SCALE, B_SCALE, Y_SCALE), np.zeros(6, np.int32), 0)
    with pytest.raises(ModelError, match="power-of-two"):
        import_onnx(model, arithmetic="dpu")


@pytest.mark.parametrize("seed", range(5))
def test_gemmlowp_multiplier(seed: int) -> None:
    rng = np.random.default_rng(200 + seed)
    scales = rng.uniform(0.01, 0.1, 2).astype(np.float32)
    y_scale = np.float32(rng.uniform(0.2, 2.0))
    product = scales[0] * scales[1]
    bias = rng.integers(-20000, 20000, 6).astype(np.int32)
    model, weights = network((scales[0], scales[1], product, y_scale), bias, seed)
    x = rng.integers(-128, 128, (1, 4, 7, 9)).astype(np.int8)
    acc = conv_accumulators(x, 0, weights, 0, bias, pads=[1, 1, 1, 1])
    significand, exponent = gemmlowp_multiplier(float(np.float32(product / y_scale)))
    expected = np.zeros(acc.shape, np.int8)
    for place in np.ndindex(acc.shape):
        expected[place] = max(gemmlowp_requantise(int(acc[place]), significand, exponent, 0, np.int8), 0)
    assert np.array_equal(outputs(model, "gemmlowp", x), expected)
