"""Synthetic 25-band driving scenes: `scene(i, seed)` is a pure function.

A scene is a perspective road with marks and verges, lined with trees, buildings and vehicles, under a clear, cloudy
or overcast sky. Reflectances are measured (`spectra`), light is modelled (`illumination`), the camera blurs, adds
noise and quantises (`sensor`). No pixel comes from a real picture.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from onnx_models.hsi.bands import BANDS, SKY
from onnx_models.hsi.canvas import Camera, Canvas, smooth_noise
from onnx_models.hsi.illumination import Daylight, clear_sky, overcast
from onnx_models.hsi.road import cast_shadows, draw_street, paint_ground
from onnx_models.hsi.roadside import paint_roadside
from onnx_models.hsi.sensor import Exposure, capture, normalise
from onnx_models.hsi.spectra import spectral_library


@dataclass(frozen=True)
class Scene:
    """One picture with its ground truth.

    Attributes
    ----------
    codes
        uint8 [25, H, W], converter codes.
    labels
        uint8 [H, W], classes 0 to 4.
    """

    codes: NDArray[np.uint8]
    labels: NDArray[np.uint8]

    @property
    def input(self) -> NDArray[np.float32]:
        """Network input, float32 [25, H, W] in -1 to 127/128."""
        return normalise(self.codes)


def scene(index: int, seed: int, height: int = 96, width: int = 192) -> Scene:
    """Make scene `index` of the stream `seed`.

    Parameters
    ----------
    index
        Number of the scene, 0 or more.
    seed
        Number of the stream, 0 or more; training and evaluation use different streams.
    height, width
        Size in pixels.

    Returns
    -------
    `Scene`. Equal arguments give equal bytes on the same versions of numpy, scipy, earthlib and pvlib.

    Raises
    ------
    ValueError
        If an argument is negative or the picture is smaller than 16 x 16.
    ImportError
        If the `[train]` extra is not installed.
    """
    if index < 0 or seed < 0:
        raise ValueError(f"index {index} and seed {seed} must be 0 or more")
    if height < 16 or width < 16:
        raise ValueError(f"a scene of {height} x {width} is too small; 16 x 16 is the least")
    layout_rng, light_rng, noise_rng = (
        np.random.default_rng(child) for child in np.random.SeedSequence([seed, index]).spawn(3)
    )
    canvas, camera = _layout(layout_rng, 2 * height, 2 * width)
    radiance = _radiance(canvas, camera, light_rng)
    grey = float(np.median(radiance[:, camera.height // 2 :, :]))
    exposure = Exposure(
        gain=float(light_rng.uniform(0.12, 0.25)) / max(grey, 1e-3),
        full_well=float(np.exp(light_rng.uniform(np.log(1500.0), np.log(9000.0)))),
        read_noise=15.0,
        blur=float(light_rng.uniform(0.8, 1.6)),
    )
    return Scene(capture(radiance, exposure, noise_rng), _labels(canvas.label))


def scenes(
    first: int, count: int, seed: int, height: int = 96, width: int = 192
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Make scenes `first` to `first + count - 1`: codes uint8 [count, 25, H, W] and labels uint8 [count, H, W]."""
    made = [scene(index, seed, height, width) for index in range(first, first + count)]
    return np.stack([one.codes for one in made]), np.stack([one.labels for one in made])


def _layout(rng: np.random.Generator, height: int, width: int) -> tuple[Canvas, Camera]:
    camera = Camera(
        height,
        width,
        float(rng.uniform(0.15, 0.27)) * height,
        float(rng.uniform(0.75, 1.0)) * width,
        float(rng.uniform(1.3, 1.7)),
    )
    canvas = Canvas.empty(height, width, SKY)
    street = draw_street(rng)
    library = spectral_library()
    paint_ground(canvas, camera, street, library, rng)
    cast_shadows(canvas, camera, street, rng)
    paint_roadside(canvas, camera, street, library, rng)
    return canvas, camera


def _weather(rng: np.random.Generator) -> tuple[Daylight, float, float]:
    """Draw light, cloud cover (0 to 1) and haze (1/m)."""
    elevation = float(rng.uniform(8.0, 65.0))
    light = clear_sky(elevation, float(rng.uniform(0.04, 0.4)), float(rng.uniform(0.5, 3.5)))
    kind = rng.random()
    if kind < 0.4:
        return light, float(rng.uniform(0.0, 0.3)), float(rng.uniform(0.0, 0.001))
    if kind < 0.7:
        return light, float(rng.uniform(0.3, 0.8)), float(rng.uniform(0.0, 0.002))
    return overcast(light, float(rng.uniform(0.15, 0.5))), 1.0, float(rng.uniform(0.0, 0.008))


def _sky(light: Daylight, cover: float, camera: Camera, rng: np.random.Generator) -> NDArray[np.float32]:
    """Sky radiance, float32 [25, H, W]: diffuse light, brighter near the horizon, with clouds."""
    shape = (camera.height, camera.width)
    up = np.clip((camera.horizon - np.arange(camera.height, dtype=np.float32)) / camera.horizon, 0.0, 1.0)[:, None]
    gradient = (1.6 - 0.6 * up) * np.ones(shape, np.float32)
    field = 0.8 * smooth_noise(rng, shape, 40.0) + 0.5 * smooth_noise(rng, shape, 14.0)
    cloud = np.clip(cover + 0.25 * field, 0.0, 1.0) if cover < 1.0 else np.clip(0.9 + 0.1 * field, 0.6, 1.2)
    clear_part = light.diffuse[:, None, None] * gradient * (1.0 - np.clip(cloud, 0.0, 1.0))
    return np.asarray(clear_part + light.cloud[:, None, None] * cloud, dtype=np.float32)


def _radiance(canvas: Canvas, camera: Camera, rng: np.random.Generator) -> NDArray[np.float32]:
    """Light every surface: reflectance x texture x (sun x direct + diffuse), behind haze."""
    light, cover, haze = _weather(rng)
    sky = _sky(light, cover, camera, rng)
    if rng.random() < 0.2:  # wet ground is darker, and mirrors some sky
        canvas.texture *= np.where(canvas.distance < 1e8, np.float32(rng.uniform(0.5, 0.8)), np.float32(1.0))
    palette = np.stack([*canvas.palette, np.zeros(BANDS, np.float32)])  # the last row, index -1, is sky
    reflectance = np.moveaxis(palette[canvas.spectrum], 2, 0) * canvas.texture
    sun = gaussian_filter(canvas.sun, 0.7)  # penumbra
    lit = reflectance * (light.direct[:, None, None] * sun + light.diffuse[:, None, None])
    airlight = 0.5 * (light.direct + light.diffuse)[:, None, None]
    clarity = np.exp(-haze * np.minimum(canvas.distance, 500.0))
    surface = lit * clarity + airlight * (1.0 - clarity)
    return np.asarray(np.where(canvas.spectrum == -1, sky, surface), dtype=np.float32)


def _labels(fine: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Majority class of two by two canvas pixels, uint8 [H, W]; a tie goes to the lower class."""
    height, width = fine.shape
    blocks = fine.reshape(height // 2, 2, width // 2, 2)
    counts = np.stack([(blocks == label).sum(axis=(1, 3)) for label in range(5)])
    return np.asarray(counts.argmax(axis=0), dtype=np.uint8)
