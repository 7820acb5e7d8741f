"""The naive oracles against onnxruntime: every kernel, 0 mismatches."""

from typing import Any

import numpy as np
import pytest

from tests import oracles
from tests.conformance.onnxruntime_runs import Array, run_node
from tests.oracles import scalar
from tests.oracles.resize import resize_linear_values
from tests.oracles.tables import CURVES, clip, hard_sigmoid, leaky_relu, table

F32 = np.float32
TYPES = [np.uint8, np.int8]
PAIRS = [(np.uint8, np.int8), (np.uint8, np.uint8), (np.int8, np.int8)]


def codes(rng: np.random.Generator, shape: Any, dtype: Any) -> Array:
    low, high = scalar.limits(dtype)
    result: Array = rng.integers(low, high + 1, shape).astype(dtype)
    return result


def code(rng: np.random.Generator, dtype: Any) -> Any:
    return np.asarray(codes(rng, (), dtype), dtype)


def a_scale(rng: np.random.Generator) -> Any:
    """Decimal (many exact ties), power of two, or arbitrary."""
    kind = rng.integers(3)
    if kind == 0:
        return F32(rng.choice([0.05, 0.1, 0.01, 0.025]))
    return F32(2.0 ** rng.integers(-7, -1)) if kind == 1 else F32(rng.uniform(0.004, 0.3))


def output_scale(rng: np.random.Generator, x_scale: Any, w_scale: Any, spread: float) -> Any:
    """A scale that uses most of the code range for sums of the given spread."""
    ideal = float(x_scale) * float(np.mean(w_scale)) * spread / 60
    return F32(2.0 ** np.round(np.log2(ideal))) if rng.integers(2) else F32(ideal * rng.uniform(0.3, 2))


