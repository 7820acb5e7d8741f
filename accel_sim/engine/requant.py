"""Accumulators to bytes: the compiled forms of :mod:`accel_sim.numerics.requantise`."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"
import numpy as np

from accel_sim.engine.jit import jit

# Adding and taking away 1.5 * 2**23 rounds a float32 of magnitude below 2**22 to the nearest even integer.
ROUNDER = np.float32(12582912.0)
FLOAT32, SHIFT, GEMMLOWP, STEPS = 0, 1, 2, 3


@jit
def float32_code(acc, scale, low, high, zero):
    """Requantise one accumulator; `low` and `high` are float32 limits before the zero point is added."""
    value = np.float32(acc) * scale
    value = min(max(value, low), high)
    return np.int32((value + ROUNDER) - ROUNDER) + zero


@jit
def gemmlowp_code(acc, significand, exponent, low, high, zero):
    """Requantise one accumulator with gemmlowp's two roundings."""
    if exponent < -31:
        significand = np.int64(0)
    wide = np.int64(acc) << max(exponent, 0)
    wide = min(max(wide, np.int64(-(2**31))), np.int64(2**31 - 1))
    product = wide * significand
    if product >= 0:
        half = (product + (np.int64(1) << 30)) >> 31
    else:
        half = -((-(product + np.int64(1 - (1 << 30)))) >> 31) if product + np.int64(1 - (1 << 30)) < 0 else np.int64(0)
    places = min(max(-exponent, 0), 31)
    mask = (np.int64(1) << places) - 1
    remainder = half & mask
    threshold = (mask >> 1) + (1 if half < 0 else 0)
    rounded = (half >> places) + (1 if remainder > threshold else 0)
    return np.int32(min(max(rounded + zero, np.int64(low)), np.int64(high)))


@jit
def shift_code(acc, places, low, high, zero):
    """Requantise one accumulator by ``2**-places``, ties upwards."""
    wide = np.int64(acc)
    right, left = max(places, 0), min(max(-places, 0), 24)
    half = (np.int64(1) << right) >> 1
    wide = ((wide + half) >> right) << left
    return np.int32(min(max(wide + zero, np.int64(low)), np.int64(high)))


@jit
def step_code(acc, thresholds, codes):
    """Look one accumulator up among ascending thresholds."""
    first, last = 0, thresholds.size
    while first < last:
        middle = (first + last) // 2
        if acc >= thresholds[middle]:
            first = middle + 1
        else:
            last = middle
    return codes[first]


@jit
def store_rows(acc, rows, mode, scale, significand, exponent, limits, thresholds, codes, out, start, first_channel):
    """Requantise ``acc[:rows, :channels]`` into ``out[start:start + rows, first_channel:...]`` as stored bytes.

    `scale`, `significand` and `exponent` have one entry per channel; `limits` holds low, high, zero point and the
    byte offset of the output, all in codes.
    """
    channels = scale.size if mode != STEPS else thresholds.shape[0]
    low, high, zero, byte = limits[0], limits[1], limits[2], limits[3]
    if mode == FLOAT32:
        floor, ceiling = np.float32(low - zero), np.float32(high - zero)
        add = zero + byte
        for r in range(rows):
            for c in range(channels):
                value = np.float32(acc[r, c]) * scale[c]
                value = min(max(value, floor), ceiling)
                out[start + r, first_channel + c] = np.uint8(np.int32((value + ROUNDER) - ROUNDER) + add)
    elif mode == SHIFT:
        for r in range(rows):
            for c in range(channels):
                out[start + r, first_channel + c] = np.uint8(shift_code(acc[r, c], exponent[c], low, high, zero) + byte)
    elif mode == GEMMLOWP:
        for r in range(rows):
            for c in range(channels):
                code = gemmlowp_code(acc[r, c], significand[c], exponent[c], low, high, zero)
                out[start + r, first_channel + c] = np.uint8(code + byte)
    else:
        for r in range(rows):
            for c in range(channels):
                out[start + r, first_channel + c] = np.uint8(step_code(acc[r, c], thresholds[c], codes[c]) + byte)
