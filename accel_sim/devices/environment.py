"""Where the device is: the neutron flux, relative to the sea level of New York."""

import math
from dataclasses import dataclass

from accel_sim.devices.device import packaged_table
from accel_sim.errors import UsageError

REFERENCE_FLUX_N_CM2_H = 13.0  # New York, sea level, above 10 MeV (JESD89A); from memory, unverified


@dataclass(frozen=True)
class Environment:
    """A neutron flux.

    Parameters
    ----------
    name : str
        Name of the preset, or ``user flux``.
    flux_n_cm2_h : float
        Neutrons above 10 MeV per square centimetre and hour.
    low, high : float
        95 % limits of the flux (equal to it where no other source disagrees).
    verified : bool
        Whether the figure was read in its source.
    source : str
    """

    name: str
    flux_n_cm2_h: float
    low: float
    high: float
    verified: bool
    source: str

    @property
    def ratio(self) -> float:
        """Flux relative to New York at sea level."""
        return self.flux_n_cm2_h / REFERENCE_FLUX_N_CM2_H


def environments() -> dict[str, Environment]:
    """Return the presets by name."""
    found = {}
    for row in packaged_table("environments.csv"):
        flux = float(row["flux_n_cm2_h"])
        low, high = (float(row[k]) if row[k] else flux for k in ("low", "high"))
        found[row["name"]] = Environment(row["name"], flux, low, high, row["verified"] == "true", row["source"])
    return found


def find_environment(name: str) -> Environment:
    """Return a preset, or the environment of a flux written as a number in n/cm2/h.

    Rates in orbit do not follow from a neutron flux: give them per bit and day in a table of rates, they are then
    taken as they are.

    Raises
    ------
    UsageError
        When the name is neither a preset nor a positive number.
    """
    known = environments()
    if name in known:
        return known[name]
    try:
        flux = float(name)
    except ValueError:
        raise UsageError(
            f"environment {name!r} is unknown; use one of {', '.join(known)}, or a neutron flux in n/cm2/h"
        ) from None
    if not (math.isfinite(flux) and flux > 0):
        raise UsageError(f"neutron flux is {name}: it must be a positive number in n/cm2/h")
    return Environment("user flux", flux, flux, flux, True, "given by the user")
