"""Compiled kernels of tables, pools, joins and moves on stored tensors (bytes, channels last)."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg"
import numpy as np

from accel_sim.engine.bytewise import copy_stretch, lookup_stretch, max_stretch
from accel_sim.engine.jit import jit
from accel_sim.engine.requant import ROUNDER

ROWS = 64  # rows mapped at a time


@jit
def map_bytes(x, table, out):
    """``out[i] = table[x[i]]`` on flat arrays."""
    lookup_stretch(out.ctypes.data, x.ctypes.data, table.ctypes.data, x.size)


@jit
def place_columns(x, table, mapped, out, start):
    """Copy the rows of `x` into columns ``start ...`` of `out`, through a table where `mapped`."""
    rows, columns = x.shape
    buffer = np.empty(ROWS * columns if mapped else 0, np.uint8)
    for first in range(0, rows, ROWS):
        count = min(ROWS, rows - first)
        source = x.ctypes.data + first * columns
        if mapped:
            lookup_stretch(buffer.ctypes.data, source, table.ctypes.data, count * columns)
            source = buffer.ctypes.data
        target = out.ctypes.data + first * out.shape[1] + start
        for r in range(count):
            copy_stretch(target + r * out.shape[1], source + r * columns, columns)


@jit
def map_pairs(a, b, table, out):
    """``out[i] = table[a[i], b[i]]`` on flat arrays of one length."""
    for i in range(a.size):
        out[i] = table[a[i], b[i]]


@jit
def map_indexed_pairs(a, a_index, b, b_index, table, out):
    """``out[i] = table[a[a_index[i]], b[b_index[i]]]``: operands that broadcast."""
    for i in range(out.size):
        out[i] = table[a[a_index[i]], b[b_index[i]]]


@jit
def gather(x, index, fill, out):
    """``out[i] = x[index[i]]``, or `fill` where the index is negative."""
    for i in range(out.size):
        j = index[i]
        out[i] = x[j] if j >= 0 else fill


@jit
def max_pool(x, window, out):
    """Largest byte under the window; what lies outside the input never wins."""
    kh, kw, sh, sw, top, left, dh, dw = window
    images, height, width, channels = x.shape
    for n in range(images):
        for oy in range(out.shape[1]):
            for ox in range(out.shape[2]):
                out[n, oy, ox] = 0
                target = out.ctypes.data + ((n * out.shape[1] + oy) * out.shape[2] + ox) * channels
                for ky in range(kh):
                    iy = oy * sh - top + ky * dh
                    if iy < 0 or iy >= height:
                        continue
                    for kx in range(kw):
                        ix = ox * sw - left + kx * dw
                        if ix < 0 or ix >= width:
                            continue
                        max_stretch(target, x.ctypes.data + ((n * height + iy) * width + ix) * channels, channels)


@jit
def average_pool(x, window, real, bottom, right, include_pad, fused, out):
    """Means of dequantised codes in float32, before any quantisation.

    `real` holds the real value of every byte. The fused form adds row by row, the unfused form adds columns first:
    the orders of onnxruntime's two kernels.
    """
    kh, kw, sh, sw, top, left, dh, dw = window
    images, height, width, channels = x.shape
    for n in range(images):
        for oy in range(out.shape[1]):
            for ox in range(out.shape[2]):
                count = 0
                for ky in range(kh):
                    iy = oy * sh - top + ky * dh
                    for kx in range(kw):
                        ix = ox * sw - left + kx * dw
                        inside = 0 <= iy < height and 0 <= ix < width
                        padded = iy < height + bottom and ix < width + right
                        count += 1 if inside or (include_pad and padded) else 0
                for c in range(channels):
                    total = np.float32(0)
                    if fused:
                        for ky in range(kh):
                            iy = oy * sh - top + ky * dh
                            for kx in range(kw):
                                ix = ox * sw - left + kx * dw
                                if 0 <= iy < height and 0 <= ix < width:
                                    total += real[x[n, iy, ix, c]]
                    else:
                        for kx in range(kw):
                            ix = ox * sw - left + kx * dw
                            if ix < 0 or ix >= width:
                                continue
                            column = np.float32(0)
                            for ky in range(kh):
                                iy = oy * sh - top + ky * dh
                                if 0 <= iy < height:
                                    column += real[x[n, iy, ix, c]]
                            total += column
                    out[n, oy, ox, c] = total / np.float32(count)


@jit
def quantise_after_zero(values, scale, low, high, zero, out):
    """``rne(value / scale + zero)``, saturated: the zero point enters before the rounding."""
    for i in range(values.size):
        value = values[i] / scale + np.float32(zero)
        value = min(max(value, np.float32(low)), np.float32(high))
        out[i] = np.int32((value + ROUNDER) - ROUNDER)


@jit
def quantise_bytes(values, scale, low, high, zero, byte, out):
    """QuantizeLinear on flat float32 values; NaN gives the smallest code."""
    floor, ceiling = np.float32(low - zero), np.float32(high - zero)
    add = zero + byte
    for i in range(values.size):
        value = values[i] / scale
        value = value if value > floor else floor  # also for NaN, which is above nothing
        value = value if value < ceiling else ceiling
        out[i] = np.uint8(np.int32((value + ROUNDER) - ROUNDER) + add)


@jit
def channel_sums(x, zero, out):
    """``out[n, c] = sum over positions (x - zero)``; `x` is (images, positions, channels)."""
    images, positions, channels = x.shape
    for n in range(images):
        for c in range(channels):
            out[n, c] = -np.int32(zero) * np.int32(positions)
        for p in range(positions):
            for c in range(channels):
                out[n, c] += np.int32(x[n, p, c])


@jit
def blend(x, real, rows, columns, row_weights, column_weights, out):
    """Bilinear blend in float32, in onnxruntime's order of operations.

    `rows` and `columns` are (2, n) lower and upper source positions; the weights are (2, n), of the lower and of the
    upper.
    """
    for n in range(x.shape[0]):
        for oy in range(out.shape[1]):
            y1, y2 = rows[0, oy], rows[1, oy]
            for ox in range(out.shape[2]):
                x1, x2 = columns[0, ox], columns[1, ox]
                w11 = column_weights[0, ox] * row_weights[0, oy]
                w21 = column_weights[1, ox] * row_weights[0, oy]
                w12 = column_weights[0, ox] * row_weights[1, oy]
                w22 = column_weights[1, ox] * row_weights[1, oy]
                for c in range(x.shape[3]):
                    total = w11 * real[x[n, y1, x1, c]] + w21 * real[x[n, y1, x2, c]]
                    total = total + w12 * real[x[n, y2, x1, c]]
                    out[n, oy, ox, c] = total + w22 * real[x[n, y2, x2, c]]
