"""A small picture of an input image, to be looked at and nothing more."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
MAX_SIDE = 256
_GAMMA = 0.6  # lifts the shadows of linear sensor data


def input_picture(inputs: Mapping[str, Array], map_shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """Return the first image-like input as grey or colour.

    Parameters
    ----------
    inputs
        Arrays of one image; the first with four axes counts, channels first or last.
    map_shape
        (height, width) of the decision map: tells which axes are spatial.

    Returns
    -------
    uint8, shape (h, w) for one or two channels (the first is shown), else (h, w, 3): the first three channels, or
    a false-colour choice of three when there are more than four. At most `MAX_SIDE` pixels a side, by leaving out
    rows and columns. None when no input looks like an image.
    """
    array = next((a for a in inputs.values() if a.ndim == 4), None)
    if array is None:
        return None
    image = _channels_last(array[0], map_shape)
    step = -(-max(image.shape[:2]) // MAX_SIDE)
    pixels = np.nan_to_num(image[::step, ::step].astype(np.float64))
    count = pixels.shape[2]
    chosen = [0] if count < 3 else list(range(3)) if count <= 4 else false_colour(pixels)
    shown = _stretch(pixels[..., chosen], together=count <= 4)
    return shown[..., 0] if count < 3 else shown


def false_colour(pixels: NDArray[np.float64]) -> list[int]:
    """Choose three channels of an (h, w, c) image that tell most: the one that varies most, then the least correlated.

    In a scene with plants that is usually near infrared, red and one between, the colours of aerial photographs.
    """
    flat = pixels.reshape(-1, pixels.shape[2])
    centred = flat - flat.mean(axis=0)
    spread = np.sqrt(np.mean(centred**2, axis=0))
    alike = np.abs(centred.T @ centred) / len(flat) / np.maximum(np.outer(spread, spread), 1e-30)
    alike[:, spread == 0] = 1.0  # a constant channel shows nothing
    chosen = [int(np.argmax(spread))]
    while len(chosen) < 3:
        alike[:, chosen] = np.inf
        chosen.append(int(np.argmin(alike[chosen].max(axis=0))))
    return chosen


def _channels_last(image: Array, map_shape: tuple[int, ...]) -> Array:
    first = np.moveaxis(image, 0, 2)
    if image.shape[1:] == map_shape:
        return first
    if image.shape[:2] == map_shape:
        return image
    return first if image.shape[0] <= image.shape[2] else image


def _stretch(pixels: NDArray[np.float64], *, together: bool) -> NDArray[np.uint8]:
    """Map the 2nd to 98th percentile of values to 0 to 255, per channel or of all channels together."""
    low, high = np.percentile(pixels, [2, 98], axis=None if together else (0, 1))
    unit = np.clip((pixels - low) / np.maximum(high - low, 1e-12), 0.0, 1.0)
    return np.asarray(np.rint(255 * unit**_GAMMA), np.uint8)
