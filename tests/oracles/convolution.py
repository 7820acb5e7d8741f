"""Convolution and transposed convolution over any number of spatial axes, one product at a time."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from tests.oracles.scalar import F32, Array, per_channel, requantise, wrap_int32


def output_and_padding(
    size: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Sequence[int],
    auto_pad: str,
) -> tuple[list[int], list[int]]:
    """Output sizes and the padding at the start of every spatial axis."""
    rank = len(size)
    out, begin = [], []
    for axis in range(rank):
        reach = (kernel[axis] - 1) * dilations[axis] + 1
        if auto_pad in ("SAME_UPPER", "SAME_LOWER"):
            count = -(-size[axis] // strides[axis])
            total = max((count - 1) * strides[axis] + reach - size[axis], 0)
            begin.append(total // 2 if auto_pad == "SAME_UPPER" else total - total // 2)
        else:
            before, after = (0, 0) if auto_pad == "VALID" else (pads[axis], pads[rank + axis])
            count = (size[axis] + before + after - reach) // strides[axis] + 1
            begin.append(before)
        out.append(count)
    return out, begin


def conv_accumulators(
    x: Array,
    x_zero: int,
    w: Array,
    w_zero: Any,
    bias: Sequence[int] | Array | None = None,
    *,
    strides: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    dilations: Sequence[int] | None = None,
    group: int = 1,
    auto_pad: str = "NOTSET",
) -> Array:
    """int32 accumulators (wrapping) of shape (N, M, *out); padding counts as the zero point of `x`."""
    rank = x.ndim - 2
    strides, dilations = strides or [1] * rank, dilations or [1] * rank
    out, begin = output_and_padding(x.shape[2:], w.shape[2:], strides, dilations, pads or [0] * (2 * rank), auto_pad)
    zeros = per_channel(w_zero, w.shape[0])
    result = np.zeros((x.shape[0], w.shape[0], *out), np.int32)
    for n, m, *at in product(*(range(extent) for extent in result.shape)):
        first = m // (w.shape[0] // group) * w.shape[1]
        total = 0 if bias is None else int(bias[m])
        for c, *tap in product(*(range(extent) for extent in w.shape[1:])):
            where = [at[i] * strides[i] + tap[i] * dilations[i] - begin[i] for i in range(rank)]
            if all(0 <= where[i] < x.shape[2 + i] for i in range(rank)):
                total += (int(x[(n, first + c, *where)]) - int(x_zero)) * (int(w[(m, c, *tap)]) - int(zeros[m]))
        result[(n, m, *at)] = wrap_int32(total)
    return result


def conv_transpose_accumulators(
    x: Array,
    x_zero: int,
    w: Array,
    w_zero: Any,
    bias: Sequence[int] | Array | None = None,
    *,
    strides: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    dilations: Sequence[int] | None = None,
    output_padding: Sequence[int] | None = None,
    group: int = 1,
) -> Array:
    """int32 accumulators of a transposed convolution; weights are (C, M / group, *kernel) as in ONNX."""
    rank = x.ndim - 2
    strides, dilations = strides or [1] * rank, dilations or [1] * rank
    pads, extra = pads or [0] * (2 * rank), output_padding or [0] * rank
    out = [
        (x.shape[2 + i] - 1) * strides[i]
        + (w.shape[2 + i] - 1) * dilations[i]
        + 1
        + extra[i]
        - pads[i]
        - pads[rank + i]
        for i in range(rank)
    ]
    channels = w.shape[1] * group
    zeros = per_channel(w_zero, channels)
    sums = np.zeros((x.shape[0], channels, *out), object)
    for n, c, *at in product(*(range(extent) for extent in x.shape)):
        first = c // (x.shape[1] // group) * w.shape[1]
        for m, *tap in product(*(range(extent) for extent in w.shape[1:])):
            where = [at[i] * strides[i] + tap[i] * dilations[i] - pads[i] for i in range(rank)]
            if all(0 <= where[i] < out[i] for i in range(rank)):
                weight = int(w[(c, m, *tap)]) - int(zeros[first + m])
                sums[(n, first + m, *where)] += (int(x[(n, c, *at)]) - int(x_zero)) * weight
    result = np.zeros(sums.shape, np.int32)
    for index in np.ndindex(*sums.shape):
        result[index] = wrap_int32(int(sums[index]) + (0 if bias is None else int(bias[index[1]])))
    return result


def requantise_channels(acc: Array, x_scale: Any, w_scale: Any, y_scale: Any, y_zero: int, dtype: Any) -> Array:
    """Requantise axis 1 with ``(x_scale * w_scale) / y_scale``, every operation in float32."""
    scales = [F32(F32(x_scale) * F32(s)) / F32(y_scale) for s in per_channel(w_scale, acc.shape[1])]
    result = np.zeros(acc.shape, dtype)
    for index in np.ndindex(*acc.shape):
        result[index] = requantise(int(acc[index]), scales[index[1]], int(y_zero), dtype)
    return result


def qlinear_conv(
    x: Array,
    x_scale: Any,
    x_zero: int,
    w: Array,
    w_scale: Any,
    w_zero: Any,
    y_scale: Any,
    y_zero: int,
    bias: Array | None = None,
    **geometry: Any,
) -> Array:
    acc = conv_accumulators(x, x_zero, w, w_zero, bias, **geometry)
    return requantise_channels(acc, x_scale, w_scale, y_scale, y_zero, x.dtype)


def qlinear_conv_transpose(
    x: Array,
    x_scale: Any,
    x_zero: int,
    w: Array,
    w_scale: Any,
    w_zero: Any,
    y_scale: Any,
    y_zero: int,
    bias: Array | None = None,
    **geometry: Any,
) -> Array:
    acc = conv_transpose_accumulators(x, x_zero, w, w_zero, bias, **geometry)
    return requantise_channels(acc, x_scale, w_scale, y_scale, y_zero, x.dtype)
