"""One accumulator to one code, in the three schemes, and the float32 operations they need."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]
F32 = np.float32


def limits(dtype: DTypeLike) -> tuple[int, int]:
    info = np.iinfo(np.dtype(dtype))
    return int(info.min), int(info.max)


def saturate(value: int, dtype: DTypeLike) -> int:
    low, high = limits(dtype)
    return low if value < low else high if value > high else value


def wrap_int32(value: int) -> int:
    return (value + 2**31) % 2**32 - 2**31


def round_half_even(value: float) -> int:
    return round(value)  # Python's round on a float is exact and takes ties to the even neighbour.


def nearest_float32(value: Fraction) -> np.float32:
    """The float32 nearest to an exact value, ties to even (normal and denormal range, no overflow)."""
    if value == 0:
        return F32(0)
    exponent = 0
    while abs(value) >= Fraction(2) ** (exponent + 1):
        exponent += 1
    while abs(value) < Fraction(2) ** exponent:
        exponent -= 1
    step = Fraction(2) ** (max(exponent, -126) - 23)
    return F32(float(round(value / step) * step))


def fused_multiply_add(a: np.float32, b: np.float32, c: np.float32) -> np.float32:
    """``a * b + c`` with one rounding, through exact fractions."""
    return nearest_float32(Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c)))


def requantise(accumulator: int, scale: np.float32, zero_point: int, dtype: DTypeLike) -> int:
    """onnxruntime's QLinearConv, QLinearMatMul and QGemm: three float32 roundings, zero point last."""
    low, high = limits(dtype)
    value = F32(np.int32(accumulator)) * F32(scale)
    value = min(max(value, F32(low - zero_point)), F32(high - zero_point))
    return round_half_even(float(value)) + zero_point


def shift_half_even(value: int, places: int) -> int:
    return round(Fraction(value, 1) / Fraction(2) ** places)


def requantise_integer_only(accumulator: int, scale: np.float32, zero_point: int, dtype: DTypeLike) -> int:
    """:func:`requantise` with integers only: the three rounding shifts of a hardware requantiser."""
    fraction, exponent = math.frexp(float(F32(scale)))
    significand, exponent = int(fraction * 2**24), exponent - 24
    magnitude = abs(accumulator)
    # 1: the conversion of the accumulator to float32 keeps 24 bits.
    excess = max(magnitude.bit_length() - 24, 0)
    magnitude, exponent = shift_half_even(magnitude, excess), exponent + excess
    # 2: the float32 product keeps 24 bits.
    product = magnitude * significand
    excess = max(product.bit_length() - 24, 0)
    product, exponent = shift_half_even(product, excess), exponent + excess
    # 3: to an integer.
    result = shift_half_even(product, -exponent)
    result = -result if accumulator < 0 else result
    return saturate(result + zero_point, dtype)


def dpu_requantise(accumulator: int, shift: int, dtype: DTypeLike, zero_point: int = 0) -> int:
    """Power-of-two scheme: divide by ``2**shift``, halves upwards (towards plus infinity)."""
    return saturate(math.floor(Fraction(accumulator) / Fraction(2) ** shift + Fraction(1, 2)) + zero_point, dtype)


def dpu_align(
    accumulator: int, product_exponent: int, bias: int, bias_exponent: int, output_exponent: int
) -> tuple[int, int]:
    """Add an int8 bias with its own power-of-two scale; return the sum and the shift that requantises it.

    An exponent ``e`` means a scale of ``2**e``. Both terms are brought to the finer of the two scales first.
    """
    common = min(product_exponent, bias_exponent)
    total = accumulator * 2 ** (product_exponent - common) + bias * 2 ** (bias_exponent - common)
    return total, output_exponent - common


def gemmlowp_multiplier(scale: float) -> tuple[int, int]:
    """A real multiplier as (31-bit significand, power of two)."""
    fraction, exponent = math.frexp(scale)
    significand = math.floor(fraction * 2**31 + 0.5)
    return (2**30, exponent + 1) if significand == 2**31 else (significand, exponent)


def gemmlowp_requantise(accumulator: int, significand: int, exponent: int, zero_point: int, dtype: DTypeLike) -> int:
    """TFLite's two roundings: doubling high multiply, then a rounding divide by a power of two (halves away from 0)."""
    shifted = wrap_int32(accumulator * 2 ** max(exponent, 0))
    if shifted == significand == -(2**31):
        high = 2**31 - 1
    else:
        product = shifted * significand
        nudged = product + (2**30 if product >= 0 else 1 - 2**30)
        high = abs(nudged) // 2**31 * (1 if nudged >= 0 else -1)  # C division: towards zero
    places = max(-exponent, 0)
    magnitude = math.floor(Fraction(abs(high), 2**places) + Fraction(1, 2))
    return saturate((magnitude if high >= 0 else -magnitude) + zero_point, dtype)


def per_channel(values: Any, channels: int) -> list[Any]:
    """A scalar, ``[1]`` or ``[channels]`` array as a list with one value per channel."""
    flat = list(np.asarray(values).reshape(-1))
    return flat * channels if len(flat) == 1 else flat
