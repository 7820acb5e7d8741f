"""The Graph as a value: who reads what, views of stored values, identity."""

from dataclasses import replace

import numpy as np
import pytest

from accel_sim.model import Conv, Gemm, Graph, Move, Parameter, Quantisation, Tensor, View, import_onnx
from tests.conformance.qdq_network import QdqNetwork, integer_network, sharing_network


@pytest.fixture(scope="module")
def graph() -> Graph:
    return import_onnx(integer_network("uint8", "int8").model())


def test_producers_consumers_and_readers_agree_with_the_nodes(graph: Graph) -> None:
    for position, node in enumerate(graph.nodes):
        for name in node.outputs:
            assert graph.producer[name] is node
        for name in node.inputs:
            assert position in graph.consumers[name]
        for view in node.views:
            assert position in graph.readers[view.parameter]
    assert sum(map(len, graph.readers.values())) == sum(len({v.parameter for v in n.views}) for n in graph.nodes)
    assert all(
        graph.consumers[name] == () for name in graph.outputs if name not in {i for n in graph.nodes for i in n.inputs}
    )


def test_nodes_come_in_topological_order(graph: Graph) -> None:
    known = set(graph.inputs)
    for node in graph.nodes:
        assert set(node.inputs) <= known
        known |= set(node.outputs)
    assert set(graph.outputs) <= known


def test_stored_parameters_are_the_initializers(graph: Graph) -> None:
    model = integer_network("uint8", "int8").model()
    stored = {t.name: t for t in model.graph.initializer}
    for parameter in graph.parameters.values():
        assert parameter.values.tobytes() == stored[parameter.name].raw_data
        assert list(parameter.values.shape) == list(stored[parameter.name].dims)
        assert parameter.bits == 8 * parameter.values.dtype.itemsize
        expected = {"weight": "weight", "bias": "bias", "operand": "operand"}
        assert parameter.role == next(role for stem, role in expected.items() if parameter.name.startswith(stem))


def test_shared_weights_are_stored_once() -> None:
    graph = import_onnx(sharing_network().model())
    readers = sorted(len(positions) for positions in graph.readers.values())
    assert readers == [1, 1, 2]  # two biases, one set of weights


def test_digest_is_a_function_of_everything_that_counts(graph: Graph) -> None:
    again = import_onnx(integer_network("uint8", "int8").model())
    assert again.digest == graph.digest
    name, parameter = next(iter(graph.parameters.items()))
    values = parameter.values.copy()
    values.reshape(-1)[0] ^= 1
    upset = replace(graph, parameters={**graph.parameters, name: Parameter(name, values, parameter.role)})
    assert upset.digest != graph.digest
    assert replace(graph, nodes=graph.nodes[:-1]).digest != graph.digest
    assert replace(graph, name="other", file_hash="0").digest == graph.digest


def test_views_read_stored_values_in_their_own_order() -> None:
    stored = np.arange(6, dtype=np.int8).reshape(2, 3)
    plain = View("w", None, (3, 2), np.zeros(1, np.int32))
    assert plain.read(stored).tolist() == [[0, 1], [2, 3], [4, 5]]
    turned = View("w", np.arange(6).reshape(2, 3).T, (3, 2), np.zeros(1, np.int32))
    assert turned.read(stored).tolist() == [[0, 3], [1, 4], [2, 5]]
    repeated = View("w", np.array([5, 5, 0]), (3,), np.zeros(1, np.int32))
    assert repeated.read(stored).tolist() == [5, 5, 0]


def test_transposed_weights_keep_the_index_of_the_file() -> None:
    """A MatMul stores (k, n); the array reads (n, k): the view turns, the parameter does not."""
    net = QdqNetwork(1, "uint8", "int8")
    net.outputs = (net.matmul(net.input([2, 5]), 3),)
    graph = import_onnx(net.model())
    (node,) = graph.nodes
    assert isinstance(node.operation, Gemm)
    view = node.operation.weight
    values = graph.parameters[view.parameter].values
    assert values.shape == (5, 3)
    assert view.shape == (3, 5)
    assert np.array_equal(view.read(values), values.T)


@pytest.mark.parametrize(
    ("index", "table", "alias"),
    [
        (np.arange(6).reshape(3, 2), None, True),
        (np.arange(6).reshape(2, 3).T, None, False),
        (np.array([0, 1, -1, 3]), None, False),
        (np.arange(6), np.zeros(256, np.uint8), False),
    ],
)
def test_moves_that_store_nothing_are_known(index: np.ndarray, table: np.ndarray | None, alias: bool) -> None:
    assert Move(index.astype(np.int32), table=table).is_alias is alias


def test_tensors_know_their_codes() -> None:
    codes = Tensor("x", (1, 2, 3), "int8", Quantisation(0.5, 3))
    assert codes.is_code
    assert codes.size == 6
    assert codes.side == (0.5, 3, codes.code_type)
    assert not Tensor("x", (1,), "float32").is_code


def test_steps_say_which_onnx_nodes_they_stand_for(graph: Graph) -> None:
    model = integer_network("uint8", "int8").model()
    names = {node.name for node in model.graph.node}
    for node in graph.nodes:
        assert node.sources
        assert set(node.sources) <= names
        assert not node.on_host
    convolutions = [n for n in graph.nodes if isinstance(n.operation, Conv)]
    assert [n.onnx_op for n in convolutions] == ["Conv"] * 4
