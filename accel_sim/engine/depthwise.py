"""Convolutions of every channel with a window of its own: a vector of channels at a time, all taps in one register.

Nothing is gathered: the taps of a window stand at the same distances from its corner everywhere, so that one table of
places serves all windows that lie inside the picture; at its border the table holds the taps that are inside.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg"
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from accel_sim.engine.direct import finish_run, padded
from accel_sim.engine.jit import inlined, jit
from accel_sim.engine.requant import FLOAT32
from accel_sim.engine.vector import I8, I16, I32, I64, LANES, load, splat, store


def _window_sums(lanes):
    wide, halves, codes = (ir.VectorType(t, lanes) for t in (I32, I16, I8))

    @intrinsic
    def window_sums(typingctx, corner, weights, taps, count, zero, out):
        """Add ``(code - zero) * weight`` over the taps of one window for `lanes` channels, wrapping; write int32 sums.

        All but `count` and `zero` are addresses. `taps` holds two int64 for each tap: the bytes from `corner` to its
        codes (uint8), and from `weights` to its weights (int16).
        """

        def codegen(context, builder, signature, args):
            corner, weights, taps, count, zero, out = args
            total = cgutils.alloca_once_value(builder, ir.Constant(wide, None))
            start = splat(builder, zero, wide)
            with cgutils.for_range(builder, count) as loop:
                row = builder.add(taps, builder.shl(loop.index, ir.Constant(I64, 4)))
                place = load(builder, row, I64)
                factor = load(builder, builder.add(row, ir.Constant(I64, 8)), I64)
                code = builder.zext(load(builder, builder.add(corner, place), codes), wide)
                weight = builder.sext(load(builder, builder.add(weights, factor), halves), wide)
                product = builder.mul(builder.sub(code, start), weight)
                builder.store(builder.add(builder.load(total), product), total)
            store(builder, builder.load(total), out)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 4, types.int32, types.int64), codegen

    return window_sums


sums_16, sums_8, sums_1 = _window_sums(16), _window_sums(8), _window_sums(1)


@inlined
def inner_taps(kh, kw, dh, dw, width, channels, row, taps):
    """Write the table of a window that lies inside the picture; `row` is the length of a row of weights."""
    for ky in range(kh):
        for kx in range(kw):
            taps[ky * kw + kx, 0] = (ky * dh * width + kx * dw) * channels
            taps[ky * kw + kx, 1] = 2 * (ky * kw + kx) * row


@inlined
def border_taps(inner, kw, dh, dw, height, width, y, x, taps):
    """Keep the taps of a window with its corner at row `y` and column `x` that are in the picture; returns how many."""
    count = np.int64(0)
    for tap in range(inner.shape[0]):
        iy, ix = y + tap // kw * dh, x + tap % kw * dw
        if 0 <= iy < height and 0 <= ix < width:
            taps[count, 0], taps[count, 1] = inner[tap, 0], inner[tap, 1]
            count += 1
    return count


@inlined
def channel_sums(corner, weights, taps, count, channels, zero, out):
    """Add up one window for all channels, from addresses as in `sums_16`; no byte beyond the channels is read."""
    c = np.int64(0)
    while channels - c >= 16:
        sums_16(corner + c, weights + 2 * c, taps, count, zero, out + 4 * c)
        c += 16
    if channels - c >= 8:
        sums_8(corner + c, weights + 2 * c, taps, count, zero, out + 4 * c)
        c += 8
    while c < channels:
        sums_1(corner + c, weights + 2 * c, taps, count, zero, out + 4 * c)
        c += 1


@jit
def depthwise(
    x, window, out_shape, zero, factors, fixed, shift,
    mode, scale, significand, exponent, limits, thresholds, codes, out,
):  # fmt: skip
    """Convolution with one input and one output channel a group.

    `factors` is (kh * kw, channels) of int16: weights less their zero points; `out` is (positions, channels).
    """
    kh, kw, sh, sw, top, left, dh, dw = window
    images, height, width, channels = x.shape
    inner, some = np.empty((kh * kw, 2), np.int64), np.empty((kh * kw, 2), np.int64)
    inner_taps(kh, kw, dh, dw, width, channels, channels, inner)
    start, weights = np.int32(zero), factors.ctypes.data
    acc = np.empty((out_shape[1], -(-channels // LANES) * LANES), np.int32)  # one row of outputs at a time
    pitch = 4 * acc.shape[1]
    if mode == FLOAT32 and shift == 0:
        fixed, scale = padded(fixed), padded(scale)
    for line in range(images * out_shape[0]):
        image, y = line // out_shape[0], line % out_shape[0] * sh - top
        tall = y >= 0 and y + (kh - 1) * dh < height
        for ox in range(out_shape[1]):
            left_end = ox * sw - left
            taps, count = inner.ctypes.data, np.int64(kh * kw)
            if not (tall and left_end >= 0 and left_end + (kw - 1) * dw < width):
                taps, count = some.ctypes.data, border_taps(inner, kw, dh, dw, height, width, y, left_end, some)
            corner = x.ctypes.data + ((image * height + y) * width + left_end) * channels
            channel_sums(corner, weights, taps, count, channels, start, acc.ctypes.data + ox * pitch)
        finish_run(
            acc, 0, out_shape[1], shift, fixed, mode, scale, significand, exponent, limits, thresholds, codes, out,
            line * out_shape[1],
        )  # fmt: skip
