"""Right answers on real labelled data, and the same answers as onnxruntime, byte for byte."""

import numpy as np
import pytest

import accel_sim
from accel_sim.reference import session
from tests.conformance.real_models import labelled, needs_shared

SHARE = {"ds-cnn": 0.902, "resnet-8": 0.75, "wake-word": 0.911}


@pytest.mark.shared
@needs_shared
@pytest.mark.parametrize("name", SHARE)
def test_every_answer_is_the_one_of_onnxruntime(name: str) -> None:
    data = labelled(name)
    model = accel_sim.load(data.model.path)
    (source,), (target,) = model.graph.inputs, model.graph.outputs
    ours = model.run({source: data.images}).outputs[target]
    peer = session(data.model.path.read_bytes())
    theirs = np.concatenate([peer.run([target], {source: image[None]})[0] for image in data.images])
    assert ours.dtype == theirs.dtype
    assert np.array_equal(ours, theirs)
    answers = np.argmax(ours, axis=1)
    right = int(np.count_nonzero(answers == data.labels))
    assert right == data.right
    assert round(right / len(data.labels), 3) == SHARE[name]
