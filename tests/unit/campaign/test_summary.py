import json
from pathlib import Path
from typing import Any

import pytest

from accel_sim.campaign import Store, collect, summarise
from accel_sim.errors import CampaignError, ResultsError
from accel_sim.stats import bounded_mean, clopper_pearson, stratified_mean, stratified_share

from .toy import STRATA, ToyEvaluator, ToyFault, ToySpace, run_toy, toy_plan, toy_task, verdict


def every_verdict() -> dict[tuple[str, int], list[Any]]:
    return {(s.name, s.bit): [verdict(ToyFault(s.name, s.bit, k)) for k in range(s.population)] for s in STRATA}


def summary_of(path: Path, design: str, faults: int) -> dict[str, Any]:
    run_toy(str(path), design, faults)
    with Store.read(path) as store:
        return summarise(store)


@pytest.mark.parametrize("design", ["uniform", "set", "set-bit"])
def test_a_census_gives_the_truth(tmp_path: Path, design: str) -> None:
    summary = summary_of(tmp_path / "r.sqlite", design, 10_000)
    truth = every_verdict()
    everything = [v for stratum in truth.values() for v in stratum]
    critical = sum(v.outcome == "critical" for v in everything) / len(everything)
    changed = sum(v.changed_fraction for v in everything) / len(everything)
    for limit in ("low", "best", "high"):
        assert summary["critical_rate"][limit] == pytest.approx(critical, rel=1e-12)
        assert summary["changed_fraction"][limit] == pytest.approx(changed, rel=1e-9)
    assert summary["faults"] == summary["population"] == len(everything)
    assert [(s["name"], s["bit"], s["population"]) for s in summary["strata"]] == [
        (s.name, s.bit, s.population) for s in STRATA
    ]
    for entry in summary["strata"]:
        inside = truth[entry["name"], entry["bit"]]
        assert entry["outcomes"]["masked"] == sum(v.outcome == "masked" for v in inside)
        assert entry["critical_rate"]["low"] == entry["critical_rate"]["high"]


def test_fields(tmp_path: Path) -> None:
    summary = summary_of(tmp_path / "r.sqlite", "uniform", 60)
    estimate = {"low", "best", "high", "level", "method", "n"}
    counts = {"population", "faults", "outcomes", "critical_rate", "changed_fraction"}
    identity = {"space", "seed", "design", "criterion", "confidence", "strong_id"}
    assert set(summary) == identity | counts | {"strata", "sets"}
    assert set(summary["critical_rate"]) == set(summary["changed_fraction"]) == estimate
    assert all(set(s) == counts | {"name", "bit"} for s in summary["strata"])
    assert all(set(s) == counts | {"name"} for s in summary["sets"])
    assert list(summary["outcomes"]) == ["masked", "tolerable", "critical", "due"]
    assert summary["space"] == {"space": "parameters", "bits": 1292}
    assert (summary["seed"], summary["design"], summary["criterion"], summary["confidence"]) == (
        *(1, "uniform", "segmentation", 0.95),
    )
    assert sum(s["faults"] for s in summary["strata"]) == sum(s["faults"] for s in summary["sets"]) == 60
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary


def samples(path: Path) -> list[tuple[int, str, int, str, float]]:
    with Store.read(path) as store:
        return [(r.cell, r.tensor, r.bit, r.outcome, r.changed_fraction) for r in store.rows()]


def test_a_uniform_sample_is_estimated_directly(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    summary = summary_of(path, "uniform", 90)
    rows = samples(path)
    hits = sum(outcome == "critical" for *_, outcome, _ in rows)
    assert summary["critical_rate"] == clopper_pearson(hits, 90, 0.95, 1292).to_dict()
    changed = [changed for *_, changed in rows]
    assert summary["changed_fraction"] == bounded_mean(changed, population=1292).to_dict()
    # A tensor's part is taken in drawing order, bits mixed: the interval for its mean depends on it.
    part = [changed for _, tensor, _, _, changed in rows if tensor == "head.weight"]
    entry = next(s for s in summary["sets"] if s["name"] == "head.weight")
    assert entry["changed_fraction"] == bounded_mean(part, population=320).to_dict()


@pytest.mark.parametrize(("design", "cells"), [("set", 3), ("set-bit", 20)])
def test_separate_samples_are_weighted_by_population(tmp_path: Path, design: str, cells: int) -> None:
    path = tmp_path / "r.sqlite"
    summary = summary_of(path, design, 6)
    rows, plan = samples(path), toy_plan(design, faults=6)
    assert len(plan.cells) == cells
    by_cell = [[r for r in rows if r[0] == cell] for cell in range(cells)]
    populations = [cell.population for cell in plan.cells]
    hits = [sum(r[3] == "critical" for r in cell) for cell in by_cell]
    expected = stratified_share(hits, [len(c) for c in by_cell], populations)
    assert summary["critical_rate"] == expected.to_dict()
    weighted = sum(p * k / len(c) for p, k, c in zip(populations, hits, by_cell, strict=True)) / 1292
    assert summary["critical_rate"]["best"] == pytest.approx(weighted)
    mean = stratified_mean([[r[4] for r in cell] for cell in by_cell], populations)
    assert summary["changed_fraction"] == mean.to_dict()
    bias = next(s for s in summary["sets"] if s["name"] == "conv1.bias")
    assert bias["critical_rate"]["method"] == ("clopper-pearson" if design == "set" else "stratified-beta")


def test_a_stratum_without_a_draw_has_no_best_value(tmp_path: Path) -> None:
    summary = summary_of(tmp_path / "r.sqlite", "uniform", 2)
    empty = next(s for s in summary["strata"] if s["faults"] == 0)
    for field, method in (("critical_rate", "clopper-pearson"), ("changed_fraction", "hedged-betting")):
        assert empty[field] == {"low": 0.0, "best": None, "high": 1.0, "level": 0.95, "method": method, "n": 0}


def test_a_smaller_plan_gives_what_a_fresh_campaign_of_its_size_gives(tmp_path: Path) -> None:
    run_toy(str(tmp_path / "large.sqlite"), "set", 40)
    fresh = summary_of(tmp_path / "small.sqlite", "set", 7)
    with Store.read(tmp_path / "large.sqlite") as store:
        assert summarise(store, toy_plan("set", faults=7)) == fresh


def test_another_confidence_level(tmp_path: Path) -> None:
    run_toy(str(tmp_path / "r.sqlite"))
    with Store.read(tmp_path / "r.sqlite") as store:
        usual, strict = summarise(store), summarise(store, confidence=0.999)
    assert strict["confidence"] == strict["critical_rate"]["level"] == 0.999
    assert strict["critical_rate"]["high"] > usual["critical_rate"]["high"]
    assert strict["strong_id"] == usual["strong_id"]


def test_an_unfinished_campaign_is_not_summed_up(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"

    def evaluator() -> ToyEvaluator:
        return ToyEvaluator(trouble_at=21, answer=RuntimeError("stop"))

    with Store.open(path, toy_task(), toy_plan()) as store, pytest.raises(CampaignError):
        collect(toy_task(), ToySpace(), toy_plan(), store, evaluator)
    with Store.read(path) as store, pytest.raises(ResultsError) as caught:
        summarise(store)
    assert str(caught.value) == (
        f"results file {path} holds 20 of the 200 faults of its campaign; repeat the campaign command to run the rest"
    )
