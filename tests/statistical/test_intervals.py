"""Do the intervals hold their level? Exact sums where possible, simulation elsewhere.

Every simulated check rejects "the coverage is at least the level" only when so few intervals cover that a
procedure with exactly that coverage would do worse with a probability below FALSE_ALARM. The seeds are fixed, so a test
that passes keeps passing; the bound says how far the simulation can be trusted.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from accel_sim.stats import Estimate, bounded_mean, clopper_pearson, stratified_mean, stratified_share, wilson

FALSE_ALARM = 1e-6
F64 = npt.NDArray[np.float64]


def assert_covers(covered: int, runs: int, level: float) -> None:
    probability = float(stats.binom.cdf(covered, runs, level))
    assert probability > FALSE_ALARM, f"{covered} of {runs} intervals cover: too few for a level of {level}"


def contains(estimate: Estimate, truth: float) -> bool:
    return estimate.low - 1e-12 <= truth <= estimate.high + 1e-12


@pytest.mark.parametrize(("n", "population"), [(5, 12), (30, 60), (20, 200)])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_exact_interval_covers_every_finite_population(n: int, population: int, level: float) -> None:
    estimates = [clopper_pearson(k, n, level, population) for k in range(n + 1)]
    for hits in range(population + 1):
        pmf = stats.hypergeom.pmf(np.arange(n + 1), population, hits, n)
        coverage = sum(p for p, e in zip(pmf, estimates, strict=True) if contains(e, hits / population))
        assert coverage >= level - 1e-9


@pytest.mark.parametrize("population", [None, 200])
def test_wilson_holds_its_level_on_average_over_shares(population: int | None) -> None:
    n = 50
    estimates = [wilson(k, n, 0.95, population) for k in range(n + 1)]
    k = np.arange(n + 1)
    coverages = []
    for truth in np.arange(1, 200) / 200:
        hits = round(200 * truth)
        pmf = stats.binom.pmf(k, n, truth) if population is None else stats.hypergeom.pmf(k, 200, hits, n)
        coverages.append(sum(p for p, e in zip(pmf, estimates, strict=True) if contains(e, truth)))
    assert 0.945 < np.mean(coverages) < 0.97
    assert min(coverages) > 0.80  # the known dip at small shares, see the docstring


@pytest.mark.parametrize("rate", [0.0, 0.001, 0.01, 0.3])
def test_binomial_limits_cover_samples_from_a_huge_population(rate: float) -> None:
    rng = np.random.default_rng(11)
    n, runs, population = 400, 20_000, 10**8
    counts = np.bincount(rng.hypergeometric(round(rate * population), round((1 - rate) * population), n, runs))
    covered = sum(int(c) for k, c in enumerate(counts) if contains(clopper_pearson(k, n, 0.95, population), rate))
    assert_covers(covered, runs, 0.95)


# Populations with little that a sample can see: rare ones, heavy tails, tiny values with rare large ones.
NASTY: dict[str, Callable[[np.random.Generator, int], F64]] = {
    "one percent of ones": lambda rng, n: (rng.random(n) < 0.01).astype(float),
    "one per mille of ones": lambda rng, n: (rng.random(n) < 0.001).astype(float),
    "tiny values and rare ones": lambda rng, n: np.where(rng.random(n) < 0.003, 1.0, 0.001 * rng.random(n)),
    "zeros and a heavy tail": lambda rng, n: np.where(rng.random(n) < 0.1, rng.beta(0.2, 2.0, n), 0.0),
    "one percent of zeros": lambda rng, n: (rng.random(n) > 0.01).astype(float),
    "coin": lambda rng, n: (rng.random(n) < 0.5).astype(float),
    "uniform": lambda rng, n: rng.random(n),
}


@pytest.mark.parametrize("name", NASTY)
@pytest.mark.parametrize(("n", "population_size"), [(40, 20_000), (300, 20_000), (300, 400)])
def test_betting_interval_covers(name: str, n: int, population_size: int) -> None:
    rng = np.random.default_rng(12)
    population = NASTY[name](rng, population_size)
    truth, runs = float(population.mean()), 250
    covered = 0
    for _ in range(runs):
        sample = rng.choice(population, n, replace=False)
        covered += contains(bounded_mean(sample, level=0.9, population=population_size), truth)
    assert_covers(covered, runs, 0.9)


def stratified_cases() -> list[tuple[list[int], list[int], list[int]]]:
    """(populations, hits in the population, draws): unequal sizes, empty and full strata, small samples."""
    rng = np.random.default_rng(13)
    cases = [
        ([10**6] * 60, [10] * 60, [100] * 60),  # on average 0.06 hits in all: nearly always none
        ([10**6] * 60, [1000] * 60, [100] * 60),  # about six hits, at most one per stratum
        ([990_000, 10_000], [500, 5000], [1550, 1550]),  # the heavy stratum seldom shows a hit
        ([990_000, 10_000], [9900, 0], [20, 1550]),
        ([10**6, 8, 8, 8], [2000, 8, 0, 4], [1550, 8, 8, 8]),
        ([1000] * 8, [995] * 8, [30] * 8),
    ]
    for _ in range(14):
        size = int(rng.choice([2, 5, 20]))
        populations = (10 ** rng.uniform(0.5, 6, size)).astype(int)
        rates = np.clip(10 ** rng.uniform(-4, -0.3) * rng.gamma(rng.choice([0.3, 3.0]), 1.0, size), 0, 1)
        draws = np.minimum(populations, int(rng.choice([4, 30, 400])))
        cases.append((populations.tolist(), np.round(populations * rates).astype(int).tolist(), draws.tolist()))
    return cases


@pytest.mark.parametrize("case", range(20))
def test_stratified_share_covers(case: int) -> None:
    populations, hits, draws = stratified_cases()[case]
    rng = np.random.default_rng(100 + case)
    truth, runs = sum(hits) / sum(populations), 1500
    columns = [rng.hypergeometric(h, p - h, n, runs) for p, h, n in zip(populations, hits, draws, strict=True)]
    covered = 0
    for sample in np.stack(columns, axis=1).tolist():
        covered += contains(stratified_share(sample, draws, populations, 0.95), truth)
    assert_covers(covered, runs, 0.95)


@pytest.mark.parametrize("n", [10, 100])
@pytest.mark.parametrize("first", list(NASTY)[:5])
def test_stratified_mean_covers(first: str, n: int) -> None:
    rng = np.random.default_rng(14)
    strata = [NASTY[first](rng, 30_000)] + [f(rng, size) for f, size in zip(NASTY.values(), [3000] * 7, strict=True)]
    populations = [len(s) for s in strata]
    truth, runs = float(np.concatenate(strata).mean()), 800
    covered = 0
    for _ in range(runs):
        samples = [s[rng.choice(len(s), n, replace=False)] for s in strata]
        covered += contains(stratified_mean(samples, populations, level=0.9), truth)
    assert_covers(covered, runs, 0.9)