def test_requantise_a_million_ways_at_once() -> None:
    """A 1x1 convolution of an input equal to its zero point leaves the bias: onnxruntime as a requantiser."""
    rng = np.random.default_rng(1)
    count = 30_000
    scale = np.exp2(rng.uniform(-18, -4, count)).astype(F32)
    acc = rng.integers(-(2**31), 2**31, count)
    acc[: count // 2] = np.rint(rng.uniform(-300, 300, count // 2) / scale[: count // 2])
    near_half = slice(count // 4, count // 2)
    acc[near_half] = np.rint((rng.integers(-200, 200, count // 4) + 0.5) / scale[near_half]) + rng.integers(
        -1, 2, count // 4
    )
    scale[-count // 4 :] = np.exp2(rng.integers(-16, -3, count // 4))
    acc[-count // 4 :] = rng.integers(-(2**20), 2**20, count // 4)
    acc = np.clip(acc, -(2**31), 2**31 - 1).astype(np.int32)
    for dtype, zero in ((np.uint8, 77), (np.int8, -3)):
        x = np.zeros((1, 1, 1, 1), dtype)
        w = np.zeros((count, 1, 1, 1), np.int8)
        inputs = [x, F32(1), dtype(0), w, scale, np.zeros(count, np.int8), F32(1), dtype(zero), acc]
        expected = run_node("QLinearConv", inputs, constant=(3, 4, 5, 8)).reshape(-1)
        ours = [oracles.requantise(int(a), s, zero, dtype) for a, s in zip(acc, scale, strict=True)]
        integer = [oracles.requantise_integer_only(int(a), s, zero, dtype) for a, s in zip(acc, scale, strict=True)]
        assert np.array_equal(ours, expected)
        assert np.array_equal(integer, expected)


CONVOLUTIONS: list[dict[str, Any]] = [
    {"x": (1, 3, 6, 7), "w": (5, 3, 3, 3), "pads": [1, 1, 1, 1]},
    {"x": (2, 4, 7, 6), "w": (4, 1, 3, 3), "group": 4, "strides": [2, 2], "pads": [0, 1, 2, 1]},
    {"x": (1, 6, 5, 5), "w": (4, 3, 2, 2), "group": 2, "dilations": [2, 1]},
    {"x": (1, 2, 7, 8), "w": (3, 2, 3, 2), "auto_pad": "SAME_UPPER", "strides": [2, 3]},
    {"x": (1, 2, 7, 8), "w": (3, 2, 3, 2), "auto_pad": "SAME_LOWER", "strides": [2, 3]},
    {"x": (1, 2, 7, 8), "w": (3, 2, 3, 2), "auto_pad": "VALID"},
    {"x": (3, 5, 1, 1), "w": (7, 5, 1, 1)},
    {"x": (1, 3, 12), "w": (4, 3, 5), "pads": [2, 1], "strides": [2]},
]


@pytest.mark.parametrize("types", PAIRS, ids=str)
@pytest.mark.parametrize(
    "geometry", CONVOLUTIONS, ids=lambda g: f"{len(g['x']) - 2}d-{'-'.join(k for k in g if k not in 'xw')}"
)
def test_convolution(geometry: dict[str, Any], types: tuple[Any, Any]) -> None:
    rng = np.random.default_rng(sum(geometry["x"]) + types[0](1).itemsize)
    attributes = {key: value for key, value in geometry.items() if key not in ("x", "w")}
    for repeat in range(6):
        x, w = codes(rng, geometry["x"], types[0]), codes(rng, geometry["w"], types[1])
        x_scale, per_channel = a_scale(rng), repeat % 2 == 1
        channels = w.shape[0] if per_channel else 1
        w_scale = np.array([a_scale(rng) for _ in range(channels)], F32)
        w_zero = np.full(channels, code(rng, types[1]) if repeat % 3 == 1 else 0, types[1])
        if not per_channel:
            w_scale, w_zero = w_scale.reshape(()), w_zero.reshape(())
        y_scale = output_scale(rng, x_scale, w_scale, 74 * 74 * np.sqrt(np.prod(w.shape[1:])))
        x_zero, y_zero = code(rng, types[0]), code(rng, types[0])
        bias: Array | None = None
        if repeat != 0:
            reach = 2**31 if repeat == 5 else 2**14
            bias = np.asarray(rng.integers(-reach, reach, w.shape[0]), np.int32)
        inputs = [x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, bias]
        constant = (1, 2, 3, 4, 5, 6, 7, 8)
        expected = run_node("QLinearConv", inputs, attributes, constant=constant)
        ours = oracles.qlinear_conv(
            x, x_scale, int(x_zero), w, w_scale, w_zero, y_scale, int(y_zero), bias, **attributes
        )
        assert np.array_equal(ours, expected)


@pytest.mark.parametrize(
    ("x_shape", "w_shape", "attributes"),
    [
        ((1, 3, 4, 5), (3, 2, 2, 2), {"strides": [2, 2]}),
        ((2, 4, 3, 3), (4, 3, 4, 4), {"strides": [2, 2], "pads": [1, 1, 1, 1]}),
        ((1, 4, 3, 4), (4, 2, 3, 3), {"strides": [3, 2], "group": 2, "output_padding": [1, 1], "dilations": [1, 2]}),
        ((1, 3, 6), (3, 2, 3), {"strides": [2], "pads": [1, 0]}),
    ],
)
def test_transposed_convolution_in_exact_float(x_shape: Any, w_shape: Any, attributes: dict[str, Any]) -> None:
    """Small integers are exact in float32, so onnxruntime's float kernel gives the accumulators themselves."""
    rng = np.random.default_rng(3)
    x, w = codes(rng, x_shape, np.uint8), codes(rng, w_shape, np.int8)
    bias = rng.integers(-999, 999, w_shape[1] * attributes.get("group", 1)).astype(np.int32)
    inputs = [x.astype(F32) - 77, w.astype(F32) - 3, bias.astype(F32)]
    expected = run_node("ConvTranspose", inputs, attributes)
    ours = oracles.conv_transpose_accumulators(x, 77, w, 3, bias, **attributes)
    assert np.array_equal(ours.astype(F32), expected)


@pytest.mark.parametrize("types", PAIRS, ids=str)
@pytest.mark.parametrize("shapes", [((3, 7), (7, 5)), ((2, 3, 4), (4, 6)), ((2, 3, 4), (2, 4, 2))], ids=str)
def test_matrix_product(shapes: Any, types: tuple[Any, Any]) -> None:
    rng = np.random.default_rng(7)
    for repeat in range(8):
        a, b = codes(rng, shapes[0], types[0]), codes(rng, shapes[1], types[1])
        columns = b.shape[-1] if repeat % 2 and b.ndim == 2 else 1
        b_scale = np.array([a_scale(rng) for _ in range(columns)], F32)
        b_zero = codes(rng, columns, types[1])
        a_s, a_z, y_z = a_scale(rng), code(rng, types[0]), code(rng, types[0])
        y_s = output_scale(rng, a_s, b_scale, 74 * 74 * np.sqrt(b.shape[-2]))
        if columns == 1:
            b_scale, b_zero = b_scale.reshape(()), b_zero.reshape(())
        expected = run_node(
            "QLinearMatMul", [a, a_s, a_z, b, b_scale, b_zero, y_s, y_z], constant=(1, 2, 3, 4, 5, 6, 7)
        )
        ours = oracles.qlinear_matmul(a, a_s, int(a_z), b, b_scale, b_zero, y_s, int(y_z))
        assert np.array_equal(ours, expected)


@pytest.mark.parametrize("types", PAIRS, ids=str)
@pytest.mark.parametrize("trans", [(0, 0), (1, 0), (0, 1)], ids=str)
@pytest.mark.parametrize("alpha", [1.0, 0.5, 1.3])
def test_gemm(alpha: float, trans: tuple[int, int], types: tuple[Any, Any]) -> None:
    rng = np.random.default_rng(11)
    for repeat in range(6):
        a = codes(rng, (6, 4) if trans[0] else (4, 6), types[0])
        b = codes(rng, (5, 6) if trans[1] else (6, 5), types[1])
        columns = 5 if repeat % 2 else 1
        b_scale = np.array([a_scale(rng) for _ in range(columns)], F32)
        b_zero = codes(rng, columns, types[1])
        if columns == 1:
            b_scale, b_zero = b_scale.reshape(()), b_zero.reshape(())
        a_s, a_z, y_z = a_scale(rng), code(rng, types[0]), code(rng, types[0])
        y_s = output_scale(rng, a_s, b_scale, 74 * 74 * np.sqrt(6))
        shape = [(5,), (1, 5), (4, 5), (5,)][repeat % 4]
        bias = rng.integers(-(2**14), 2**14, shape).astype(np.int32) if repeat else None
        attributes = {"alpha": alpha, "transA": trans[0], "transB": trans[1]}
        flags: dict[str, Any] = {"alpha": alpha, "trans_a": bool(trans[0]), "trans_b": bool(trans[1])}
        constant = (1, 2, 3, 4, 5, 6, 7, 8)
        expected = run_node("QGemm", [a, a_s, a_z, b, b_scale, b_zero, bias, y_s, y_z], attributes, constant=constant)
        ours = oracles.qgemm(a, a_s, int(a_z), b, b_scale, b_zero, y_s, int(y_z), bias, **flags)
        assert np.array_equal(ours, expected)
        real = run_node("QGemm", [a, a_s, a_z, b, b_scale, b_zero, bias], attributes, constant=constant)
        assert np.array_equal(oracles.qgemm_float(a, a_s, int(a_z), b, b_scale, b_zero, bias, **flags), real)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("op", ["QLinearAdd", "QLinearMul"])
def test_two_operands(op: str, dtype: Any) -> None:
    rng = np.random.default_rng(13)
    oracle = oracles.qlinear_add if op == "QLinearAdd" else oracles.qlinear_mul
    shapes = [((20, 41), (20, 41)), ((2, 3, 9, 9), (3, 1, 1)), ((9,), (9, 9, 9)), ((9, 9, 9), ()), ((), (20, 30))]
    shapes += [
        ((3, 1, 1), (2, 3, 9, 9)),
        ((20, 1), (20, 30)),
        ((20, 1), (1, 30)),
        ((20, 30, 1), (1, 30, 1)),
        ((1,), (1, 1)),
    ]
    for repeat in range(60):
        first, second = shapes[repeat % len(shapes)]
        a, b = codes(rng, first, dtype), codes(rng, second, dtype)
        a_s, b_s = a_scale(rng), a_scale(rng)
        y_s = a_scale(rng) if op == "QLinearAdd" or repeat % 3 else F32(float(a_s) * float(b_s) * 128)
        a_z, b_z, y_z = (code(rng, dtype) for _ in range(3))
        expected = run_node(op, [a, a_s, a_z, b, b_s, b_z, y_s, y_z], constant=(1, 2, 4, 5, 6, 7))
        assert np.array_equal(oracle(a, a_s, int(a_z), b, b_s, int(b_z), y_s, int(y_z)), expected)


@pytest.mark.parametrize("dtype", TYPES)
def test_concat(dtype: Any) -> None:
    rng = np.random.default_rng(17)
    for repeat in range(12):
        axis = [1, 2, -1][repeat % 3]
        parts = [codes(rng, (2, 4, 4), dtype) for _ in range(3)]
        scales, zeros = [a_scale(rng) for _ in parts], [code(rng, dtype) for _ in parts]
        y_s, y_z = (scales[1], zeros[1]) if repeat % 2 else (a_scale(rng), code(rng, dtype))
        inputs = [y_s, y_z, *(value for triple in zip(parts, scales, zeros, strict=True) for value in triple)]
        constant = [0, 1, *(i for i in range(2, 11) if i % 3 != 2)]
        expected = run_node("QLinearConcat", inputs, {"axis": axis}, constant=constant)
        assert np.array_equal(
            oracles.qlinear_concat(parts, scales, [int(z) for z in zeros], y_s, int(y_z), axis), expected
        )


POOLS: list[dict[str, Any]] = [
    {"kernel_shape": [2, 2]},
    {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]},
    {"kernel_shape": [3, 2], "strides": [2, 1], "pads": [0, 1, 2, 0], "ceil_mode": 1},
    {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_UPPER"},
    {"kernel_shape": [2, 3], "strides": [3, 2], "auto_pad": "SAME_LOWER"},
    {"kernel_shape": [3, 3], "strides": [3, 3], "ceil_mode": 1},
]


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(
    "geometry", [*POOLS, {"kernel_shape": [2, 2], "dilations": [2, 3], "pads": [1, 0, 0, 1]}], ids=str
)
def test_max_pool(geometry: dict[str, Any], dtype: Any) -> None:
    x = codes(np.random.default_rng(19), (2, 3, 7, 8), dtype)
    assert np.array_equal(oracles.max_pool(x, **geometry), run_node("MaxPool", [x], geometry))


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("include", [0, 1])
@pytest.mark.parametrize(
    "geometry", [*POOLS, {"kernel_shape": [7, 8]}, {"kernel_shape": [7, 8], "strides": [2, 2]}], ids=str
)
def test_average_pool(geometry: dict[str, Any], include: int, dtype: Any) -> None:
    rng = np.random.default_rng(23)
    attributes = {**geometry, "count_include_pad": include}
    for repeat in range(10):
        x, x_s, x_z, y_z = codes(rng, (1, 3, 7, 8), dtype), a_scale(rng), code(rng, dtype), code(rng, dtype)
        y_s = F32(float(x_s) * rng.choice([1, 0.5, 0.25])) if repeat % 2 else a_scale(rng)
        expected = run_node("QLinearAveragePool", [x, x_s, x_z, y_s, y_z], attributes, constant=(1, 2, 3, 4))
        assert np.array_equal(oracles.qlinear_average_pool(x, x_s, int(x_z), y_s, int(y_z), **attributes), expected)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("shape", [(2, 5, 3, 4), (1, 20, 1, 1), (2, 3, 7)], ids=str)
def test_global_average_pool(shape: tuple[int, ...], dtype: Any) -> None:
    rng = np.random.default_rng(29)
    for _ in range(30):
        x, x_s, x_z, y_s, y_z = codes(rng, shape, dtype), a_scale(rng), code(rng, dtype), a_scale(rng), code(rng, dtype)
        expected = run_node(
            "QLinearGlobalAveragePool", [x, x_s, x_z, y_s, y_z], {"channels_last": 0}, constant=(1, 2, 3, 4)
        )
        assert np.array_equal(oracles.qlinear_global_average_pool(x, x_s, int(x_z), y_s, int(y_z)), expected)


@pytest.mark.parametrize("dtype", TYPES)
def test_quantise_and_dequantise(dtype: Any) -> None:
    rng = np.random.default_rng(31)
    special = [np.inf, -np.inf, np.nan, 1e30, -1e30, 1e-40, -0.0]
    for _ in range(10):
        scale, zero = a_scale(rng), code(rng, dtype)
        ties = (rng.integers(-400, 400, 200) + 0.5) * float(scale)
        values = np.concatenate([special, ties, rng.normal(0, 200 * float(scale), 300)]).astype(F32)
        expected = run_node("QuantizeLinear", [values, scale, zero], constant=(1, 2))
        assert np.array_equal(oracles.quantise_array(values, scale, zero, dtype), expected)
        every = np.arange(256).astype(np.uint8).view(dtype)
        real = run_node("DequantizeLinear", [every, scale, zero], constant=(1, 2))
        assert np.array_equal([oracles.dequantise(int(c), scale, int(zero)) for c in every], real)
    scales, zeros = np.array([a_scale(rng) for _ in range(3)]), codes(rng, 3, dtype)
    values = rng.normal(0, 10, (2, 3, 50)).astype(F32)
    expected = run_node("QuantizeLinear", [values, scales, zeros], {"axis": 1}, constant=(1, 2))
    assert np.array_equal(oracles.quantise_array(values, scales, zeros, dtype, axis=1), expected)


CURVES_OF_ORT: list[tuple[str, dict[str, Any], Any]] = [
    ("Sigmoid", {}, CURVES["Sigmoid"]),
    ("LeakyRelu", {"alpha": 0.3}, leaky_relu(0.3)),
    ("Relu", {}, CURVES["Relu"]),
    ("HardSigmoid", {}, CURVES["HardSigmoid"]),
    ("HardSigmoid", {"alpha": 0.17, "beta": 0.45}, hard_sigmoid(0.17, 0.45)),
    ("HardSwish", {}, CURVES["HardSwish"]),
    ("Tanh", {}, CURVES["Tanh"]),
    ("Elu", {}, CURVES["Elu"]),
]


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(
    ("op", "attributes", "curve"), CURVES_OF_ORT, ids=lambda value: value if isinstance(value, str) else ""
)
def test_tables(op: str, attributes: dict[str, Any], curve: Any, dtype: Any) -> None:
    rng = np.random.default_rng(37)
    every = np.arange(256).astype(np.uint8).view(dtype)
    order = np.argsort(every)
    for _ in range(12):
        x_s, x_z, y_s, y_z = a_scale(rng), code(rng, dtype), a_scale(rng), code(rng, dtype)
        if op in ("Sigmoid", "LeakyRelu"):
            name = f"QLinear{op}"
            expected = run_node(name, [every, x_s, x_z, y_s, y_z], attributes, constant=(1, 2, 3, 4))
        else:
            real = run_node("DequantizeLinear", [every, x_s, x_z], constant=(1, 2))
            expected = run_node("QuantizeLinear", [run_node(op, [real], attributes), y_s, y_z], constant=(1, 2))
        assert np.array_equal(table(curve, x_s, int(x_z), y_s, int(y_z), dtype), expected[order])


def test_clip_and_prelu() -> None:
    rng = np.random.default_rng(41)
    every = np.arange(256).astype(np.uint8)
    for _ in range(10):
        x_s, x_z, y_s, y_z = a_scale(rng), code(rng, np.uint8), a_scale(rng), code(rng, np.uint8)
        real = run_node("DequantizeLinear", [every, x_s, x_z], constant=(1, 2))
        clipped = run_node("Clip", [real, F32(-1), F32(2.3)])
        expected = run_node("QuantizeLinear", [clipped, y_s, y_z], constant=(1, 2))
        assert np.array_equal(table(clip(-1, 2.3), x_s, int(x_z), y_s, int(y_z), np.uint8), expected)
        sloped = run_node("PRelu", [real, np.array([0.3], F32)])
        expected = run_node("QuantizeLinear", [sloped, y_s, y_z], constant=(1, 2))
        assert np.array_equal(oracles.prelu_one_slope(every, x_s, int(x_z), 0.3, y_s, int(y_z)), expected)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("coordinates", ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"])
@pytest.mark.parametrize("scales", [[1, 1, 2, 2], [1, 1, 1.5, 3], [1, 1, 0.6, 1]], ids=str)
def test_resize(scales: list[float], coordinates: str, dtype: Any) -> None:
    x = codes(np.random.default_rng(43), (2, 3, 5, 6), dtype)
    for rounding in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
        attributes = {"mode": "nearest", "coordinate_transformation_mode": coordinates, "nearest_mode": rounding}
        expected = run_node("Resize", [x, None, np.array(scales, F32)], attributes, constant=(2,))
        assert np.array_equal(oracles.resize_nearest(x, scales, coordinates, rounding), expected)
    attributes = {"mode": "linear", "coordinate_transformation_mode": coordinates}
    expected = run_node("Resize", [x, None, np.array(scales, F32)], attributes, constant=(2,))
    assert np.array_equal(oracles.resize_linear_codes(x, scales, coordinates), expected)
    real = (x.astype(F32) - 3) * F32(0.05)
    expected = run_node("Resize", [real, None, np.array(scales, F32)], attributes, constant=(2,))
    assert np.array_equal(resize_linear_values(real, scales, coordinates), expected)


def test_power_of_two_shift_rounds_halves_up_and_float32_rounds_them_to_even() -> None:
    for accumulator in range(-200, 200):
        up = oracles.dpu_requantise(accumulator, 3, np.int8)
        even = oracles.requantise(accumulator, F32(0.125), 0, np.int8)
        assert up == (accumulator + 4) >> 3
        assert (up == even) is (accumulator % 8 != 4 or (accumulator >> 3) % 2 == 1)
    assert oracles.dpu_requantise(10_000, 3, np.int8) == 127


def test_int8_bias_is_aligned_to_the_finer_scale_like_a_float_convolution() -> None:
    """x in 2**-4, w in 2**-6, bias in 2**-5, output in 2**-2: onnxruntime's float convolution is exact here."""
    rng = np.random.default_rng(47)
    x, w, bias = codes(rng, (1, 3, 4, 4), np.int8), codes(rng, (5, 3, 3, 3), np.int8), codes(rng, 5, np.int8)
    real = run_node("Conv", [x.astype(F32) / 16, w.astype(F32) / 64, bias.astype(F32) / 32])
    expected = run_node("QuantizeLinear", [real, F32(0.25), np.int8(0)], constant=(1, 2))
    acc = oracles.conv_accumulators(x, 0, w, 0)
    for index in np.ndindex(*acc.shape):
        total, shift = scalar.dpu_align(int(acc[index]), -10, int(bias[index[1]]), -5, -2)
        assert scalar.requantise(total, F32(2.0**-shift), 0, np.int8) == expected[index]
        assert abs(oracles.dpu_requantise(total, shift, np.int8) - int(expected[index])) <= 1


def test_gemmlowp_is_within_one_step_of_the_exact_product() -> None:
    """The rate of disagreement with onnxruntime's requantiser is the known 3e-3 of a double rounding."""
    rng = np.random.default_rng(53)
    count, wrong = 20_000, 0
    for scale in np.exp2(rng.uniform(-14, -4, count)):
        scale32 = F32(scale)
        accumulator = int(rng.uniform(-128, 128) / float(scale32))
        pair = oracles.gemmlowp_multiplier(float(scale32))
        difference = oracles.gemmlowp_requantise(accumulator, *pair, 0, np.int8) - oracles.requantise(
            accumulator, scale32, 0, np.int8
        )
        assert abs(difference) <= 1
        wrong += difference != 0
    assert 0 < wrong < 0.01 * count
