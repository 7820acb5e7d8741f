"""Quantise, dequantise, and every function of one code as a table of 256 entries."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tests.oracles.scalar import F32, Array, fused_multiply_add, limits, per_channel, round_half_even

Curve = Callable[[np.float32], np.float32]


def quantise(value: Any, scale: Any, zero: int, dtype: DTypeLike) -> int:
    """True float32 division, clamp, halves to even, zero point last; NaN gives the smallest code."""
    low, high = limits(dtype)
    with np.errstate(over="ignore"):
        ratio = float(F32(value) / F32(scale))
    if math.isnan(ratio):
        return low
    return round_half_even(min(max(ratio, float(low - int(zero))), float(high - int(zero)))) + int(zero)


def dequantise(code: int, scale: Any, zero: int) -> np.float32:
    return F32(F32(int(code) - int(zero)) * F32(scale))


def quantise_array(values: Array, scale: Any, zero: Any, dtype: DTypeLike, axis: int = 1) -> Array:
    """Per tensor (one scale) or per axis (as many scales as `values` has entries along `axis`)."""
    count = values.shape[axis] if values.ndim > axis else 1
    scales, zeros = per_channel(scale, count), per_channel(zero, count)
    result = np.zeros(values.shape, dtype)
    for index in np.ndindex(*values.shape):
        which = index[axis] if values.ndim > axis else 0
        result[index] = quantise(values[index], scales[which], int(zeros[which]), dtype)
    return result


def sigmoid(x: np.float32) -> np.float32:
    """onnxruntime's rational approximation, degree 9 over degree 10 in x, Horner with fused multiply-adds."""
    numerator = [
        4.37031012579801e-11,
        1.15627324459942e-07,
        6.08574864600143e-05,
        8.51377133304701e-03,
        2.48287947061529e-01,
    ]
    denominator = [6.10247389755681e-13, 5.76102136993427e-09, 6.29106785017040e-06, 1.70198817374094e-03]
    denominator += [1.16817656904453e-01, 9.93151921023180e-01]
    x = min(max(x, F32(-18)), F32(18))
    square = F32(x * x)
    p, q = F32(numerator[0]), F32(denominator[0])
    for coefficient in numerator[1:]:
        p = fused_multiply_add(p, square, F32(coefficient))
    for coefficient in denominator[1:]:
        q = fused_multiply_add(q, square, F32(coefficient))
    return min(max(F32(F32(F32(p * x) / q) + F32(0.5)), F32(0)), F32(1))


def hard_sigmoid(alpha: float, beta: float) -> Curve:
    return lambda x: min(max(F32(F32(F32(alpha) * x) + F32(beta)), F32(0)), F32(1))


def hard_swish(x: np.float32) -> np.float32:
    return F32(x * hard_sigmoid(1 / 6, 0.5)(x))


def leaky_relu(alpha: float) -> Curve:
    return lambda x: x if x >= 0 else F32(F32(alpha) * x)


def clip(low: float, high: float) -> Curve:
    return lambda x: min(max(x, F32(low)), F32(high))


CURVES: dict[str, Curve] = {
    "Relu": lambda x: max(x, F32(0)),
    "Sigmoid": sigmoid,
    "HardSigmoid": hard_sigmoid(0.2, 0.5),
    "HardSwish": hard_swish,
    "LeakyRelu": leaky_relu(0.01),
    "Tanh": lambda x: F32(math.tanh(float(x))),
    "Elu": lambda x: x if x >= 0 else F32(math.expm1(float(x))),
    "Identity": lambda x: x,
}


def table(
    curve: Curve,
    x_scale: Any,
    x_zero: int,
    y_scale: Any,
    y_zero: int,
    x_dtype: DTypeLike,
    y_dtype: DTypeLike | None = None,
) -> list[int]:
    """``Q(curve(DQ(code)))`` for every code from the smallest to the largest."""
    low, high = limits(x_dtype)
    return [
        quantise(curve(dequantise(code, x_scale, x_zero)), y_scale, y_zero, y_dtype or x_dtype)
        for code in range(low, high + 1)
    ]
