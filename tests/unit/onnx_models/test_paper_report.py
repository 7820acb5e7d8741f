"""Verdicts, tables and figures of the reproduction follow the data; estimates at full size."""

import csv
import re
from copy import deepcopy

import matplotlib as mpl
import numpy as np
import pytest

from onnx_models.hsi.bands import CLASSES
from onnx_models.paper.report import claims_float, claims_int8, figures_float, figures_int8
from onnx_models.paper.report.claims import NOT, PARTLY, REPRODUCED, UNTESTED, Check, Claim, above, percent
from onnx_models.paper.report.deployment import EVEN, HOST, TABLE, deployment
from onnx_models.paper.report.exposure import buffer_exposure, parameter_exposure, ratio
from onnx_models.paper.report.full_size import even_widths, full_size_network, gop_of, original_widths, parameters_of
from onnx_models.paper.report.page import all_claims, render
from onnx_models.paper.report.record import read_record, rounded
from onnx_models.paper.report.style import STYLE
from onnx_models.paper.report.verdicts import HALF_WIDTH, half_width, read_verdicts, write_verdicts
from onnx_models.paper.report.verdicts import NAME as VERDICTS
from tests.unit.snippets import ROOT

DATA = ROOT / "docs" / "measurements" / "paper"
FIGURES = ROOT / "docs" / "figures" / "paper"


@pytest.fixture(scope="module")
def record():
    return read_record(DATA)


def _estimate(low, best, high):
    return {"low": low, "best": best, "high": high, "n": 100}


def _claim(*holds):
    return Claim("k", "p", "s", "t", "p", "o", tuple(Check("c", h) for h in holds), {})


def test_verdicts_are_counted():
    assert _claim(True, True).verdict == REPRODUCED
    assert _claim(True, False).verdict == _claim(True, None).verdict == PARTLY
    assert _claim(False, False).verdict == _claim(None).verdict == NOT
    assert _claim().verdict == UNTESTED
    assert _claim(True, False, None).tally == "1 of 3 hold, 1 fail, 1 open"


def test_a_ratio_decides_only_when_its_limits_do():
    low, high, wide = _estimate(0.01, 0.011, 0.012), _estimate(0.05, 0.055, 0.06), _estimate(0.001, 0.02, 0.2)
    assert above(high, low) is True
    assert above(low, high) is False
    assert above(wide, low) is None
    assert above(high, low, 10.0) is False
    zero = _estimate(0.0, 0.0, 0.001)
    assert above(high, zero, 10.0) is True
    assert ratio(high, zero)["best"] == float("inf")
    found = ratio(high, low)
    assert found["best"] == pytest.approx(5.0)
    assert found["low"] < 5.0 < found["high"]


def test_verdicts_follow_the_data(record):
    """Exchange two networks: what was reproduced of their order no longer is."""
    claims = {c.key: c for c in all_claims(record)}
    assert len(claims) == len(all_claims(record)) >= 20
    other = deepcopy(record)
    for kind in ("tensors", "argmax"):
        for s, factor in ((other["float"]["relu-original"], 0.001), (other["float"]["sigmoid-original"], 1.0)):
            for key in ("low", "best", "high"):
                s["all"][kind][key] = factor * 0.5
    turned = {c.key: c for c in claims_float.claims(other)}
    assert turned["bounded-all"].checks[0].holds is False
    other["float"]["relu-original"]["all"]["tensors"] = _estimate(0.8, 0.85, 0.9)
    for name in ("sigmoid-original", "hardsigmoid-original"):
        other["float"][name]["all"]["tensors"] = _estimate(0.01, 0.02, 0.03)
    assert {c.key: c for c in claims_float.claims(other)}["bounded-all"].verdict == REPRODUCED


def _trained(record, scores):
    """Give every original the scores of its trainings: activation function to global and weighted IoU, per seed."""
    other = deepcopy(record)
    other["recipe"]["seed"] = 7
    repeats = []
    for activation, own in scores.items():
        iou = [dict.fromkeys(CLASSES, 50.0) | {"global": g, "weighted": w} for g, w in own]
        next(m for m in other["models"] if m["name"] == f"{activation}-original")["iou"] = iou[0]
        repeats += [{"activation": activation, "seed": 7 + i, "iou": one} for i, one in enumerate(iou[1:], 1)]
    other["retraining"] = {"controls": {}, "repeats": repeats}
    rate = {"all": {"tensors": _estimate(0.01, 0.011, 0.012)}, "convolutions": _estimate(0.001, 0.0011, 0.0012)}
    bad = {"all": {"tensors": _estimate(0.04, 0.05, 0.06)}, "convolutions": _estimate(0.0001, 0.00011, 0.00012)}
    other["repeats"] = [entry | (bad if entry["activation"] == "relu" else rate) for entry in repeats]
    return other


