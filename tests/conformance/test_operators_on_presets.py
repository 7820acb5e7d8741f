"""Every operator of the importer on every preset: it fits the banks, or is on the host with the reason that it has."""

import numpy as np
import pytest

from accel_sim.compiler import compile_graph
from accel_sim.config import PRESETS
from accel_sim.engine import Engine
from accel_sim.inputs import split_images
from accel_sim.isa import Compute, Host, Transfer
from accel_sim.machine import Machine
from accel_sim.model import Graph
from accel_sim.model.operators import OPERATORS
from accel_sim.reference import host_runner
from accel_sim.session import random_inputs
from tests.conformance.operator_graphs import operator_graphs

ALU = "no addition or multiplication of the ALU gives all results of this"
FLOAT = "onnxruntime computes it as a chain of float32 sums, which the array does not have"
ACROSS = "the move takes more than 64 rectangles with adjacent channels"
REAL = "conversion between real values and codes"
# What runs on the host, by network and operator, and the sentence that says why; everything else is the array's.
ON_HOST = {
    **{(op, op): f"{ALU} {op}" for op in ("Sub", "Div", "Max", "Min")},
    **{(op, op): FLOAT for op in ("AveragePool", "QLinearAveragePool")},
    ("Resize between pixels", "Resize"): FLOAT,
    ("Reshape across channels", "Reshape"): ACROSS,
    ("Flatten across channels", "Flatten"): ACROSS,
    ("QuantizeLinear and DequantizeLinear", "QuantizeLinear"): REAL,
    ("QuantizeLinear and DequantizeLinear", "DequantizeLinear"): REAL,
    ("Softmax", "Softmax"): "operator Softmax is not one that the array runs",
}


def nodes(graph: Graph) -> set[str]:
    return {node.onnx_op for node in graph.nodes}


def test_every_operator_of_the_importer_has_a_network() -> None:
    found = set().union(*map(nodes, operator_graphs().values()))
    assert set(OPERATORS) <= found
    assert found - set(OPERATORS) == {"Softmax"}


@pytest.mark.parametrize("arch", PRESETS)
def test_every_operator_compiles_or_is_on_the_host_with_its_reason(arch: str) -> None:
    reasons = {}
    for name, graph in operator_graphs().items():
        program = compile_graph(graph, PRESETS[arch])
        Machine(program)  # it refuses instructions outside of the preset's memories, and programs that do not end
        for position, node in enumerate(graph.nodes):
            own = [i for i in program.instructions if i.layer == position and isinstance(i, Compute | Transfer | Host)]
            calls = [call for call in program.calls if call.node == position]
            assert len(calls) == sum(isinstance(i, Host) for i in own) <= 1
            for call in calls:
                assert all(isinstance(i, Host) for i in own)
                reasons[name, node.onnx_op] = call.reason
            by_address = not own and program.tensors[node.outputs[0]].address is not None
            assert own or by_address, (name, node.onnx_op)
    assert reasons.keys() == ON_HOST.keys()
    assert all(ON_HOST[key] in reason for key, reason in reasons.items())


@pytest.mark.parametrize("arch", ["tiny", "b512", "b2304-high"])
def test_every_operator_gives_the_engines_bytes(arch: str) -> None:
    for name, graph in operator_graphs().items():
        engine = Engine(graph, host_runner)
        image = split_images(graph, random_inputs(graph, 5), "inputs").items[0]
        expected = engine.outputs(engine.run(image))
        found = Machine(compile_graph(graph, PRESETS[arch]), engine.run_node).run(image)
        assert found.status == "ok"
        for output, value in expected.items():
            assert found.outputs[output].tobytes() == value.tobytes(), (name, output)
            assert np.unique(value).size > 1, name  # a network that gives one value shows little
