"""Unary functions of a quantised value: 256-entry tables, built when a model is loaded.

``table[code] = Q(f(DQ(code)))`` in float32, operation by operation as onnxruntime's kernels compute it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accel_sim.numerics.requantise import CodeType
from accel_sim.numerics.rounding import fused_multiply_add as fma
from accel_sim.numerics.rounding import round_half_up

F32 = np.float32
Real = NDArray[np.float32]


def quantise(
    values: ArrayLike, scale: float, zero_point: int, code: CodeType, half_up: bool = False
) -> NDArray[np.int32]:
    """QuantizeLinear: ``rne(clamp(x / scale)) + zero_point``; NaN becomes the smallest code.

    Parameters
    ----------
    values
        float32 values, any shape.
    half_up
        Round ties towards plus infinity (DPU) instead of to even.
    """
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        ratio = np.asarray(values, F32) / F32(scale)
    ratio = np.where(np.isnan(ratio), F32(code.low - zero_point), ratio)
    clamped = np.clip(ratio, F32(code.low - zero_point), F32(code.high - zero_point))
    rounded = round_half_up(clamped) if half_up else np.rint(clamped)
    return np.clip(rounded.astype(np.int32) + zero_point, code.low, code.high).astype(np.int32)


def dequantise(codes: ArrayLike, scale: ArrayLike, zero_point: ArrayLike) -> Real:
    """DequantizeLinear: ``f32(q - zero_point) * scale``; int32 codes are rounded on conversion."""
    return np.asarray(
        (np.asarray(codes, np.int64) - np.asarray(zero_point, np.int64)).astype(F32) * np.asarray(scale, F32)
    )


def _logistic(x: Real) -> Real:
    """Logistic function as onnxruntime's CPU kernel evaluates it: a rational of degree 9 over 10, |x| <= 18."""
    v = np.clip(x, F32(-18), F32(18))
    s = v * v
    p: Real = np.full_like(s, 4.37031012579801e-11)
    for c in (1.15627324459942e-07, 6.08574864600143e-05, 8.51377133304701e-03, 2.48287947061529e-01):
        p = fma(p, s, F32(c))
    p = p * v
    q: Real = np.full_like(s, 6.10247389755681e-13)
    for c in (
        5.76102136993427e-09,
        6.29106785017040e-06,
        1.70198817374094e-03,
        1.16817656904453e-01,
        9.93151921023180e-01,
    ):
        q = fma(q, s, F32(c))
    return np.asarray(np.clip(p / q + F32(0.5), F32(0), F32(1)))


def _hard_sigmoid(x: Real, alpha: float, beta: float) -> Real:
    return np.asarray(np.clip(F32(alpha) * x + F32(beta), F32(0), F32(1)))


def _through_double(function: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Callable[..., Real]:
    def apply(x: Real) -> Real:
        return function(x.astype(np.float64)).astype(F32)

    return apply


def _leaky(x: Real, alpha: float) -> Real:
    return np.where(x >= 0, x, F32(alpha) * x)


@dataclass(frozen=True)
class Curve:
    """One elementwise float32 operation with its constants.

    Attributes
    ----------
    name
        ONNX operator, or ``Add``, ``Sub``, ``Mul``, ``Div`` with a scalar constant (``RSub``, ``RDiv``: the constant
        comes first).
    attributes
        Its constants by ONNX attribute name; ``value`` for the scalar of a binary operator.
    """

    name: str
    attributes: Mapping[str, float] = field(default_factory=dict)

    def __call__(self, x: Real) -> Real:
        """Evaluate on float32 values."""
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            return np.asarray(CURVES[self.name](np.asarray(x, F32), **self.attributes), F32)


CURVES: dict[str, Callable[..., Real]] = {
    "Identity": lambda x: x,
    "Relu": lambda x: np.maximum(x, F32(0)),
    "Clip": lambda x, low=-np.inf, high=np.inf: np.minimum(np.maximum(x, F32(low)), F32(high)),
    "LeakyRelu": _leaky,
    "PRelu": _leaky,
    "Sigmoid": _logistic,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": lambda x: x * _hard_sigmoid(x, 1 / 6, 0.5),
    "Tanh": _through_double(np.tanh),
    "Elu": lambda x, alpha=1.0: np.where(x >= 0, x, (F32(alpha) * np.expm1(x.astype(np.float64))).astype(F32)),
    "Neg": lambda x: -x,
    "Abs": np.abs,
    "Add": lambda x, value: x + F32(value),
    "Sub": lambda x, value: x - F32(value),
    "RSub": lambda x, value: F32(value) - x,
    "Mul": lambda x, value: x * F32(value),
    "Div": lambda x, value: x / F32(value),
    "RDiv": lambda x, value: F32(value) / x,
}


def unary_table(
    curves: tuple[Curve, ...],
    source: tuple[float, int, CodeType],
    target: tuple[float, int, CodeType],
    half_up: bool = False,
) -> NDArray[np.int32]:
    """Tabulate a chain of curves between a DequantizeLinear and a QuantizeLinear.

    Parameters
    ----------
    curves
        Applied first to last.
    source, target
        ``(scale, zero point, code type)`` of the input and of the output.

    Returns
    -------
    ndarray of int32, shape (256,)
        Entry ``i`` is the output code for input code ``source low + i``.
    """
    scale, zero, code = source
    values = dequantise(np.arange(code.low, code.high + 1), scale, zero)
    for curve in curves:
        values = curve(values)
    return quantise(values, *target, half_up=half_up)