def test_trainings_decide_on_scores_when_their_ranges_do(record):
    scores = {"relu": [(95, 88), (94, 83), (96, 87)], "sigmoid": [(93, 86), (92, 83), (91, 84)]}
    other = _trained(record, scores | {"hardsigmoid": [(90.5, 80), (93.5, 87), (92, 85)]})
    order, level = (next(c for c in all_claims(other) if c.key == key) for key in ("iou-order", "iou-level"))
    found = {check.label: check.holds for check in order.checks}
    assert found == {
        "global IoU: ReLU above Sigmoid": True, "global IoU: Sigmoid above HardSigmoid": None,
        "weighted IoU: ReLU above Sigmoid": None, "weighted IoU: Sigmoid above HardSigmoid": None,
    }  # fmt: skip
    assert "p = 0.05" in order.test
    assert "ReLU 95.0 (94.0 to 96.0) / 86.0 (83.0 to 88.0)" in order.ours
    assert [check.holds for check in level.checks] == [True, False, False]
    turned = _trained(record, {a: scores["sigmoid" if a == "relu" else "relu"] for a in scores | {"hardsigmoid": 0}})
    found = {c.key: c for c in all_claims(turned)}["iou-order"].checks[0]
    assert found.holds is False
    one = _trained(record, {a: own[:1] for a, own in scores.items()} | {"hardsigmoid": [(93, 84)]})
    assert "one training each" in {c.key: c for c in all_claims(one)}["iou-order"].test
    assert "One training per network" in render(one)
    assert "3 trainings of every original (seeds 7, 8, 9)" in render(other)


def test_other_trainings_count_for_error_rates(record):
    other = _trained(record, {a: [(90, 80), (91, 81)] for a in ("relu", "sigmoid", "hardsigmoid")})
    claims = {c.key: c for c in claims_float.claims(other)}
    assert [check.holds for check in claims["bounded-all"].checks[-2:]] == [True, True]
    assert [check.holds for check in claims["bounded-convolutions"].checks[-2:]] == [False, False]
    assert claims["bounded-all"].checks[-1].label == "seed 8: ReLU above HardSigmoid"
    assert [check.holds for check in claims["hardsigmoid-original"].checks[-2:]] == [True, None]


def test_fast_fine_tuning_is_tested_where_much_is_lost(record):
    def case(lost, left, **more):
        points = [None if p is None else {**dict.fromkeys(CLASSES, 1.0), "global": p[0], "weighted": p[1]}
                  for p in (lost, left)]  # fmt: skip
        iou = dict.fromkeys((*CLASSES, "global", "weighted"), 80.0)
        return {
            "network": "relu-original", "activation": "relu", "version": "original", "setting": "kernels4",
            "iou_float": iou, "iou_plain": iou, "iou_tuned": left and iou, "lost_points": points[0],
            "left_points": points[1], "lost_validation_points": 5.0, **more,
        }  # fmt: skip

    other = deepcopy(record)
    for model in other["models"]:
        for int8 in model["int8"].values():
            int8.pop("fast_fine_tuning", None)
    other["recovery"] = [case((10, 20), (4.9, 1)), case((10, 20), (5.1, 1)), case((0.5, 0.2), None),
                         case((-1, 0), (-2, 0))]  # fmt: skip
    claim = {c.key: c for c in all_claims(other)}["fast-fine-tuning"]
    assert [check.holds for check in claim.checks] == [True, False, None]
    assert "10.0 to 4.9 / 20.0 to 1.0" in claim.ours
    assert render(other).count("| ReLU original | kernels of 4 bits |") == 4
    other["recovery"] = [case((0.5, 0.2), None)]
    assert {c.key: c for c in all_claims(other)}["fast-fine-tuning"].verdict == UNTESTED
    own = next(m for m in other["models"] if m["name"] == "relu-original")
    own["int8"]["tflite"]["fast_fine_tuning"] = {
        "iou_before": {key: value - 3 for key, value in own["iou"].items()},
        "iou_after": {key: value - 1 for key, value in own["iou"].items()},
    }
    claim = {c.key: c for c in all_claims(other)}["fast-fine-tuning"]
    assert claim.verdict == REPRODUCED
    assert "ReLU original, the TFLite-like scheme itself 3.0 to 1.0 / 3.0 to 1.0" in claim.ours


