"""Rounding and requantisation restated with exact fractions; no floating-point operation takes part."""

import math
from fractions import Fraction

import numpy as np

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1


def half_even(value: Fraction) -> int:
    return round(value)


def half_up(value: Fraction) -> int:
    return math.floor(value + Fraction(1, 2))


def half_away(value: Fraction) -> int:
    magnitude = math.floor(abs(value) + Fraction(1, 2))
    return magnitude if value >= 0 else -magnitude


def to_float32(value: Fraction) -> Fraction:
    """The nearest float32, ties to even; no overflow."""
    if value == 0:
        return value
    numerator, denominator = abs(value.numerator), value.denominator
    exponent = numerator.bit_length() - denominator.bit_length()
    if Fraction(numerator, denominator) < Fraction(2) ** exponent:
        exponent -= 1
    step = Fraction(2) ** (max(exponent, -126) - 23)
    return round(value / step) * step


def clamp(value: int, low: int, high: int) -> int:
    return min(max(value, low), high)


def requantise_float32(acc: int, scale: Fraction, zero: int, low: int, high: int) -> int:
    """Convert, multiply, round: three roundings; the clamp comes last here, which must not matter."""
    return clamp(half_even(to_float32(to_float32(Fraction(acc)) * scale)) + zero, low, high)


def requantise_shift(acc: int, places: int, zero: int, low: int, high: int) -> int:
    return clamp(half_up(Fraction(acc) / Fraction(2) ** places) + zero, low, high)


def requantise_gemmlowp(acc: int, scale: float, zero: int, low: int, high: int) -> int:
    """A 31-bit significand; doubling high multiply with ties away from zero; division with ties away from zero."""
    fraction, exponent = math.frexp(scale)
    significand = math.floor(Fraction(fraction) * 2**31 + Fraction(1, 2))
    if significand == 2**31:
        significand, exponent = 2**30, exponent + 1
    shifted = clamp(acc * 2 ** max(exponent, 0), INT32_MIN, INT32_MAX)
    product = Fraction(shifted * significand, 2**31)
    # Ties of the first rounding go upwards: its nudge is 2**30 for products from zero on, 1 - 2**30 below, then
    # truncation.
    high_half = (
        math.floor(product + Fraction(1, 2)) if product >= 0 else -math.floor(-product + Fraction(2**30 - 1, 2**31))
    )
    return clamp(half_away(Fraction(high_half, 2 ** max(-exponent, 0))) + zero, low, high)


def pairs(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Random and awkward accumulators (int32) and multipliers (float32 from 2**-40 to 2**3)."""
    rng = np.random.default_rng(seed)
    corners = [0, 1, 2, 3, 2**23, 2**24, 2**24 + 1, 2**24 + 3, 2**25 + 2, 2**25 + 6, 2**30, INT32_MAX, INT32_MAX - 64]
    corners += [-c for c in corners] + [INT32_MIN, INT32_MIN + 1]
    width = rng.integers(1, 32, count)
    acc = (rng.integers(-(2**31), 2**31, count) >> (31 - width)).astype(np.int32)
    acc[rng.random(count) < 0.15] = 0
    hit = rng.random(count) < 0.2
    acc[hit] = rng.choice(np.array(corners, np.int32), int(hit.sum()))
    scale = (2.0 ** rng.uniform(-40, 3, count)).astype(np.float32)
    # Scales that bring the accumulator near the codes, powers of two (every second result a tie), and short
    # significands.
    near = rng.random(count) < 0.5
    scale[near] = (rng.uniform(0.2, 300, int(near.sum())) / np.maximum(np.abs(acc[near].astype(float)), 1)).astype(
        np.float32
    )
    plain = rng.random(count) < 0.15
    scale[plain] = 2.0 ** rng.integers(-25, 3, int(plain.sum()))
    short = rng.random(count) < 0.1
    scale[short] = rng.choice(
        np.array([0.05, 0.1, 0.25, 0.5, 0.75, 1.5, 0.125 * 3, 1 / 3], np.float32), int(short.sum())
    )
    return acc, np.maximum(scale, np.float32(2.0**-100))
