"""Faulty float runs of the reproduction: in pieces and whole they give the same bits; outcomes mean what they say."""

import numpy as np
import onnx
import pytest

from accel_sim.errors import ModelError
from onnx_models.paper.campaigns.float_campaign import run_float
from onnx_models.paper.campaigns.float_runner import (
    CRITICAL,
    INF,
    MASKED,
    NAN,
    SAMPLED,
    TOLERABLE,
    Flip,
    FloatRunner,
    flipped,
    judged,
    open_session,
    same_bits,
)
from onnx_models.paper.campaigns.network import SETS, read_network
from onnx_models.paper.campaigns.speed import measure
from tests.unit.onnx_models.paper_network import network, scenes


def _runner(activation="relu", **sizes):
    return FloatRunner(read_network(network(activation, **sizes)), scenes()[0])


def _flips(net, count, seed=0):
    random = np.random.default_rng(seed)
    for _ in range(count):
        variable = net.variables[random.integers(len(net.variables))]
        yield Flip(variable.name, int(random.integers(variable.size)), int(random.choice([31, 30, 29, 27, 24, 22, 3])))


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "hardsigmoid"])
def test_pieces_give_the_bits_of_the_whole_model(activation):
    runner = _runner(activation)
    for flip in _flips(runner.network, 60):
        assert same_bits(runner.run(flip), runner.whole(flip)), flip


@pytest.mark.slow
def test_pieces_give_the_bits_of_a_wider_model():
    """Large enough that packed weights of transposed convolutions would change bits."""
    images, _ = scenes(2, 96, 192)
    runner = FloatRunner(read_network(network("relu", 8, 5, 96, 192)), images)
    for flip in _flips(runner.network, 12):
        assert same_bits(runner.run(flip), runner.whole(flip)), flip


def test_packed_weights_would_change_bits():
    """The reason for a setting: without it, constant and replaceable weights are not computed alike."""
    model = network("relu", 8, 5, 96, 192)
    images, _ = scenes(1, 96, 192)
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    packed = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    (found,) = packed.run(None, {"input": images})
    (plain,) = open_session(model.SerializeToString()).run(None, {"input": images})
    assert np.allclose(found, plain, atol=1e-2)
    assert not same_bits(found, plain)


def test_a_run_leaves_nothing_behind():
    runner = _runner()
    before = {name: value.copy() for name, value in runner.golden.items()}
    flips = list(_flips(runner.network, 30))
    first = [runner.judge(flip) for flip in flips]
    assert [runner.judge(flip) for flip in reversed(flips)][::-1] == first
    for name, value in before.items():
        assert same_bits(value, runner.golden[name])


def test_only_the_planned_bit_differs():
    for value in (1.5, -0.03, 1e-30, 0.0):
        for bit in range(32):
            words = np.array([value, flipped(value, bit)], np.float32).view(np.uint32)
            assert words[0] ^ words[1] == 1 << bit
    assert np.isnan(flipped(1.5, 30))
    assert np.isinf(flipped(1.0, 30))
    assert flipped(0.5, 31) == -0.5


def test_unreachable_pieces_are_not_run(monkeypatch):
    """Steps counted: a fault in the head runs one piece, one behind dead channels ends where nothing differs."""
    runner = _runner()
    ran = []

    class Counted:
        def __init__(self, number, session):
            self.number, self.session = number, session

        def run(self, *arguments):
            ran.append(self.number)
            return self.session.run(*arguments)

    runner.sessions = [Counted(i, s) for i, s in enumerate(runner.sessions)]
    runner.run(Flip("head.kernel", 0, 30))
    assert ran == [len(runner.sessions) - 1]
    ran.clear()
    runner._values["base.bn2.gamma"][:] = 0.0  # dead from here on: the sign of a zero changes nothing after ReLU
    runner = FloatRunner(_with(runner.network, "base.bn2.gamma", 0.0), scenes()[0])
    runner.sessions = [Counted(i, s) for i, s in enumerate(runner.sessions)]
    assert runner.judge(Flip("base.conv2.bias", 0, 25)).outcome == MASKED
    assert len(ran) == 1


