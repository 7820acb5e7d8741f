"""Campaigns on a network so small that every fault can be injected: estimates against the truth.

The truth comes from onnxruntime: every bit of every weight and bias flipped in its graph, the segmentations compared
here. Samples of many seeds then look their verdicts up. A check of coverage fails only if a procedure with exactly the
nominal level would do worse with a probability below FALSE_ALARM; the seeds are fixed, so a test that passes keeps
passing.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

import accel_sim
from accel_sim.campaign import make_plan
from accel_sim.campaign.plan import Plan
from accel_sim.faults import ParameterSpace
from accel_sim.session import Model
from accel_sim.stats import Estimate, bounded_mean, clopper_pearson, stratified_mean, stratified_share
from tests.conformance.fault_oracle import FaultOracle
from tests.conformance.qdq_network import QdqNetwork

FALSE_ALARM = 1e-6
SEEDS = 250
# Draws per cell: about a fifth of all faults in every design; cells of fewer faults are injected completely.
DRAWS = {"uniform": 150, "set": 40, "set-bit": 8}
F64 = NDArray[np.float64]


@dataclass(frozen=True)
class Truth:
    """Outcome and share of changed pixels of every fault of the network, by stratum and number."""

    model: Model
    space: ParameterSpace
    inputs: Mapping[str, NDArray[Any]]
    outcomes: tuple[tuple[str, ...], ...]
    changed: tuple[tuple[float, ...], ...]

    @property
    def rate(self) -> float:
        return float(np.mean([o == "critical" for row in self.outcomes for o in row]))

    @property
    def mean(self) -> float:
        return float(np.mean([c for row in self.changed for c in row]))


def tiny_network() -> QdqNetwork:
    """Two convolutions: 69 weights and 7 biases, 4 classes on 4 x 4 pixels."""
    net = QdqNetwork(3, "int8", "int8")
    hidden = net.conv(net.input([1, 1, 4, 4]), 3, pads=[1, 1, 1, 1])
    net.outputs = (net.conv(hidden, 4, (1, 1)),)
    return net


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    net = tiny_network()
    path: Path = tmp_path_factory.mktemp("tiny") / "tiny.onnx"
    path.write_bytes(net.model().SerializeToString())
    images = [net.feeds(seed) for seed in range(3)]
    inputs = {name: np.concatenate([image[name] for image in images]) for name in images[0]}
    model = accel_sim.load(path)
    space, oracle = ParameterSpace(model.graph), FaultOracle(path.read_bytes())
    (output,) = model.graph.outputs
    golden = [oracle.golden(image) for image in images]
    right = [np.argmax(g[output], axis=1) for g in golden]
    outcomes, changed = [], []
    for index, stratum in enumerate(space.strata):
        rows: list[tuple[str, float]] = []
        for k in range(stratum.population):
            fault = space.fault(index, k)
            faulty = [oracle.run(fault, image, g)[output] for image, g in zip(images, golden, strict=True)]
            differs = any(f.tobytes() != g[output].tobytes() for f, g in zip(faulty, golden, strict=True))
            share = float(np.mean([np.argmax(f, axis=1) != r for f, r in zip(faulty, right, strict=True)]))
            rows.append(("critical" if share else "tolerable" if differs else "masked", share))
        outcomes.append(tuple(row[0] for row in rows))
        changed.append(tuple(row[1] for row in rows))
    return Truth(model, space, inputs, tuple(outcomes), tuple(changed))


@dataclass(frozen=True)
class Sample:
    """The draws of one seed: where they landed, by cell in drawing order whether critical and what share changed."""

    plan: Plan
    places: list[tuple[int, int, int]]
    critical: list[list[bool]]
    changed: list[list[float]]

    def rate(self, level: float) -> Estimate:
        populations = [cell.population for cell in self.plan.cells]
        hits, draws = [sum(c) for c in self.critical], [len(c) for c in self.critical]
        if len(populations) == 1:
            return clopper_pearson(hits[0], draws[0], level, populations[0])
        return stratified_share(hits, draws, populations, level)

    def mean(self, level: float) -> Estimate:
        populations = [cell.population for cell in self.plan.cells]
        if len(populations) == 1:
            return bounded_mean(self.changed[0], level=level, population=populations[0])
        return stratified_mean(self.changed, populations, level=level)


def sample(truth: Truth, design: str, seed: int) -> Sample:
    plan = make_plan(truth.space.strata, design, seed, faults=DRAWS[design])
    places: list[tuple[int, int, int]] = [tuple(plan.fault_at(i)) for i in range(plan.n)]  # type: ignore[misc]
    critical: list[list[bool]] = [[] for _ in plan.cells]
    changed: list[list[float]] = [[] for _ in plan.cells]
    for cell, stratum, k in places:
        critical[cell].append(truth.outcomes[stratum][k] == "critical")
        changed[cell].append(truth.changed[stratum][k])
    return Sample(plan, places, critical, changed)


@pytest.fixture(scope="module")
def sampled(truth: Truth) -> dict[str, list[Sample]]:
    """One sample per design and seed."""
    return {design: [sample(truth, design, seed) for seed in range(SEEDS)] for design in DRAWS}


def test_truth_is_worth_estimating(truth: Truth) -> None:
    every = [o for row in truth.outcomes for o in row]
    assert len(every) == 27 * 8 + 3 * 32 + 12 * 8 + 4 * 32
    assert set(every) == {"masked", "tolerable", "critical"}
    assert 0.05 < truth.rate < 0.95
    assert 0 < truth.mean < truth.rate


def test_every_verdict_of_an_exhaustive_injection_is_the_true_one(truth: Truth) -> None:
    faults = [truth.space.fault(i, k) for i, s in enumerate(truth.space.strata) for k in range(s.population)]
    results = truth.model.inject(truth.inputs, faults, criterion="segmentation")
    assert [r.outcome for r in results] == [o for row in truth.outcomes for o in row]
    assert [r.changed_fraction for r in results] == pytest.approx([c for row in truth.changed for c in row])


@pytest.mark.parametrize("design", DRAWS)
def test_exhaustive_campaign_gives_the_truth_as_a_point(truth: Truth, design: str, tmp_path: Path) -> None:
    population = sum(s.population for s in truth.space.strata)
    plan = make_plan(truth.space.strata, design, 9, faults=population)
    drawn = [plan.fault_at(i)[1:] for i in range(plan.n)]
    assert len(drawn) == len(set(drawn)) == population
    found = truth.model.campaign(
        truth.inputs, results=tmp_path / "all.db", faults=population, strata=design, criterion="segmentation", seed=9
    )
    assert found["faults"] == found["population"] == population
    for key, expected in (("critical_rate", truth.rate), ("changed_fraction", truth.mean)):
        interval = found[key]
        assert interval["low"] == interval["high"] == interval["best"]
        assert interval["best"] == pytest.approx(expected, rel=1e-12)
    flat = [o for row in truth.outcomes for o in row]
    assert found["outcomes"] == {o: flat.count(o) for o in ("masked", "tolerable", "critical", "due")}


@pytest.mark.parametrize("design", DRAWS)
def test_sampled_campaign_reports_these_estimates(truth: Truth, design: str, tmp_path: Path) -> None:
    """The estimates that the following tests judge are the ones that a campaign prints."""
    found = truth.model.campaign(
        truth.inputs, results=tmp_path / "some.db", faults=DRAWS[design], strata=design, criterion="segmentation",
        seed=4, confidence=0.9,
    )  # fmt: skip
    drawn = sample(truth, design, 4)
    rate, changed = drawn.rate(0.9), drawn.mean(0.9)
    assert found["faults"] == drawn.plan.n < found["population"]
    for key, expected in (("critical_rate", rate), ("changed_fraction", changed)):
        assert found[key] == pytest.approx(expected.to_dict())
        assert found[key]["low"] < found[key]["best"] < found[key]["high"]


@pytest.mark.parametrize("level", [0.8, 0.95])
@pytest.mark.parametrize("design", DRAWS)
def test_intervals_cover_the_truth_at_their_level(
    truth: Truth, sampled: dict[str, list[Sample]], design: str, level: float
) -> None:
    rates = [drawn.rate(level) for drawn in sampled[design]]
    means = [drawn.mean(level) for drawn in sampled[design]]
    for found, value, what in ((rates, truth.rate, "critical rate"), (means, truth.mean, "changed fraction")):
        covered = sum(e.low - 1e-12 <= value <= e.high + 1e-12 for e in found)
        probability = float(stats.binom.cdf(covered, SEEDS, level))
        assert probability > FALSE_ALARM, f"{what}: {covered} of {SEEDS} intervals cover, too few for {level}"
    # An interval as wide as the scale covers as well: these are within a small factor of the normal width.
    assert np.mean([e.high - e.low for e in rates]) < 2.0 * _normal_width(truth, design, level)


def _normal_width(truth: Truth, design: str, level: float) -> float:
    """Width of the normal approximation for the critical rate, with the true spread of every cell."""
    return 2 * float(stats.norm.ppf((1 + level) / 2)) * float(np.sqrt(_variance(truth, design)))


def _variance(truth: Truth, design: str) -> float:
    """Exact variance of the estimated critical rate: stratified sampling without replacement (Cochran, chapter 5)."""
    plan = make_plan(truth.space.strata, design, 0, faults=DRAWS[design])
    total, everything = 0.0, sum(cell.population for cell in plan.cells)
    for cell in plan.cells:
        values = np.array([o == "critical" for row in truth.outcomes[cell.first : cell.last] for o in row], float)
        size = values.size
        assert size == cell.population
        if cell.faults < size:
            spread = float(values.var(ddof=1))
            total += (size / everything) ** 2 * spread / cell.faults * (1 - cell.faults / size)
    return total


@pytest.mark.parametrize("design", DRAWS)
def test_estimate_is_unbiased(truth: Truth, sampled: dict[str, list[Sample]], design: str) -> None:
    """The mean over the seeds, and its spread, are those of sampling without replacement weighted by population."""
    found = np.array([drawn.rate(0.9).best for drawn in sampled[design]])
    variance = _variance(truth, design)
    z = (found.mean() - truth.rate) / np.sqrt(variance / SEEDS)
    assert abs(z) < stats.norm.isf(FALSE_ALARM / 2)
    ratio = float(((found - truth.rate) ** 2).sum() / variance)
    assert FALSE_ALARM < stats.chi2.cdf(ratio, SEEDS) < 1 - FALSE_ALARM


@pytest.mark.parametrize("design", DRAWS)
def test_every_fault_is_as_likely_as_its_neighbours(sampled: dict[str, list[Sample]], design: str) -> None:
    """How often each fault of a cell is drawn over the seeds: a chi-square test for draws without replacement."""
    counts = Counter(place for drawn in sampled[design] for place in drawn.places)
    statistic, freedom = 0.0, 0
    for number, cell in enumerate(sampled[design][0].plan.cells):
        share = cell.faults / cell.population
        drawn = [n for (c, _, _), n in counts.items() if c == number]
        drawn += [0] * (cell.population - len(drawn))
        if share == 1:
            assert set(drawn) == {SEEDS}
            continue
        expected, variance = SEEDS * share, SEEDS * share * (1 - share)
        # Without replacement the counts of a cell are correlated by -1 / (population - 1).
        statistic += sum((n - expected) ** 2 for n in drawn) / variance * (cell.population - 1) / cell.population
        freedom += cell.population - 1
    assert FALSE_ALARM < stats.chi2.cdf(statistic, freedom) < 1 - FALSE_ALARM
