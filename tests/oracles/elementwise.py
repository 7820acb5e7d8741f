"""Two operands, one result: Add, Mul, Concat; and PRelu with one slope."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.oracles.scalar import F32, Array, fused_multiply_add, round_half_even, saturate
from tests.oracles.tables import dequantise, quantise


def repeats_innermost(a: Array, b: Array) -> bool:
    """Is `a` stretched along the innermost axis along which the result has more than one element?"""
    rank = max(a.ndim, b.ndim)
    for own, other in zip((1,) * (rank - a.ndim) + a.shape, (1,) * (rank - b.ndim) + b.shape, strict=True):
        if max(own, other) > 1:
            stretched = own == 1
    return max(a.size, b.size) > 1 and stretched


def qlinear_add(
    a: Array, a_scale: Any, a_zero: int, b: Array, b_scale: Any, b_zero: int, y_scale: Any, y_zero: int
) -> Array:
    """The zero point is part of the constant `offset`, so it is added before the rounding.

    onnxruntime exchanges the operands where the first is constant along the innermost axis: the fused operations then
    round in another order.
    """
    if repeats_innermost(a, b):
        return qlinear_add(b, b_scale, b_zero, a, a_scale, a_zero, y_scale, y_zero)
    a_ratio, b_ratio = F32(a_scale) / F32(y_scale), F32(b_scale) / F32(y_scale)
    offset = F32(y_zero) - fused_multiply_add(a_ratio, F32(a_zero), b_ratio * F32(b_zero))
    left, right = np.broadcast_arrays(a, b)
    result = np.zeros(left.shape, a.dtype)
    for index in np.ndindex(*left.shape):
        partial = fused_multiply_add(F32(right[index]), b_ratio, offset)
        total = fused_multiply_add(F32(left[index]), a_ratio, partial)
        result[index] = saturate(round_half_even(float(total)), a.dtype)
    return result


def qlinear_mul(
    a: Array, a_scale: Any, a_zero: int, b: Array, b_scale: Any, b_zero: int, y_scale: Any, y_zero: int
) -> Array:
    """Two float32 roundings, the zero point is added before the rounding to integer."""
    ratio = F32(F32(a_scale) * F32(b_scale)) / F32(y_scale)
    left, right = np.broadcast_arrays(a, b)
    result = np.zeros(left.shape, a.dtype)
    for index in np.ndindex(*left.shape):
        product = (int(left[index]) - int(a_zero)) * (int(right[index]) - int(b_zero))
        value = F32(F32(product) * ratio) + F32(y_zero)
        result[index] = saturate(round_half_even(float(value)), a.dtype)
    return result


def qlinear_concat(
    inputs: Sequence[Array], scales: Sequence[Any], zeros: Sequence[int], y_scale: Any, y_zero: int, axis: int
) -> Array:
    """A copy where scale and zero point agree with the output's, otherwise dequantise and quantise."""
    pieces = []
    for codes, scale, zero in zip(inputs, scales, zeros, strict=True):
        piece = codes.copy()
        if F32(scale) != F32(y_scale) or int(zero) != int(y_zero):
            for index in np.ndindex(*codes.shape):
                piece[index] = quantise(dequantise(int(codes[index]), scale, zero), y_scale, y_zero, codes.dtype)
        pieces.append(piece)
    return np.concatenate(pieces, axis)


def prelu_one_slope(codes: Array, scale: Any, zero: int, slope: float, y_scale: Any, y_zero: int) -> Array:
    result = codes.copy()
    for index in np.ndindex(*codes.shape):
        value = dequantise(int(codes[index]), scale, zero)
        value = F32(value * F32(slope)) if value < 0 else value
        result[index] = quantise(value, y_scale, y_zero, codes.dtype)
    return result
