"""The reference on processors without VNNI: weights made unsigned compute the same bytes."""

import numpy as np
import onnx
import pytest

from accel_sim import reference
from accel_sim.bundled import bundled_models, resolve
from accel_sim.model.dump import unsigned_weights
from accel_sim.session import load, random_inputs
from tests.conformance.test_other_arithmetics import network


def same_tensors(model: bytes, inputs: dict[str, np.ndarray], dump: bytes, other: bytes) -> bool:
    first, second = (reference.session(d, "none") for d in (dump, other))
    names = [o.name for o in first.get_outputs()]
    pairs = zip(first.run(names, inputs), second.run(names, inputs), strict=True)
    return all(a.tobytes() == b.tobytes() for a, b in pairs)


@pytest.mark.parametrize("name", [entry["name"] for entry in bundled_models()])
def test_bundled_models_give_the_same_outputs(name: str) -> None:
    source = resolve(name).read_bytes()
    dump = reference.optimised(source)
    other = unsigned_weights(dump)
    moved = [t.name for t in onnx.load_model_from_string(other).graph.initializer if t.name.endswith(":unsigned")]
    assert len(moved) > 10
    assert same_tensors(source, random_inputs(load(name).graph), dump, other)


def test_signed_activations_are_left_alone() -> None:
    model, _ = network((0.03, 0.01, 0.0003, 0.1), np.zeros(6, np.int32), 0)
    dump = reference.optimised(model.SerializeToString())
    assert unsigned_weights(dump) == dump


def test_verification_without_vnni(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "_has_vnni", lambda: False)
    assert load("hsi-unet-relu").verify().ok
