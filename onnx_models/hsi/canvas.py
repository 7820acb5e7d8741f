"""The picture under construction: a camera over flat ground, a canvas of surfaces, and smooth random fields."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import zoom

Rows = slice


@dataclass(frozen=True)
class Camera:
    """A pinhole camera above flat ground, looking along the road.

    Attributes
    ----------
    height, width
        Size of the canvas in (fine) pixels.
    horizon
        Row of the horizon.
    focal
        Focal length in pixels.
    mount
        Height above ground in m.
    """

    height: int
    width: int
    horizon: float
    focal: float
    mount: float

    def ground(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return lateral position and distance in m of the ground seen by every pixel; infinite above the horizon."""
        v = np.arange(self.height, dtype=np.float32)[:, None] + 0.5 - self.horizon
        u = np.arange(self.width, dtype=np.float32)[None, :] + 0.5 - self.width / 2
        below = v > 0.3
        distance = np.where(below, self.focal * self.mount / np.where(below, v, 1.0), np.inf)
        lateral = np.where(below, u * self.mount / np.where(below, v, 1.0), np.inf)
        return lateral.astype(np.float32), np.broadcast_to(distance, lateral.shape).astype(np.float32)

    def box(self, x: float, z: float, width: float, height: float, lift: float = 0.0) -> tuple[int, int, int, int]:
        """Project an upright rectangle, foot at lateral `x`, distance `z` m: rows top, bottom, columns left, right."""
        scale = self.focal / z
        bottom = self.horizon + (self.mount - lift) * scale
        top = bottom - height * scale
        centre = self.width / 2 + x * scale
        left, right = centre - width * scale / 2, centre + width * scale / 2
        return round(top), round(bottom), round(left), round(right)


@dataclass
class Canvas:
    """Surfaces painted so far, farthest first.

    Attributes
    ----------
    spectrum
        int32 [H, W], row of `palette` seen by the pixel; -1 is sky.
    label
        uint8 [H, W], class.
    texture
        float32 [H, W], factor on the reflectance.
    sun
        float32 [H, W], share of the direct light that arrives (0 in shadow; above 1 on a face turned to the sun).
    distance
        float32 [H, W], in m, for haze.
    palette
        Spectra, float32 [25] each.
    """

    spectrum: NDArray[np.int32]
    label: NDArray[np.uint8]
    texture: NDArray[np.float32]
    sun: NDArray[np.float32]
    distance: NDArray[np.float32]
    palette: list[NDArray[np.float32]] = field(default_factory=list)

    @classmethod
    def empty(cls, height: int, width: int, label: int) -> "Canvas":
        """Return a canvas that shows nothing but sky."""
        one = np.ones((height, width), np.float32)
        return cls(
            np.full((height, width), -1, np.int32),
            np.full((height, width), label, np.uint8),
            one,
            one.copy(),
            one * 1e9,
        )

    def mix(self, spectrum: NDArray[np.float32]) -> int:
        """Add a spectrum to the palette and return its index."""
        self.palette.append(np.asarray(spectrum, np.float32))
        return len(self.palette) - 1

    def paint(
        self,
        mask: NDArray[np.bool_],
        spectrum: int,
        label: int,
        *,
        texture: float | NDArray[np.float32] = 1.0,
        sun: float | NDArray[np.float32] | None = None,
        distance: float | None = None,
        origin: tuple[int, int] = (0, 0),
    ) -> None:
        """Paint where `mask` holds; arrays have the mask's shape, `origin` is the mask's first row and column.

        A `sun` or `distance` of None leaves what was there (a mark on the road keeps the road's shadow).
        """
        rows = slice(origin[0], origin[0] + mask.shape[0])
        columns = slice(origin[1], origin[1] + mask.shape[1])
        self.spectrum[rows, columns][mask] = spectrum
        self.label[rows, columns][mask] = label
        layers = [(self.texture, texture), (self.sun, sun), (self.distance, distance)]
        for layer, value in layers:
            if value is not None:
                layer[rows, columns][mask] = value[mask] if isinstance(value, np.ndarray) else value

    def clip(self, top: int, bottom: int, left: int, right: int) -> tuple[int, int, int, int]:
        """Cut a rectangle to the canvas; it may become empty (bottom <= top or right <= left)."""
        height, width = self.label.shape
        return max(top, 0), min(bottom, height), max(left, 0), min(right, width)


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], cell: float) -> NDArray[np.float32]:
    """Return a smooth random field, mean about 0 and standard deviation about 1.

    Parameters
    ----------
    rng
        Source of randomness.
    shape
        Rows and columns.
    cell
        Size of the bumps in pixels; 1 or less gives white noise.

    Returns
    -------
    float32 [shape].
    """
    if cell <= 1.0:
        return rng.standard_normal(shape, dtype=np.float32)
    coarse = (int(np.ceil(shape[0] / cell)) + 2, int(np.ceil(shape[1] / cell)) + 2)
    knots = rng.standard_normal(coarse, dtype=np.float32)
    fine = zoom(knots, cell, order=1, grid_mode=False, prefilter=False)[: shape[0], : shape[1]]
    # Linear interpolation between independent knots lowers the deviation to about two thirds.
    return np.asarray(1.5 * fine, dtype=np.float32)
