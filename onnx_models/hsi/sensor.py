"""From radiance to the network's input: optics, photon and read noise, an 8-bit converter, normalisation."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from onnx_models.hsi.bands import FULL_SCALE


@dataclass(frozen=True)
class Exposure:
    """Settings of the camera for one picture.

    Attributes
    ----------
    gain
        Share of full scale that a radiance of 1 (the G173 white panel) gives.
    full_well
        Electrons at full scale; photon noise is their square root.
    read_noise
        Electrons, standard deviation.
    blur
        Standard deviation of the point-spread function in pixels of the fine canvas.
    """

    gain: float
    full_well: float
    read_noise: float
    blur: float


def capture(radiance: NDArray[np.float32], exposure: Exposure, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Take the picture.

    Parameters
    ----------
    radiance
        float32 [25, 2H, 2W], relative to the white panel.
    exposure
        Camera settings.
    rng
        Source of the noise.

    Returns
    -------
    uint8 [25, H, W], converter codes. Two by two canvas pixels make one pixel, so borders are mixtures.
    """
    blurred = gaussian_filter(radiance, sigma=(0.0, exposure.blur, exposure.blur), mode="nearest")
    bands, height, width = blurred.shape
    pixels = blurred.reshape(bands, height // 2, 2, width // 2, 2).mean(axis=(2, 4))
    electrons = np.clip(pixels * exposure.gain, 0.0, 4.0) * exposure.full_well
    # A normal approximation of the Poisson law: thousands of electrons, and the draw costs far less.
    noise = rng.standard_normal(electrons.shape, dtype=np.float32) * np.sqrt(electrons + exposure.read_noise**2)
    codes = np.rint((electrons + noise) / exposure.full_well * FULL_SCALE)
    return np.asarray(np.clip(codes, 0, FULL_SCALE - 1), dtype=np.uint8)


def normalise(codes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Map converter codes to the network's input, 2(x - min)/(max - min) - 1 with min 0 and max 256 for every band.

    Parameters
    ----------
    codes
        uint8, any shape.

    Returns
    -------
    float32, same shape, in -1 to 127/128. Every value is a multiple of 1/128, so an input quantised with scale 1/128
    and zero point 128 is the converter's code again, without rounding.
    """
    return np.asarray(codes.astype(np.float32) / np.float32(FULL_SCALE / 2) - np.float32(1.0), dtype=np.float32)
