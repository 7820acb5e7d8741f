"""From the rows of a results file to the campaign's JSON.

The result is a function of the campaign and its verdicts only: equal rows give equal bytes, whoever made them, in
whatever order.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from accel_sim.campaign.collect import OUTCOMES
from accel_sim.campaign.plan import Plan
from accel_sim.campaign.store import Store
from accel_sim.errors import ResultsError
from accel_sim.stats import Estimate, bounded_mean, clopper_pearson, stratified_mean, stratified_share


@dataclass
class _Sample:
    """Outcomes and changed fractions of some draws of one population, in the order of drawing."""

    population: int
    outcomes: list[str] = field(default_factory=list)
    changed: list[float] = field(default_factory=list)

    def add(self, outcome: str, changed: float) -> None:
        self.outcomes.append(outcome)
        self.changed.append(changed)

    @property
    def critical(self) -> int:
        return self.outcomes.count("critical")


@dataclass(frozen=True)
class _Samples:
    """The same draws, grouped by cell, by stratum and by tensor."""

    cells: list[_Sample]
    strata: list[_Sample]
    tensors: dict[str, _Sample]


def summarise(store: Store, plan: Plan | None = None, confidence: float | None = None) -> dict[str, Any]:
    """Return the campaign's JSON object.

    Parameters
    ----------
    store : Store
        An open results file.
    plan : Plan, optional
        Sum up these faults; by default all that were ever asked for. A smaller plan than the file's gives what a
        fresh campaign of that size would give.
    confidence : float, optional
        Level of all intervals; by default the one of the latest campaign command.

    Returns
    -------
    dict
        `faults`, `outcomes`, `critical_rate`, `changed_fraction` for the whole space (strata weighted by population);
        `strata`, one entry per tensor and bit, and `sets`, one per tensor, each with its own counts and
        estimates (`best` is null where nothing was drawn); and what identifies the campaign: `space`,
        `seed`, `design`, `criterion`, `confidence`, `population`, `strong_id`.

    Raises
    ------
    ResultsError
        When faults of the plan are missing in the file.
    """
    plan = plan or store.plan
    level = store.confidence if confidence is None else confidence
    samples = _samples(store, plan)
    whole = _entry(samples.cells, level)
    return {
        "space": store.identity["space"],
        "seed": plan.seed,
        "design": plan.design,
        "criterion": store.identity["criterion"],
        "confidence": level,
        "strong_id": store.strong_id,
        **whole,
        "strata": [
            {"name": s.name, "bit": s.bit, **_entry([sample], level)}
            for s, sample in zip(plan.strata, samples.strata, strict=True)
        ],
        "sets": _sets(plan, samples, level),
    }


def _samples(store: Store, plan: Plan) -> _Samples:
    """Return the planned rows of the file as samples of the cells, the strata and the tensors, in drawing order.

    A part of a uniform sample, once its size is known, is a uniform sample of that part of the population, in the order
    it was drawn.
    """
    cells = [_Sample(cell.population) for cell in plan.cells]
    strata = [_Sample(stratum.population) for stratum in plan.strata]
    tensors: dict[str, _Sample] = {}
    for stratum in plan.strata:
        tensors.setdefault(stratum.name, _Sample(0)).population += stratum.population
    for row in store.results():
        if row.draw < plan.cells[row.cell].faults:
            for sample in (cells[row.cell], strata[row.stratum], tensors[plan.strata[row.stratum].name]):
                sample.add(row.outcome, row.changed_fraction)
    drawn = sum(len(cell.outcomes) for cell in cells)
    if drawn < plan.n:
        raise ResultsError(
            f"results file {store.path} holds {drawn} of the {plan.n} faults of its campaign; "
            "repeat the campaign command to run the rest"
        )
    return _Samples(cells, strata, tensors)


def _sets(plan: Plan, samples: _Samples, level: float) -> list[dict[str, Any]]:
    """Return one entry per tensor."""
    entries = []
    for name, sample in samples.tensors.items():
        parts = [sample]
        if plan.design == "set-bit":  # every bit has its own sample, so its own weight in the tensor
            parts = [
                part for part, s in zip(samples.strata, plan.strata, strict=True) if s.name == name and s.population
            ]
        entries.append({"name": name, **_entry(parts or [sample], level)})
    return entries


def _entry(samples: Sequence[_Sample], level: float) -> dict[str, Any]:
    """Return population, faults, outcomes and estimates of the union of some samples."""
    outcomes = [outcome for sample in samples for outcome in sample.outcomes]
    return {
        "population": sum(sample.population for sample in samples),
        "faults": len(outcomes),
        "outcomes": _counts(outcomes),
        **_estimates(samples, level),
    }


def _counts(outcomes: Sequence[str]) -> dict[str, int]:
    counted = Counter(outcomes)
    return {outcome: counted[outcome] for outcome in OUTCOMES}


def _estimates(samples: Sequence[_Sample], level: float) -> dict[str, Any]:
    """Return both estimates: of the one sample, or of several weighted by population."""
    rate: Estimate
    changed: Estimate
    if len(samples) == 1:
        (one,) = samples
        rate = clopper_pearson(one.critical, len(one.outcomes), level, one.population)
        changed = bounded_mean(one.changed, (0.0, 1.0), level, one.population)
    else:
        populations = [sample.population for sample in samples]
        draws = [len(sample.outcomes) for sample in samples]
        rate = stratified_share([sample.critical for sample in samples], draws, populations, level)
        changed = stratified_mean([sample.changed for sample in samples], populations, (0.0, 1.0), level)
    return {"critical_rate": rate.to_dict(), "changed_fraction": changed.to_dict()}
