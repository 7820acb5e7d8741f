from collections import Counter

import pytest
from scipy import stats

from accel_sim.campaign import Stratum, make_plan
from accel_sim.errors import AccelSimError, InputError, UsageError

from .toy import STRATA

TOTAL = sum(s.population for s in STRATA)


def test_cells_of_each_design() -> None:
    assert [c.population for c in make_plan(STRATA, "uniform", faults=5).cells] == [TOTAL]
    assert [c.population for c in make_plan(STRATA, "set", faults=5).cells] == [960, 12, 320]
    assert [c.population for c in make_plan(STRATA, "set-bit", faults=5).cells] == [s.population for s in STRATA]


def test_sample_sizes() -> None:
    assert make_plan(STRATA, "uniform").n == TOTAL  # 1550 are more than there are
    assert make_plan(STRATA, "uniform", faults=100).faults_per_cell == (100,)
    assert make_plan(STRATA, "set", faults=100).faults_per_cell == (100, 12, 100)
    # Leveugle for N = 960, 12, 320 at e = 0.05 and 95 %: 274.6, 11.7, 174.8
    assert make_plan(STRATA, "set", margin=0.05).faults_per_cell == (275, 12, 175)
    assert make_plan([Stratum("w", 0, 10**9)], "set").n == 1550


@pytest.mark.parametrize("design", ["uniform", "set", "set-bit"])
def test_a_complete_plan_draws_every_fault_once(design: str) -> None:
    plan = make_plan(STRATA, design, seed=3, faults=10**6)
    drawn = [plan.fault_at(i) for i in range(plan.n)]
    assert len({(d.stratum, d.k) for d in drawn}) == plan.n == TOTAL
    for d in drawn:
        assert 0 <= d.k < STRATA[d.stratum].population
        cell = plan.cells[d.cell]
        assert cell.first <= d.stratum < cell.last
    assert [d.cell for d in drawn] == sorted(d.cell for d in drawn)


@pytest.mark.parametrize("design", ["uniform", "set", "set-bit"])
def test_a_larger_plan_starts_with_the_smaller_one(design: str) -> None:
    small, large = make_plan(STRATA, design, 3, faults=4), make_plan(STRATA, design, 3, faults=30)
    for cell, n in enumerate(small.faults_per_cell):
        assert [small.draw(cell, j) for j in range(n)] == [large.draw(cell, j) for j in range(n)]


def test_the_seed_changes_the_sample() -> None:
    plans = [make_plan(STRATA, "uniform", seed, faults=20) for seed in (1, 1, 2)]
    first, again, other = ([p.fault_at(i) for i in range(20)] for p in plans)
    assert first == again != other


def test_bits_of_the_space_are_equally_likely_whatever_the_tensor_size() -> None:
    strata = [Stratum("small", 0, 10), Stratum("empty", 0, 0), Stratum("large", 0, 9990)]
    counts = Counter(make_plan(strata, seed=s, faults=1).fault_at(0).stratum for s in range(20_000))
    assert counts[1] == 0
    assert stats.binomtest(counts[0], 20_000, 0.001).pvalue > 1e-6


def test_global_indices_outside_the_plan() -> None:
    plan = make_plan(STRATA, faults=5)
    for i in (-1, 5):
        with pytest.raises(IndexError) as caught:
            plan.fault_at(i)
        assert str(caught.value) == f"fault {i} is outside the plan of 5 faults"


@pytest.mark.parametrize(
    ("keywords", "error", "sentence"),
    [
        ({"faults": 0}, UsageError, "--faults is 0: it must be 1 or more"),
        ({"margin": 1.0}, UsageError, "--margin is 1.0: it must lie between 0 and 1, for instance 0.025"),
        (
            {"margin": 0.1, "confidence": 95},
            UsageError,
            "--confidence is 95: it must lie between 0 and 1, for instance 0.95",
        ),
        (
            {"margin": 0.1, "faults": 9},
            UsageError,
            "--faults 9 and --margin 0.1 both set the sample size: give one of them",
        ),
        ({"design": "layer"}, UsageError, "design is 'layer': it must be one of uniform, set, set-bit"),
        ({"seed": -1}, UsageError, "--seed is -1: it must be 0 or more"),
        (
            {"strata": [Stratum("w", 0, 0)]},
            InputError,
            "the fault space is empty: the model has no bit of this kind that could be flipped",
        ),
        (
            {"strata": [Stratum("w", b, 2**61) for b in range(3)]},
            InputError,
            "the fault space has 6917529027641081856 faults: the limit is 2**62",
        ),
    ],
)
def test_impossible_plans(keywords, error: type[AccelSimError], sentence: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(error) as caught:
        make_plan(**{"strata": STRATA, **keywords})
    assert str(caught.value) == sentence
