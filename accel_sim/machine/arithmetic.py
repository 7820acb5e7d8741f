"""Results of the two requantisers, one accumulator at a time, compiled."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"
import numpy as np

from accel_sim.engine.jit import jit
from accel_sim.engine.requant import ROUNDER, float32_code, gemmlowp_code, shift_code


@jit
def bits_of(word):
    """Return a 32-bit word as a float32."""
    box = np.empty(1, np.uint32)
    box[0] = word
    return box.view(np.float32)[0]


@jit
def unpack(entry):
    """Multiplier word and exponent of an 8-byte row of requantisation parameters."""
    word = np.uint32(entry[0]) | np.uint32(entry[1]) << 8 | np.uint32(entry[2]) << 16 | np.uint32(entry[3]) << 24
    return np.uint32(word), np.int64(np.int8(entry[4]))


@jit
def requantised(acc, word, scale, exponent, mode, zero, low, high):
    """Byte of an accumulator; `word` and `exponent` are the channel's parameters, `scale` is the word as float32."""
    if mode == 0:
        if scale * np.float32(0) != 0:  # a flipped bit can make the scale infinite or no number
            product = np.float32(acc) * scale
            return np.uint8(low) if product != product else np.uint8(high if product > 0 else low)
        return np.uint8(float32_code(acc, scale, np.float32(low - zero), np.float32(high - zero), zero))
    if mode == 1:
        return np.uint8(shift_code(acc, min(exponent, 62), low, high, zero))
    return np.uint8(gemmlowp_code(acc, np.int64(word), min(exponent, 31), low, high, zero))


LARGEST = np.float32(np.finfo(np.float32).max)
OVERFLOW_TIE = 2.0**128 - 2.0**103  # half way from the largest float32 to the next power of two


@jit
def multiply_add(a, b, c):
    """float32 ``a * b + c`` with one rounding: the product is exact in float64, the sum is repaired where it ties."""
    product = np.float64(a) * np.float64(b)
    total = product + np.float64(c)
    shadow = total - product
    error = (product - (total - shadow)) + (np.float64(c) - shadow)
    near = np.float32(total)
    if error == 0.0:
        return near
    if abs(total) == OVERFLOW_TIE and (error < 0) == (total > 0):  # below the tie, from which on all is infinite
        return LARGEST if total > 0 else -LARGEST
    gap = 2.0 * (total - np.float64(near))
    if gap == 0.0:
        return near
    other = np.float32(np.float64(near) + gap)
    if np.float64(other) != np.float64(near) + gap:
        return near
    return max(near, other) if error > 0 else min(near, other)


@jit
def rounded(value, half_up, zero, low, high):
    """Byte of a real result: clamped, rounded, offset."""
    if value != value:  # only wrong instructions have such constants
        return np.uint8(low)
    value = min(max(value, np.float32(low - zero)), np.float32(high - zero))
    if half_up:
        return np.uint8(np.int32(np.floor(np.float64(value) + 0.5)) + zero)
    return np.uint8(np.int32((value + ROUNDER) - ROUNDER) + zero)


@jit
def pair_result(pair, op, constants, first, second, half_up, zero, low, high):
    """Byte of ADD (op 4) or MULTIPLY (op 5); `pair` holds the first operand's byte and, 8 bits up, the second's."""
    a, b = np.int32(pair & 255) - first, np.int32((pair >> 8) & 255) - second
    if op == 4:
        partial = multiply_add(np.float32(b), constants[1], constants[2])
        return rounded(multiply_add(np.float32(a), constants[0], partial), half_up, zero, low, high)
    return rounded(np.float32(a * b) * constants[0] + constants[2], half_up, zero, low, high)
