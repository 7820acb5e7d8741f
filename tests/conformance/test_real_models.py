"""Real networks on real inputs, node by node with onnxruntime's own inputs and end to end.

A few images a network; ``python -m tests.conformance.full_check`` takes all of them.
"""

import numpy as np
import pytest

import accel_sim
from accel_sim.inputs import read_npz
from tests.conformance.node_figures import figures, line
from tests.conformance.real_models import RealModel, bundled, needs_shared, shared, shared_model

BUNDLED = bundled()
SHARED_MODELS = [pytest.param(model, marks=[pytest.mark.shared, needs_shared]) for model in shared()]
IMAGES = {"mobilenet-v1": 2, "pp-ocr-qdq": 2, "pp-ocr-qop": 2}
BUNDLED_IMAGES, FEW_IMAGES = 1, 4


@pytest.mark.parametrize("real", [*BUNDLED, *SHARED_MODELS], ids=lambda real: real.name)
def test_network_agrees_with_onnxruntime(real: RealModel, capsys: pytest.CaptureFixture[str]) -> None:
    model = accel_sim.load(real.path)
    count = BUNDLED_IMAGES if real.key is None else IMAGES.get(real.name, FEW_IMAGES)
    found = figures(model, real.path, real.inputs(count))
    with capsys.disabled():
        print(f"\n{real.name}, {found.images} images, end to end: {line(found.end_to_end)}", end="")
    assert found.images == count
    assert not found.wrong, "\n".join(found.wrong)
    assert not found.unmatched
    assert found.counts["integer"].compared > 0
    if real.integer:
        assert found.end_to_end.mismatched == 0
        # Only the dequantisation of a real output is no integer operation.
        assert all(not count.compared for kind, count in found.counts.items() if kind != "integer")


def test_the_bundled_networks_are_found() -> None:
    assert "hsi-unet-relu" in {model.name for model in BUNDLED}


@pytest.mark.shared
@needs_shared
@pytest.mark.parametrize("name", ["ds-cnn", "wake-word", "autoencoder", "mobilenet-v1"])
def test_outputs_written_down_with_the_inputs_are_met(name: str) -> None:
    """Made by another program, with default options: they give these networks (no shortcut) the same kernels."""
    real = shared_model(name)
    stored = read_npz(real.data)["ort_opt"]
    model = accel_sim.load(real.path)
    (output,) = model.run(real.inputs(len(stored))).outputs.values()
    assert output.dtype == stored.dtype
    assert np.array_equal(output, stored)
