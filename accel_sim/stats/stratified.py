"""Population-weighted combination of strata that were sampled separately.

Method
------
With `W_i` the population share of stratum `i`, the estimate is ``sum W_i mean_i`` (Cochran, "Sampling Techniques",
3rd edition, chapter 5). Its limits extend the gamma method of Fay and Feuer ("Confidence intervals for directly
standardized rates", Statistics in Medicine 16, 1997) from weighted Poisson counts to bounded values. For the upper
limit one more observation of the largest possible value is imagined in one stratum, for the lower limit one more of the
smallest; the mean and the variance of the estimate, so shifted, define a beta distribution on the scale of the values,
whose quantile is the limit. Every stratum takes its turn as the one with the imagined observation, and the widest limit
counts.

Two properties make it the choice here. Strata without a single hit still contribute: one of them may hide a rate of
the order of 1 / n, and the imagined observation stands for it. And with one stratum of zeros and ones it is exactly the
Clopper-Pearson interval. Combining the limits of the single strata by squared distances (the MOVER, and Wald) has
neither: with many strata of zero or one hit each, its lower limit excludes too much.

No theorem guarantees the level, as for the gamma method itself; the coverage is checked by simulation in
`tests/statistical`, over unequal populations, rates from 1e-5 to 1 and small samples.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from accel_sim.stats.bounded import bounded_mean, unit_values
from accel_sim.stats.estimate import Estimate, check_counts, check_level
from accel_sim.stats.shares import clopper_pearson

F64 = npt.NDArray[np.float64]
METHOD = "stratified-beta"


def stratified_share(
    hits: Sequence[int], draws: Sequence[int], populations: Sequence[int], level: float = 0.95
) -> Estimate:
    """Return the share of hits in the union of strata, from separate samples without replacement.

    Parameters
    ----------
    hits, draws, populations : sequence of int, shape (strata,)
        Hits, draws and number of distinct faults per stratum; every stratum with a population needs a draw.
    level : float
        Confidence level in (0, 1).

    Returns
    -------
    Estimate
        By `clopper_pearson` when only one stratum has a population, else by the method of this module.

    Raises
    ------
    ValueError
        When counts contradict each other, a stratum is not sampled at all, or there is no population.
    """
    kept = _sampled(draws, populations, level)
    for i in kept:
        if not 0 <= hits[i] <= draws[i]:
            raise ValueError(f"stratum {i} has {hits[i]} hits in {draws[i]} draws")
    if len(kept) == 1:
        return clopper_pearson(hits[kept[0]], draws[kept[0]], level, populations[kept[0]])
    k = [float(hits[i]) for i in kept]
    low, best, high = _combine(_Sums.of([draws[i] for i in kept], k, k, [populations[i] for i in kept]), level)
    return Estimate(low, best, high, level, METHOD, sum(draws[i] for i in kept))


def stratified_mean(
    values: Sequence[Sequence[float] | F64],
    populations: Sequence[int],
    bounds: tuple[float, float] = (0.0, 1.0),
    level: float = 0.95,
) -> Estimate:
    """Return the mean of a bounded quantity over the union of strata, from separate samples without replacement.

    Parameters
    ----------
    values : sequence of float sequences, shape (strata, n_i)
        One value per fault, per stratum, in index order.
    populations : sequence of int, shape (strata,)
        Number of distinct faults per stratum.
    bounds : (float, float)
        Smallest and largest value that could have occurred.
    level : float
        Confidence level in (0, 1).

    Returns
    -------
    Estimate
        By `bounded_mean` when only one stratum has a population, else by the method of this module.

    Raises
    ------
    ValueError
        As `stratified_share`, and when a value lies outside the bounds.
    """
    draws = [len(v) for v in values]
    kept = _sampled(draws, populations, level)
    if len(kept) == 1:
        return bounded_mean(values[kept[0]], bounds, level, populations[kept[0]])
    unit = [unit_values(values[i], bounds) for i in kept]
    sums = _Sums.of(
        [draws[i] for i in kept],
        [math.fsum(u) for u in unit],
        [math.fsum(u * u) for u in unit],
        [populations[i] for i in kept],
    )
    lower, width = bounds[0], bounds[1] - bounds[0]
    low, best, high = (lower + width * v for v in _combine(sums, level))
    return Estimate(low, best, high, level, METHOD, sum(draws))


def _sampled(draws: Sequence[int], populations: Sequence[int], level: float) -> list[int]:
    """Return the strata that have a population, after checking that each of them was sampled."""
    check_level(level)
    if len(draws) != len(populations):
        raise ValueError(f"{len(draws)} samples for {len(populations)} strata")
    for n, population in zip(draws, populations, strict=True):
        check_counts(n, population)
    kept = [i for i, population in enumerate(populations) if population > 0]
    if not kept:
        raise ValueError("no stratum has a population: there is nothing to estimate")
    for i in kept:
        if draws[i] == 0:
            raise ValueError(f"stratum {i} with a population of {populations[i]} has no draw")
    return kept


@dataclass(frozen=True)
class _Sums:
    """Per stratum, as float64 arrays of shape (strata,): draws, sum, sum of squares, population."""

    n: F64
    total: F64
    squares: F64
    population: F64

    @staticmethod
    def of(n: Sequence[int], total: Sequence[float], squares: Sequence[float], population: Sequence[int]) -> "_Sums":
        return _Sums(*(np.asarray(v, dtype=np.float64) for v in (n, total, squares, population)))


def _combine(s: _Sums, level: float) -> tuple[float, float, float]:
    """Return low, best, high on the unit scale."""
    everything = math.fsum(s.population)
    weight = s.population / everything
    mean = s.total / s.n
    # A single draw says nothing about the spread: it gets the largest one possible on [0, 1].
    spread = np.where(s.n > 1, (s.squares / s.n - mean**2) * s.n / np.maximum(s.n - 1, 1), 0.25)
    variance = np.maximum(spread, 0.0) / s.n * (1.0 - s.n / s.population)
    best = min(max(math.fsum(weight * mean), 0.0), 1.0)
    floor = math.fsum(s.total) / everything
    ceiling = math.fsum(s.total + s.population - s.n) / everything
    tail = (1.0 - level) / 2.0
    low = float(_quantiles(s, weight, mean, variance, 0.0, tail).min())
    high = float(_quantiles(s, weight, mean, variance, 1.0, 1.0 - tail).max())
    return min(max(low, floor), best), best, max(min(high, ceiling), best)


def _quantiles(s: _Sums, weight: F64, mean: F64, variance: F64, extra: float, q: float) -> F64:
    """Return the beta quantile with an observation `extra` added to each stratum in turn, shape (strata,)."""
    shifted_mean, shifted_variance = _with_extra(s, mean, extra)
    weighted_mean, weighted_variance = weight * mean, weight**2 * variance
    mu = np.clip(weighted_mean.sum() - weighted_mean + weight * shifted_mean, 0.0, 1.0)
    var = np.maximum(weighted_variance.sum() - weighted_variance + weight**2 * shifted_variance, 0.0)
    # var = mu (1 - mu) / (size + 1). Nothing left to vary: the mean. More than a beta can hold: the end of the scale.
    with np.errstate(divide="ignore", invalid="ignore"):
        size = mu * (1.0 - mu) / var - 1.0
        limit = special.betaincinv(mu * size, (1.0 - mu) * size, q)
    limit = np.where(size > 0.0, limit, extra)
    known = var <= 1e-24
    return np.asarray(np.where(known, mu, limit))


def _with_extra(s: _Sums, mean: F64, extra: float) -> tuple[F64, F64]:
    """Return the mean and its variance per stratum with one imagined observation.

    The mean of an unlimited stratum is taken as a sum of n + 1 observations under uniform Dirichlet weights. In a
    finite one that describes the N - n faults not drawn; the drawn ones are known.
    """
    drawn = s.n / s.population
    rest = np.maximum(s.population - s.n, 1.0)
    shifted = (s.total + extra) / (s.n + 1.0)
    spread = np.maximum((s.squares + extra) / (s.n + 1.0) - shifted**2, 0.0)
    variance = spread / (s.n + 2.0)
    complete = s.n >= s.population
    finite_mean = drawn * mean + (1.0 - drawn) * shifted
    finite_variance = (1.0 - drawn) ** 2 * (variance + (spread - variance) / rest)
    return np.where(complete, mean, finite_mean), np.where(complete, 0.0, finite_variance)
