"""Injected faults against onnxruntime on the model with those bits flipped.

A few hundred faults a network; ``python -m tests.conformance.full_check --faults 10000`` takes more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import accel_sim
from accel_sim.engine.layout import from_stored
from accel_sim.faults import Fault, upset_of
from accel_sim.session import Model
from tests.conformance.fault_figures import (
    FaultCount,
    compare_outputs,
    compare_tensors,
    corner_faults,
    drawn_faults,
    shape_of,
    wraps_in_integers_only,
)
from tests.conformance.fault_oracle import FaultOracle, flipped
from tests.conformance.qdq_network import integer_network, sharing_network
from tests.conformance.real_models import RealModel, bundled, needs_shared, shared, shared_model

SPACES = ("parameters", "activations")
FORMS = (("uint8", "int8"), ("uint8", "uint8"), ("int8", "int8"))
INTEGER_MODELS = ("ds-cnn", "resnet-8", "wake-word", "autoencoder", "mobilenet-v1")
SMALL_FAULTS, REAL_FAULTS, BOUNDED_FAULTS, EDITED_FAULTS = 200, 150, 15, 12
FLOAT_BOUND = 1e-4


@dataclass(frozen=True)
class Subject:
    """A loaded model, its oracle and some images."""

    model: Model
    oracle: FaultOracle
    images: Sequence[Mapping[str, NDArray[Any]]]

    def check(self, faults: Sequence[Fault]) -> FaultCount:
        """Spread the faults over the images."""
        total = FaultCount()
        for number, image in enumerate(self.images):
            part = compare_outputs(self.model, self.oracle, image, faults[number :: len(self.images)])
            total.faults += part.faults
            total.changed += part.changed
            total.wrong += part.wrong
        return total


@pytest.fixture(scope="module", params=FORMS, ids=lambda form: "-".join(form))
def small(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """A network that onnxruntime runs in integers throughout, and that needs no file."""
    network = integer_network(*request.param)
    path: Path = tmp_path_factory.mktemp("small") / "network.onnx"
    path.write_bytes(network.model().SerializeToString())
    subject = Subject(accel_sim.load(path), FaultOracle(path.read_bytes()), [network.feeds(1), network.feeds(2)])
    produced = [name for node in subject.model.graph.nodes for name in node.outputs]
    assert set(produced) <= subject.oracle.integer, "onnxruntime computes a part of this network in float"
    return subject


def real_subject(real: RealModel) -> Subject:
    return Subject(
        accel_sim.load(real.path), FaultOracle(real.path.read_bytes()), [real.image(n) for n in real.sensitive[:3]]
    )


@pytest.mark.parametrize("space", SPACES)
def test_random_faults_in_a_small_network(small: Subject, space: str) -> None:
    faults = drawn_faults(small.model.graph, space, SMALL_FAULTS, np.random.default_rng(1))
    found = small.check(faults)
    assert not found.wrong, "\n".join(found.wrong[:20])
    assert found.faults == SMALL_FAULTS
    assert SMALL_FAULTS / 10 < found.changed < SMALL_FAULTS  # neither blind nor trivial


def test_corner_faults_in_a_small_network(small: Subject) -> None:
    """Every bit of a bias (its sign bit wraps the accumulator), the extreme weights, several bits at once."""
    faults = corner_faults(small.model.graph)
    assert {fault.bits for fault in faults} >= {(bit,) for bit in range(32)}
    found = small.check(faults)
    assert not found.wrong, "\n".join(found.wrong[:20])
    assert found.changed > found.faults / 2


@pytest.mark.parametrize("space", SPACES)
def test_every_tensor_of_a_faulty_run_is_the_one_of_onnxruntime(small: Subject, space: str) -> None:
    faults = drawn_faults(small.model.graph, space, SMALL_FAULTS // 4, np.random.default_rng(5))
    oracle = FaultOracle(small.oracle.model.SerializeToString(), every=True)
    found = compare_tensors(small.model, oracle, small.images[0], faults)
    assert not found.wrong, "\n".join(found.wrong[:20])
    assert found.equal == found.faults == len(faults)
    assert found.float_values == 0


@pytest.mark.parametrize("space", SPACES)
def test_fast_oracle_is_the_edited_file_in_a_small_network(small: Subject, space: str) -> None:
    _check_oracle(small, space)


@pytest.mark.shared
@needs_shared
@pytest.mark.parametrize("name", INTEGER_MODELS)
def test_faults_in_real_integer_networks(name: str) -> None:
    subject = real_subject(shared_model(name))
    for space in SPACES:
        faults = drawn_faults(subject.model.graph, space, REAL_FAULTS, np.random.default_rng(2))
        found = subject.check(faults)
        assert not found.wrong, "\n".join(found.wrong[:20])
        assert found.changed > found.faults / 20
    corners = subject.check(corner_faults(subject.model.graph)[:: 3 if name == "ds-cnn" else 11])
    assert not corners.wrong, "\n".join(corners.wrong[:20])


@pytest.mark.shared
@needs_shared
@pytest.mark.parametrize("name", ["ds-cnn", "wake-word", "mobilenet-v1"])
def test_fast_oracle_is_the_edited_file_in_real_networks(name: str) -> None:
    subject = real_subject(shared_model(name))
    for space in SPACES:
        _check_oracle(subject, space)


def _check_oracle(subject: Subject, space: str) -> None:
    image = subject.images[0]
    golden = subject.oracle.golden(image)
    changed = 0
    for fault in drawn_faults(subject.model.graph, space, EDITED_FAULTS, np.random.default_rng(3)):
        fast, honest = (run(fault, image, golden) for run in (subject.oracle.run, subject.oracle.run_edited))
        for name in subject.model.graph.outputs:
            assert fast[name].tobytes() == honest[name].tobytes(), f"{fault}: output {name}"
            changed += fast[name].tobytes() != golden[name].tobytes()
    assert changed > 0


BOUNDED = [
    *bundled(),
    *(pytest.param(m, marks=[pytest.mark.shared, needs_shared]) for m in shared() if not m.integer),
]


@pytest.mark.parametrize("real", BOUNDED, ids=lambda real: real.name)
def test_faults_stay_within_the_float_nodes(real: RealModel) -> None:
    """Nodes given equal inputs: equal where onnxruntime computes in integers, else one step at a small rate."""
    model, oracle = accel_sim.load(real.path), FaultOracle(real.path.read_bytes(), every=True)
    rng = np.random.default_rng(4)
    for space in SPACES:
        found = compare_tensors(
            model, oracle, real.image(real.sensitive[0]), drawn_faults(model.graph, space, BOUNDED_FAULTS, rng)
        )
        assert not found.wrong, "\n".join(found.wrong[:20])
        assert found.float_values > 0
        assert found.float_mismatched <= FLOAT_BOUND * found.float_values
        assert found.max_lsb <= 1
        if found.float_mismatched == 0:
            assert found.equal == found.faults  # equal nodes all the way: equal outputs


def test_sign_bit_of_a_bias_wraps_where_onnxruntime_adds_in_float() -> None:
    """The one difference by design: accumulators of 32 bits wrap. Such faults are not compared above."""
    (real,) = [m for m in bundled() if m.name == "hsi-unet-relu"]
    model, oracle = accel_sim.load(real.path), FaultOracle(real.path.read_bytes(), every=True)
    image = real.image(real.sensitive[0])
    graph, golden = model.graph, oracle.golden(image)
    faults = [f for f in corner_faults(graph) if wraps_in_integers_only(graph, oracle, f) and f.bits == (31,)]
    assert len(faults) >= 4, "a transposed convolution of each level has a bias"
    fault = next(f for f in faults if graph.parameters[f.tensor].values[f.index] >= 0)  # becomes about -2**31
    (node,) = [graph.nodes[position] for position in graph.readers[fault.tensor]]
    assert node.onnx_op == "ConvTranspose"
    (name,) = node.outputs
    (item,) = model.images(image).items
    faulty = model.engine.run_faulty(model.engine.run(item), upset_of(fault, shape_of(graph, fault)))
    ours = from_stored(faulty[name], graph.tensors[name])[:, fault.index[0]]
    theirs = oracle.run(fault, image, golden)[name][:, fault.index[0]]
    low, high = graph.tensors[name].code_type.low, graph.tensors[name].code_type.high
    assert set(np.unique(theirs).tolist()) == {low}
    assert set(np.unique(ours).tolist()) == {low, high}  # sums below zero came out at the other end


def test_several_images_only_the_struck_one_changes(small: Subject) -> None:
    images = {name: np.concatenate([image[name] for image in small.images]) for name in small.images[0]}
    graph = small.model.graph
    place = drawn_faults(graph, "activations", 40, np.random.default_rng(6))
    for fault in place:
        struck = Fault(fault.space, fault.tensor, fault.index, fault.bits, image=1)
        result = small.model.inject(images, struck)
        golden = [small.oracle.golden(image) for image in small.images]
        theirs = small.oracle.run(fault, small.images[1], golden[1])
        for name, ours in result.outputs.items():
            assert ours[:1].tobytes() == golden[0][name].tobytes()
            assert ours[1:].tobytes() == theirs[name].tobytes()


def test_an_upset_of_shared_weights_strikes_every_reader(tmp_path: Path) -> None:
    network = sharing_network()
    path = tmp_path / "sharing.onnx"
    path.write_bytes(network.model().SerializeToString())
    subject = Subject(accel_sim.load(path), FaultOracle(path.read_bytes()), [network.feeds()])
    shared_names = [name for name, readers in subject.model.graph.readers.items() if len(readers) == 2]
    assert len(shared_names) == 1
    faults = drawn_faults(subject.model.graph, "parameters", 150, np.random.default_rng(8))
    assert any(fault.tensor in shared_names for fault in faults)
    found = subject.check(faults)
    assert not found.wrong, "\n".join(found.wrong[:20])


@pytest.mark.parametrize(
    ("value", "dtype", "bits", "expected"),
    [
        (0, "int8", (7,), -128),
        (-1, "int8", (0,), -2),
        (127, "int8", (6, 7), -65),
        (200, "uint8", (7,), 72),
        (0, "int32", (31,), -(2**31)),
        (-5, "int32", (30,), -5 - 2**30),
    ],
)
def test_the_oracle_flips_the_bits_it_is_told_to(value: int, dtype: str, bits: tuple[int, ...], expected: int) -> None:
    before = np.array([[value, value]], dtype)
    after = flipped(before, (0, 1), bits)
    assert after.dtype == before.dtype
    assert after.tolist() == [[value, expected]]
