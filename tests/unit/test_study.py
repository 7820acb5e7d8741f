"""The study of pruning: its arithmetic, its data, and that page and notebook say what the data say."""

import csv
import hashlib
import json
import math
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accel_sim.devices import MemoryShare, compose, find_environment
from accel_sim.faults.hardware import HardwareInjector
from onnx_models.study import __main__ as command
from onnx_models.study import campaigns, results
from onnx_models.study.answer import Ratios
from onnx_models.study.assumptions import write_rates
from onnx_models.study.figures import failures, product, uram
from onnx_models.study.notebook import CELLS
from onnx_models.study.page import render
from onnx_models.study.record import NAME, rates_of, read_record
from onnx_models.study.variants import SIZES, Size
from tests.unit.snippets import ROOT

STUDIES = ROOT / "docs" / "studies"


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    return read_record(STUDIES)


def test_failures_are_those_of_the_composition(record: dict[str, Any]) -> None:
    """The study's own sums against accel_sim.devices, which knows nothing of the study."""
    rates = rates_of(record)
    for row in record["rows"]:
        shares = [
            MemoryShare(p["memory"], p["kind"], "-", p["bits"], p["live_fraction"], *p["critical"].values())
            for p in results.buffers(row)
        ]
        found = compose(shares, rates, find_environment("nyc_sea_level"))
        assert results.fit(row, rates) == pytest.approx(found.fit.best, rel=1e-9)
        low, high = results.limits(results.fit_draws(row, rates, "busy"))
        assert (low, high) == (pytest.approx(found.fit.low, rel=0.05), pytest.approx(found.fit.high, rel=0.05))
        narrow = results.limits(results.fit_draws(row, rates, "busy", rates_too=False))
        assert low < narrow[0] < results.fit(row, rates) < narrow[1] < high
        product = results.live_fit(row, rates) * results.error_rate(row, rates)
        assert product == pytest.approx(results.fit(row, rates))
        assert results.fit(row, rates) <= row["raw_fit"]


def test_a_fixed_frame_rate_scales_with_the_time_of_an_inference(record: dict[str, Any]) -> None:
    rates, row = rates_of(record), record["rows"][0]
    assert results.fit(row, rates, "fixed") == pytest.approx(results.fit(row, rates) * row["latency_s"] * 30)
    with pytest.raises(ValueError, match=r"no 30\.0 images/s"):
        results.fit({**row, "latency_s": 0.04}, rates, "fixed")


def test_errors_of_the_rates_cancel_in_ratios(record: dict[str, Any]) -> None:
    rates = rates_of(record)
    a, b = (results.pick(record["rows"], pruning=p, activation="relu", arch="b512") for p in ("pruned", "original"))
    low, best, high = results.ratio(a, b, rates, "busy")
    assert best == pytest.approx(results.fit(a, rates) / results.fit(b, rates))
    exact = [deepcopy(row) for row in (a, b)]
    for row in exact:
        for part in row["parts"]:
            part["critical"] = dict.fromkeys(("low", "best", "high"), part["critical"]["best"])
    assert results.ratio(*exact, rates, "busy") == pytest.approx((best, best, best))
    assert low < best < high
    wide = np.quantile(
        results.fit_draws(a, rates, "busy", seed=1) / results.fit_draws(b, rates, "busy"), [0.025, 0.975]
    )
    assert wide[1] / wide[0] > 2 * high / low  # as if the rates' errors were not common


def test_the_factor_of_uram_moves_its_share_only(record: dict[str, Any]) -> None:
    for row in record["rows"]:
        one, three = (results.fit(row, rates_of(record, factor)) for factor in (1.0, 3.0))
        kinds = {part["kind"] for part in results.buffers(row)}
        assert (three > one * 1.01) == ("uram" in kinds)
    assert {row["arch"] for row in record["rows"] if "uram" in {p["kind"] for p in row["parts"]}} == {"b4096"}


def test_the_wording_follows_the_limits() -> None:
    below, above, across = (0.5, 0.6, 0.7), (1.1, 1.2, 1.3), (0.8, 1.0, 1.2)
    assert Ratios((below, below)).verb == "lowers the failure rate"
    assert Ratios((above, above)).verb == "raises the failure rate"
    assert "1 of 2 pairs clearly lower, none higher" in Ratios((below, across)).verb
    assert "1 of 2 pairs clearly higher, none lower" in Ratios((above, across)).verb
    assert Ratios((below, above)).verb == "lowers the failure rate in 1 of 2 pairs and raises it in 1"
    assert "by more than the limits" in Ratios((across,)).verb
    assert Ratios((below, above)).span == "0.60 to 1.20 times"


def test_the_page_is_made_of_the_data(record: dict[str, Any]) -> None:
    text = (STUDIES / f"{NAME}.md").read_text(encoding="utf-8")
    assert text == render(record), f"run: {record['command']} --step page"
    assert "unverified" in text.split("\n\n")[2]  # the answer says so, not only a footnote
    for target in (f"{NAME}-{name}.svg" for name in ("failures", "product", "uram")):
        assert f"({target})" in text
        assert (STUDIES / target).stat().st_size > 10_000


