"""Measured reflectance spectra of road-scene materials, seen through the 25 bands.

The spectra come from PyPI `earthlib` (MIT licence), which gathers public libraries; the urban materials are the field
spectra of Santa Barbara (Herold, Roberts et al. 2004), the canopies are simulations of the PROSAIL leaf and canopy
model. The library's names of urban spectra are codes: the first letters give use and material, for instance `traw` is
a transportation surface, road, asphalt, white paint.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from onnx_models.hsi.bands import gaussian_response

_GRID_NM: Final = np.arange(500.0, 1051.0, 1.0)

_ROAD_CONCRETE: Final = ("rpcs",)
_NOT_A_ROAD: Final = ("rotr",)  # has a red edge: plants grow in it
_MARK_PAINT: Final = ("traw", "tray", "pprw", "ppcw", "toft", "ppaw")
_WHITE_PAINT: Final = ("traw", "pprw", "ppcw", "toft", "ppaw")


@dataclass(frozen=True)
class SpectralLibrary:
    """Reflectance of materials at the 25 bands.

    Attributes
    ----------
    materials
        Material name -> float32 [n, 25] of reflectance in 0..1, one row per measured (or PROSAIL) spectrum.
    """

    materials: dict[str, NDArray[np.float32]]

    def draw(self, material: str, rng: np.random.Generator, mixed: int = 2) -> NDArray[np.float32]:
        """Draw one object's spectrum: a convex mixture of a few spectra of the material.

        Parameters
        ----------
        material
            A key of `materials`.
        rng
            Source of randomness.
        mixed
            Number of library spectra in the mixture.

        Returns
        -------
        float32 [25].

        Raises
        ------
        KeyError
            If there is no such material; the message lists those there are.
        """
        if material not in self.materials:
            raise KeyError(f"no material '{material}'; there are {', '.join(sorted(self.materials))}")
        spectra = self.materials[material]
        rows = rng.integers(0, len(spectra), size=mixed)
        share = rng.dirichlet(np.ones(mixed)).astype(np.float32)
        return np.asarray(share @ spectra[rows], dtype=np.float32)


def _select(level_3: NDArray[np.str_], name: NDArray[np.str_]) -> dict[str, NDArray[np.bool_]]:
    prefix = np.array([n[:4].lower() for n in name])
    road = np.isin(level_3, ["road", "asphalt", "parking_lot"]) & ~np.isin(prefix, _NOT_A_ROAD)
    paint = level_3 == "paint"
    return {
        "asphalt": road & ~np.isin(prefix, _ROAD_CONCRETE),
        "road_concrete": road & np.isin(prefix, _ROAD_CONCRETE),
        "white_paint": paint & np.isin(prefix, _WHITE_PAINT),
        "yellow_paint": paint & (prefix == "tray"),
        "colour_paint": paint & ~np.isin(prefix, _MARK_PAINT),
        "canopy": level_3 == "canopy",
        "dry_plants": np.isin(level_3, ["npv", "litter"]),
        "bark": level_3 == "bark",
        "soil": level_3 == "soil",
        "sidewalk": np.isin(level_3, ["sidewalk", "driveway", "bridge"]),
        "gravel": level_3 == "gravel",
        "facade": np.isin(level_3, ["concrete_tile", "tile", "other", "sidewalk", "mixed"]),
        "roofing": np.isin(level_3, ["comp_shingle", "wood_shingle"]),
        "metal": np.isin(level_3, ["metal", "manhole"]),
        "glass": level_3 == "glass",
    }


@cache
def spectral_library() -> SpectralLibrary:
    """Load the materials from the installed `earthlib`.

    Returns
    -------
    The library; the same object on every call.

    Raises
    ------
    ImportError
        If `earthlib` is not installed; it is part of the `[train]` extra.
    ValueError
        If the installed version of `earthlib` lacks one of the materials.
    """
    try:
        from earthlib import full_library
    except ImportError as error:
        raise ImportError("the scene generator needs earthlib: pip install 'accel_sim[train]'") from error
    centres = np.asarray(full_library.sensor.band_centers, dtype=np.float64)
    wavelength = centres * (1000.0 if centres.max() < 100.0 else 1.0)  # the wheel gives micrometres
    near = (wavelength >= 490.0) & (wavelength <= 1060.0)
    spectra = np.asarray(full_library.data, dtype=np.float64)[:, near]
    fine = np.stack([np.interp(_GRID_NM, wavelength[near], row) for row in spectra])
    at_bands = np.clip(fine @ gaussian_response(_GRID_NM).T, 0.005, 1.0).astype(np.float32)
    level_3 = full_library.metadata["LEVEL_3"].to_numpy(dtype=str)
    chosen = _select(level_3, full_library.metadata["NAME"].to_numpy(dtype=str))
    missing = [material for material, rows in chosen.items() if not rows.any()]
    if missing:
        raise ValueError(f"this version of earthlib has no spectra for {', '.join(missing)}; earthlib 1.1.0 has")
    return SpectralLibrary({material: at_bands[rows] for material, rows in chosen.items()})
