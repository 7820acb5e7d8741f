"""Matrix products."""

from typing import Any

import numpy as np

from tests.oracles.scalar import F32, Array, per_channel, requantise, wrap_int32


def accumulate(a: Array, a_zero: int, b: Array, b_zero: Any) -> Array:
    """int32 accumulators of (..., M, K) times (K, N) or (..., K, N)."""
    zeros = per_channel(b_zero, b.shape[-1])
    stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    left = np.broadcast_to(a, stack + a.shape[-2:])
    right = np.broadcast_to(b, stack + b.shape[-2:])
    result = np.zeros((*stack, a.shape[-2], b.shape[-1]), np.int32)
    for index in np.ndindex(*result.shape):
        *batch, m, n = index
        total = 0
        for k in range(a.shape[-1]):
            total += (int(left[(*batch, m, k)]) - int(a_zero)) * (int(right[(*batch, k, n)]) - int(zeros[n]))
        result[index] = wrap_int32(total)
    return result


def qlinear_matmul(
    a: Array, a_scale: Any, a_zero: int, b: Array, b_scale: Any, b_zero: Any, y_scale: Any, y_zero: int
) -> Array:
    acc = accumulate(a, a_zero, b, b_zero)
    scales = [F32(F32(a_scale) * F32(s)) / F32(y_scale) for s in per_channel(b_scale, b.shape[-1])]
    result = np.zeros(acc.shape, a.dtype)
    for index in np.ndindex(*acc.shape):
        result[index] = requantise(int(acc[index]), scales[index[-1]], int(y_zero), a.dtype)
    return result


def gemm_accumulators(
    a: Array, a_zero: int, b: Array, b_zero: Any, bias: Array | None, trans_a: bool, trans_b: bool
) -> Array:
    acc = accumulate(a.T if trans_a else a, a_zero, b.T if trans_b else b, b_zero)
    if bias is not None:
        full = np.broadcast_to(bias, acc.shape)
        for index in np.ndindex(*acc.shape):
            acc[index] = wrap_int32(int(acc[index]) + int(full[index]))
    return acc


def qgemm(
    a: Array,
    a_scale: Any,
    a_zero: int,
    b: Array,
    b_scale: Any,
    b_zero: Any,
    y_scale: Any,
    y_zero: int,
    bias: Array | None = None,
    *,
    alpha: float = 1.0,
    trans_a: bool = False,
    trans_b: bool = False,
) -> Array:
    """The bias is added to the accumulator, so `alpha` multiplies it too."""
    acc = gemm_accumulators(a, a_zero, b, b_zero, bias, trans_a, trans_b)
    scales = [F32(F32(F32(alpha) * F32(a_scale)) * F32(s)) / F32(y_scale) for s in per_channel(b_scale, acc.shape[1])]
    result = np.zeros(acc.shape, a.dtype)
    for index in np.ndindex(*acc.shape):
        result[index] = requantise(int(acc[index]), scales[index[1]], int(y_zero), a.dtype)
    return result


def qgemm_float(
    a: Array,
    a_scale: Any,
    a_zero: int,
    b: Array,
    b_scale: Any,
    b_zero: Any,
    bias: Array | None = None,
    *,
    alpha: float = 1.0,
    trans_a: bool = False,
    trans_b: bool = False,
) -> Array:
    """QGemm without output quantisation: float32 results."""
    acc = gemm_accumulators(a, a_zero, b, b_zero, bias, trans_a, trans_b)
    scales = [F32(F32(F32(alpha) * F32(a_scale)) * F32(s)) for s in per_channel(b_scale, acc.shape[1])]
    result = np.zeros(acc.shape, F32)
    for index in np.ndindex(*acc.shape):
        result[index] = F32(acc[index]) * scales[index[1]]
    return result
