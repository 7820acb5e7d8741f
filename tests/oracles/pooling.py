"""Pooling windows, one element at a time."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from tests.oracles.scalar import F32, Array, limits, requantise, round_half_even, saturate


def pool_geometry(
    size: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Sequence[int],
    auto_pad: str,
    ceil_mode: int,
) -> tuple[list[int], list[int]]:
    """Output sizes and padding before.

    With `ceil_mode` a window must still start inside the input or its leading padding.
    """
    rank = len(size)
    out, before = [], []
    for i in range(rank):
        reach = (kernel[i] - 1) * dilations[i] + 1
        first, last = pads[i], pads[rank + i]
        if auto_pad == "VALID":
            first = last = 0
        if auto_pad in ("SAME_UPPER", "SAME_LOWER"):
            count = -(-size[i] // strides[i])
            total = max((count - 1) * strides[i] + reach - size[i], 0)
            first = total // 2 if auto_pad == "SAME_UPPER" else total - total // 2
        else:
            span = size[i] + first + last - reach
            count = (-(-span // strides[i]) if ceil_mode else span // strides[i]) + 1
            if ceil_mode and (count - 1) * strides[i] >= size[i] + first:
                count -= 1
        out.append(count)
        before.append(first)
    return out, before


def window(at: Sequence[int], kernel: Sequence[int], strides: Any, dilations: Any, begin: Any) -> list[tuple[int, ...]]:
    """Coordinates of a window in row-major order, inside the input or not."""
    return [
        tuple(at[i] * strides[i] + tap[i] * dilations[i] - begin[i] for i in range(len(at)))
        for tap in product(*(range(extent) for extent in kernel))
    ]


def max_pool(
    x: Array,
    *,
    kernel_shape: Sequence[int],
    strides: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    dilations: Sequence[int] | None = None,
    ceil_mode: int = 0,
    auto_pad: str = "NOTSET",
) -> Array:
    """Maximum of codes; padding counts as the smallest code of the type."""
    rank = x.ndim - 2
    strides, dilations = strides or [1] * rank, dilations or [1] * rank
    out, begin = pool_geometry(
        x.shape[2:], kernel_shape, strides, dilations, pads or [0] * (2 * rank), auto_pad, ceil_mode
    )
    result = np.zeros((*x.shape[:2], *out), x.dtype)
    for n, c, *at in product(*(range(extent) for extent in result.shape)):
        best = limits(x.dtype)[0]
        for where in window(at, kernel_shape, strides, dilations, begin):
            if all(0 <= where[i] < x.shape[2 + i] for i in range(rank)):
                best = max(best, int(x[(n, c, *where)]))
        result[(n, c, *at)] = best
    return result


def qlinear_average_pool(
    x: Array,
    x_scale: Any,
    x_zero: int,
    y_scale: Any,
    y_zero: int,
    *,
    kernel_shape: Sequence[int],
    strides: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    ceil_mode: int = 0,
    count_include_pad: int = 0,
    auto_pad: str = "NOTSET",
) -> Array:
    """float32 sum in row-major order, true division, zero point added before the rounding.

    With `count_include_pad` the divisor is the whole kernel, also where `ceil_mode` makes a window overhang.
    """
    rank = x.ndim - 2
    strides = strides or [1] * rank
    if list(kernel_shape) == list(x.shape[2:]) and not any(pads or []):
        # onnxruntime takes the kernel of the global pool, which rounds differently.
        return qlinear_global_average_pool(x, x_scale, x_zero, y_scale, y_zero)
    out, begin = pool_geometry(
        x.shape[2:], kernel_shape, strides, [1] * rank, pads or [0] * (2 * rank), auto_pad, ceil_mode
    )
    result = np.zeros((*x.shape[:2], *out), x.dtype)
    for n, c, *at in product(*(range(extent) for extent in result.shape)):
        total, inside = F32(0), 0
        for where in window(at, kernel_shape, strides, [1] * rank, begin):
            if all(0 <= where[i] < x.shape[2 + i] for i in range(rank)):
                total = F32(total + F32(F32(x_scale) * F32(int(x[(n, c, *where)]) - int(x_zero))))
                inside += 1
        mean = total / F32(np.prod(kernel_shape) if count_include_pad else inside)
        value = F32(F32(mean / F32(y_scale)) + F32(y_zero))
        result[(n, c, *at)] = saturate(round_half_even(float(value)), x.dtype)
    return result


def qlinear_global_average_pool(x: Array, x_scale: Any, x_zero: int, y_scale: Any, y_zero: int) -> Array:
    """Integer sum; the count is part of the scale: ``x_scale / (y_scale * count)``."""
    count = int(np.prod(x.shape[2:]))
    scale = F32(x_scale) / F32(F32(y_scale) * F32(count))
    result = np.zeros((*x.shape[:2], *([1] * (x.ndim - 2))), x.dtype)
    for n, c in product(range(x.shape[0]), range(x.shape[1])):
        total = sum(int(code) for code in x[n, c].reshape(-1)) - int(x_zero) * count
        result[n, c] = requantise(total, scale, int(y_zero), x.dtype)
    return result
