"""The fault lists of the speed benchmark are what they claim, and a wrong one is found."""

from dataclasses import replace

import pytest

from accel_sim.errors import InputError
from accel_sim.faults import make_space
from accel_sim.model import import_onnx
from tests.bench.fault_lists import (
    ACTIVATIONS,
    LISTS,
    PARAMETER_SETS,
    WEIGHT_BITS,
    WrongListError,
    check_lists,
    draw_lists,
)  # fmt: skip
from tests.conformance.qdq_network import QdqNetwork

COUNT = 200


def network():
    net = QdqNetwork(2, "uint8", "int8")
    hidden = net.conv(net.input([1, 3, 6, 6]), 12)
    net.outputs = (net.conv(net.conv(hidden, 6), 3, (1, 1)),)
    return import_onnx(net.model())


@pytest.fixture(scope="module")
def graph():
    return network()


@pytest.fixture
def lists(graph):
    return draw_lists(graph, COUNT)


def roles(graph, faults):
    return {graph.parameters[fault.tensor].role for fault in faults}


def test_lists_follow_their_names_and_the_seed(graph, lists):
    assert list(lists) == list(LISTS)
    assert all(len(some) == COUNT for some in lists.values())
    assert roles(graph, lists[WEIGHT_BITS]) == {"weight"}
    assert roles(graph, lists[PARAMETER_SETS]) == {"weight", "bias"}
    assert {fault.space for fault in lists[ACTIVATIONS]} == {"activations"}
    assert {fault.bits for fault in lists[WEIGHT_BITS]} == {(bit,) for bit in range(8)}
    assert draw_lists(graph, COUNT) == lists
    assert draw_lists(graph, COUNT, seed=8) != lists


@pytest.mark.parametrize("seed", range(20))
def test_right_lists_pass(graph, seed):
    draw_lists(graph, COUNT, seed)  # raises when the check is too strict


def wrong_space(graph, lists):
    return lists | {ACTIVATIONS: lists[WEIGHT_BITS]}


def biases_among_weights(graph, lists):
    return lists | {WEIGHT_BITS: lists[PARAMETER_SETS]}


def no_biases_among_sets(graph, lists):
    return lists | {PARAMETER_SETS: lists[WEIGHT_BITS]}


def low_bits_only(graph, lists):
    return lists | {WEIGHT_BITS: [replace(f, bits=(f.bits[0] % 4,)) for f in lists[WEIGHT_BITS]]}


def several_bits(graph, lists):
    return lists | {WEIGHT_BITS: [replace(f, bits=(0, 1)) for f in lists[WEIGHT_BITS]]}


def one_fault_again_and_again(graph, lists):
    return lists | {WEIGHT_BITS: lists[WEIGHT_BITS][:1] * COUNT}


def one_layer_only(graph, lists):
    space = make_space("parameters", graph, 1)
    (first, *_) = [name for name, parameter in graph.parameters.items() if parameter.role == "weight"]
    strata = [i for i, stratum in enumerate(space.strata) if stratum.name == first]
    return lists | {WEIGHT_BITS: [space.fault(strata[i % 8], i % 32) for i in range(COUNT)]}


def uniform_over_bits_for_sets(graph, lists):
    """Sets drawn in proportion to their bits: small tensors, the biases among them, are too rare."""
    space = make_space("parameters", graph, 1)
    places = [(i, k) for i, s in enumerate(space.strata) for k in range(s.population)]
    step = len(places) // COUNT
    return lists | {PARAMETER_SETS: [space.fault(*places[i * step]) for i in range(COUNT)]}


@pytest.mark.parametrize(
    ("plant", "message"),
    [
        (wrong_space, "activations: a fault of the space 'parameters'"),
        (biases_among_weights, "weight bits: '.*' does not belong there"),
        (no_biases_among_sets, "parameter sets: tensor '.*' in .* of 200 faults"),
        (low_bits_only, "weight bits: bit 0 in .* of 200 faults, where 25.0 are promised"),
        (several_bits, "weight bits: a fault of 2 bits"),
        (one_fault_again_and_again, "weight bits: the same fault 200 times"),
        (one_layer_only, "weight bits: tensor '.*' in 200 of 200 faults"),
        (uniform_over_bits_for_sets, "parameter sets: tensor '.*' in .* of 200 faults"),
    ],
)
def test_a_planted_wrong_list_is_found(graph, lists, plant, message):
    with pytest.raises(WrongListError, match=message):
        check_lists(graph, plant(graph, lists))


def test_a_fault_that_does_not_exist_is_found(graph, lists):
    outside = replace(lists[WEIGHT_BITS][0], index=(99, 0, 0, 0))
    with pytest.raises(InputError, match="is outside"):
        check_lists(graph, lists | {WEIGHT_BITS: [outside, *lists[WEIGHT_BITS][1:]]})
