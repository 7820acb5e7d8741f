"""The networks of the speed benchmark, and how figures become rows of the goals' table."""

import json

import numpy as np
import pytest

from accel_sim.faults import Fault
from accel_sim.model import Conv, ConvTranspose
from tests.bench.goals import GOALS as MEASURES
from tests.bench.goals import MEMORY, PEER, WEIGHTS, WORKERS, Measured, table
from tests.bench.peers import module_name, upset_value
from tests.bench.rounds import Times
from tests.bench.spread import INTENDED, spread
from tests.bench.workloads import GOALS, NETWORKS, SCHEMES, goal_entry, goal_network, goal_widths

# Parameters, multiply-accumulates and image size that the benchmark is defined with.
DEFINED = {"unet_small": (0.487e6, 0.245e9, (96, 192)), "unet_pruned": (0.317e6, 4.20e9, (192, 384))}


def macs(graph):
    total = 0
    for node in graph.nodes:
        if isinstance(node.operation, Conv | ConvTranspose):
            _, _, height, width = graph.tensors[node.outputs[0]].shape
            weights = graph.parameters[node.operation.weight.parameter].values.size
            strides = node.operation.window.strides if isinstance(node.operation, ConvTranspose) else (1, 1)
            total += weights * height * width // (strides[0] * strides[1])
    return total


@pytest.mark.parametrize("name", GOALS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_networks_are_the_defined_ones(name, scheme):
    parameters, products, (height, width) = DEFINED[name]
    model, images = goal_network(name, scheme).load()
    graph = model.graph
    assert sum(p.values.size for p in graph.parameters.values()) == pytest.approx(parameters, rel=0.02)
    assert macs(graph) == pytest.approx(products, rel=0.01)
    assert images.items[0]["input"].shape == (1, 25, height, width)
    codes = {t.dtype for t in graph.tensors.values() if t.is_code}
    assert codes == {"uint8" if scheme == "u8s8" else "int8"}
    assert not any(node.reason for node in graph.nodes)
    assert next(iter(graph.parameters.values())).values.shape[0] == goal_widths(name)[0]


@pytest.mark.parametrize("name", GOALS)
def test_accuracy_and_spread_are_recorded(name):
    entry = goal_entry(name)
    assert min(entry["pixels_right_percent"].values()) > 96
    assert set(entry["spread"]) == {f"{name}-{scheme}" for scheme in SCHEMES}
    assert entry["spread_intended"] == INTENDED[name]
    assert NETWORKS.joinpath(f"{name}.json").read_text() == json.dumps(entry, indent=1) + "\n"


def test_recorded_spread_is_measured_again():
    """A few of the recorded faults; a dense run of each, so nothing of the incremental engine is in it."""
    model, images = goal_network("unet_small", "u8s8").load()
    found = spread(model.engine, images.items[0], 40)
    for name, recorded in goal_entry("unet_small")["spread"]["unet_small-u8s8"].items():
        if name != "faults_per_list":
            assert found[name]["touched_outputs"] == pytest.approx(recorded["touched_outputs"], rel=0.7)


def test_peers_strike_the_same_element():
    assert module_name("enc1.conv2.weight_quantized") == "encoder.0.conv2"
    assert module_name("dec3.up.weight_quantized") == "up.2"
    assert module_name("dec2.conv1.weight_quantized") == "decoder.1.conv1"
    assert module_name("base.conv1.weight_quantized") == "base.conv1"
    assert module_name("head.weight_quantized") == "head"


def test_peers_flip_the_same_bit():
    weight = np.array([[1.27, -0.05, 0.0]], np.float32)
    at = [Fault("parameters", "w", (0, i), (bit,)) for i, bit in ((0, 0), (1, 7), (2, 7))]
    assert [upset_value(weight, f) for f in at] == pytest.approx([1.26, 1.23, -1.28], abs=1e-6)


@pytest.mark.parametrize(
    ("measure", "value", "reached"),
    [
        (WEIGHTS, 0.02, "dream"), (WEIGHTS, 0.06, "goal"), (WEIGHTS, 0.12, "must"), (WEIGHTS, 0.121, "missed"),
        (WORKERS, 1.69, "missed"), (WORKERS, 1.95, "goal"), (PEER, 250, "dream"), (PEER, 39, "missed"),
        (MEMORY, 0.5, "goal"), (MEMORY, None, "not measured"),
    ],
)  # fmt: skip
def test_thresholds(measure, value, reached):
    row = Measured(measure, "unet_small", value)
    assert row.reached() == reached
    assert row.to_json()["must"] == MEASURES[measure].must
    assert reached in table([row])


def test_ratios_are_taken_inside_rounds():
    times = Times({"base": (1.0, 2.0, 4.0), "ours": (0.5, 1.0, 8.0), "theirs": (9.0, 1.0, 1.0)})
    assert times.ratio("ours", "base") == (0.5, 0.5, 2.0)
    assert times.best_of(["base", "theirs"]) == "theirs"
