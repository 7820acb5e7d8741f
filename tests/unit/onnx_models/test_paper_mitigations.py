"""Protection in the reproduction: codes bit for bit, range limits node by node, and what they leave of the errors."""

from itertools import combinations

import numpy as np
import onnx
import pytest

from onnx_models.paper.campaigns.estimates import BITS, mean, samples
from onnx_models.paper.campaigns.float_campaign import Campaign, run_float
from onnx_models.paper.campaigns.float_runner import Flip, FloatRunner, same_bits
from onnx_models.paper.campaigns.network import read_network
from onnx_models.paper.campaigns.plan import make_plan
from onnx_models.paper.campaigns.rows import Row
from onnx_models.paper.mitigations.clipping import LOWER, POLICIES, SATURATE, Limits, observed_limits, with_limits
from onnx_models.paper.mitigations.effects import comparisons, fault_free, mantissa_effect, secded_biases
from onnx_models.paper.mitigations.hamming import Secded
from onnx_models.paper.mitigations.limits_campaign import effect, first_rows, reduced, run_limited
from onnx_models.paper.mitigations.mantissa_ecc import decode, encode, protected, survives
from onnx_models.paper.mitigations.protected_runs import run_fault_free
from tests.unit.onnx_models.paper_network import network, scenes

IMAGES, LABELS = scenes()


@pytest.mark.parametrize(("data_bits", "check_bits"), [(8, 5), (26, 6), (32, 7), (57, 7)])
def test_every_single_error_is_corrected_and_every_double_one_found(data_bits, check_bits):
    code = Secded(data_bits)
    assert code.check_bits == check_bits
    data = np.random.default_rng(0).integers(0, 2**data_bits, 20).astype(np.uint64)
    checks = code.checks(data)
    assert not code.decode(data, checks)[1].any()
    for places in [(i,) for i in range(code.word_bits)] + list(combinations(range(code.word_bits), 2)):
        struck, struck_checks = data.copy(), checks.copy()
        for place in places:
            target, shift = (struck, place) if place < data_bits else (struck_checks, place - data_bits)
            target ^= np.uint64(1) << np.uint64(shift)
        found, bad = code.decode(struck, struck_checks)
        if len(places) == 1:
            assert not bad.any(), places
            assert (found == data).all(), places
        else:
            assert bad.all(), places


def test_widths_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="data_bits is 58: it must be 1 to 57"):
        Secded(58)


def test_the_code_in_the_mantissa_costs_six_bits():
    values = np.random.default_rng(0).normal(size=100).astype(np.float32)
    words = encode(values)
    found, bad = decode(words)
    assert not bad.any()
    assert (found.view(np.uint32) == values.view(np.uint32) & np.uint32(0xFFFFFFC0)).all()
    assert np.abs(found - values).max() <= 2.0**-17 * np.abs(values).max()
    assert all(survives(v, bit) for v in (1.5, -0.03, 1e-20, 0.0, np.float32("inf")) for bit in range(32))
    struck, lost = decode(words ^ np.uint32(3 << 29))  # two bits: found, not corrected
    assert lost.all()
    assert struck.shape == values.shape


def test_protected_parameters_are_computed_with():
    model = network()
    kept = {t.name: onnx.numpy_helper.to_array(t) for t in protected(model).graph.initializer}
    for tensor in model.graph.initializer:
        values = np.ascontiguousarray(onnx.numpy_helper.to_array(tensor))
        assert same_bits(kept[tensor.name], decode(encode(values))[0])


def test_limits_are_the_extremes_of_the_pictures():
    model = network()
    limits = observed_limits(model, IMAGES)
    runner = FloatRunner(read_network(model), IMAGES)
    for name in ("enc1.act2_out", "logits"):
        value = runner.golden[name]
        assert limits[name] == Limits(float(value.min()), float(value.max()))
    assert len(limits) == 2 * 10 + 2 + 1  # convolutions and activations, transposed convolutions, head


@pytest.mark.parametrize("policy", POLICIES)
def test_limits_change_nothing_on_the_pictures_they_come_from(policy):
    model = network()
    limited = with_limits(model, observed_limits(model, IMAGES), policy)
    plain, kept = (FloatRunner(read_network(m), IMAGES) for m in (model, limited))
    assert same_bits(plain.logits, kept.logits)
    flip = Flip("enc1.conv1.kernel", 3, 30)
    assert same_bits(kept.run(flip), kept.whole(flip))


@pytest.mark.parametrize(
    ("policy", "expected"), [(SATURATE, [-1, 0.5, 2, 2, -1, -1]), (LOWER, [-1, 0.5, -1, -1, -1, -1])]
)
def test_what_becomes_of_values_outside(policy, expected):
    """One convolution that passes its input on."""
    helper, values = onnx.helper, np.array([-7, 0.5, 3, np.inf, -np.inf, np.nan], np.float32).reshape(1, 1, 1, 6)
    model = network()
    del model.graph.node[:]
    del model.graph.initializer[:]
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.ones((1, 1, 1, 1), np.float32), "one.kernel"))
    model.graph.node.append(helper.make_node("Conv", ["input", "one.kernel"], ["logits"], name="one"))
    shapes = [[1, 1, 1, 6]] * 2
    for value, shape in zip((*model.graph.input, *model.graph.output), shapes, strict=True):
        value.CopyFrom(helper.make_tensor_value_info(value.name, onnx.TensorProto.FLOAT, shape))
    limited = with_limits(model, {"logits": Limits(-1.0, 2.0)}, policy)
    runner = FloatRunner(read_network(limited), values)
    assert runner.logits.reshape(-1).tolist() == expected


