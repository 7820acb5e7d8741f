"""From bits, time and criticality to failures per 10^9 h: raw, derated, by memory and by layer, with an interval."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from accel_sim.devices.environment import Environment
from accel_sim.devices.rates import RateTable
from accel_sim.devices.share import MemoryShare, check_shares
from accel_sim.devices.uncertainty import Draws, rate_draws, share_draws
from accel_sim.stats import Estimate

NOT_COUNTED = "configuration memory, control logic and processors are not part of this sum"
METHOD = "Monte Carlo of two-piece normal shares and two-piece log-normal rates and flux"


@dataclass(frozen=True)
class RawMemory:
    """Upsets of a memory, whether they matter or not.

    Parameters
    ----------
    memory, kind : str
    bits : float
        Data bits.
    fit : float or None
        Upsets per 10^9 h; None when the rate is unknown.
    verified : bool
        Whether the rate is.
    """

    memory: str
    kind: str
    bits: float
    fit: float | None
    verified: bool


@dataclass(frozen=True)
class FitReport:
    """Failures per 10^9 h of one accelerator with one network in one environment.

    Parameters
    ----------
    environment : str
        Its name.
    raw : tuple of RawMemory
        Upsets by memory.
    fit : Estimate
        Derated failures: the sum over memories and layers. Terms of unknown rate are missing from it.
    by_memory, by_layer : dict of str to Estimate
        The same, split up.
    unknown : dict of str to str
        Memories that are missing from the sum, with what to supply.
    notes : tuple of str
        What a reader of the figures must know: unverified rates, what is not counted.
    """

    environment: str
    raw: tuple[RawMemory, ...]
    fit: Estimate
    by_memory: dict[str, Estimate]
    by_layer: dict[str, Estimate]
    unknown: dict[str, str]
    notes: tuple[str, ...]

    @property
    def raw_fit(self) -> float:
        """Upsets per 10^9 h of all memories of known rate."""
        return sum(memory.fit or 0.0 for memory in self.raw)

    @property
    def complete(self) -> bool:
        """Whether every memory has a rate."""
        return not self.unknown

    @property
    def mtbf_hours(self) -> Estimate:
        """Mean time between failures in hours: 10^9 over FIT, infinite for a FIT of zero."""
        low, best, high = (math.inf if v == 0 else 1e9 / v for v in (self.fit.high, self.fit.best, self.fit.low))
        return Estimate(low, best, high, self.fit.level, self.fit.method, self.fit.n)


def raw_fit(bits: float, fit_per_mbit: float, flux_ratio: float = 1.0) -> float:
    """Return upsets per 10^9 h: ``bits / 2^20 * FIT/Mbit * flux ratio``."""
    return bits / 2**20 * fit_per_mbit * flux_ratio


def compose(
    shares: Iterable[MemoryShare],
    rates: RateTable,
    environment: Environment,
    level: float = 0.95,
    seed: int = 0,
    draws: int = 20_000,
) -> FitReport:
    """Add up failures: ``sum of bits * live fraction * rate per bit * flux ratio * critical rate``.

    Sampling error of every critical rate (one per sample of faults), error of the rates (one per kind of memory, common
    to all its memories) and
    error of the flux (common to all) are drawn together, `draws` times with a fixed seed; the limits are the
    percentiles of the sums, the best value is the sum of the best values.

    Parameters
    ----------
    shares : iterable of MemoryShare
        Every memory and layer.
    rates : RateTable
        Rates by kind. A kind without one makes an entry in `unknown`, not a zero.
    environment : Environment
        Where the device is.
    level : float
        Confidence level of the limits, and of the limits in the shares and rates.
    seed, draws : int
        Of the Monte Carlo run.

    Raises
    ------
    UsageError
        When shares contradict each other.
    """
    known = tuple(shares)
    check_shares(known)
    random = np.random.Generator(np.random.PCG64(seed))
    flux = rate_draws(environment.low, environment.flux_n_cm2_h, environment.high, level, random.standard_normal(draws))
    flux /= environment.flux_n_cm2_h
    kinds = sorted({share.kind for share in known})
    of_kind = {}
    for kind in kinds:
        normal = random.standard_normal(draws)
        if kind in rates.rates:
            rate = rates.rates[kind]
            drawn = rate_draws(rate.low, rate.fit_per_bit, rate.high, level, normal)
            of_kind[kind] = drawn if rate.in_place else drawn * flux
    sums = _Sums(level, draws)
    unknown = {}
    of_sample: dict[str, Draws] = {}
    for share in known:
        normal = random.standard_normal(draws)
        if share.sample:
            normal = of_sample.setdefault(share.sample, normal)
        if share.kind not in of_kind:
            unknown[share.memory] = rates.advice(share.kind)
            continue
        rate = rates.require(share.kind)
        factor = rate.factor(environment)
        best = _term(share, rate.fit_per_bit * factor, share.critical_best)
        drawn = _drawn_terms(share, of_kind[share.kind] * factor, normal, level)
        sums.add(share, best, drawn)
    return FitReport(
        environment.name,
        _raw(known, rates, environment),
        sums.total(),
        sums.of("memory"),
        sums.of("layer"),
        unknown,
        _notes(known, rates, environment, unknown),
    )


def _term(share: MemoryShare, fit_per_bit: float, critical: float) -> float:
    if share.ecc is not None:
        return share.live_fraction * share.ecc.residual_fit(share.bits, fit_per_bit)
    return share.bits * share.live_fraction * fit_per_bit * critical


def _drawn_terms(share: MemoryShare, fit_per_bit: Draws, normal: Draws, level: float) -> Draws:
    if share.ecc is not None:
        return share.live_fraction * share.ecc.residual_draws(share.bits, fit_per_bit)
    critical = share_draws(share.critical_low, share.critical_best, share.critical_high, level, normal)
    return share.bits * share.live_fraction * fit_per_bit * critical


class _Sums:
    """Running sums of best values and draws, by memory and by layer."""

    def __init__(self, level: float, draws: int) -> None:
        self.level = level
        self.draws = draws
        self.best: dict[tuple[str, str], float] = {}
        self.drawn: dict[tuple[str, str], Draws] = {}
        self.faults: dict[tuple[str, str], int] = {}

    def add(self, share: MemoryShare, best: float, drawn: Draws) -> None:
        for key in (("all", ""), ("memory", share.memory), ("layer", share.layer)):
            self.best[key] = self.best.get(key, 0.0) + best
            self.drawn[key] = self.drawn.get(key, np.zeros(self.draws)) + drawn
            self.faults[key] = self.faults.get(key, 0) + share.faults

    def estimate(self, key: tuple[str, str]) -> Estimate:
        tail = (1 - self.level) / 2
        low, high = (float(v) for v in np.quantile(self.drawn[key], [tail, 1 - tail]))
        best = self.best[key]
        return Estimate(min(low, best), best, max(high, best), self.level, METHOD, self.faults[key])

    def total(self) -> Estimate:
        if ("all", "") not in self.best:
            return Estimate(0.0, 0.0, 0.0, self.level, METHOD, 0)
        return self.estimate(("all", ""))

    def of(self, split: str) -> dict[str, Estimate]:
        return {name: self.estimate((kind, name)) for kind, name in self.best if kind == split}


def _raw(shares: Sequence[MemoryShare], rates: RateTable, environment: Environment) -> tuple[RawMemory, ...]:
    found = {}
    for share in shares:
        rate = rates.rates.get(share.kind)
        bits = share.bits
        if share.ecc is not None:
            bits *= (share.ecc.data_bits + share.ecc.check_bits) / share.ecc.data_bits
        fit = None if rate is None else raw_fit(bits, rate.fit_per_mbit, rate.factor(environment))
        found[share.memory] = RawMemory(share.memory, share.kind, bits, fit, rate is not None and rate.verified)
    return tuple(found.values())


def _notes(
    shares: Sequence[MemoryShare], rates: RateTable, environment: Environment, unknown: dict[str, str]
) -> tuple[str, ...]:
    notes = []
    for kind in sorted({share.kind for share in shares}):
        rate = rates.rates.get(kind)
        if rate is not None and not rate.verified:
            notes.append(f"the rate of {kind} is unverified: {rate.source}")
    if not environment.verified and not all(rate.in_place for rate in rates.rates.values()):
        notes.append(f"the flux of {environment.name} is unverified: {environment.source}")
    if unknown:
        notes.append(f"without {', '.join(sorted(unknown))}: their rates are unknown, the sum is a lower bound")
    if any(share.ecc is not None and share.ecc.multi_bit_fraction is None for share in shares):
        notes.append("upsets of several bits of one ECC word are counted as none: no figure is known, supply one")
    notes.append(NOT_COUNTED)
    return tuple(notes)