def test_the_data_are_of_these_networks(record: dict[str, Any]) -> None:
    assert len(record["rows"]) == len(campaigns.CASES) == 18
    for network in record["networks"]:
        path = STUDIES / "models" / network["file"]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == network["sha256"]
        assert path.stat().st_size < 2e6
        assert network == json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    recipes = [{k: v for k, v in n["recipe"].items() if k not in ("activation", "widths", "learning_rate")}
               for n in record["networks"]]  # fmt: skip
    assert all(recipe == recipes[0] for recipe in recipes)
    assert all(row["fps"] > 30 for row in record["rows"])
    assert record["rates"]["bram"]["verified"] is record["rates"]["uram"]["verified"] is False


def test_the_table_has_every_memory(record: dict[str, Any]) -> None:
    with (STUDIES / f"{NAME}.csv").open(encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    parts = [(row["network"], row["arch"], part) for row in record["rows"] for part in row["parts"]]
    assert len(lines) == len(parts)
    for line, (network, arch, part) in zip(lines, parts, strict=True):
        assert (line["network"], line["arch"], line["memory"]) == (network, arch, part["memory"])
        assert float(line["critical_best"]) == part["critical"]["best"]


def test_every_figure_draws_its_points_and_intervals(record: dict[str, Any]) -> None:
    first = failures(record)
    rates = rates_of(record)
    panels = first.get_axes()
    assert len(panels) == 6
    top = max(results.limits(results.fit_draws(row, rates, "busy"))[1] for row in record["rows"])
    assert panels[0].get_ylim()[0] == 0
    assert panels[0].get_ylim()[1] >= top  # no interval is cut off
    assert all(len(axes.collections) == 4 for axes in panels)  # two activations, two intervals
    assert len(product(record).get_axes()) == 3
    left, right = uram(record).get_axes()
    assert len(left.collections) == 6  # a band for each network
    assert len(right.collections) == 2


def test_the_notebook_was_executed(record: dict[str, Any]) -> None:
    notebook = json.loads((STUDIES / f"{NAME}.ipynb").read_text(encoding="utf-8"))
    assert [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]] == list(CELLS)
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == [1, 2, 3, 4]
    outputs = [output for cell in code for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    printed = "".join("".join(output["text"]) for output in outputs if output["output_type"] == "stream")
    assert "images/s, pruning a U-Net to half its channels" in printed


def test_assumed_rates_are_marked_as_such(tmp_path: Path) -> None:
    rates = write_rates(tmp_path / "rates.toml", 2.0)
    block, ultra = rates.require("bram"), rates.require("uram")
    assert ultra.fit_per_bit == pytest.approx(2 * block.fit_per_bit)
    assert (ultra.low, ultra.high) == (pytest.approx(2 * block.low), pytest.approx(2 * block.high))
    assert not ultra.verified
    assert "assumed: 2 times" in ultra.source


@pytest.mark.parametrize("factor", ["0", "-1", "nan", "inf"])
def test_a_factor_that_is_none_is_refused(factor: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--uram-over-bram", factor, "--out", str(tmp_path)]) == 2
    assert "--uram-over-bram is" in capsys.readouterr().err


def test_uram_has_no_silent_default(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main([])
    assert "--uram-over-bram" in capsys.readouterr().err


@pytest.mark.slow
def test_the_command_runs_campaigns_and_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    case = next(c for c in campaigns.CASES if c.name == "relu-pruned-b4096")
    monkeypatch.setattr(campaigns, "CASES", (case,))
    monkeypatch.setitem(SIZES, "quick", Size("quick", 3, 2, 1))
    arguments = [
        "--uram-over-bram",
        "2",
        "--quick",
        "--step",
        "train",
        "--step",
        "campaigns",
        "--out",
        str(tmp_path / "out"),
    ]
    arguments += ["--models", str(STUDIES / "models"), "--work", str(tmp_path / "work")]
    assert command.main(arguments) == 0
    found = read_record(tmp_path / "out")
    (row,) = found["rows"]
    assert row["network"] == "relu-pruned"
    assert {part["memory"] for part in row["parts"]} >= {"img (uram)", "img (bram)", "wgt", "bias", "ddr"} - {
        "img (uram)"
    }
    assert found["uram_over_bram"] == 2
    assert math.isclose(found["rates"]["uram"]["fit_per_mbit"], 2 * found["rates"]["bram"]["fit_per_mbit"])
    assert len(list((tmp_path / "work").rglob("*.sqlite"))) == 7

    def evaluate(*_: object) -> None:
        raise AssertionError("a fault that is recorded is run again")

    monkeypatch.setattr(HardwareInjector, "evaluate", evaluate)
    assert command.main(arguments) == 0
    assert read_record(tmp_path / "out") == found
