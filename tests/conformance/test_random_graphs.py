"""Random quantised graphs against onnxruntime, node by node and end to end.

``ACCEL_SIM_RANDOM_GRAPHS`` sets how many graphs (300 by default), ``ACCEL_SIM_RANDOM_FIRST`` the first seed.
"""

import os
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from tests.conformance.onnxruntime_runs import Array, optimised, run_model
from tests.conformance.verdict import field, loaded, nodes_of
from tests.generators import FEATURES, OPERATORS, coverage, random_graph

FIRST = int(os.environ.get("ACCEL_SIM_RANDOM_FIRST", "0"))
COUNT = int(os.environ.get("ACCEL_SIM_RANDOM_GRAPHS", "300"))
BATCH = 50
BOUNDS = {"host": 0.0, "float": 1e-4, "curve": 1e-3, "ties": 2e-3}
SUMS = {"Conv", "ConvTranspose", "Gemm", "MatMul"}
CURVES = {"LeakyRelu", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "PRelu"}
BATCHES = [range(start, min(start + BATCH, FIRST + COUNT)) for start in range(FIRST, FIRST + COUNT, BATCH)]


@dataclass
class Totals:
    """Sums over all graphs of a run."""

    graphs: int = 0
    nodes: dict[str, int] = dataclass_field(default_factory=dict)
    compared: dict[str, int] = dataclass_field(default_factory=dict)
    mismatched: dict[str, int] = dataclass_field(default_factory=dict)
    exact_graphs: int = 0

    def add(self, kind: str, node: Any) -> None:
        for totals, value in (
            (self.nodes, 1),
            (self.compared, field(node, "compared")),
            (self.mismatched, field(node, "mismatched")),
        ):
            totals[kind] = totals.get(kind, 0) + value


TOTALS = Totals()


def is_round(scale: float) -> bool:
    """A power of two or a decimal of at most two digits."""
    digits = scale / 10 ** np.floor(np.log10(scale))
    return float(np.log2(scale)).is_integer() or abs(digits * 10 - round(digits * 10)) < 1e-5


def any_round(scale: Array) -> bool:
    return any(is_round(float(s)) for s in scale.reshape(-1))


def classes(model: onnx.ModelProto) -> dict[str, str]:
    """The kind of float group of every node and tensor between DequantizeLinear and QuantizeLinear, by name.

    ``curve``: a curve follows a sum of products without a Q between. ``ties``: exact halves are common and the rounding
    noise of a float sum decides them, because all scales of the group are round numbers, or those of the output and of
    an int8 bias, which stands alone where a window lies wholly in the padding. ``float``: the others.
    """
    producer = {name: node for node in model.graph.node for name in node.output}
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    found: dict[str, str] = {}
    for quantise in model.graph.node:
        if quantise.op_type != "QuantizeLinear":
            continue
        chain, waiting = [quantise], [quantise.input[0]]
        factors: list[Array] = []
        biases: list[Array] = []
        while waiting:
            node = producer.get(waiting.pop())
            if node is None or node.op_type == "QuantizeLinear":
                continue
            if node.op_type == "DequantizeLinear":
                stored = constants.get(node.input[0])
                is_bias = stored is not None and (stored.dtype == np.int32 or stored.ndim == 1)
                (biases if is_bias else factors).append(constants[node.input[1]])
                continue
            chain.append(node)
            waiting += node.input
        kinds = {node.op_type for node in chain}
        kind = "curve" if kinds & SUMS and kinds & CURVES else "float"
        if any_round(constants[quantise.input[1]]) and (
            all(any_round(scale) for scale in factors) or any(any_round(scale) for scale in biases)
        ):
            kind = "ties"
        for node in chain:
            found |= dict.fromkeys([node.name, *node.output], kind)
    return found


def check(seed: int) -> list[str]:
    """Compare one graph; returns what is wrong with it."""
    model, feeds = random_graph(seed)
    with loaded(model) as session:
        verdict, outputs = session.verify(feeds), session.run(feeds).outputs
    expected = run_model(model, feeds)
    kinds, wrong = classes(model), []
    for node in nodes_of(verdict):
        reference, mismatched = field(node, "reference"), field(node, "mismatched")
        kind = "integer" if reference == "integer" else kinds.get(field(node, "name"), "float")
        kind = "host" if field(node, "where") == "host" else kind
        TOTALS.add(kind, node)
        story = f"seed {seed} node {field(node, 'name')} ({field(node, 'op')}, {reference}): "
        if reference == "integer" and mismatched:
            wrong.append(f"{story}{mismatched} of {field(node, 'compared')} differ, up to {field(node, 'max_lsb')}")
        elif field(node, "max_lsb") > 1:
            wrong.append(f"{story}{field(node, 'max_lsb')} LSB off")
    # What runs on the host is onnxruntime itself; a node without a counterpart is part of its neighbour there.
    exact = all(
        field(node, "reference") == "integer" or field(node, "where") == "host" or not field(node, "compared")
        for node in nodes_of(verdict)
    )
    TOTALS.graphs += 1
    TOTALS.exact_graphs += exact
    for name, value in expected.items():
        if outputs[name].dtype != value.dtype or outputs[name].shape != value.shape:
            wrong.append(f"seed {seed} output {name}: {outputs[name].dtype}{outputs[name].shape}")
        elif exact and not np.array_equal(outputs[name], value):
            wrong.append(f"seed {seed} output {name} differs although every node is integer")
    return wrong


@pytest.mark.parametrize("seeds", BATCHES, ids=lambda seeds: f"{seeds.start}-{seeds.stop - 1}")
def test_graphs_agree_with_onnxruntime(seeds: range) -> None:
    wrong = [line for seed in seeds for line in check(seed)]
    assert not wrong, "\n".join(wrong)


def test_rate_of_single_steps_where_onnxruntime_computes_in_float(capsys: pytest.CaptureFixture[str]) -> None:
    if not TOTALS.graphs:
        pytest.skip("runs after the graphs of this module, in the same process")
    with capsys.disabled():
        print(f"\n{TOTALS.graphs} random graphs, {TOTALS.exact_graphs} of them integer throughout:")
        for kind in sorted(TOTALS.nodes):
            counts = TOTALS.nodes[kind], TOTALS.compared[kind], TOTALS.mismatched[kind]
            print("  {:8s} {:6d} nodes {:9d} values compared {:5d} mismatched".format(kind, *counts))
    for kind, bound in BOUNDS.items():
        # One step in a small run is no rate: allow for the Poisson spread of the expected count.
        allowed = bound * TOTALS.compared.get(kind, 0)
        assert TOTALS.mismatched.get(kind, 0) <= allowed + 3 * np.sqrt(allowed)


def test_same_seed_gives_the_same_bytes() -> None:
    for seed in range(5):
        (first, feeds), (second, again) = random_graph(seed), random_graph(seed)
        assert first.SerializeToString(deterministic=True) == second.SerializeToString(deterministic=True)
        assert all(np.array_equal(feeds[name], again[name]) for name in feeds)


def test_generator_reaches_every_operator_and_feature() -> None:
    reached: set[str] = set()
    kernels: set[str] = set()
    for seed in range(300):
        model, _ = random_graph(seed)
        reached |= coverage(model)
        if seed < 100:
            onnx.checker.check_model(model, full_check=True)
            kernels |= {node.op_type for node in optimised(model).graph.node}
    assert not set(OPERATORS + FEATURES) - reached
    assert kernels >= {"QLinearConv", "QLinearMatMul", "QGemm", "QLinearAdd", "QLinearConcat", "FusedConv", "Conv"}
