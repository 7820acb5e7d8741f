"""Fault spaces: strata, numbering, and what is refused."""

import numpy as np
import pytest

from accel_sim.errors import InputError, UsageError
from accel_sim.faults import ActivationSpace, Fault, FaultSpace, ParameterSpace, make_space
from accel_sim.model import Graph, Move, import_onnx
from tests.conformance.qdq_network import QdqNetwork


@pytest.fixture(scope="module")
def graph() -> Graph:
    net = QdqNetwork(1, "int8", "int8")
    x = net.input([1, 2, 3, 3])
    pooled = net.flatten(net.conv(x, 3, (2, 2)))  # flattening shares the bytes of its input
    net.outputs = (net.gemm(pooled, 2),)
    return import_onnx(net.model())


def bits_of(space: FaultSpace) -> list[tuple[object, ...]]:
    faults = [space.fault(i, k) for i, s in enumerate(space.strata) for k in range(s.population)]
    for fault in faults:
        space.check(fault)
    return [(f.tensor, f.index, *f.bits, f.image) for f in faults]


def test_parameter_strata_are_bits_of_stored_values(graph: Graph) -> None:
    space = ParameterSpace(graph)
    expected = []
    for parameter in graph.parameters.values():
        width = {"int8": 8, "uint8": 8, "int32": 32}[str(parameter.values.dtype)]
        expected += [(parameter.name, bit, parameter.values.size) for bit in range(width)]
    assert [tuple(s) for s in space.strata] == expected
    assert sum(s.population for s in space.strata) == (24 + 24) * 8 + (3 + 2) * 32


def test_parameter_faults_are_all_bits_once(graph: Graph) -> None:
    found = bits_of(ParameterSpace(graph))
    expected = {
        (p.name, index, bit, 0)
        for p in graph.parameters.values()
        for index in np.ndindex(*p.values.shape)
        for bit in range(8 * p.values.dtype.itemsize)
    }
    assert len(found) == len(expected)
    assert set(found) == expected


def test_activation_faults_are_all_bits_of_all_images_once(graph: Graph) -> None:
    space = ActivationSpace(graph, 3)
    found = bits_of(space)
    expected = {
        (name, index, bit, image)
        for name in space.tensors
        for index in np.ndindex(*graph.tensors[name].shape)
        for bit in range(8)
        for image in range(3)
    }
    assert len(found) == len(expected) == 3 * 8 * (18 + 12 + 2)
    assert set(found) == expected


def test_tensors_that_share_bytes_are_counted_once(graph: Graph) -> None:
    (alias,) = [n for n in graph.nodes if isinstance(n.operation, Move)]
    assert alias.operation.is_alias  # type: ignore[union-attr]
    assert alias.outputs[0] not in ActivationSpace(graph, 1).tensors
    assert alias.inputs[0] in ActivationSpace(graph, 1).tensors
    assert ActivationSpace(graph, 1).tensors[0] == graph.inputs[0]


def test_index_is_the_one_of_the_onnx_file(graph: Graph) -> None:
    space = ParameterSpace(graph)
    name = space.strata[0].name
    assert space.fault(0, 0).index == (0, 0, 0, 0)
    assert space.fault(0, 1).index == (0, 0, 0, 1)
    assert space.fault(0, 23).index == (2, 1, 1, 1)
    assert graph.parameters[name].values.shape == (3, 2, 2, 2)


@pytest.mark.parametrize("name", ["parameters", "activations"])
def test_faults_outside_a_stratum_do_not_exist(graph: Graph, name: str) -> None:
    space = make_space(name, graph, 2)
    for k in (-1, space.strata[0].population):
        with pytest.raises(IndexError):
            space.fault(0, k)


def test_spaces_describe_themselves(graph: Graph) -> None:
    assert make_space("parameters", graph, 5).describe() == {"name": "parameters"}
    assert make_space("activations", graph, 5).describe() == {"name": "activations", "images": 5}
    with pytest.raises(UsageError, match="'registers' is not one of parameters, activations"):
        make_space("registers", graph, 1)


def test_checks_name_what_is_wrong(graph: Graph) -> None:
    space = make_space("parameters", graph, 1)
    weight = space.strata[0].name
    for fault, words in (
        (Fault("parameters", "nothing", (0,), (0,)), "no parameter 'nothing'; there are 4, such as"),
        (Fault("parameters", weight, (0, 0, 0), (0,)), r"index \[0, 0, 0\] is outside .* \[3, 2, 2, 2\]"),
        (Fault("parameters", weight, (3, 0, 0, 0), (0,)), "is outside"),
        (Fault("parameters", weight, (0, 0, 0, 0), (8,)), "bit 8 .*bits 0 to 7"),
    ):
        with pytest.raises(InputError, match=words):
            space.check(fault)
    bias = next(p.name for p in graph.parameters.values() if p.role == "bias")
    space.check(Fault("parameters", bias, (0,), (31,)))
    with pytest.raises(InputError, match="bits 0 to 31"):
        space.check(Fault("parameters", bias, (0,), (31, 32)))


def test_activation_checks_name_what_is_wrong(graph: Graph) -> None:
    space = make_space("activations", graph, 2)
    (source,) = graph.inputs
    space.check(Fault("activations", source, (0, 1, 2, 2), (7,), image=1))
    for fault, words in (
        (Fault("activations", source, (0, 1, 2, 2), (7,), image=2), "image 2 of 2"),
        (Fault("activations", source, (1, 1, 2, 2), (7,)), "is outside"),
        (Fault("activations", source, (0, 1, 2, 2), (8,)), "bits 0 to 7"),
        (Fault("activations", "nothing", (0,), (0,)), "no stored tensor of codes 'nothing'"),
    ):
        with pytest.raises(InputError, match=words):
            space.check(fault)
