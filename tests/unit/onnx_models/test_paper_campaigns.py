"""Campaigns of the reproduction: which faults are drawn, resuming, and estimates against a census."""

import json
from dataclasses import replace

import numpy as np
import onnx
import pytest

import accel_sim
from accel_sim.errors import ResultsError
from accel_sim.faults import Fault
from accel_sim.stats import leveugle_sample_size
from onnx_models import bundled_path
from onnx_models.paper.campaigns import float_campaign
from onnx_models.paper.campaigns.estimates import BITS, TENSORS, error, mean, pick, pooled, samples, spread
from onnx_models.paper.campaigns.float_campaign import run_float
from onnx_models.paper.campaigns.float_runner import Flip, FloatRunner
from onnx_models.paper.campaigns.int8_campaign import flipped_code, run_int8, stored_parameters
from onnx_models.paper.campaigns.network import SETS, read_network
from onnx_models.paper.campaigns.plan import FLOAT_BITS, MSB, Plan, make_plan, uniform_plan
from onnx_models.paper.campaigns.summary import CENTRE, MIDDLE, OUTER, float_summary, grows, summary, upsets, zone_of
from tests.unit.onnx_models.paper_network import network, scenes

IMAGES = scenes()[0]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("paper") / "relu-original.onnx"
    onnx.save(network(), path)
    return path


def _plan(per_set=300, seed=1):
    net = read_network(network())
    return make_plan(net.variables, dict.fromkeys(SETS, FLOAT_BITS), seed, per_set=per_set)


def test_a_fault_is_a_function_of_seed_and_number():
    plan = _plan()
    drawn = list(plan.draws())
    assert [plan.draw(i) for i in range(plan.n)] == drawn
    assert list(plan.draws(first=500)) == drawn[500:]
    other = list(_plan(seed=2).draws())
    assert [d.cell for d in other] == [d.cell for d in drawn]
    assert other != drawn


def test_faults_are_drawn_without_repetition_from_the_whole_cell():
    for cell in _plan(per_set=10**7).cells[:40]:
        assert cell.faults == cell.population  # a census of a small tensor
    plan = _plan(per_set=10**7)
    cell = plan.cells[-1]
    places = {(d.element, d.bit) for d in plan.draws() if d.cell == len(plan.cells) - 1}
    assert places == {(e, b) for e in range(cell.elements) for b in cell.bits}


def test_a_larger_campaign_extends_a_smaller_one():
    small, large = _plan(200), _plan(900)
    faults = [
        {(c.variable, d.element, d.bit) for c, d in ((p.cells[d.cell], d) for d in p.draws())} for p in (small, large)
    ]
    assert faults[0] < faults[1]


def test_faults_are_shared_among_tensors_and_bits():
    plan = _plan(per_set=600)
    for kind in SETS:
        own = [c for c in plan.cells if c.set == kind]
        tensors = {c.variable for c in own}
        for name in tensors:
            counts = {c.bits: c.faults for c in own if c.variable == name}
            assert all(n >= 1 for n in counts.values())
            if all(c.population > 100 for c in own if c.variable == name):
                assert counts[MSB,] > 2 * counts[29,]
    assert abs(sum(c.faults for c in plan.cells if c.set == "kernel") - 600) <= 40


def test_a_margin_sets_the_size():
    net = read_network(network("relu", 8, 3))
    plan = make_plan(net.variables, dict.fromkeys(SETS, FLOAT_BITS), 1, margin=0.05)
    kernels = sum(c.faults for c in plan.cells if c.set == "kernel")
    assert 380 <= kernels <= 400  # 385 for an endless population, and at least one per cell
    with pytest.raises(ValueError, match="either per_set or margin"):
        make_plan(net.variables, {}, 1)


