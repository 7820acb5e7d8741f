"""Direct and diffuse daylight at the 25 bands, by sun height and weather, from PyPI `pvlib`.

Clear sky: the simple spectral model of Bird and Riordan (1986), `pvlib.spectrum.spectrl2`. Everything is relative to
a white panel under the standard global spectrum ASTM G173-03, which stands for the camera's flat-field calibration.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from onnx_models.hsi.bands import BANDS, gaussian_response

_GRID_NM: Final = np.arange(500.0, 1041.0, 1.0)


@dataclass(frozen=True)
class Daylight:
    """Light on a level surface and from the sky, each relative to the G173 white panel.

    Attributes
    ----------
    direct
        float32 [25], irradiance of the unobstructed sun on level ground.
    diffuse
        float32 [25], irradiance of the whole sky on level ground.
    cloud
        float32 [25], radiance of a bright cloud, as the reflectance a white panel would need to look the same.
    """

    direct: NDArray[np.float32]
    diffuse: NDArray[np.float32]
    cloud: NDArray[np.float32]


@cache
def _white_panel() -> NDArray[np.float64]:
    try:
        from pvlib.spectrum import get_reference_spectra
    except ImportError as error:
        raise ImportError("the scene generator needs pvlib: pip install 'accel_sim[train]'") from error
    table = get_reference_spectra()
    spectrum = np.interp(
        _GRID_NM, np.asarray(table.index, dtype=np.float64), table["global"].to_numpy(dtype=np.float64)
    )
    return np.asarray(gaussian_response(_GRID_NM) @ spectrum, dtype=np.float64)


def clear_sky(sun_elevation_deg: float, turbidity: float, water_cm: float) -> Daylight:
    """Compute clear-sky light.

    Parameters
    ----------
    sun_elevation_deg
        Height of the sun above the horizon in degrees, 3 to 90.
    turbidity
        Aerosol optical depth at 500 nm (0.05 clear, 0.4 hazy).
    water_cm
        Precipitable water in cm; it sets the depth of the bands at 720, 820 and 940 nm.

    Returns
    -------
    `Daylight`.

    Raises
    ------
    ValueError
        If the sun is outside 3 to 90 degrees, where the air-mass formula does not hold.
    ImportError
        If `pvlib` is not installed.
    """
    if not 3.0 <= sun_elevation_deg <= 90.0:
        raise ValueError(f"sun_elevation_deg {sun_elevation_deg:g} is outside 3 to 90")
    white = _white_panel()
    from pvlib.atmosphere import get_relative_airmass
    from pvlib.spectrum import spectrl2

    zenith = 90.0 - sun_elevation_deg
    result = spectrl2(
        apparent_zenith=zenith,
        aoi=zenith,
        surface_tilt=0.0,
        ground_albedo=0.2,
        surface_pressure=101325.0,
        relative_airmass=float(get_relative_airmass(zenith)),
        precipitable_water=water_cm,
        ozone=0.31,
        aerosol_turbidity_500nm=turbidity,
        dayofyear=172,
    )
    response = gaussian_response(_GRID_NM)
    wavelength = np.ravel(result["wavelength"])

    def at_bands(key: str) -> NDArray[np.float64]:
        return np.asarray(response @ np.interp(_GRID_NM, wavelength, np.ravel(result[key])) / white, dtype=np.float64)

    direct, diffuse = at_bands("poa_direct"), at_bands("poa_sky_diffuse")
    cloud = 0.75 * (direct + diffuse)
    return Daylight(direct.astype(np.float32), diffuse.astype(np.float32), cloud.astype(np.float32))


def overcast(clear: Daylight, transmission: float) -> Daylight:
    """Hide the sun behind an even cloud layer.

    A thick layer scatters all wavelengths of these bands alike, so its light is the clear total, spread over the sky
    and dimmed.

    Parameters
    ----------
    clear
        Light without the layer.
    transmission
        Share of the light that passes, 0 to 1.

    Returns
    -------
    `Daylight` with (nearly) no direct part.
    """
    diffuse = ((clear.direct + clear.diffuse) * transmission).astype(np.float32)
    return Daylight(0.02 * diffuse, diffuse, np.ones(BANDS, np.float32) * diffuse)
