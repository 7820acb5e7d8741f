import math

import numpy as np
import pytest

from accel_sim.stats import bounded_mean


def excluded(values: list[float], candidate: float, level: float, population: int | None) -> bool:
    """The definition in plain loops: does either gambler ever reach 2 / alpha against this mean?"""
    n, alpha = len(values), 1.0 - level
    capital_up = capital_down = 1.0
    total, spread_sum, spread = 0.0, 0.25, 0.25
    for i, x in enumerate(values):
        m = candidate if population is None else (population * candidate - total) / (population - i)
        bet = math.sqrt(2.0 * math.log(2.0 / alpha) / (n * spread))
        capital_up *= 1.0 + min(bet, 0.75 / m) * (x - m)
        capital_down *= 1.0 - min(bet, 0.75 / (1.0 - m)) * (x - m)
        if max(capital_up, capital_down) >= 2.0 / alpha:
            return True
        total += x
        spread_sum += (x - (0.5 + total) / (i + 2)) ** 2
        spread = spread_sum / (i + 2)
    return False


@pytest.mark.parametrize("population", [None, 90, 5000])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_limits_separate_what_the_plain_loops_exclude(population: int | None, level: float) -> None:
    rng = np.random.default_rng(5)
    values = [float(v) for v in np.where(rng.random(60) < 0.3, rng.random(60), 0.0)]
    estimate = bounded_mean(values, level=level, population=population)
    low, high = estimate.low, estimate.high
    for inside in (low + 1e-6, estimate.best, high - 1e-6):
        assert not excluded(values, inside, level, population)
    for outside in (low - 1e-6, high + 1e-6):
        assert excluded(values, outside, level, population)


def test_zeros_only_leave_room_for_a_rare_large_value() -> None:
    estimate = bounded_mean([0.0] * 1550)
    assert estimate.low == estimate.best == 0.0
    # No valid interval can be shorter than the exact one for a share, 1 - 0.025^(1/1550).
    assert 1.0 - 0.025 ** (1 / 1550) <= estimate.high < 0.0035


def test_a_census_is_a_point() -> None:
    estimate = bounded_mean([0.25, 1.0, 0.1], population=3)
    assert estimate.low == estimate.best == estimate.high == math.fsum([0.25, 1.0, 0.1]) / 3


def test_values_still_unseen_bound_the_limits() -> None:
    # 9 of 10 faults are known: the mean is at least 0.9 / 10 and at most 1.9 / 10.
    estimate = bounded_mean([0.1] * 9, population=10, level=0.999)
    assert estimate.low == pytest.approx(0.09)
    assert estimate.high == pytest.approx(0.19)


def test_other_bounds_only_change_the_scale() -> None:
    values = np.random.default_rng(2).random(200)
    unit, scaled = bounded_mean(values), bounded_mean(-3.0 + 5.0 * values, bounds=(-3.0, 2.0))
    for a, b in ((unit.low, scaled.low), (unit.best, scaled.best), (unit.high, scaled.high)):
        assert b == pytest.approx(-3.0 + 5.0 * a, abs=1e-9)


def test_close_to_the_normal_width_for_an_easy_sample() -> None:
    values = np.random.default_rng(3).random(1550)
    estimate = bounded_mean(values)
    normal = 2 * 1.96 * float(values.std()) / math.sqrt(1550)
    assert normal < estimate.high - estimate.low < 1.35 * normal


def test_a_large_sample() -> None:
    values = np.random.default_rng(4).random(100_000) ** 8
    estimate = bounded_mean(values, population=10**9)
    assert estimate.low < 1 / 9 < estimate.high
    assert estimate.high - estimate.low < 0.004


def test_nothing_drawn() -> None:
    estimate = bounded_mean([])
    assert (estimate.low, estimate.high, estimate.n) == (0.0, 1.0, 0)
    assert math.isnan(estimate.best)


@pytest.mark.parametrize(
    ("values", "keywords", "sentence"),
    [
        ([0.0, 1.5], {}, "value 1 is 1.5: it must lie between 0.0 and 1.0"),
        ([math.nan], {}, "value 0 is nan: it must lie between 0.0 and 1.0"),
        ([[0.0]], {}, "values have the shape (1, 1): one dimension is wanted"),
        ([0.0], {"bounds": (1.0, 1.0)}, "bounds are 1.0 and 1.0: the first must be the smaller"),
        ([0.0, 0.0], {"population": 1}, "sample size is 2: it cannot exceed the population of 1"),
        ([0.0], {"level": 1.5}, "confidence level is 1.5: it must lie between 0 and 1, both excluded"),
    ],
)
def test_impossible_arguments(values, keywords, sentence: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError) as caught:
        bounded_mean(values, **keywords)
    assert str(caught.value) == sentence