def test_pruning_is_compared_with_unpruned_networks_of_as_many_epochs(record):
    other = deepcopy(record)
    controls = {
        a: [{"control_of": v, "extra_epochs": 3, "iou": dict.fromkeys((*CLASSES, "global", "weighted"), 99.0)}
            for v in ("pruned1", "pruned2")]
        for a in ("relu", "sigmoid", "hardsigmoid")
    }  # fmt: skip
    other["retraining"] = {"controls": controls, "repeats": []}
    rule = {c.key: c for c in all_claims(other)}["pruning-rule"]
    assert "against the unpruned control" in rule.ours
    assert "(within 1.5 points: 0 of 3)" in rule.ours
    assert render(other).count(" | 99.00 / 99.00 | ") == 6


def test_int8_verdicts_follow_the_data(record):
    other = deepcopy(record)
    for s in other["int8"].values():
        s["sets"]["weight"]["tensors"] = _estimate(0.0001, 0.0002, 0.0003)
        s["sets"]["bias"]["tensors"] = _estimate(0.1, 0.2, 0.3)
    assert {c.key: c for c in claims_int8.claims(other)}["only-biases"].verdict == REPRODUCED
    for s in other["int8"].values():
        s["sets"]["bias"]["tensors"] = _estimate(0.0001, 0.0002, 0.0003)
    assert {c.key: c for c in claims_int8.claims(other)}["only-biases"].verdict == NOT


def test_the_page_is_made_of_the_data(record):
    text = (ROOT / "docs" / "reproduction.md").read_text(encoding="utf-8")
    assert text == render(record, read_verdicts(DATA / HALF_WIDTH)), (
        f"run: {record['command'].replace('--all', '--step page')}"
    )
    assert "**Synthetic scenes.**" in text.split("\n\n")[2]
    rows = re.findall(r"^\| \d+ \| .*\*\*(reproduced|partly|not reproduced|not tested)\*\*", text, re.MULTILINE)
    assert rows == [claim.verdict for claim in all_claims(record)]
    assert [line["verdict"] for line in read_verdicts(DATA / VERDICTS).values()] == rows
    for target in re.findall(r"\]\(((?:figures|measurements)/[^)]*)\)", text):
        assert (ROOT / "docs" / target).stat().st_size > 1000


def test_two_widths_are_compared_claim_by_claim(record, tmp_path):
    claims = all_claims(record)
    assert read_verdicts(tmp_path / "none.csv") == {}
    assert half_width(claims, {}) == []
    write_verdicts(tmp_path / "claims.csv", claims)
    other = read_verdicts(tmp_path / "claims.csv")
    assert list(other) == [claim.key for claim in claims]
    assert half_width(claims, other)[1].endswith(f"{len(claims)} of {len(claims)} verdicts are the same.")
    changed = claims[3]
    other[changed.key] |= {"verdict": "elsewhere", "ours": "another number"}
    section = half_width(claims, other)
    assert f"{len(claims) - 1} of {len(claims)} verdicts" in section[1]
    assert section[2].splitlines()[2:] == [
        f"| {changed.statement} | {changed.verdict} ({changed.tally}) | elsewhere ({changed.tally}) | another number |"
    ]
    assert "\n\n".join(section) in render(record, other)


def test_the_width_is_said(record):
    other = deepcopy(record)
    other["recipe"] |= {"levels": 5, "filters": 32}
    assert "U-Nets of the paper's width (5 levels, 32 filters, 31.13 million parameters)" in render(other)
    other["recipe"]["filters"] = 16
    text = render(other)
    assert "U-Nets of 5 levels and 16 filters (the paper: 5 and 32)" in text
    assert "shorter training, smaller networks: absolute" in text


def test_every_figure_is_there_twice(record):
    with (DATA / "float_cells.csv").open(encoding="utf-8", newline="") as stream:
        cells = list(csv.DictReader(stream))
    with mpl.rc_context(STYLE):
        names = [n for n, _ in figures_float.figures(record, cells)] + [n for n, _ in figures_int8.figures(record)]
    assert {p.stem for p in FIGURES.glob("*.svg")} == {p.stem for p in FIGURES.glob("*.png")} == set(names)


