"""Binary elementwise operators on two 8-bit codes as 65,536-entry tables.

Every output depends on two bytes only, so the exact float32 chain of onnxruntime's kernel is evaluated once for all
pairs. Row index: first operand, column index: second operand, both counted from the smallest code of their type.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from accel_sim.numerics.requantise import CodeType
from accel_sim.numerics.rounding import fused_multiply_add, round_half_up
from accel_sim.numerics.unary import Curve, dequantise, quantise

F32 = np.float32
Side = tuple[float, int, CodeType]


def _codes(side: Side) -> NDArray[np.int32]:
    return np.arange(side[2].low, side[2].high + 1, dtype=np.int32)


def _saturate(values: NDArray[np.float32], code: CodeType, half_up: bool) -> NDArray[np.int32]:
    rounded = round_half_up(values) if half_up else np.rint(values.astype(np.float64))
    return np.clip(rounded, code.low, code.high).astype(np.int32)


def add_table(a: Side, b: Side, y: Side, half_up: bool = False) -> NDArray[np.int32]:
    """QLinearAdd: the zero point enters before the rounding, through two fused multiply-adds.

    Parameters
    ----------
    a, b, y
        ``(scale, zero point, code type)`` of the operands and of the output.

    Returns
    -------
    ndarray of int32, shape (256, 256)
    """
    ratio_a, ratio_b = F32(a[0]) / F32(y[0]), F32(b[0]) / F32(y[0])
    fixed = F32(y[1]) - fused_multiply_add(ratio_a, F32(a[1]), ratio_b * F32(b[1]))
    partial = fused_multiply_add(_codes(b).astype(F32), ratio_b, fixed)
    total = fused_multiply_add(_codes(a).astype(F32)[:, None], ratio_a, partial[None, :])
    # Beyond its range, on both sides, the processor's conversion to int32 gives the smallest integer: the kernel too.
    total = np.where(total >= F32(2**31), F32(-(2**31)), total)
    return _saturate(total, y[2], half_up)


def multiply_table(a: Side, b: Side, y: Side, half_up: bool = False) -> NDArray[np.int32]:
    """QLinearMul: one exact integer product, two float32 roundings, the zero point before the rounding to integer."""
    ratio = (F32(a[0]) * F32(b[0])) / F32(y[0])
    product = (_codes(a) - a[1])[:, None] * (_codes(b) - b[1])[None, :]
    return _saturate(product.astype(F32) * ratio + F32(y[1]), y[2], half_up)


_FLOAT: dict[str, Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": np.divide,
    "Max": np.maximum,
    "Min": np.minimum,
}


def real_binary_table(
    operator: str, curves: tuple[Curve, ...], a: Side, b: Side, y: Side, half_up: bool = False
) -> NDArray[np.int32]:
    """Dequantise both, apply the float32 operator and the curves, quantise: what an unfused graph computes."""
    left, right = dequantise(_codes(a), a[0], a[1])[:, None], dequantise(_codes(b), b[0], b[1])[None, :]
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        values = _FLOAT[operator](left, right)
    for curve in curves:
        values = curve(values)
    return quantise(values, *y, half_up=half_up)
