import numpy as np
import pytest
from scipy import stats

from accel_sim.stats import bounded_mean, clopper_pearson, stratified_mean, stratified_share


def test_one_stratum_is_the_exact_interval() -> None:
    assert stratified_share([3], [50], [400], 0.9) == clopper_pearson(3, 50, 0.9, 400)
    assert stratified_share([0, 3], [0, 50], [0, 400], 0.9) == clopper_pearson(3, 50, 0.9, 400)
    values = [0.0, 0.5, 0.25]
    assert stratified_mean([values], [400]) == bounded_mean(values, population=400)


def test_a_second_stratum_without_weight_changes_almost_nothing() -> None:
    # The method itself, not the short cut for one stratum. It takes the worse of two places for the imagined
    # observation, so it may be a little wider than Clopper-Pearson, never narrower.
    estimate = stratified_share([3, 0], [50, 1], [10**15, 1])
    exact = clopper_pearson(3, 50)
    assert estimate.method == "stratified-beta"
    assert 0.95 * exact.low < estimate.low <= exact.low * (1 + 1e-9)
    assert exact.high * (1 - 1e-9) <= estimate.high < 1.05 * exact.high


def test_rare_hits_meet_the_gamma_interval() -> None:
    # Fay and Feuer 1997 for weighted Poisson counts: weights 0.9 and 0.1, 100 000 draws each, 3 and 40 hits.
    n, hits, weights = 100_000, np.array([3, 40]), np.array([0.9, 0.1]) / 100_000
    rate, variance, largest = float(weights @ hits), float(weights**2 @ hits), float(weights.max())
    low = variance / (2 * rate) * stats.chi2.ppf(0.025, 2 * rate**2 / variance)
    shifted, spread = rate + largest, variance + largest**2
    high = spread / (2 * shifted) * stats.chi2.ppf(0.975, 2 * shifted**2 / spread)
    estimate = stratified_share([3, 40], [n, n], [9 * 10**14, 10**14])
    assert estimate.best == pytest.approx(rate, rel=1e-12)
    assert estimate.low == pytest.approx(low, rel=1e-3)
    assert estimate.high == pytest.approx(high, rel=1e-3)


def test_strata_are_weighted_by_population_not_by_draws() -> None:
    estimate = stratified_share([10, 0], [10, 500], [100, 900])
    assert estimate.best == pytest.approx(0.1)
    assert estimate.n == 510


def test_zeros_and_ones_are_a_share() -> None:
    values = [[1.0, 0.0, 0.0, 0.0], [0.0] * 6, [1.0, 1.0, 0.0]]
    mean = stratified_mean(values, [40, 600, 3])
    share = stratified_share([1, 0, 2], [4, 6, 3], [40, 600, 3])
    assert mean == share


def test_no_hit_anywhere_keeps_the_rate_that_the_worst_stratum_may_hide() -> None:
    # 1550 draws from 99 % of the population: the union can hide what this stratum alone can.
    estimate = stratified_share([0, 0], [1550, 1550], [99 * 10**9, 10**9])
    assert estimate.low == estimate.best == 0.0
    assert estimate.high >= 0.99 * clopper_pearson(0, 1550).high * 0.999


def test_complete_strata_are_known() -> None:
    estimate = stratified_share([1, 3], [4, 6], [4, 6])
    assert estimate.low == estimate.best == estimate.high == 0.4


def test_hits_and_misses_are_symmetric() -> None:
    draws, populations = [5, 20, 8], [50, 21, 10**6]
    one = stratified_share([1, 4, 0], draws, populations)
    other = stratified_share([4, 16, 8], draws, populations)
    assert one.low == pytest.approx(1.0 - other.high, abs=1e-9)
    assert one.high == pytest.approx(1.0 - other.low, abs=1e-9)


@pytest.mark.parametrize("hits", [0, 1])
def test_single_draws_say_almost_nothing(hits: int) -> None:
    estimate = stratified_share([hits, hits], [1, 1], [10**6, 10**6])
    assert estimate.high - estimate.low > 0.8


def test_other_bounds_only_change_the_scale() -> None:
    rng = np.random.default_rng(1)
    values = [rng.random(30), rng.random(50)]
    unit = stratified_mean(values, [100, 300])
    scaled = stratified_mean([2.0 + 4.0 * v for v in values], [100, 300], bounds=(2.0, 6.0))
    assert scaled.low == pytest.approx(2.0 + 4.0 * unit.low)
    assert scaled.high == pytest.approx(2.0 + 4.0 * unit.high)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (([1], [2], [3, 4]), "1 samples for 2 strata"),
        (([0, 0], [2, 0], [3, 4]), "stratum 1 with a population of 4 has no draw"),
        (([3, 0], [2, 1], [3, 4]), "stratum 0 has 3 hits in 2 draws"),
        (([0], [0], [0]), "no stratum has a population: there is nothing to estimate"),
        (([0], [5], [4]), "sample size is 5: it cannot exceed the population of 4"),
    ],
)
def test_impossible_arguments(arguments, sentence: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError) as caught:
        stratified_share(*arguments)
    assert str(caught.value) == sentence