def test_an_interrupted_campaign_goes_on(model, tmp_path, monkeypatch):
    path = tmp_path / "rows.csv"
    whole = run_float(model, IMAGES, tmp_path / "whole.csv", seed=3, per_set=10)
    text = (tmp_path / "whole.csv").read_text(encoding="utf-8")
    path.write_text(text[: len(text) // 2], encoding="utf-8")  # ends within a line
    # compared as text: NaN is not equal to itself
    assert repr(run_float(model, IMAGES, path, seed=3, per_set=10).rows) == repr(whole.rows)
    assert path.read_text(encoding="utf-8") == text

    def fail(*_):
        raise AssertionError("a recorded fault is run again")

    monkeypatch.setattr(FloatRunner, "__init__", fail)
    assert repr(run_float(model, IMAGES, path, seed=3, per_set=10).rows) == repr(whole.rows)


def test_results_of_another_campaign_are_not_continued(model, tmp_path):
    path = tmp_path / "rows.csv"
    run_float(model, IMAGES, path, seed=3, per_set=10)
    for seed, images in ((4, IMAGES), (3, IMAGES[:1])):
        with pytest.raises(ResultsError, match=r"rows\.csv holds another campaign"):
            run_float(model, images, path, seed=seed, per_set=10)
    head = json.loads(path.read_text(encoding="utf-8").splitlines()[0][1:])
    assert head["seed"] == 3
    assert head["model"] == float_campaign.hashlib.sha256(model.read_bytes()).hexdigest()


def test_rows_are_what_the_runner_says(model, tmp_path):
    done = run_float(model, IMAGES, tmp_path / "rows.csv", seed=3, per_set=10)
    net = read_network(onnx.load(model))
    runners = [FloatRunner(net, IMAGES[i : i + 1]) for i in range(2)]
    assert {row.picture for row in done.rows} == {0, 1}
    for row in done.rows[::37]:
        verdict = runners[row.picture].judge(Flip(row.variable, row.element, row.bit))
        assert (row.outcome, row.changed_fraction, row.wrong_fraction) == (
            verdict.outcome,
            verdict.changed_fraction,
            verdict.wrong_fraction,
        )
        assert (row.old, row.new) == (verdict.old, verdict.new) or np.isnan(verdict.new)


@pytest.mark.slow
def test_limits_hold_the_census(model, tmp_path):
    """Every fault of the biases, once; samples of it must bracket the true means nearly always."""
    net = read_network(onnx.load(model))
    biases = [v for v in net.variables if v.set == "bias"]
    bits = {(31,): 1, (MSB,): 1, (29,): 1, (28,): 1}
    runner = FloatRunner(net, IMAGES)
    census = make_plan(biases, {"bias": bits}, 0, per_set=10**6)
    truth = {(census.cells[d.cell].variable, d.element, d.bit): d for d in census.draws()}
    value = {key: runner.judge(Flip(*key)).wrong_fraction for key in truth}
    exact = float(np.mean(list(value.values())))
    by_tensor = float(np.mean([np.mean([x for k, x in value.items() if k[0] == v.name]) for v in biases]))
    hit, best = [], []
    for seed in range(40):
        of = _sampled(make_plan(biases, {"bias": bits}, seed, per_set=120), value)
        for weight, true in ((BITS, exact), (TENSORS, by_tensor)):
            e = mean(of, weight)
            hit.append(e.low <= true <= e.high)
        best.append(mean(of, TENSORS).best)
    assert np.mean(hit) > 0.93
    assert abs(np.mean(best) - by_tensor) < 0.02


def _sampled(plan: Plan, value):
    from onnx_models.paper.campaigns.rows import Row

    rows = [
        Row(
            d.index,
            name,
            d.element,
            d.bit,
            0,
            0.0,
            0.0,
            "critical",
            value[name, d.element, d.bit],
            0.0,
            value[name, d.element, d.bit],
        )
        for d, name in ((d, plan.cells[d.cell].variable) for d in plan.draws())
    ]
    layers = {cell.variable: (0, "enc1.conv1") for cell in plan.cells}
    return samples(float_campaign.Campaign("made", "", plan, layers, rows))


def test_both_weightings(model, tmp_path):
    done = run_float(model, IMAGES, tmp_path / "rows.csv", seed=3, per_set=200)
    of = pick(samples(done), sets=["gamma"])
    means = {s.cell.variable + str(s.cell.bits): np.mean([r.wrong_fraction for r in s.rows]) for s in of}
    alike = sum(m * len(s.cell.bits) for s, m in zip(of, means.values(), strict=True)) / sum(
        len(s.cell.bits) for s in of
    )
    assert mean(of, TENSORS).best == pytest.approx(alike)
    weights = [s.cell.population for s in of]
    assert mean(of, BITS).best == pytest.approx(np.average(list(means.values()), weights=weights))
    low, best, high = spread(of)
    assert low <= best <= high
    assert best == pytest.approx(np.std(list(means.values())))


def test_summary_of_a_float_campaign(model, tmp_path):
    done = run_float(model, IMAGES, tmp_path / "rows.csv", seed=3, per_set=200)
    found = float_summary(done, read_network(onnx.load(model)).values)
    assert sum(found["outcomes"].values()) == found["faults"] == done.plan.n
    up, down = found["growth"]["grows"], found["growth"]["shrinks"]
    assert up["n"] + down["n"] == sum(row.bit != 31 for row in done.rows)
    zone = found["zones_msb"][CENTRE]
    assert zone["inside"]["best"] + zone["outside"]["best"] == pytest.approx(zone["all"]["best"])
    gamma = [t for t in found["tensors"] if t["set"] == "gamma"]
    assert all(0.1 < t["ratio_1_2"] < 0.9 for t in gamma)  # drawn around 1
    assert found["bits_stored"] == 32 * sum(v.size for v in read_network(onnx.load(model)).variables)
    struck = [row for row in done.rows if row.bit == MSB and 1 <= abs(row.old) < 2]
    assert struck
    assert not any(np.isfinite(row.new) for row in struck)


def test_zones_of_the_network():
    assert [zone_of(b, 5) for b in ("enc1.conv1", "dec1.up", "head")] == [OUTER] * 3
    assert [zone_of(b, 5) for b in ("enc2.conv1", "enc3.conv2", "dec3.up")] == [MIDDLE] * 3
    assert [zone_of(b, 5) for b in ("enc4.conv1", "enc5.conv2", "base.conv1", "dec5.up", "dec4.conv1")] == [CENTRE] * 5


def test_growing_counts_nan(model, tmp_path):
    row = run_float(model, IMAGES, tmp_path / "rows.csv", seed=3, per_set=10).rows[0]
    assert grows(replace(row, old=1.5, new=float("nan")))
    assert grows(replace(row, old=1.0, new=float("inf")))
    assert not grows(replace(row, old=1.5, new=1e-9))
    assert not grows(replace(row, old=1.5, new=-1.5))


def test_int8_rows_are_injections(tmp_path):
    file = bundled_path("hsi-unet-relu")
    with np.load(bundled_path("hsi-scenes.npz")) as stored:
        images = stored["input"][:2]
    done = run_int8(file, images, tmp_path / "rows.csv", seed=5, per_set=8)
    model = accel_sim.load(file)
    parameters = stored_parameters(model.graph)
    assert {p.set for p in parameters} == {"weight", "bias"}
    assert {p.bits for p in parameters if p.set == "bias"} == {32}
    chosen = done.rows[::197]
    faults = []
    for row in chosen:
        shape = model.graph.parameters[row.variable].values.shape
        index = tuple(int(i) for i in np.unravel_index(row.element, shape))
        faults.append(Fault("parameters", row.variable, index, (row.bit,)))
    for row, fault in zip(chosen, faults, strict=True):
        found = model.inject(dict.fromkeys(model.graph.inputs, images[row.picture : row.picture + 1]), fault)
        assert (found.outcome, found.changed_fraction) == (row.outcome, row.changed_fraction)
    whole = summary(done)
    assert whole["bits_stored"] == sum(p.size * p.bits for p in parameters)
    assert set(whole["set_bits"]["bias"]) == {str(bit) for bit in range(32)}
    assert mean(samples(done), BITS, error).n == done.plan.n


def test_codes_are_flipped_in_two_complement():
    assert flipped_code(-128, 7, 8) == 0
    assert flipped_code(3, 7, 8) == -125
    assert flipped_code(0, 31, 32) == -(2**31)
    assert all(flipped_code(flipped_code(v, b, 8), b, 8) == v for v in range(-128, 128) for b in range(8))


def test_a_uniform_sample_strikes_every_bit_alike():
    net = read_network(network(levels=1, filters=2))
    widths = dict.fromkeys(SETS, 32)
    total = 32 * sum(v.size for v in net.variables)
    census = uniform_plan(net.variables, widths, 4, 10**9)
    assert census.n == total
    places = {(d.variable, d.element, d.bit) for d in census.draws()}
    assert len(places) == total
    assert places == {(v.name, e, b) for v in net.variables for e in range(v.size) for b in range(32)}
    some = uniform_plan(net.variables, widths, 4, 50)
    assert list(some.draws()) == list(census.draws())[:50]
    assert list(some.draws(first=20)) == list(some.draws())[20:]
    assert {d.picture(4) for d in some.draws()} == {0, 1, 2, 3}
    assert uniform_plan(net.variables, widths, 4, margin=0.05).n == leveugle_sample_size(total, 0.05, 0.95) < 385
    with pytest.raises(ValueError, match="either faults or margin"):
        uniform_plan(net.variables, widths, 4)


def test_what_upsets_do_has_exact_limits(model, tmp_path):
    done = run_float(model, IMAGES, tmp_path / "rows.csv", seed=3, per_set=40)
    assert len(done.uniform) == 40
    found = upsets(done.uniform)
    hits = sum(r.changed_fraction > 0 or r.nonfinite_fraction > 0 for r in done.uniform)
    assert found["critical"]["best"] == hits / 40
    assert found["critical"]["low"] < hits / 40 < found["critical"]["high"]
    assert found["error"]["best"] == pytest.approx(np.mean([r.wrong_fraction for r in done.uniform]))


def test_pooled_strata_have_the_same_mean(model, tmp_path):
    of = samples(run_float(model, IMAGES, tmp_path / "rows.csv", seed=3, per_set=1500))
    of = [s for s in of if s.cell.set == "kernel" and s.block != "head"]
    even = {s.cell.bits: [t for t in of if t.cell.bits == s.cell.bits] for s in of}
    same = [s for own in even.values() if len({len(t.rows) for t in own}) == 1 for s in own]
    assert len(same) > 20
    coarse, fine = pooled(same), mean(same, TENSORS)
    assert coarse.best == pytest.approx(fine.best)
    assert coarse.n == fine.n
    assert coarse.low <= coarse.best <= coarse.high
