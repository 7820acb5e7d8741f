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
def frame(x, image, rows, columns, pads, zero, out):
    """Copy a part of one image (n, h, w, c) with its padding; `rows` and `columns` count from the first padded one.

    `pads` is (top, left, bottom, right).
    """
    height, width, channels = x.shape[1:]
    line = (columns[1] - columns[0]) * channels
    first, last = columns[0] - pads[1], columns[1] - pads[1]
    begin, end = min(max(first, 0), width), max(min(last, width), 0)
    place = 0
    for row in range(rows[0], rows[1]):
        y = row - pads[0]
        if y < 0 or y >= height or begin >= end:
            out[place : place + line] = zero
        else:
            out[place : place + (begin - first) * channels] = zero
            source = x.ctypes.data + ((image * height + y) * width + begin) * channels
            copy_bytes(out.ctypes.data + place + (begin - first) * channels, source, (end - begin) * channels)
            out[place + (end - first) * channels : place + line] = zero
        place += line


@jit
def finish_run(
    acc, first, rows, shift, fixed, mode, scale, significand, exponent, limits, thresholds, codes, out, start
):  # fmt: skip
    """Requantise rows ``first .. first + rows`` of raw products into ``out[start:]``.

    `fixed` and `scale` are padded to whole vectors of channels in the quick case (see `padded`).
    """
    channels = out.shape[1]
    if mode == FLOAT32 and shift == 0:
        floor, ceiling = np.float32(limits[0] - limits[2]), np.float32(limits[1] - limits[2])
        add = limits[2] + limits[3]
        spare = np.empty(LANES, np.uint8)
        whole = channels // LANES * LANES
        for r in range(rows):
            row = acc.ctypes.data + 4 * (first + r) * acc.shape[1]
            target = out.ctypes.data + (start + r) * channels
            for c in range(0, whole, LANES):
                store_eight(
                    row + 4 * c, fixed.ctypes.data + 4 * c, scale.ctypes.data + 4 * c, target + c, floor, ceiling, add
                )
            if whole < channels:
                store_eight(
                    row + 4 * whole, fixed.ctypes.data + 4 * whole, scale.ctypes.data + 4 * whole, spare.ctypes.data,
                    floor, ceiling, add,
                )  # fmt: skip
                for c in range(whole, channels):
                    out[start + r, c] = spare[c - whole]
        return
    part = acc[first : first + rows]
    finish_rows(part, rows, fixed, False, fixed, fixed, shift)
    store_rows(part, rows, mode, scale, significand, exponent, limits, thresholds, codes, out, start, 0)


@jit
def padded(values):
    """Return the values with zeros up to whole vectors."""
    longer = np.zeros(-(-values.size // LANES) * LANES, values.dtype)
    longer[: values.size] = values
    return longer


@jit
def conv_direct(
    x, kernel, pads, out_shape, zero, packed, depth, columns, fixed, shift,
    mode, scale, significand, exponent, limits, thresholds, codes, out, first_row, last_row, portable,
):  # fmt: skip
    """Convolution of stride and dilation one, ungrouped, weights without zero point, of some output rows.

    `packed` holds ``kh`` runs, each padded to a multiple of four bytes; `out` is (images * oh * ow, channels). With few
    channels a row of the product computes two pixels (see `direct_matrix`).
    """
    images, width, channels = x.shape[0], x.shape[2], x.shape[3]
    kh = kernel[0]
    oh, ow = out_shape
    pitch = width + pads[1] + pads[3]
    framed = np.empty(((last_row - first_row + kh - 1) * pitch + BLOCK + 26) * channels + 64, np.uint8)
    pixels = 2 if fixed.size <= columns // 2 else 1
    products = np.empty((BLOCK // pixels, columns), np.int32)
    acc = products.reshape((BLOCK, columns // pixels))
    positions = (last_row - first_row) * pitch
    if mode == FLOAT32 and shift == 0:
        fixed, scale = padded(fixed), padded(scale)
    for n in range(images):
        frame(x, n, (first_row, last_row + kh - 1), (0, pitch), pads, zero, framed)
        for position in range(0, positions, BLOCK):
            rows = min(BLOCK, positions - position)
            tall = -(-rows // (12 * pixels)) * 12
            runs_times_matrix(
                framed, position * channels, pixels * channels, kh, pitch * channels, packed, depth,
                products[:tall], portable,
            )  # fmt: skip
            r = 0
            while r < rows:
                y, x0 = first_row + (position + r) // pitch, (position + r) % pitch
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
    acc = np.empty((BLOCK + 1, columns), np.int32)  # vectors may end past the last row
    constant = np.zeros(sh * sw * outputs + LANES, np.int32)
    for i in range(sh * sw * outputs):
        constant[i] = fixed[i] + bias[i % outputs]
    fast, whole, spare = mode == FLOAT32, outputs // LANES * LANES, np.empty(LANES, np.uint8)
    if fast:
        scale = padded(scale)
    floor, ceiling = np.float32(limits[0] - limits[2]), np.float32(limits[1] - limits[2])
    add = limits[2] + limits[3]
    positions = images * height * width
    for first in range(0, positions, BLOCK):
        rows = min(BLOCK, positions - first)
        tall = -(-rows // 12) * 12
        runs_times_matrix(source, first * channels, channels, 1, 0, packed, depth, acc[:tall], portable)
        for r in range(rows):
            line, x0 = (first + r) // width, (first + r) % width  # lines of all images, one after the other
            for tap in range(sh * sw):
                place = (line * sh + tap // sw) * width * sw + x0 * sw + tap % sw
                if fast:
                    for c in range(0, outputs, LANES):
                        target = out.ctypes.data + place * outputs + c if c < whole else spare.ctypes.data
                        store_eight(
                            acc.ctypes.data + 4 * (r * columns + tap * outputs + c),
                            constant.ctypes.data + 4 * (tap * outputs + c), scale.ctypes.data + 4 * c, target, floor,
                            ceiling, add,
                        )  # fmt: skip
                    for c in range(whole, outputs):
                        out[place, c] = spare[c - whole]
                else:
                    part = acc[r : r + 1, tap * outputs : (tap + 1) * outputs]
                    for c in range(outputs):
                        part[0, c] += constant[tap * outputs + c]
                    store_rows(part, 1, mode, scale, significand, exponent, limits, thresholds, codes, out, place, 0)
