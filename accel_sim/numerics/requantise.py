"""int32 accumulators to 8-bit codes, in the three schemes that int8 accelerators use.

=========== ================================================================ =========================================
mode        arithmetic                                                       who computes like this
=========== ================================================================ =========================================
float32     ``rne(clamp(f32(acc) * S)) + zero point``                        onnxruntime QLinearConv, QLinearMatMul,
QGemm shift       ``floor(acc / 2**s + 1/2) + zero point``, saturated               AMD DPU (power-of-two scales)
gemmlowp    doubling high multiply, then rounding divide, then zero point    TFLite reference kernels
=========== ================================================================ =========================================
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

F32 = np.float32
MODES = ("float32", "shift", "gemmlowp")


@dataclass(frozen=True)
class CodeType:
    """Range of an 8-bit code type: ``int8`` (-128..127) or ``uint8`` (0..255)."""

    name: str

    @property
    def low(self) -> int:
        """Smallest code."""
        return -128 if self.name == "int8" else 0

    @property
    def high(self) -> int:
        """Largest code."""
        return 127 if self.name == "int8" else 255


def requantise_float32(
    acc: ArrayLike, scale: ArrayLike, zero_point: ArrayLike, low: int, high: int
) -> NDArray[np.int32]:
    """Requantise as onnxruntime does: three float32 roundings.

    Parameters
    ----------
    acc
        int32 accumulators, any shape.
    scale
        float32 multipliers ``(x_scale * w_scale) / y_scale``, each operation rounded to float32; broadcast against
        `acc`.
    zero_point
        Output zero point, added after the rounding.
    low, high
        Limits of the output codes; a fused ReLU or Clip narrows them.

    Returns
    -------
    ndarray of int32
        Codes in ``[low, high]``.
    """
    product = np.asarray(acc, np.int32).astype(F32) * np.asarray(scale, F32)
    zero = np.asarray(zero_point, np.int32)
    clamped = np.clip(product, (low - zero).astype(F32), (high - zero).astype(F32))
    return np.rint(clamped).astype(np.int32) + zero


def _shift_right_half_even(value: int, places: int) -> int:
    if places <= 0:
        return value << -places
    quotient = value >> places
    guard = (value >> (places - 1)) & 1
    sticky = (value & ((1 << (places - 1)) - 1)) != 0
    return quotient + (guard & (1 if sticky else quotient & 1))


def requantise_float32_integer_only(acc: int, scale: float, zero_point: int, low: int, high: int) -> int:
    """Requantise one accumulator as :func:`requantise_float32` does, with integer operations only.

    This is the form that hardware implements: a 24 x 24 bit multiplier and three rounding shifts. Normal float32
    scales only.
    """
    significand, exponent = np.frexp(F32(scale))
    multiplier, exponent = int(float(significand) * (1 << 24)), int(exponent) - 24
    magnitude = abs(int(acc))
    surplus = max(magnitude.bit_length() - 24, 0)
    magnitude = _shift_right_half_even(magnitude, surplus)
    exponent += surplus
    product = magnitude * multiplier
    surplus = max(product.bit_length() - 24, 0)
    product = _shift_right_half_even(product, surplus)
    exponent += surplus
    if exponent >= 0:
        rounded = product << min(exponent, 64)
    else:
        rounded = 0 if -exponent > 25 else _shift_right_half_even(product, -exponent)
    signed = -rounded if acc < 0 else rounded
    return max(low, min(high, signed + int(zero_point)))


def requantise_shift(acc: ArrayLike, shift: ArrayLike, zero_point: ArrayLike, low: int, high: int) -> NDArray[np.int32]:
    """Requantise with a power-of-two scale ``2**-shift``, ties towards plus infinity (the DPU's rounding).

    A negative `shift` multiplies. Arithmetic is exact in int64.
    """
    wide = np.asarray(acc, np.int32).astype(np.int64)
    places = np.asarray(shift, np.int64)
    right = np.clip(places, 0, 62)
    half = np.where(right > 0, np.int64(1) << np.maximum(right - 1, 0), 0)
    rounded = ((wide + half) >> right) << np.clip(-places, 0, 24)
    return np.asarray(np.clip(rounded + np.asarray(zero_point, np.int64), low, high), np.int32)


def gemmlowp_multiplier(scale: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split a real multiplier into a 31-bit fixed-point significand and an exponent (TFLite ``QuantizeMultiplier``).

    Returns
    -------
    significand : ndarray of int64
        In ``[2**30, 2**31)``, or 0 for a zero scale.
    exponent : ndarray of int64
        ``scale = significand / 2**31 * 2**exponent``.
    """
    fraction, exponent = np.frexp(np.asarray(scale, np.float64))
    significand = np.floor(fraction * (1 << 31) + 0.5).astype(np.int64)
    exponent = exponent.astype(np.int64)
    carry = significand == (1 << 31)
    return np.where(carry, significand // 2, significand), np.where(carry, exponent + 1, exponent)


def requantise_gemmlowp(
    acc: ArrayLike, scale: ArrayLike, zero_point: ArrayLike, low: int, high: int
) -> NDArray[np.int32]:
    """Requantise with gemmlowp's saturating rounding doubling high multiply and rounding divide by a power of two.

    Source: B. Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference", 2018, and the public description of the TFLite reference kernels.
    """
    significand, exponent = gemmlowp_multiplier(scale)
    significand = np.where(exponent < -31, 0, significand)  # everything rounds to zero, as in the reference kernels
    left, right = np.maximum(exponent, 0), np.maximum(-exponent, 0)
    limit = np.iinfo(np.int32)
    shifted = np.clip(np.asarray(acc, np.int32).astype(np.int64) << np.minimum(left, 31), limit.min, limit.max)
    product = shifted * significand
    nudge = np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    biased = product + nudge
    # C++ integer division truncates towards zero; an arithmetic shift would not.
    high_half = np.where(biased >= 0, biased >> 31, -((-biased) >> 31))
    places = np.minimum(right, 31)
    mask = (np.int64(1) << places) - 1
    remainder = high_half & mask
    threshold = (mask >> 1) + (high_half < 0)
    divided = (high_half >> places) + (remainder > threshold)
    return np.asarray(np.clip(divided + np.asarray(zero_point, np.int64), low, high), np.int32)


def requantise(
    mode: str, acc: ArrayLike, scale: ArrayLike, zero_point: ArrayLike, low: int, high: int
) -> NDArray[np.int32]:
    """Requantise in one of :data:`MODES`; `scale` is the real multiplier in every mode.

    Raises
    ------
    ValueError
        `mode` is unknown, or it is ``shift`` and a scale is not a power of two.
    """
    if mode == "float32":
        return requantise_float32(acc, scale, zero_point, low, high)
    if mode == "gemmlowp":
        return requantise_gemmlowp(acc, scale, zero_point, low, high)
    if mode == "shift":
        fraction, exponent = np.frexp(np.asarray(scale, np.float64))
        if np.any(fraction != 0.5):
            raise ValueError("the shift mode needs power-of-two scales; use float32 or gemmlowp for this model")
        return requantise_shift(acc, 1 - exponent, zero_point, low, high)
    raise ValueError(f"requantisation mode {mode!r} is not one of {', '.join(MODES)}")
