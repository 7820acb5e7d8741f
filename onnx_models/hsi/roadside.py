"""What stands up in a scene: trees, buildings, walls, rails, poles, vehicles and people; painted from far to near."""

from collections.abc import Callable

import numpy as np

from onnx_models.hsi.bands import OTHERS, VEGETATION
from onnx_models.hsi.canvas import Camera, Canvas, smooth_noise
from onnx_models.hsi.road import Street
from onnx_models.hsi.spectra import SpectralLibrary

Painter = Callable[[Canvas, Camera, float, float, SpectralLibrary, np.random.Generator], None]


def paint_roadside(
    canvas: Canvas, camera: Camera, street: Street, library: SpectralLibrary, rng: np.random.Generator
) -> None:
    """Line both sides of the road with objects and put a few on it; nearer ones hide farther ones."""
    objects: list[tuple[float, float, Painter]] = []
    for side, limit in ((-1.0, street.left), (1.0, street.right)):
        urban = rng.uniform(0.0, 0.30)
        for distance in np.sort(rng.uniform(9.0, 150.0, size=rng.integers(16, 32))):
            built = rng.random() < urban
            aside = rng.uniform(4.0, 10.0) if built else rng.uniform(0.8, 9.0)
            x = float(street.centre(float(distance))) + limit + side * aside
            objects.append((float(distance), x, _building if built else _tree))
        for _ in range(rng.integers(0, 4)):
            distance = rng.uniform(5.0, 45.0)
            x = float(street.centre(distance)) + limit + side * rng.uniform(0.3, 1.5)
            objects.append((distance, x, _pole))
        if rng.random() < 0.3:
            _rail(objects, street, limit + side * rng.uniform(0.3, 0.8), rng)
        if rng.random() < 0.2:
            for distance in np.arange(rng.uniform(5.0, 15.0), 60.0, rng.uniform(6.0, 14.0)):
                x = float(street.centre(float(distance))) + limit - side * 1.0
                objects.append((float(distance), x, _vehicle))
    for _ in range(rng.integers(0, 4)):
        distance = rng.uniform(8.0, 60.0)
        lanes = np.arange(np.ceil(street.left / street.lane), np.floor(street.right / street.lane) + 1)
        x = float(street.centre(distance)) + float(rng.choice(lanes)) * street.lane + rng.uniform(-0.4, 0.4)
        objects.append((distance, x, _vehicle))
    for _ in range(int(rng.random() < 0.3) * rng.integers(1, 4)):
        distance = rng.uniform(6.0, 35.0)
        objects.append((distance, float(street.centre(distance)) + rng.uniform(-7.0, 7.0), _person))
    for distance, x, painter in sorted(objects, key=lambda item: -item[0]):
        painter(canvas, camera, x, distance, library, rng)


def _rail(objects: list[tuple[float, float, Painter]], street: Street, x: float, rng: np.random.Generator) -> None:
    for distance in np.geomspace(4.0, 60.0, 40):
        objects.append((float(distance), float(street.centre(float(distance))) + x, _rail_piece))


def _rectangle(
    canvas: Canvas,
    box: tuple[int, int, int, int],
    spectrum: int,
    distance: float,
    rng: np.random.Generator,
    sun: float,
    rough: float = 0.06,
) -> None:
    top, bottom, left, right = canvas.clip(*box)
    if bottom <= top or right <= left:
        return
    shape = (bottom - top, right - left)
    texture = np.clip(1.0 + rough * smooth_noise(rng, shape, 2.0), 0.2, 2.0).astype(np.float32)
    mask = np.ones(shape, np.bool_)
    canvas.paint(mask, spectrum, OTHERS, texture=texture, sun=sun, distance=distance, origin=(top, left))


def _tree(
    canvas: Canvas, camera: Camera, x: float, z: float, library: SpectralLibrary, rng: np.random.Generator
) -> None:
    """Crown of ragged blobs over a trunk, or a bush."""
    bush = rng.random() < 0.45
    height = rng.uniform(0.6, 2.5) if bush else rng.uniform(4.0, 13.0)
    width = height * (rng.uniform(1.0, 2.5) if bush else rng.uniform(0.5, 1.1))
    if not bush:
        trunk = canvas.mix(library.draw("bark", rng) * rng.uniform(0.4, 0.9))
        top, bottom, left, right = canvas.clip(*camera.box(x, z, rng.uniform(0.2, 0.5), height * 0.5))
        if bottom > top and right > left:
            mask = np.ones((bottom - top, right - left), np.bool_)
            canvas.paint(mask, trunk, VEGETATION, sun=rng.uniform(0.1, 0.8), distance=z, origin=(top, left))
    crown = camera.box(x, z, width, height if bush else height * 0.75, 0.0 if bush else height * 0.25)
    top, bottom, left, right = canvas.clip(*crown)
    if bottom <= top or right <= left:
        return
    rows = np.arange(top, bottom)[:, None]
    columns = np.arange(left, right)[None, :]
    radius = np.hypot(
        (rows - (crown[0] + crown[1]) / 2) / max((crown[1] - crown[0]) / 2, 1.0),
        (columns - (crown[2] + crown[3]) / 2) / max((crown[3] - crown[2]) / 2, 1.0),
    )
    shape = (bottom - top, right - left)
    ragged = smooth_noise(rng, shape, max(1.0, 12.0 / z * 6.0))
    mask = radius + 0.16 * ragged + 0.08 * smooth_noise(rng, shape, 1.0) < 0.95
    brown = rng.uniform(0.0, 0.35) if rng.random() < 0.6 else rng.uniform(0.3, 0.8)
    leaves = (1 - brown) * library.draw("canopy", rng) + brown * library.draw("dry_plants", rng)
    sun = np.clip(0.75 + 0.35 * smooth_noise(rng, shape, 3.0), 0.05, 1.3).astype(np.float32)
    texture = np.clip(0.85 + 0.3 * smooth_noise(rng, shape, 2.0), 0.2, 1.6).astype(np.float32)
    canvas.paint(mask, canvas.mix(leaves), VEGETATION, texture=texture, sun=sun, distance=z, origin=(top, left))


