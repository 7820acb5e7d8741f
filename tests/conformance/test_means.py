"""Means in power-of-two arithmetic: the DPU's factors, against whole numbers, on the engine and on the machine."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from accel_sim.compiler import compile_graph
from accel_sim.config import PRESETS
from accel_sim.engine import Engine
from accel_sim.machine import Machine
from accel_sim.model import import_onnx
from accel_sim.model.operators.means import mean_factor
from accel_sim.model.values import UnsupportedError
from accel_sim.reference import host_runner
from tests.oracles.scalar import dpu_requantise

X_SCALE, Y_SCALE = 2.0**-5, 2.0**-6
CASES = {
    "3x3": ("AveragePool", (8, 9, 9), {"kernel_shape": [3, 3], "strides": [2, 2]}),
    "2x2": ("AveragePool", (5, 6, 8), {"kernel_shape": [2, 2], "strides": [2, 2]}),
    "3x3 padded": ("AveragePool", (4, 7, 7), {"kernel_shape": [3, 3], "pads": [1] * 4, "count_include_pad": 1}),
    "whole 7x7": ("GlobalAveragePool", (16, 7, 7), {}),
    "one dimension": ("AveragePool", (3, 12), {"kernel_shape": [5], "strides": [1]}),
}


def network(op, shape, attributes):
    """x -> the pool -> codes, int8 with power-of-two scales."""
    constants = {"xs": np.float32(X_SCALE), "ys": np.float32(Y_SCALE), "zero": np.int8(0)}
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "xs", "zero"], ["xr"]),
        helper.make_node(op, ["xr"], ["p"], name="pool", **attributes),
        helper.make_node("QuantizeLinear", ["p", "ys", "zero"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "mean",
        [helper.make_tensor_value_info("x", TensorProto.INT8, [2, *shape])],
        [helper.make_tensor_value_info("y", TensorProto.INT8, ["n", *"chw"[: len(shape)]])],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)


def window_sums(x, op, attributes):
    """Sum the codes under every window, one by one."""
    flat = x[:, :, None] if x.ndim == 3 else x
    kernel = [1, *attributes["kernel_shape"]][-2:] if op == "AveragePool" else list(flat.shape[2:])
    strides, pad = [1, *attributes.get("strides", [1, 1])][-2:], attributes.get("pads", [0])[0]
    padded = np.pad(flat.astype(np.int64), ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel, axis=(2, 3))[:, :, :: strides[0], :: strides[1]]
    sums = windows.sum(axis=(4, 5))
    return sums[:, :, 0] if x.ndim == 3 else sums, kernel


@pytest.mark.parametrize("name", CASES)
def test_a_mean_is_a_product_and_a_shift_half_up(name):
    op, shape, attributes = CASES[name]
    graph = import_onnx(network(op, shape, attributes), arithmetic="dpu")
    x = np.random.default_rng(1).integers(-128, 128, (2, *shape)).astype(np.int8)
    sums, kernel = window_sums(x, op, attributes)
    factor, shift = mean_factor(tuple(kernel))
    expected = np.zeros(sums.shape, np.int8)
    for place in np.ndindex(sums.shape):
        expected[place] = dpu_requantise(factor * int(sums[place]), shift - 1, np.int8)  # y has twice the resolution
    engine = Engine(graph, host_runner)
    assert np.array_equal(engine.outputs(engine.run({"x": x}))["y"], expected)
    for size in ("tiny", "b512", "b4096"):
        program = compile_graph(graph, PRESETS[size])
        assert not program.calls, f"{size}: {program.calls}"
        found = Machine(program, engine.run_node).run({"x": x})
        assert found.status == "ok"
        assert np.array_equal(found.outputs["y"], expected), size
    real = 2 * sums / np.prod(kernel)
    assert np.abs(expected - np.clip(real, -128, 127)).max() <= 0.5 + 256 * abs(factor * np.prod(kernel) / 2**shift - 1)


def test_factors_are_the_published_ones_or_the_nearest():
    assert [mean_factor((n, n)) for n in (3, 5, 6, 7, 14)] == [(7, 6), (10, 8), (7, 8), (21, 10), (21, 12)]
    for kernel in ((2, 2), (1, 5), (8, 8), (2, 3), (4, 7), (12, 20)):
        count = kernel[0] * kernel[1]
        factor, shift = mean_factor(kernel)
        off = abs(factor * count / 2**shift - 1)
        assert off == min(abs(m * count / 2**s - 1) for m in range(1, 128) for s in range(25)), kernel
    assert mean_factor((8, 8)) == (1, 6)


def test_no_sum_of_a_mean_wraps():
    """Weighted sums of codes at their ends, for every number of positions: the accumulator has 32 bits."""
    counts = np.unique(np.geomspace(2, 2**22, 4000).astype(int))
    assert max(255 * mean_factor((1, int(n)))[0] * int(n) for n in counts) < 2**31
    with pytest.raises(UnsupportedError, match="a mean over 4194305 positions"):
        mean_factor((1, 2**22 + 1))
    graph = import_onnx(network("GlobalAveragePool", (1, 384, 768), {}), arithmetic="dpu")
    engine = Engine(graph, host_runner)
    x = np.full((2, 1, 384, 768), -60, np.int8)
    factor, shift = mean_factor((384, 768))  # 7 / 2**21: a finer factor would wrap
    expected = int(dpu_requantise(-60 * x[0].size * factor, shift - 1, np.int8))
    assert engine.outputs(engine.run({"x": x}))["y"].reshape(-1).tolist() == [expected, expected] == [-118, -118]


def test_other_scales_and_other_arithmetics_keep_the_float_mean():
    op, shape, attributes = CASES["3x3"]
    model = network(op, shape, attributes)
    assert not import_onnx(model).parameters
    model.graph.initializer[1].CopyFrom(numpy_helper.from_array(np.float32(0.011), "ys"))
    assert not import_onnx(model, arithmetic="dpu").parameters
    model = network("AveragePool", (4, 7, 7), {"kernel_shape": [3, 3], "pads": [1] * 4})  # fewer positions at borders
    assert not import_onnx(model, arithmetic="dpu").parameters
