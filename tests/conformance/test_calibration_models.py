"""Real networks, float and quantised, in every spelling at hand: all of them can be estimated."""

from pathlib import Path

import onnx.backend.test
import pytest

from accel_sim.estimate import estimate_network, read_topology
from onnx_models import zoo
from tests.conformance.real_models import bundled, needs_shared, shared

LIGHT = sorted((Path(onnx.backend.test.__file__).parent / "data" / "light").glob("light_*.onnx"))
# The builder of the same topology, where there is one.
SAME = {
    "light_resnet50": "resnet50_v1.5",
    "light_vgg19": "vgg19",
    "light_densenet121": "densenet121",
    "light_inception_v2": "inception_v2",
    "light_squeezenet": "squeezenet",
}
REAL = [*bundled(), *[pytest.param(model, marks=[pytest.mark.shared, needs_shared]) for model in shared()]]


@pytest.mark.parametrize("real", REAL, ids=lambda real: real.name)
def test_real_models_are_estimated(real):
    found = estimate_network(str(real.path))
    assert found.cycles > 0
    assert all(line.reason for line in found.layers if line.kind == "host")
    # what remains on the host: soft maxima, and the sigmoids of the network that has them
    on_host = {line.op_type for line in found.layers if line.kind == "host"}
    assert on_host <= {"Softmax", "Sigmoid"}


@pytest.mark.skipif(not LIGHT, reason="this onnx has no light models")
@pytest.mark.parametrize("path", LIGHT, ids=lambda path: path.stem)
def test_models_of_other_exporters_agree_with_the_builders(path):
    topology = read_topology(path)
    assert topology.gop > 0.1
    if path.stem in SAME:
        ours = read_topology(zoo.build(SAME[path.stem]))
        assert topology.gop == pytest.approx(ours.gop, rel=0.01)
        assert topology.weight_bytes == pytest.approx(ours.weight_bytes, rel=0.01)
        assert estimate_network(topology).cycles == pytest.approx(estimate_network(ours).cycles, rel=0.05)