def _building(
    canvas: Canvas, camera: Camera, x: float, z: float, library: SpectralLibrary, rng: np.random.Generator
) -> None:
    """Facade with rows of windows, or a plain wall."""
    wall = rng.random() < 0.3
    height = rng.uniform(0.8, 2.5) if wall else rng.uniform(4.0, 14.0)
    width = rng.uniform(4.0, 12.0)
    outward = np.sign(x) * width / 2
    sun = rng.uniform(0.0, 0.35) if rng.random() < 0.5 else rng.uniform(0.6, 1.2)
    face = canvas.mix(library.draw(str(rng.choice(["facade", "roofing", "sidewalk"])), rng) * rng.uniform(0.6, 1.2))
    _rectangle(canvas, camera.box(x + outward, z, width, height), face, z, rng, sun)
    if wall:
        return
    pane = canvas.mix(library.draw("glass", rng) * rng.uniform(0.05, 0.35))
    for floor in np.arange(1.0, height - 1.5, 3.0):
        for column in np.arange(-width / 2 + 1.0, width / 2 - 1.0, 3.0):
            box = camera.box(x + outward + float(column), z, 1.2, 1.5, float(floor))
            _rectangle(canvas, box, pane, z, rng, 0.3)


def _pole(
    canvas: Canvas, camera: Camera, x: float, z: float, library: SpectralLibrary, rng: np.random.Generator
) -> None:
    """Lamp post, with a sign on some."""
    metal = canvas.mix(library.draw("metal", rng))
    _rectangle(canvas, camera.box(x, z, 0.18, rng.uniform(2.5, 8.0)), metal, z, rng, rng.uniform(0.3, 1.0))
    if rng.random() < 0.5:
        face = canvas.mix(library.draw(str(rng.choice(["colour_paint", "white_paint"])), rng))
        _rectangle(canvas, camera.box(x, z, 0.8, 0.8, 2.2), face, z, rng, rng.uniform(0.2, 1.2))


def _rail_piece(
    canvas: Canvas, camera: Camera, x: float, z: float, library: SpectralLibrary, rng: np.random.Generator
) -> None:
    metal = canvas.mix(library.materials["metal"][4])  # one rail: the same metal in every piece
    _rectangle(canvas, camera.box(x, z, 0.25, 0.35, 0.45), metal, z, rng, 0.7)


def _vehicle(
    canvas: Canvas, camera: Camera, x: float, z: float, library: SpectralLibrary, rng: np.random.Generator
) -> None:
    """Rear or front of a car or van: shadow under it, tyres, body, window, lamps."""
    tall = rng.random() < 0.25
    width, height = (2.2, rng.uniform(2.2, 3.2)) if tall else (1.8, rng.uniform(1.35, 1.7))
    top, bottom, left, right = canvas.clip(*camera.box(x, z, width * 1.15, 0.25, -0.15))
    canvas.sun[top:bottom, left:right] *= 0.1  # only the light: the ground below keeps its class
    paint = str(rng.choice(["colour_paint", "metal", "white_paint", "asphalt"]))
    body = canvas.mix(library.draw(paint, rng) * rng.uniform(0.5, 1.3))
    dark = canvas.mix(library.draw("asphalt", rng) * 0.4)
    pane = canvas.mix(library.draw("glass", rng) * rng.uniform(0.04, 0.4))
    sun = rng.uniform(0.1, 1.1)
    _rectangle(canvas, camera.box(x, z, width, 0.3), dark, z, rng, 0.1)
    _rectangle(canvas, camera.box(x, z, width, height * 0.6 - 0.2, 0.2), body, z, rng, sun, rough=0.1)
    _rectangle(canvas, camera.box(x, z, width * 0.82, height * 0.4, height * 0.6), body, z, rng, sun, rough=0.1)
    _rectangle(canvas, camera.box(x, z, width * 0.7, height * 0.3, height * 0.63), pane, z, rng, 0.5)
    for lamp in (-0.42, 0.42):
        box = camera.box(x + lamp * width, z, 0.25, 0.2, 0.7)
        _rectangle(canvas, box, canvas.mix(library.draw("colour_paint", rng)), z, rng, sun)


def _person(
    canvas: Canvas, camera: Camera, x: float, z: float, library: SpectralLibrary, rng: np.random.Generator
) -> None:
    """Two boxes of cloth, for which painted and wooden surfaces stand in."""
    height = rng.uniform(1.5, 1.9)
    for lift, share in ((0.0, 0.5), (0.5, 0.4)):
        cloth = canvas.mix(library.draw(str(rng.choice(["colour_paint", "facade", "dry_plants"])), rng))
        _rectangle(canvas, camera.box(x, z, 0.5, share * height, lift * height), cloth, z, rng, rng.uniform(0.2, 1.0))
