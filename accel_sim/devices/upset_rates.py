"""How often each kind of memory of a device is struck where it is, and the whole-number weights of a random draw."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accel_sim.devices.device import Device, find_device
from accel_sim.devices.environment import Environment, find_environment
from accel_sim.devices.rates import RateTable, rate_table
from accel_sim.errors import UsageError

MOST_PARTS = 1000
"""Largest weight of the kind with the lowest rate: ratios of rates are met within 1 / (2 MOST_PARTS), 0.05 %."""


@dataclass(frozen=True)
class UpsetRates:
    """Rates of a device in an environment.

    Parameters
    ----------
    device : Device
    environment : Environment
    table : RateTable
        Rates of the device's family, a user's own on top.
    """

    device: Device
    environment: Environment
    table: RateTable

    def fit_per_bit(self, kind: str) -> float:
        """Return the upsets of a bit of this kind per 10^9 h, in place.

        Raises
        ------
        UsageError
            The kind has no rate.
        """
        rate = self.table.require(kind)
        return rate.fit_per_bit * rate.factor(self.environment)

    def weights(self, kind_of: Mapping[str, str]) -> dict[str, int]:
        """Return whole numbers in the ratio of the rates.

        A draw that counts every bit and cycle as often as its weight says strikes the kinds as often as the
        environment does. Of all sets of numbers whose smallest is at most `MOST_PARTS`, the first that meets
        every ratio within 1e-9 is taken, and the closest where there is none: equal rates give ones.

        Parameters
        ----------
        kind_of : mapping of str to str
            Name of a memory to its kind.

        Returns
        -------
        dict of str to int
            Name of the memory to its weight.

        Raises
        ------
        UsageError
            Some kind has no rate; the message names the memories and says how to give one or do without.
        """
        self._check(kind_of)
        rates = {kind: self.fit_per_bit(kind) for kind in kind_of.values()}
        if not rates:
            return {}
        least = min(rates.values())
        ratios = [rate / least for rate in rates.values()]

        def error(parts: int) -> float:
            return max(abs(round(parts * ratio) / (parts * ratio) - 1) for ratio in ratios)

        exact = (parts for parts in range(1, MOST_PARTS + 1) if error(parts) < 1e-9)
        parts = next(exact, None) or min(range(1, MOST_PARTS + 1), key=error)
        return {name: round(parts * rates[kind] / least) for name, kind in kind_of.items()}

    def _check(self, kind_of: Mapping[str, str]) -> None:
        missing: dict[str, list[str]] = {}
        for name, kind in kind_of.items():
            if kind not in self.table.rates:
                missing.setdefault(kind, []).append(name)
        if missing:
            text = "; ".join(f"{', '.join(names)}: {self.table.advice(kind)}" for kind, names in missing.items())
            lacking = {_memory(name) for names in missing.values() for name in names}
            known = dict.fromkeys(_memory(name) for name in kind_of if _memory(name) not in lacking)
            way_out = f", or draw from {' '.join(f'--memory {n}' for n in known)} only" if known else ""
            raise UsageError(f"a draw by the rates of {self.device.name} needs all of them: {text}{way_out}")

    def describe(self, kinds: Iterable[str]) -> dict[str, Any]:
        """Return the JSON-able origin of the rates of some kinds."""
        wanted = set(kinds)
        return {
            "device": self.device.name,
            "environment": {
                "name": self.environment.name, "flux_n_cm2_h": self.environment.flux_n_cm2_h,
                "verified": self.environment.verified,
            },
            "rates": {
                kind: {"fit_per_mbit": rate.fit_per_mbit, "verified": rate.verified, "source": rate.source}
                for kind, rate in self.table.rates.items() if kind in wanted
            },
        }  # fmt: skip


def _memory(name: str) -> str:
    """Return the memory of a part: the technology in brackets is left out."""
    return name.split(" ")[0]


def upset_rates(device: str, environment: str = "nyc_sea_level", rates: str | Path | None = None) -> UpsetRates:
    """Find the rates of a device in an environment.

    Parameters
    ----------
    device, environment : str
        Name of the device; name of the environment, or a neutron flux in n/cm2/h.
    rates : str or Path, optional
        TOML or CSV file whose kinds replace those of the package.

    Raises
    ------
    UsageError
        An unknown name, or a file that cannot be used.
    """
    chip = find_device(device)
    return UpsetRates(chip, find_environment(environment), rate_table(chip.family, rates))
