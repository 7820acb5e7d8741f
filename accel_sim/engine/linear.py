"""Compiled kernels of Conv, ConvTranspose and Gemm on stored tensors (bytes, channels last)."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg"
import numpy as np

from accel_sim.engine.jit import jit
from accel_sim.engine.microkernel import copy_bytes, rows_times_matrix
from accel_sim.engine.requant import store_rows

BLOCK = 96  # rows packed at a time: a multiple of the tile height whose patch stays in the second-level cache


@jit
def pack_rows(x, window, out_width, out_size, first, rows, channel, channels, zero, patch, sums, summed):
    """Gather the patches of output positions ``first .. first + rows`` of the flattened (n, oh, ow) output.

    `window` is (kh, kw, sh, sw, top, left, dh, dw). Positions outside the input hold the zero point. Where `summed`,
    `sums` receives the sum of each patch, for weights with a zero point.
    """
    kh, kw, sh, sw, top, left, dh, dw = window
    height, width, stored = x.shape[1], x.shape[2], x.shape[3]
    # A row of the window is contiguous when it takes all channels of neighbouring pixels.
    contiguous = dw == 1 and channels == stored
    for r in range(rows):
        position = first + r
        image, rest = position // out_size, position % out_size
        oy, ox = rest // out_width, rest % out_width
        left_edge = ox * sw - left
        begin, end = 0, kw
        if contiguous:
            begin = min(max(-left_edge, 0), kw)
            end = max(min(width - left_edge, kw), begin)
        k = 0
        for ky in range(kh):
            iy = oy * sh - top + ky * dh
            if iy < 0 or iy >= height:
                patch[r, k : k + kw * channels] = zero
                k += kw * channels
            elif contiguous:
                if begin:
                    patch[r, k : k + begin * channels] = zero
                if end < kw:
                    patch[r, k + end * channels : k + kw * channels] = zero
                if end > begin:
                    source = ((image * height + iy) * width + left_edge + begin) * stored
                    copy_bytes(
                        patch.ctypes.data + r * patch.shape[1] + k + begin * channels,
                        x.ctypes.data + source,
                        (end - begin) * channels,
                    )
                k += kw * channels
            else:
                for kx in range(kw):
                    ix = left_edge + kx * dw
                    if 0 <= ix < width:
                        source = ((image * height + iy) * width + ix) * stored + channel
                        copy_bytes(patch.ctypes.data + r * patch.shape[1] + k, x.ctypes.data + source, channels)
                    else:
                        patch[r, k : k + channels] = zero
                    k += channels
        if summed:
            total = np.int32(0)
            for j in range(k):
                total += np.int32(patch[r, j])
            sums[r] = total


@jit
def finish_rows(acc, rows, sums, summed, weight_zero, fixed, shift):
    """Turn raw products into accumulators: zero points, bias and shift; wraps modulo 2**32."""
    channels = fixed.size
    if not summed:
        for r in range(rows):
            for c in range(channels):
                acc[r, c] = (acc[r, c] << shift) + fixed[c]
        return
    for r in range(rows):
        for c in range(channels):
            acc[r, c] = ((acc[r, c] - weight_zero[c] * sums[r]) << shift) + fixed[c]


@jit
def conv_group(
    x, window, out_shape, channel, channels, zero, packed, depth, columns, weight_zero, fixed, shift,
    mode, scale, significand, exponent, limits, thresholds, codes, out, first_channel, portable,
):  # fmt: skip
    """One group of a convolution; `out` is (positions, output channels)."""
    positions = out.shape[0]
    patch = np.zeros((BLOCK, depth), np.uint8)
    acc = np.empty((BLOCK, columns), np.int32)
    sums = np.zeros(BLOCK, np.int32)
    summed = np.any(weight_zero != 0)
    for first in range(0, positions, BLOCK):
        rows = min(BLOCK, positions - first)
        padded = -(-rows // 12) * 12
        pack_rows(
            x,
            window,
            out_shape[1],
            out_shape[0] * out_shape[1],
            first,
            rows,
            channel,
            channels,
            zero,
            patch,
            sums,
            summed,
        )
        rows_times_matrix(patch[:padded], packed, acc[:padded], portable)
        finish_rows(acc, rows, sums, summed, weight_zero, fixed, shift)
        store_rows(acc, rows, mode, scale, significand, exponent, limits, thresholds, codes, out, first, first_channel)


@jit
def one_channel(x, window, out_shape, channel, zero, weight, weight_zero, bias, shift, acc):
    """Accumulators of a single output channel, straight from the definition; `weight` is (kh, kw, channels) signed."""
    kh, kw, sh, sw, top, left, dh, dw = window
    images, height, width = x.shape[:3]
    channels = weight.shape[2]
    position = 0
    for image in range(images):
        for oy in range(out_shape[0]):
            for ox in range(out_shape[1]):
                total = np.int32(0)
                for ky in range(kh):
                    iy = oy * sh - top + ky * dh
                    if iy < 0 or iy >= height:
                        continue
                    for kx in range(kw):
                        ix = ox * sw - left + kx * dw
                        if ix < 0 or ix >= width:
                            continue
                        for c in range(channels):
                            value = np.int32(x[image, iy, ix, channel + c]) - zero
                            total += value * (np.int32(weight[ky, kx, c]) - weight_zero)
                acc[position, 0] = (total << shift) + bias
                position += 1


@jit
def scatter(acc, rows, first, window, in_shape, out_shape, first_channel, channels, out):
    """Add products of a transposed convolution, (rows, kh * kw * channels), to the positions that they reach."""
    kh, kw, sh, sw, top, left, dh, dw = window
    in_size = in_shape[0] * in_shape[1]
    out_size = out_shape[0] * out_shape[1]
    for r in range(rows):
        position = first + r
        image, rest = position // in_size, position % in_size
        iy, ix = rest // in_shape[1], rest % in_shape[1]
        for ky in range(kh):
            oy = iy * sh - top + ky * dh
            if oy < 0 or oy >= out_shape[0]:
                continue
            for kx in range(kw):
                ox = ix * sw - left + kx * dw
                if ox < 0 or ox >= out_shape[1]:
                    continue
                target = image * out_size + oy * out_shape[1] + ox
                tap = (ky * kw + kx) * channels
                for c in range(channels):
                    out[target, first_channel + c] += acc[r, tap + c]


@jit
def transpose_group(
    x, window, in_shape, out_shape, channel, channels, packed, depth, columns,
    weight_zero, fixed, out_channels, first_channel, total, portable,
):  # fmt: skip
    """One group of a transposed convolution; raw accumulators are added to `total`, (positions, output channels)."""
    positions = x.shape[0] * in_shape[0] * in_shape[1]
    plain = (1, 1, 1, 1, 0, 0, 1, 1)
    patch = np.zeros((BLOCK, depth), np.uint8)
    acc = np.empty((BLOCK, columns), np.int32)
    sums = np.zeros(BLOCK, np.int32)
    summed = np.any(weight_zero != 0)
    for first in range(0, positions, BLOCK):
        rows = min(BLOCK, positions - first)
        padded = -(-rows // 12) * 12
        pack_rows(
            x, plain, in_shape[1], in_shape[0] * in_shape[1], first, rows, channel, channels, 0, patch, sums, summed
        )
        rows_times_matrix(patch[:padded], packed, acc[:padded], portable)
        finish_rows(acc, rows, sums, summed, weight_zero, fixed, 0)
        scatter(acc, rows, first, window, in_shape, out_shape, first_channel, out_channels, total)


@jit
def add_bias(acc, shift, bias):
    """Shift every accumulator and add the bias of its channel, in place."""
    for r in range(acc.shape[0]):
        for c in range(acc.shape[1]):
            acc[r, c] = (acc[r, c] << shift) + bias[c]
