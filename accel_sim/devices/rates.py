"""Soft-error rates per bit by kind of memory: package data, and a user's own figures on top."""

import csv
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from accel_sim.devices.device import packaged_table
from accel_sim.devices.environment import REFERENCE_FLUX_N_CM2_H, Environment
from accel_sim.errors import UsageError

KINDS = ("bram", "uram", "ff", "cram", "ddr", "lutram")
MBIT = 2**20
UNITS = ("cross_section_cm2", "fit_per_mbit", "upsets_per_bit_day")


@dataclass(frozen=True)
class Rate:
    """Upset rate of one kind of memory.

    Parameters
    ----------
    kind : str
        bram, uram, ff, cram, ddr or lutram.
    fit_per_bit : float
        Upsets of a bit per 10^9 h, at sea level in New York, or where `in_place` says so.
    low, high : float
        95 % limits.
    in_place : bool
        The rate holds where the device is (an orbit): no flux scales it.
    verified : bool
        Whether the figure was read in its source.
    source : str
    """

    kind: str
    fit_per_bit: float
    low: float
    high: float
    in_place: bool
    verified: bool
    source: str

    @property
    def fit_per_mbit(self) -> float:
        """Upsets of 2^20 bits per 10^9 h."""
        return self.fit_per_bit * MBIT

    def factor(self, environment: Environment) -> float:
        """Return what scales the rate in an environment: its flux ratio, or one when the rate is of the place."""
        return 1.0 if self.in_place else environment.ratio


@dataclass(frozen=True)
class RateTable:
    """Rates by kind; a kind without a figure is missing from `rates` and explained in `unknown`.

    Parameters
    ----------
    family : str
        Device family.
    rates : mapping of str to Rate
    unknown : mapping of str to str
        Kind to the reason why there is no figure.
    """

    family: str
    rates: Mapping[str, Rate]
    unknown: Mapping[str, str]

    def require(self, kind: str) -> Rate:
        """Return the rate of a kind of memory.

        Raises
        ------
        UsageError
            When there is no figure; the message says what to supply and how.
        """
        if kind not in KINDS:
            raise UsageError(f"memory kind {kind!r} is unknown; use one of {', '.join(KINDS)}")
        if kind not in self.rates:
            raise UsageError(self.advice(kind))
        return self.rates[kind]

    def advice(self, kind: str) -> str:
        """Return the sentence that says why a rate is missing and how to supply it."""
        why = self.unknown.get(kind, "not in the table")
        how = f"a TOML section [{kind}] or a CSV row with one of {', '.join(UNITS)}, and its source"
        return f"no soft-error rate of {kind} for {self.family} ({why}); supply one in a table of rates: {how}"

    @property
    def unverified(self) -> tuple[str, ...]:
        """Kinds whose figure nobody has verified."""
        return tuple(kind for kind, rate in self.rates.items() if not rate.verified)


def rate_table(family: str, path: str | Path | None = None) -> RateTable:
    """Return the rates of a device family, replaced by a user's file where that has a row.

    Parameters
    ----------
    family : str
        7_series or ultrascale_plus.
    path : str or Path, optional
        TOML with one section a kind, or CSV with a column ``kind``. Each entry has exactly one of
        ``cross_section_cm2`` (neutrons above 10 MeV, cm2 a bit), ``fit_per_mbit`` (2^20 bits, New York, sea level) and
        ``upsets_per_bit_day`` (of the place itself, for orbits), with ``low`` and ``high`` in the same unit,
        ``source`` and ``verified`` if it has them.

    Raises
    ------
    UsageError
        When the file cannot be read, or an entry is incomplete or impossible.
    """
    rates, unknown = {}, {}
    for row in packaged_table("soft_error_rates.csv"):
        if row["family"] == family:
            if any(row.get(unit) for unit in UNITS):
                rates[row["kind"]] = _rate(row["kind"], row, "soft_error_rates.csv")
            else:
                unknown[row["kind"]] = row["source"]
    if path is not None:
        for kind, entry in _read(Path(path)).items():
            rates[kind] = _rate(kind, entry, str(path))
            unknown.pop(kind, None)
    return RateTable(family, rates, unknown)


def _read(path: Path) -> dict[str, Mapping[str, object]]:
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".toml":
            entries = tomllib.loads(text)
        else:
            entries = {row.get("kind") or "": row for row in csv.DictReader(text.splitlines())}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"rates {path} cannot be read ({error}); give a TOML or CSV file") from None
    for kind, entry in entries.items():
        if kind not in KINDS:
            raise UsageError(f"{path}: memory kind {kind!r} is unknown; use one of {', '.join(KINDS)}")
        if not isinstance(entry, Mapping):
            raise UsageError(f"{path}: {kind} is no section; write [{kind}] and below it one of {', '.join(UNITS)}")
    return entries


def _rate(kind: str, entry: Mapping[str, object], where: str) -> Rate:
    given = [unit for unit in UNITS if entry.get(unit) not in (None, "")]
    if len(given) != 1:
        raise UsageError(f"{where}: {kind} needs exactly one of {', '.join(UNITS)}, not {len(given)}")
    unit = given[0]
    scale = {
        "cross_section_cm2": REFERENCE_FLUX_N_CM2_H * 1e9,
        "fit_per_mbit": 1 / MBIT,
        "upsets_per_bit_day": 1e9 / 24,
    }
    value = _positive(entry[unit], where, kind, unit)
    low, high = (
        _positive(entry[k], where, kind, k) if entry.get(k) not in (None, "") else value for k in ("low", "high")
    )
    if not low <= value <= high:
        raise UsageError(f"{where}: {kind} has low {low}, value {value}, high {high}; they must ascend")
    factor = scale[unit]
    verified = str(entry.get("verified", "")).strip().lower() == "true"
    source = str(entry.get("source") or f"given in {where} without a source")
    return Rate(kind, value * factor, low * factor, high * factor, unit == "upsets_per_bit_day", verified, source)


def _positive(value: object, where: str, kind: str, field: str) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise UsageError(f"{where}: {field} of {kind} is {value!r}; it must be a positive number")
    return number
