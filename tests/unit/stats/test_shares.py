import math
from fractions import Fraction

import pytest

from accel_sim.stats import Estimate, clopper_pearson, wilson


# Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17 (1998), table I.
@pytest.mark.parametrize(
    ("k", "n", "score", "exact"),
    [
        (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
        (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
        (0, 20, (0.0, 0.1611), (0.0, 0.1684)),
        (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
    ],
)
def test_published_limits(k: int, n: int, score: tuple[float, float], exact: tuple[float, float]) -> None:
    for estimate, (low, high) in ((wilson(k, n), score), (clopper_pearson(k, n), exact)):
        assert (round(estimate.low, 4), round(estimate.high, 4)) == (low, high)


@pytest.mark.parametrize("n", [1, 10, 1537])
@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_no_hit_has_a_closed_form(n: int, level: float) -> None:
    estimate = clopper_pearson(0, n, level)
    assert estimate.low == 0.0
    assert estimate.high == pytest.approx(1.0 - ((1.0 - level) / 2.0) ** (1.0 / n), rel=1e-12)


def test_wilson_without_a_hit_in_the_papers_sample() -> None:
    z2 = 1.959963984540054**2
    assert wilson(0, 1537).high == pytest.approx(z2 / (1537 + z2), rel=1e-12)


@pytest.mark.parametrize("interval", [wilson, clopper_pearson])
@pytest.mark.parametrize("population", [None, 40, 10**12])
def test_hits_and_misses_are_symmetric(interval, population: int | None) -> None:  # type: ignore[no-untyped-def]
    for k in range(21):
        one, other = interval(k, 20, 0.95, population), interval(20 - k, 20, 0.95, population)
        assert one.low == pytest.approx(1.0 - other.high, abs=1e-12)
        assert one.low <= one.best == k / 20 <= one.high


@pytest.mark.parametrize("interval", [wilson, clopper_pearson])
def test_a_census_is_a_point(interval) -> None:  # type: ignore[no-untyped-def]
    estimate = interval(3, 8, 0.95, 8)
    assert (estimate.low, estimate.best, estimate.high) == (3 / 8, 3 / 8, 3 / 8)


@pytest.mark.parametrize("interval", [wilson, clopper_pearson])
def test_nothing_drawn_leaves_everything_possible(interval) -> None:  # type: ignore[no-untyped-def]
    estimate = interval(0, 0, 0.95, 8)
    assert (estimate.low, estimate.high, estimate.n) == (0.0, 1.0, 0)
    assert math.isnan(estimate.best)
    assert estimate.to_dict()["best"] is None


def exact_tail(k: int, n: int, hits: int, population: int) -> Fraction:
    """P(K >= k) with whole numbers only."""
    ways = sum(math.comb(hits, j) * math.comb(population - hits, n - j) for j in range(k, n + 1))
    return Fraction(ways, math.comb(population, n))


@pytest.mark.parametrize(("n", "population"), [(1, 2), (3, 7), (10, 12), (9, 30), (20, 60)])
def test_finite_limits_are_all_populations_that_neither_tail_excludes(n: int, population: int) -> None:
    for level in (0.9, 0.99):
        tail = (1 - Fraction(str(level))) / 2
        for k in range(n + 1):
            possible = [
                hits
                for hits in range(k, population - n + k + 1)
                if exact_tail(k, n, hits, population) > tail and 1 - exact_tail(k + 1, n, hits, population) > tail
            ]
            estimate = clopper_pearson(k, n, level, population)
            assert round(estimate.low * population) == possible[0]
            assert round(estimate.high * population) == possible[-1]


def test_finite_limits_meet_the_binomial_ones_where_these_take_over() -> None:
    for k in (0, 1, 40, 1550):
        finite, binomial = clopper_pearson(k, 1550, 0.95, 1_550_000), clopper_pearson(k, 1550, 0.95, 1_550_001)
        assert binomial.low <= finite.low + 1e-6
        assert finite.high <= binomial.high + 1e-6
        assert finite.high - finite.low == pytest.approx(binomial.high - binomial.low, rel=2e-3)


def test_wilson_uses_the_finite_population_correction() -> None:
    # Solved by hand from (p_hat - p)^2 = z^2 p (1 - p) / n * (N - n) / (N - 1), for N = 101, n = 50, k = 20.
    estimate = wilson(20, 50, 0.95, 101)
    z2 = 1.959963984540054**2
    for p in (estimate.low, estimate.high):
        assert (0.4 - p) ** 2 == pytest.approx(z2 * p * (1 - p) / 50 * (101 - 50) / (101 - 1), rel=1e-9)


def test_the_json_form() -> None:
    assert Estimate(0.1, 0.2, 0.3, 0.95, "wilson", 7).to_dict() == {
        "low": 0.1,
        "best": 0.2,
        "high": 0.3,
        "level": 0.95,
        "method": "wilson",
        "n": 7,
    }


@pytest.mark.parametrize("interval", [wilson, clopper_pearson])
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((5, 4), "5 hits of 4 draws: hits must lie between 0 and the number of draws"),
        ((-1, 4), "-1 hits of 4 draws: hits must lie between 0 and the number of draws"),
        ((1, 4, 0.95, 3), "sample size is 4: it cannot exceed the population of 3"),
        ((0, -1), "sample size is -1: it cannot be negative"),
        ((1, 4, 0.0), "confidence level is 0.0: it must lie between 0 and 1, both excluded"),
    ],
)
def test_impossible_arguments(interval, arguments, sentence: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError) as caught:
        interval(*arguments)
    assert str(caught.value) == sentence
