"""The two int8 schemes: how a real tensor becomes codes, and which scales are allowed.

`tflite`: B. Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference" (2017), as TensorFlow Lite has it: activations with a zero point and a scale of minimum and maximum, kernels
symmetric per tensor in -127 to 127, biases int32 in units of the accumulator, outputs of (hard) sigmoids with scale
1/256 and zero point -128.

`dpu`: what AMD's tools do for a DPU: powers of two as scales, no zero points, int8 biases with a scale of their own;
exponents are those of least squared error.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

INPUT_SCALE: Final = np.float32(1 / 128)
"""Of synthetic pictures: their inputs are multiples of it (see `onnx_models.hsi.sensor.normalise`)."""
_FINER: Final = 4
"""Exponents tried below the one that holds the largest value: a smaller step for some saturation."""


@dataclass(frozen=True)
class Code:
    """How codes stand for real values: `(code - zero) * scale`, int8."""

    scale: np.float32
    zero: int = 0

    def quantise(self, values: Floats) -> NDArray[np.int8]:
        """Return the codes of real values: nearest, ties to even, saturated."""
        codes = np.rint(np.asarray(values, np.float32) / self.scale) + np.float32(self.zero)
        return np.asarray(np.clip(codes, -128, 127), np.int8)

    def real(self, codes: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """Return the real values of codes."""
        return (codes.astype(np.float32) - np.float32(self.zero)) * self.scale


@dataclass(frozen=True)
class Scheme:
    """One of the two schemes.

    Attributes
    ----------
    name
        `tflite` or `dpu`.
    bias_bits
        32 or 8.
    """

    name: str
    bias_bits: int

    def activation(self, observed: Floats, bounded: bool) -> Code:
        """Choose the code of an activation tensor.

        Parameters
        ----------
        observed
            Values seen in calibration, float [n]; minimum and maximum among them.
        bounded
            Whether it is the output of a sigmoid or hard sigmoid, 0 to 1.

        Returns
        -------
        `Code`.
        """
        if self.name == "dpu":
            return Code(np.float32(2.0**-7)) if bounded else Code(power_of_two(observed))
        if bounded:
            return Code(np.float32(1 / 256), -128)
        low, high = min(float(observed.min()), 0.0), max(float(observed.max()), 0.0)
        scale = np.float32((high - low) / 255 or 1.0)
        return Code(scale, int(np.clip(round(-128 - low / float(scale)), -128, 127)))

    def kernel(self, values: Floats) -> np.float32:
        """Choose the scale of a kernel."""
        if self.name == "dpu":
            return power_of_two(values)
        return np.float32(float(np.abs(values).max()) / 127 or 1.0)

    def bias(self, values: Floats, product: np.float32) -> np.float32:
        """Choose the scale of a bias; `product` is the scale of input times kernel, the accumulator's unit."""
        if self.name == "dpu":
            # A bias finer than the accumulator would be rounded again when it is added.
            return max(power_of_two(values), product)
        return product

    def bias_codes(self, values: Floats, scale: np.float32) -> NDArray[np.int8] | NDArray[np.int32]:
        """Return the codes of a bias, int8 or int32, saturated."""
        limit = 2.0 ** (self.bias_bits - 1)
        codes = np.clip(np.rint(np.asarray(values, np.float64) / float(scale)), -limit, limit - 1)
        return codes.astype(np.int8) if self.bias_bits == 8 else codes.astype(np.int32)

    def kernel_codes(self, values: Floats, scale: np.float32) -> NDArray[np.int8]:
        """Return the codes of a kernel; -128 is used by `dpu` only."""
        low = -128 if self.name == "dpu" else -127
        return np.clip(np.rint(np.asarray(values, np.float64) / float(scale)), low, 127).astype(np.int8)


TFLITE: Final = Scheme("tflite", 32)
DPU: Final = Scheme("dpu", 8)
SCHEME: Final = {scheme.name: scheme for scheme in (TFLITE, DPU)}


def power_of_two(values: Floats) -> np.float32:
    """Return the power of two that, as the scale of symmetric int8 codes, gives the least squared error.

    Parameters
    ----------
    values
        Real values, float, any shape.

    Returns
    -------
    float32. Exponents from the one without saturation to `_FINER` below it are tried.
    """
    real = np.asarray(values, np.float64).ravel()
    if not real.any():
        return smallest_power_of_two(real)
    top = round(float(np.log2(smallest_power_of_two(real))))
    errors = {}
    for exponent in range(top - _FINER, top + 1):
        step = 2.0**exponent
        errors[exponent] = float(np.mean((np.clip(np.rint(real / step), -128, 127) * step - real) ** 2))
    return np.float32(2.0 ** min(errors, key=lambda exponent: errors[exponent]))


def smallest_power_of_two(values: Floats) -> np.float32:
    """Return the smallest power of two with which no value saturates as a symmetric int8 code; 2^-7 for zeros.

    Parameters
    ----------
    values
        Real values, float, any shape.
    """
    largest = float(np.abs(np.asarray(values, np.float64)).max()) if values.size else 0.0
    return np.float32(2.0 ** int(np.ceil(np.log2(largest / 127)))) if largest else np.float32(2.0**-7)