def test_an_unknown_policy_is_refused():
    with pytest.raises(ValueError, match="policy is 'none'"):
        with_limits(network(), {}, "none")


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    folder = tmp_path_factory.mktemp("paper")
    onnx.save(network(), folder / "relu-original.onnx")
    return folder, run_float(folder / "relu-original.onnx", IMAGES, folder / "rows.csv", seed=3, per_set=200)


def test_the_same_faults_are_run_again(campaign, tmp_path):
    folder, before = campaign
    after = [
        run_limited(folder / "relu-original.onnx", before, p, IMAGES, IMAGES, tmp_path / f"{p}.csv") for p in POLICIES
    ]
    places = [(r.variable, r.element, r.bit) for r in first_rows(before)]
    for done in after:
        assert [(r.variable, r.element, r.bit) for r in done.rows] == places
        assert done.plan == reduced(before.plan)
        assert {r.outcome for r in done.rows} <= {"masked", "tolerable", "critical"}  # nothing leaves as NaN
    found = effect(before, after)
    assert found["saturate"]["all"]["error"]["best"] < found["none"]["all"]["error"]["best"]
    assert found["saturate"]["all"]["nonfinite"]["best"] == 0 < found["none"]["all"]["nonfinite"]["best"]
    assert [r.picture for r in after[0].rows] == [r.picture for r in first_rows(before)]
    assert found["none"]["faults"] == len(places) < len(before.rows)


def test_ecc_corrects_every_fault_of_a_campaign(campaign):
    found = mantissa_effect(campaign[1])
    assert found["corrected"] == found["faults"] == len(campaign[1].rows)
    assert found["after"]["best"] == 0 < found["before"]["best"]


def test_fault_free_networks_are_compared_with_the_plain_one():
    found = fault_free(network(), IMAGES, LABELS, IMAGES)
    assert found["none"]["changed_pixels"] == 0
    assert found["saturate"]["changed_pixels"] == 0  # limits of the same pictures
    assert 0 <= found["mantissa"]["changed_pixels"] < 0.05
    tight = fault_free(network(), IMAGES, LABELS, IMAGES[:1] * 0.1)
    assert tight["saturate"]["changed_pixels"] > 0


def test_fault_free_runs_are_kept_for_the_same_network_and_pictures(tmp_path, monkeypatch):
    path, target = tmp_path / "n.onnx", tmp_path / "campaigns" / "n.json"
    path.write_bytes(network().SerializeToString())
    found = run_fault_free(path, IMAGES, LABELS, IMAGES, target)
    assert found == fault_free(network(), IMAGES, LABELS, IMAGES)

    class AgainError(Exception):
        pass

    def run(*_):
        raise AgainError

    monkeypatch.setattr("onnx_models.paper.mitigations.protected_runs.fault_free", run)
    assert run_fault_free(path, IMAGES, LABELS, IMAGES, target) == found
    for images, labels, limits in (
        (IMAGES[::-1], LABELS, IMAGES), (IMAGES, 1 - LABELS, IMAGES), (IMAGES, LABELS, IMAGES[:1])
    ):  # fmt: skip
        with pytest.raises(AgainError):
            run_fault_free(path, images, labels, limits, target)
    path.write_bytes(network(filters=2).SerializeToString())
    with pytest.raises(AgainError):
        run_fault_free(path, IMAGES, LABELS, IMAGES, target)
    assert [one.name for one in target.parent.iterdir()] == ["n.json"]


def test_comparisons_are_counted():
    """By hand: stages of 2, 4 and 2 channels, a transposed convolution, the head."""
    found = comparisons(network(levels=1, filters=2, height=4, width=8), 4, 8)
    pixels, below = 4 * 8, 2 * 4
    values = pixels * (2 * (2 + 2) + 2 * (2 + 2) + 2 + 5) + below * 2 * (4 + 4)
    macs = (
        9 * pixels * (25 * 2 + 2 * 2 + 4 * 2 + 2 * 2) + 9 * below * (2 * 4 + 4 * 4) + 4 * below * 4 * 2 + pixels * 2 * 5
    )
    assert found["values"] == values
    assert found["per_mac"] == pytest.approx(2 * values / macs)


class _Tensor:
    def __init__(self, name, kind, size):
        self.name, self.set, self.size = name, kind, size


@pytest.mark.parametrize(("width", "check_bits"), [(8, 5), (32, 7)])
def test_secded_on_biases(width, check_bits):
    tensors = [_Tensor("a.weight", "weight", 40), _Tensor("a.bias", "bias", 5)]
    bits = {"weight": {(b,): 1 for b in range(8)}, "bias": {(b,): 1 for b in range(width)}}
    plan = make_plan(tensors, bits, 0, per_set=10**5)  # a census
    rows = []
    for draw in plan.draws():
        cell = plan.cells[draw.cell]
        share = 0.5 if cell.set == "bias" else 0.01
        rows.append(Row(draw.index, cell.variable, draw.element, draw.bit, 0, 0, 1, "critical", share, 0.0, share))
    campaign = Campaign("made", "", plan, {t.name: (0, "a") for t in tensors}, rows)
    found = secded_biases(campaign)
    before = mean(samples(campaign), BITS).best
    assert found["before"]["best"] == pytest.approx(before)
    assert found["after"]["best"] == pytest.approx(40 * 8 * 0.01 / (40 * 8 + 5 * width))
    assert found["check_bits"] == 5 * check_bits
    assert found["corrected"] == found["bias_faults"] == 5 * width
    assert found["share_of_errors_from_biases"] == pytest.approx(5 * width * 0.5 / (5 * width * 0.5 + 3.2))
    assert found["after_all_bits"] < found["after"]["best"]