def _with(net, name, value):
    model = onnx.ModelProto()
    model.CopyFrom(net.source)
    for tensor in model.graph.initializer:
        if tensor.name == name:
            old = onnx.numpy_helper.to_array(tensor)
            tensor.CopyFrom(onnx.numpy_helper.from_array(np.full_like(old, value), name))
    return read_network(model)


def test_outcomes():
    golden = np.zeros((1, 3, 2, 2), np.float32)
    golden[:, 1] = 1.0
    classes = golden.argmax(axis=1)

    def judge(**changes):
        logits = golden.copy()
        for key, value in changes.items():
            logits[0, int(key[1]), 0, 0] = value
        return judged(golden, classes, logits)

    assert judge() == (MASKED, 0.0, 0.0, 0.0)
    assert judge(c0=0.5) == (TOLERABLE, 0.0, 0.0, 0.0)
    assert judge(c2=2.0) == (CRITICAL, 0.25, 0.0, 0.25)
    assert judge(c0=-np.inf) == (INF, 0.0, 0.25, 0.25)
    assert judge(c0=np.inf) == (INF, 0.25, 0.25, 0.25)
    assert judge(c1=np.nan) == (NAN, 0.0, 0.25, 0.25)  # NaN counts as largest
    assert judge(c0=np.nan, c2=np.inf) == (NAN, 0.25, 0.25, 0.25)


def test_layers_and_kinds_are_found():
    net = read_network(network(levels=2))
    assert {v.set for v in net.variables} == set(SETS)
    assert [p.parameters[0].split(".")[0] for p in net.pieces][:3] == ["enc1", "enc1", "enc2"]
    assert len(net.pieces) == 2 * 5 + 2 + 1
    assert net.pieces[1].outputs == ("enc1.act2_out", "enc1.pool_out")  # skip connection and pool
    by_name = {v.name: v for v in net.variables}
    assert by_name["enc1.bn2.gamma"].block == "enc1.conv2"
    assert by_name["dec1.up.kernel"].layer < by_name["dec1.conv1.kernel"].layer < by_name["head.bias"].layer


def test_models_of_another_form_are_refused():
    model = network()
    model.graph.initializer[0].name = "enc1.conv1.weight"
    model.graph.node[0].input[1] = "enc1.conv1.weight"
    with pytest.raises(ModelError, match=r"enc1\.conv1\.weight is not a float32 tensor named after kernel"):
        read_network(model, "other.onnx")
    relu = onnx.helper.make_node("Relu", ["input"], ["early"], name="early")
    model = network()
    model.graph.node.insert(0, relu)
    with pytest.raises(ModelError, match=r"node early \(Relu\) comes before the first convolution"):
        read_network(model, "other.onnx")


@pytest.mark.parametrize("place", [0, 1, SAMPLED - 1, SAMPLED, 2 * SAMPLED + 3, 15 * 40 - 1])
def test_one_other_bit_anywhere_is_seen(place):
    values = np.linspace(-1, 1, 15 * 40, dtype=np.float32).reshape(1, 15, 5, 8)
    other = values.copy()
    assert same_bits(values, other)
    other.reshape(-1).view(np.uint32)[place] ^= 1
    assert not same_bits(values, other)
    values.reshape(-1)[place], other.reshape(-1)[place] = 0.0, -0.0
    assert not same_bits(values, other)
    other.reshape(-1)[place] = values.reshape(-1)[place] = np.nan
    assert same_bits(values, other)


def test_speed_is_of_the_faults_that_are_compared(tmp_path):
    path = tmp_path / "small.onnx"
    model = network("relu")
    onnx.save(model, path)
    images = scenes(2)[0]
    campaign = run_float(path, images, tmp_path / "rows.csv", seed=3, per_set=4)
    found = measure(model, images, campaign, 5)
    assert (found.faults, found.differing) == (5, 0)
    assert 0 < found.behind_s <= found.pieces_s * (1 + 1e-9)
    assert min(found.reused_s, found.whole_s, found.batched_s, found.opening_s) > 0
