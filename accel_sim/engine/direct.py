"""Convolutions of stride one without gathering patches.

The input is copied once into a frame of its zero point. In that frame the positions under a window, from one output to
the next, move by one pixel: a row of the product's left side is ``kh`` runs of ``kw * channels`` bytes that lie there
already. Outputs are computed along the framed width; the few that fall into the frame's margin are dropped.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg"
import numpy as np

from accel_sim.engine.jit import jit
from accel_sim.engine.linear import BLOCK, finish_rows
from accel_sim.engine.microkernel import copy_bytes, runs_times_matrix
from accel_sim.engine.requant import FLOAT32, store_rows
from accel_sim.engine.vector import LANES, store_eight


@jit
def frame(x, pads, zero, out):
    """Copy (n, h, w, c) into a flat frame with `pads` (top, left, bottom, right) of the zero point around it."""
    images, height, width, channels = x.shape
    top, left, bottom, right = pads
    line = (width + left + right) * channels
    place = 0
    for n in range(images):
        out[place : place + top * line] = zero
        place += top * line
        for y in range(height):
            out[place : place + left * channels] = zero
            place += left * channels
            source = ((n * height + y) * width) * channels
            copy_bytes(out.ctypes.data + place, x.ctypes.data + source, width * channels)
            place += width * channels
            out[place : place + right * channels] = zero
            place += right * channels
        out[place : place + bottom * line] = zero
        place += bottom * line


@jit
def finish_run(
    acc, first, rows, shift, fixed, mode, scale, significand, exponent, limits, thresholds, codes, out, start
):  # fmt: skip
    """Requantise rows ``first .. first + rows`` of raw products into ``out[start:]``."""
    channels = fixed.size
    if mode == FLOAT32 and shift == 0 and channels % LANES == 0:
        floor, ceiling = np.float32(limits[0] - limits[2]), np.float32(limits[1] - limits[2])
        add = limits[2] + limits[3]
        for r in range(rows):
            row = acc.ctypes.data + 4 * (first + r) * acc.shape[1]
            target = out.ctypes.data + (start + r) * channels
            for c in range(0, channels, LANES):
                store_eight(
                    row + 4 * c, fixed.ctypes.data + 4 * c, scale.ctypes.data + 4 * c, target + c, floor, ceiling, add
                )
        return
    part = acc[first : first + rows]
    finish_rows(part, rows, fixed, False, fixed, fixed, shift)
    store_rows(part, rows, mode, scale, significand, exponent, limits, thresholds, codes, out, start, 0)


@jit
def conv_direct(
    x, kernel, pads, out_shape, zero, packed, depth, columns, fixed, shift,
    mode, scale, significand, exponent, limits, thresholds, codes, out, first_row, last_row, portable,
):  # fmt: skip
    """Convolution of stride and dilation one, ungrouped, weights without zero point, of some output rows.

    `packed` holds ``kh`` runs, each padded to a multiple of four bytes; `out` is (images * oh * ow, channels).
    """
    images, height, width, channels = x.shape
    kh = kernel[0]
    oh, ow = out_shape
    pitch = width + pads[1] + pads[3]
    tall = height + pads[0] + pads[2]
    framed = np.empty(images * tall * pitch * channels + (BLOCK + 2) * channels + 64, np.uint8)
    frame(x, pads, zero, framed)
    acc = np.empty((BLOCK, columns), np.int32)
    for n in range(images):
        begin = n * tall * pitch
        for position in range(first_row * pitch, last_row * pitch, BLOCK):
            rows = min(BLOCK, last_row * pitch - position)
            padded = -(-rows // 12) * 12
            runs_times_matrix(
                framed,
                (begin + position) * channels,
                channels,
                kh,
                pitch * channels,
                packed,
                depth,
                acc[:padded],
                portable,
            )
            r = 0
            while r < rows:
                y, x0 = (position + r) // pitch, (position + r) % pitch
                count = min(rows - r, pitch - x0)
                valid = min(count, ow - x0)
                if valid > 0:
                    finish_run(
                        acc, r, valid, shift, fixed, mode, scale, significand, exponent, limits, thresholds, codes, out,
                        (n * oh + y) * ow + x0,
                    )  # fmt: skip
                r += count


@jit
def transpose_direct(
    x, strides, packed, depth, columns, fixed, bias, mode, scale, significand, exponent, limits, thresholds, codes,
    out, portable,
):  # fmt: skip
    """Transposed convolution whose kernel is as large as its stride, without padding: every output has one source.

    Ungrouped, weights without zero point, no accumulator shift. `fixed` has one entry per (tap, channel), `bias` one
    per channel; `out` is (images * oh * ow, channels).
    """
    images, height, width, channels = x.shape
    sh, sw = strides
    outputs = bias.size
    size = x.size
    source = np.empty(size + (BLOCK + 2) * channels + 64, np.uint8)
    copy_bytes(source.ctypes.data, x.ctypes.data, size)
    acc = np.empty((BLOCK, columns), np.int32)
    constant = np.empty(sh * sw * outputs, np.int32)
    for i in range(constant.size):
        constant[i] = fixed[i] + bias[i % outputs]
    fast = mode == FLOAT32 and outputs % LANES == 0
    floor, ceiling = np.float32(limits[0] - limits[2]), np.float32(limits[1] - limits[2])
    add = limits[2] + limits[3]
    positions = images * height * width
    for first in range(0, positions, BLOCK):
        rows = min(BLOCK, positions - first)
        padded = -(-rows // 12) * 12
        runs_times_matrix(source, first * channels, channels, 1, 0, packed, depth, acc[:padded], portable)
        for r in range(rows):
            line, x0 = (first + r) // width, (first + r) % width  # lines of all images, one after the other
            for tap in range(sh * sw):
                place = (line * sh + tap // sw) * width * sw + x0 * sw + tap % sw
                if fast:
                    for c in range(0, outputs, LANES):
                        store_eight(
                            acc.ctypes.data + 4 * (r * columns + tap * outputs + c),
                            constant.ctypes.data + 4 * (tap * outputs + c), scale.ctypes.data + 4 * c,
                            out.ctypes.data + place * outputs + c, floor, ceiling, add,
                        )  # fmt: skip
                else:
                    part = acc[r : r + 1, tap * outputs : (tap + 1) * outputs]
                    for c in range(outputs):
                        part[0, c] += constant[tap * outputs + c]
                    store_rows(part, 1, mode, scale, significand, exponent, limits, thresholds, codes, out, place, 0)
