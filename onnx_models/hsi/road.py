"""The ground of a scene: carriageway, lane marks, verges and the shadows that fall on them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from onnx_models.hsi.bands import MARKS, OTHERS, ROAD, VEGETATION
from onnx_models.hsi.canvas import Camera, Canvas, smooth_noise
from onnx_models.hsi.spectra import SpectralLibrary


@dataclass(frozen=True)
class Street:
    """Course and cross section of the road.

    Attributes
    ----------
    offset, heading, curvature
        Centre line x(z) = offset + heading z + curvature z^2 / 2, in m, 1, 1/m.
    left, right
        Lateral limits of the carriageway relative to the centre line, in m.
    lane
        Width of a lane in m.
    """

    offset: float
    heading: float
    curvature: float
    left: float
    right: float
    lane: float

    def centre(self, z: NDArray[np.float32] | float) -> NDArray[np.float32]:
        """Lateral position in m of the centre line at distance `z` m."""
        return np.asarray(self.offset + self.heading * z + 0.5 * self.curvature * np.square(z), dtype=np.float32)


def draw_street(rng: np.random.Generator) -> Street:
    """Draw a road of one to three lanes on each side of the ego lane."""
    lane = rng.uniform(3.0, 3.7)
    left = -lane * (0.5 + rng.integers(1, 4)) - rng.uniform(0.2, 1.5)
    right = lane * (0.5 + rng.integers(0, 3)) + rng.uniform(0.3, 1.8)
    if rng.random() < 0.15:
        left, right = -right, -left
    return Street(
        rng.uniform(-0.5, 0.5), rng.normal(0.0, 0.02), rng.normal(0.0, 0.0015), float(left), float(right), float(lane)
    )


def paint_ground(
    canvas: Canvas, camera: Camera, street: Street, library: SpectralLibrary, rng: np.random.Generator
) -> None:
    """Paint carriageway, repairs, verges, kerbs and marks, and set the distance of the ground."""
    lateral, distance = camera.ground()
    ground = np.isfinite(distance)
    z = np.where(ground, distance, 1.0).astype(np.float32)
    x = np.where(ground, lateral, 0.0) - street.centre(z)
    canvas.distance[ground] = distance[ground]
    canvas.sun[ground] = 1.0
    shape = canvas.label.shape

    material = "road_concrete" if rng.random() < 0.08 else "asphalt"
    road = ground & (x > street.left) & (x < street.right)
    fine = 0.05 * smooth_noise(rng, shape, 1.0) + 0.05 * smooth_noise(rng, shape, 3.0)
    wheel = np.cos(2.0 * np.pi * (x / street.lane) * 2.0) * rng.uniform(0.0, 0.08)  # two worn tracks in a lane
    texture = (1.0 + fine + wheel + 0.06 * smooth_noise(rng, shape, 24.0)).astype(np.float32)
    canvas.paint(road, canvas.mix(library.draw(material, rng)), ROAD, texture=texture)
    for _ in range(rng.integers(0, 3)):
        _repair(canvas, road, x, z, library, rng)
    _verge(canvas, ground & ~road, x, street, texture, library, rng)
    _marks(canvas, road, x, z, street, library, rng)


def _repair(
    canvas: Canvas,
    road: NDArray[np.bool_],
    x: NDArray[np.float32],
    z: NDArray[np.float32],
    library: SpectralLibrary,
    rng: np.random.Generator,
) -> None:
    """Another asphalt in a rectangle of the road: still road."""
    near, length = rng.uniform(3.0, 25.0), rng.uniform(1.0, 15.0)
    left, width = rng.uniform(-5.0, 4.0), rng.uniform(0.3, 4.0)
    patch = road & (z > near) & (z < near + length) & (x > left) & (x < left + width)
    canvas.spectrum[patch] = canvas.mix(library.draw("asphalt", rng))


def _verge(
    canvas: Canvas,
    outside: NDArray[np.bool_],
    x: NDArray[np.float32],
    street: Street,
    texture: NDArray[np.float32],
    library: SpectralLibrary,
    rng: np.random.Generator,
) -> None:
    """Kerb or sidewalk (Others) next to the road where there is one, then grass."""
    shape = canvas.label.shape
    rough = np.clip(0.9 + 0.22 * smooth_noise(rng, shape, 2.0) + 0.15 * smooth_noise(rng, shape, 12.0), 0.25, 1.8)
    for side in (x < street.left, x > street.right):
        here = outside & side
        green = rng.uniform(0.35, 1.0)
        grass = green * library.draw("canopy", rng) + (1 - green) * library.draw("dry_plants", rng)
        canvas.paint(here, canvas.mix(grass), VEGETATION, texture=rough.astype(np.float32))
        edge = np.where(x < 0, street.left - x, x - street.right)
        if rng.random() < 0.45:  # paved border
            width = rng.uniform(0.15, 0.5) if rng.random() < 0.5 else rng.uniform(1.0, 2.5)
            material = "sidewalk" if rng.random() < 0.75 else "gravel"
            canvas.paint(here & (edge < width), canvas.mix(library.draw(material, rng)), OTHERS, texture=texture)


def _marks(
    canvas: Canvas,
    road: NDArray[np.bool_],
    x: NDArray[np.float32],
    z: NDArray[np.float32],
    street: Street,
    library: SpectralLibrary,
    rng: np.random.Generator,
) -> None:
    """Lane lines, and sometimes a crossing, an arrow stem or a stop line; worn to a random degree."""
    painted = np.zeros(road.shape, np.bool_)
    width = rng.uniform(0.14, 0.27)
    phase, period = rng.uniform(0.0, 12.0), rng.choice([6.0, 9.0, 12.0])
    dash = np.mod(z + phase, period) < period * rng.uniform(0.35, 0.6)
    position = -street.lane * 3.5
    while position < street.right:
        solid = position < street.left + 2.0 or position > street.right - 2.2 or rng.random() < 0.35
        if position > street.left + 0.2:
            line = np.abs(x - position) < width / 2
            painted |= line if solid else line & dash
        position += street.lane
    if rng.random() < 0.12:  # zebra crossing
        near = rng.uniform(6.0, 25.0)
        painted |= (z > near) & (z < near + rng.uniform(2.5, 4.0)) & (np.mod(x, 1.0) < 0.5)
    if rng.random() < 0.25:  # arrow or letter, much longer than wide
        near, centre = rng.uniform(4.0, 15.0), rng.choice([-1.0, 0.0, 1.0]) * street.lane
        stem = (np.abs(x - centre) < 0.12) & (z > near) & (z < near + 3.5)
        head = (np.abs(x - centre) < 0.4 * (near + 5.0 - z) / 1.5) & (z > near + 3.5) & (z < near + 5.0)
        painted |= stem | head
    painted &= road
    wear = rng.uniform(-2.6, -0.6)
    shape = road.shape
    kept = 0.7 * smooth_noise(rng, shape, 2.0) + 0.5 * smooth_noise(rng, shape, 10.0) > wear
    yellow = rng.random() < 0.12
    spectrum = library.draw("yellow_paint" if yellow else "white_paint", rng) * rng.uniform(0.45, 1.1)
    canvas.label[painted] = MARKS
    canvas.spectrum[painted & kept] = canvas.mix(spectrum)


def cast_shadows(canvas: Canvas, camera: Camera, street: Street, rng: np.random.Generator) -> None:
    """Shadows of unseen trees and buildings across the ground, with ragged edges."""
    lateral, distance = camera.ground()
    ground = np.isfinite(distance)
    z = np.where(ground, distance, 1e6).astype(np.float32)
    x = np.where(ground, lateral, 0.0).astype(np.float32)
    ragged = 0.6 * smooth_noise(rng, z.shape, 6.0) + 0.4 * smooth_noise(rng, z.shape, 2.0)
    side = rng.choice([-1.0, 1.0])
    for _ in range(rng.integers(0, 4)):
        near, length = rng.uniform(2.0, 30.0), rng.uniform(2.0, 18.0)
        reach = rng.uniform(-2.0, 6.0)
        slant = rng.uniform(-0.5, 0.5)
        along = z + slant * x + ragged * 0.05 * z
        dark = ground & (along > near) & (along < near + length) & (side * x > -reach + ragged * 0.3)
        canvas.sun[dark] *= rng.uniform(0.0, 0.25)