def test_figures_draw_intervals(record):
    with mpl.rc_context(STYLE):
        (axes,) = figures_float.means(record, "original").get_axes()
    assert len(axes.collections) == 3 * 7  # an interval on every bar
    top = max(record["float"][f"{a}-original"]["sets"]["gamma"]["tensors"]["high"] for a in ("relu", "sigmoid"))
    assert axes.get_ylim()[0] == 0
    assert axes.get_ylim()[1] >= 100 * top


def test_cells_add_up(record):
    """The CSV file says what the JSON file says."""
    with (DATA / "float_cells.csv").open(encoding="utf-8", newline="") as stream:
        cells = list(csv.DictReader(stream))
    for name, s in record["float"].items():
        own = [c for c in cells if c["model"] == name]
        assert sum(int(c["n"]) for c in own) == s["faults"]
        assert {c["sha256"] for c in own} == {s["sha256"][:16]}
        gamma = [c for c in own if c["set"] == "gamma"]
        weights = [23 if c["bits"] == "22-0" else 1 for c in gamma]
        found = np.average([float(c["error_best"]) for c in gamma], weights=weights)
        assert found == pytest.approx(s["sets"]["gamma"]["tensors"]["best"], rel=1e-4)
        for outcome in ("masked", "critical", "nan"):
            assert sum(int(c[outcome]) for c in own) == s["outcomes"].get(outcome, 0)


def test_runs_in_pieces_were_compared_with_whole_ones(record):
    assert record["speed"]["faults"] >= 50
    assert record["speed"]["differing"] == 0
    assert record["speed"]["reused_s"] < record["speed"]["whole_s"]


def test_full_size_networks_have_the_papers_counts():
    widths = original_widths(32, 5)
    assert parameters_of(widths) == pytest.approx(31.13e6, rel=1e-3)
    assert gop_of(widths) == pytest.approx(34.59, rel=2e-3)
    assert gop_of(even_widths(8.41)) == pytest.approx(8.41, rel=0.02)
    model = full_size_network(even_widths(1.0), "sigmoid")
    assert [n.op_type for n in model.graph.node].count("Sigmoid") == 22
    assert [n.op_type for n in model.graph.node].count("BatchNormalization") == 22


def test_sigmoid_on_the_host_is_what_makes_it_slow():
    found = deployment([])
    rows = {(r["activation"], r["sigmoid"]): r for r in found["rows"]}
    assert {r["thinning"] for r in found["rows"]} == {EVEN}  # without networks there are no ratios of ours
    host, table = rows["sigmoid", HOST], rows["sigmoid", TABLE]
    assert host["host_s"] > 1 > table["host_s"] == 0
    assert host["energy_j"] > 10 * table["energy_j"]
    relu = rows["relu", ""]
    assert relu["fps_with_rest"] == pytest.approx(found["measured"]["relu"]["fps"])
    assert relu["fps_array"] > relu["fps_with_rest"]


def test_exposure_is_rate_times_bits():
    summary = {
        "model": "m",
        "bits_stored": 4_000_000,
        "upsets": {"critical": _estimate(0.1, 0.2, 0.4), "error": _estimate(0, 0, 1)},
    }
    found = parameter_exposure(summary)
    assert found["exposed_mbit"] == pytest.approx({"low": 0.4, "best": 0.8, "high": 1.6})
    memory = {"bits": 2_000_000, "live_fraction": 0.25, "critical": _estimate(0.1, 0.2, 0.4)}
    one = buffer_exposure("m", {"memories": {"wgt": memory}, "latency_s": 0.01})
    assert one["exposed_mbit"]["best"] == pytest.approx(0.1)
    assert one["exposed_mbit"]["low"] == pytest.approx(0.05, rel=0.03)
    assert one["exposed_mbit"]["high"] == pytest.approx(0.2, rel=0.03)
    assert one["per_picture_mbit_ms"]["best"] == pytest.approx(1.0)
    two = buffer_exposure("m", {"memories": {"wgt": memory, "img": memory}, "latency_s": 0.01})
    assert two["exposed_mbit"]["best"] == pytest.approx(0.2)
    assert two["exposed_mbit"]["high"] < 0.4  # errors of independent samples partly cancel


def test_numbers_are_kept_short():
    assert rounded({"low": 0.123456789, "best": float("nan"), "high": 1.0, "level": 0.95, "method": "m", "n": 3}) == {
        "low": 0.1234568, "best": None, "high": 1.0, "n": 3,
    }  # fmt: skip
    assert percent(_estimate(0.01, 0.02, 0.03)) == "2.00 (1.00 to 3.00) %"
