"""Network, training, export and quantisation (need the [train] extra)."""

import dataclasses
import json

import numpy as np
import pytest

from onnx_models.complexity import unet_complexity

torch = pytest.importorskip("torch")
pytest.importorskip("earthlib")
pytest.importorskip("pvlib")

from onnx_models import fit, quantise, train  # noqa: E402
from onnx_models.export import to_onnx  # noqa: E402
from onnx_models.hsi.sensor import normalise  # noqa: E402
from onnx_models.unet import ACTIVATIONS, UNet, initialise  # noqa: E402

pytestmark = pytest.mark.train

SMALL = fit.Recipe("relu", filters=4, levels=2, height=16, width=32, epochs=3, batch=2)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def pixels():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, (6, 16, 32)).astype(np.uint8)
    codes = (labels[:, None] * 40 + rng.integers(0, 30, (6, 25, 16, 32))).astype(np.uint8)
    return codes, labels


def _say(line):
    pass


@pytest.mark.parametrize(("filters", "levels"), [(4, 1), (4, 3), (8, 4), (32, 5)])
def test_counts_agree_with_the_network(filters, levels):
    model = UNet(filters=filters, levels=levels)
    held = sum(p.numel() for p in model.parameters())
    held += sum(b.numel() for name, b in model.named_buffers() if "running" in name)
    assert held == unet_complexity(filters=filters, levels=levels).parameters


def test_start_values_follow_the_seed():
    models = [UNet(filters=4, levels=1) for _ in range(3)]
    for model, seed in zip(models, (1, 1, 2), strict=True):
        initialise(model, seed)
    kernels = [model.base.conv1.weight for model in models]
    assert torch.equal(kernels[0], kernels[1])
    assert not torch.equal(kernels[0], kernels[2])


def test_unknown_activation_is_refused():
    with pytest.raises(ValueError, match="unknown activation 'tanh'; there are relu, sigmoid, hardsigmoid"):
        UNet(activation="tanh")


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_training_learns_and_export_computes_the_same(tmp_path, pixels, activation):
    recipe = dataclasses.replace(SMALL, activation=activation, learning_rate=2e-2, epochs=25)
    lines = []
    model = fit.fit(recipe, *pixels, tmp_path / "point.pt", lines.append)
    losses = [float(line.rsplit(" ", 1)[1]) for line in lines]
    assert losses[-1] < 0.8 * losses[0]
    images = normalise(pixels[0])
    with torch.no_grad():
        expected = model(torch.from_numpy(images)).numpy()
    proto = to_onnx(model, 25, 5, 16, 32)
    (made,) = quantise.session(proto.SerializeToString()).run(["logits"], {"input": images})
    np.testing.assert_allclose(made, expected, atol=1e-4)
    target = tmp_path / "int8.onnx"
    quantise.quantise(proto, pixels[0], target)
    (int8,) = quantise.session(target).run(["logits"], {"input": images})
    assert np.mean(int8.argmax(1) == expected.argmax(1)) > 0.9
    assert sorted(path.name for path in tmp_path.iterdir()) == ["int8.onnx", "point.pt"]


class _StopError(Exception):
    pass


def test_a_stopped_training_ends_with_the_same_weights(tmp_path, pixels):
    whole = fit.fit(SMALL, *pixels, tmp_path / "whole.pt", _say)

    def stop(line):
        if "epoch 2 " in line:
            raise _StopError

    with pytest.raises(_StopError):
        fit.fit(SMALL, *pixels, tmp_path / "stopped.pt", stop)
    resumed = fit.fit(SMALL, *pixels, tmp_path / "stopped.pt", _say)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_a_checkpoint_of_another_recipe_is_refused(tmp_path, pixels):
    fit.fit(dataclasses.replace(SMALL, epochs=1), *pixels, tmp_path / "point.pt", _say)
    with pytest.raises(ValueError, match="belongs to another recipe"):
        fit.fit(SMALL, *pixels, tmp_path / "point.pt", _say)


def test_impossible_option_is_refused(capsys):
    assert train.main(["--activation", "relu", "--threads", "0"]) == 2
    assert "--threads 0: must be 1 or more" in capsys.readouterr().err


@pytest.mark.slow
def test_the_command_makes_model_scenes_and_manifest(tmp_path):
    flags = ["--epochs", "1", "--train-scenes", "8", "--test-scenes", "4"]
    assert train.main(["--activation", "relu", "--out", str(tmp_path), *flags]) == 0
    (entry,) = json.loads((tmp_path / "manifest.json").read_text())["models"]
    assert entry["recipe"]["command"].endswith(" ".join(flags))
    model = (tmp_path / "hsi-unet-relu.onnx").read_bytes()
    assert train.main(["--activation", "relu", "--out", str(tmp_path), *flags]) == 0
    assert (tmp_path / "hsi-unet-relu.onnx").read_bytes() == model
