"""Constants of the 25-band camera and of the five classes of HSI-Drive v2.0.

Sources: HSI-Drive v2.0 (Gutierrez-Zaballa, Basterretxea, Echanobe and others; the description of the dataset and the
configuration files of its public tools). The order of the bands is that of the dataset's files, which follows the 5 x
5 filter mosaic of the sensor (imec CMV2K-SSM5x5, 600-1000 nm) and is not sorted.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

BAND_CENTRES_NM: Final[tuple[float, ...]] = (
    *(888.48, 897.66, 879.13, 869.11, 956.11),
    *(795.96, 807.63, 783.76, 770.58, 679.14),
    *(744.48, 757.92, 731.88, 718.30, 692.90),
    *(928.81, 936.25, 920.60, 912.17, 950.39),
    *(848.55, 858.95, 564.36, 826.77, 944.49),
)
"""Centre of each band in nm, in the order of the dataset's files."""

BANDS: Final = len(BAND_CENTRES_NM)

BAND_FWHM_NM: Final = 10.0
"""Full width at half maximum of the modelled (Gaussian) response, in nm; usual for filters of such a mosaic."""

CLASSES: Final[tuple[str, ...]] = ("Road", "Marks", "Vegetation", "Sky", "Others")
"""The five classes of the segmentation experiment; the index is the label."""

ROAD, MARKS, VEGETATION, SKY, OTHERS = range(5)

IGNORED: Final = 255
"""Label of pixels that take part neither in a loss nor in a score (unlabelled pixels of real files)."""

CLASS_FREQUENCY: Final[tuple[float, ...]] = (0.6148, 0.0297, 0.2017, 0.0719, 0.0818)
"""Share of each class among the labelled pixels of HSI-Drive v2.0."""

RAW_CLASSES: Final[tuple[str, ...]] = (
    "Unlabelled",
    "Road",
    "Road marks",
    "Vegetation",
    "Painted metal",
    "Sky",
    "Concrete/stone/brick",
    "Pedestrian/cyclist",
    "Water",
    "Unpainted metal",
    "Glass/transparent plastic",
)
"""The dataset's own eleven classes; the index is the value in its label images."""

RAW_TO_CLASS: Final[tuple[int, ...]] = (IGNORED, ROAD, MARKS, VEGETATION, OTHERS, SKY, *([OTHERS] * 5))
"""Raw class -> one of the five classes, or `IGNORED`."""

FULL_SCALE: Final = 256.0
"""Full scale of the generator's 8-bit converter in codes: 2(x-min)/(max-min)-1 with min 0, max 256 is x/128 - 1."""


def gaussian_response(wavelength_nm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights of the 25 bands over a wavelength grid, each row summing to 1 for a grid of equal steps.

    Parameters
    ----------
    wavelength_nm
        float64 [n], increasing, in nm; it must cover the bands (564 to 956 nm).

    Returns
    -------
    float64 [25, n]: row b holds the trapezoidal weights of a Gaussian of `BAND_FWHM_NM` around band b.

    Raises
    ------
    ValueError
        If the grid does not cover the bands.
    """
    low, high = min(BAND_CENTRES_NM), max(BAND_CENTRES_NM)
    if wavelength_nm[0] > low or wavelength_nm[-1] < high:
        given = f"{wavelength_nm[0]:g} to {wavelength_nm[-1]:g} nm"
        raise ValueError(f"wavelengths {given} do not cover the bands ({low:g} to {high:g} nm)")
    sigma = BAND_FWHM_NM / (2.0 * np.sqrt(2.0 * np.log(2.0)))
    centres = np.asarray(BAND_CENTRES_NM)[:, None]
    weights = np.exp(-0.5 * ((wavelength_nm[None, :] - centres) / sigma) ** 2) * np.gradient(wavelength_nm)[None, :]
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float64)
