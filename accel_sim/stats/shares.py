"""Intervals for a share: k of n faults, drawn without replacement from N, had the property.

`clopper_pearson` guarantees its level and is what campaigns report. `wilson` is narrower, but holds its level only on
average over the true share.
"""

import math

import numpy as np
from scipy import special

from accel_sim.stats.estimate import Estimate, check_counts, check_level

# Below this sampling fraction the binomial limits are used for the hypergeometric ones: the true spread is
# sqrt(1 - n/N) times the binomial one, so they are too wide by less than 0.05 %, and never too narrow.
SMALL_FRACTION = 1e-3


def wilson(k: int, n: int, level: float = 0.95, population: int | None = None) -> Estimate:
    """Return the score interval of Wilson (1927) for a share.

    For a finite population the variance under the tested share is ``p (1 - p) / n * (N - n) / (N - 1)``
    (Cochran, "Sampling Techniques", 3rd edition, section 3.2), which amounts to Wilson's formula with an effective
    sample of ``n (N - 1) / (N - n)``. The limits are then cut to what the draws leave possible: at least the k
    hits seen, at most all but the n - k misses seen. The interval of a complete census is the point.

    Its coverage is close to the level on average over the shares, but dips to about 85 % at 95 % for shares
    near ``0.2 / n``: use `clopper_pearson` where a guarantee is wanted.

    Parameters
    ----------
    k, n : int
        Hits and draws, ``0 <= k <= n``.
    level : float
        Confidence level in (0, 1).
    population : int or None
        Number `N` of distinct faults; None for an unlimited one.

    Raises
    ------
    ValueError
        When the counts contradict each other or the level is not in (0, 1).
    """
    _check(k, n, level, population)
    if n == 0:
        return Estimate(0.0, math.nan, 1.0, level, "wilson", 0)
    share = k / n
    if n == population:
        return Estimate(share, share, share, level, "wilson", n)
    z2 = float(special.ndtri((1.0 + level) / 2.0)) ** 2
    n_eff = float(n) if population is None else n * ((population - 1) / (population - n))
    centre = (share + z2 / (2.0 * n_eff)) / (1.0 + z2 / n_eff)
    half = math.sqrt(z2 * (share * (1.0 - share) / n_eff + z2 / (4.0 * n_eff**2))) / (1.0 + z2 / n_eff)
    # At 0 and n hits one limit is exactly the end of the scale; the formula would leave a rounding residue there.
    low = 0.0 if k == 0 else centre - half
    high = 1.0 if k == n else centre + half
    return _cut(low, share, high, k, n, level, population, "wilson")


def clopper_pearson(k: int, n: int, level: float = 0.95, population: int | None = None) -> Estimate:
    """Return the equal-tailed exact interval of Clopper and Pearson (1934) for a share.

    Without a population: the binomial limits, quantiles of beta distributions. With one: the same inversion on the
    hypergeometric distribution, that is all numbers of hits `M` in the population for which neither tail
    beyond `k` has a probability of ``(1 - level) / 2`` or less (Wright, "Exact Confidence Bounds when Sampling
    from Small Finite Universes", Springer 1991). The coverage is at least `level` for every `M`. For a sampling
    fraction below `SMALL_FRACTION` the binomial limits stand in: wider by less than one part in two thousand.

    Parameters, errors and result are those of `wilson`.
    """
    _check(k, n, level, population)
    if n == 0:
        return Estimate(0.0, math.nan, 1.0, level, "clopper-pearson", 0)
    tail = (1.0 - level) / 2.0
    if population is None or n < SMALL_FRACTION * population:
        low = 0.0 if k == 0 else float(special.betaincinv(k, n - k + 1, tail))
        high = 1.0 if k == n else float(special.betaincinv(k + 1, n - k, 1.0 - tail))
    else:
        low = _fewest_hits(k, n, population, tail) / population
        high = (population - _fewest_hits(n - k, n, population, tail)) / population
    return _cut(low, k / n, high, k, n, level, population, "clopper-pearson")


def _check(k: int, n: int, level: float, population: int | None) -> None:
    check_level(level)
    check_counts(n, population)
    if not 0 <= k <= n:
        raise ValueError(f"{k} hits of {n} draws: hits must lie between 0 and the number of draws")


def _cut(
    low: float, best: float, high: float, k: int, n: int, level: float, population: int | None, method: str
) -> Estimate:
    """Cut the limits to the shares that are still possible after n draws, k of them hits."""
    if population is not None:
        low, high = max(low, k / population), min(high, 1.0 - (n - k) / population)
    return Estimate(min(low, best), best, max(high, best), level, method, n)


def _fewest_hits(k: int, n: int, population: int, tail: float) -> int:
    """Return the smallest number of hits in the population under which k or more in n draws is likelier than `tail`."""
    below, above = k - 1, population - n + k  # P(K >= k) is 0 with k - 1 hits, and 1 once fewer than n - k + 1 misses
    while above - below > 1:
        middle = (below + above) // 2
        if _upper_tail(k, n, middle, population) > tail:
            above = middle
        else:
            below = middle
    return above


def _upper_tail(k: int, n: int, hits: int, population: int) -> float:
    """Return P(K >= k) for K hits in n draws, summed over the shorter side of k."""
    if k - 1 <= n - k:
        return 1.0 - _lower_tail(k - 1, n, hits, population)
    return _lower_tail(n - k, n, population - hits, population)


def _lower_tail(k: int, n: int, hits: int, population: int) -> float:
    """Return P(K <= k) of the hypergeometric distribution."""
    misses = population - hits
    j = np.arange(max(0, n - misses), min(k, hits) + 1, dtype=np.float64)
    log_pmf = (
        special.gammaln(hits + 1.0)
        - special.gammaln(j + 1.0)
        - special.gammaln(hits - j + 1.0)
        + special.gammaln(misses + 1.0)
        - special.gammaln(n - j + 1.0)
        - special.gammaln(misses - n + j + 1.0)
        - special.gammaln(population + 1.0)
        + special.gammaln(n + 1.0)
        + special.gammaln(population - n + 1.0)
    )
    return min(1.0, float(np.exp(log_pmf).sum()))
