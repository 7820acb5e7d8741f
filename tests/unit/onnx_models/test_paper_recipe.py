"""What the paper's experiment knows without torch: recipe, sizes, scales, pictures of a dataset."""

import dataclasses
import json
import sys

import numpy as np
import pytest

from onnx_models.complexity import unet_complexity
from onnx_models.hsi.scenes import scenes
from onnx_models.hsi.sensor import normalise
from onnx_models.paper.data import load_pictures
from onnx_models.paper.models import MissingExtraError, build
from onnx_models.paper.models.scheme import DPU, TFLITE, Code, power_of_two, smallest_power_of_two
from onnx_models.paper.models.size import count, original_widths
from onnx_models.paper.models.tables import write_tables
from onnx_models.paper.models.topology import layer_names, norm_name
from onnx_models.paper.recipe import ACTIVATIONS, VERSIONS, Recipe
from onnx_models.paper.retrained import read_recovery, read_retraining, repeat_seeds, retraining_is_whole
from tests.unit.onnx_models.hsi_drive_folder import write_folder
from tests.unit.snippets import ROOT

RECIPES = {name: getattr(Recipe, name)() for name in ("full", "quick", "miniature", "paper")}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_recipes_are_the_papers_where_they_must_be(recipe):
    ratios = {activation: recipe.schedule(activation).ratios for activation in ACTIVATIONS}
    assert ratios == {"relu": (0.5, 0.5), "sigmoid": (0.4, 0.2), "hardsigmoid": (0.5, 0.4)}
    assert json.loads(json.dumps(recipe.plain()))["filters"] == recipe.filters


def test_the_papers_epochs_and_samples():
    paper = RECIPES["paper"]
    assert [(s.epochs, s.fine_tuning_epochs) for s in paper.schedules] == [(200, 60), (1000, 200), (1000, 200)]
    assert (paper.filters, paper.levels, paper.per_set, RECIPES["full"].per_set) == (32, 5, 1550, 1550)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"height": 48}, "48 x 128 cannot be halved 5 times; use multiples of 32"),
        ({"train_scenes": 0}, "train_scenes is 0: it must be 1 or more"),
        ({"schedules": ()}, "0 schedules for 3 activation functions"),
    ],
)
def test_sizes_that_cannot_be_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Recipe(**change)


def test_models_do_not_depend_on_sample_sizes():
    recipe = RECIPES["full"]
    assert dataclasses.replace(recipe, per_set=3, images=1).models_key() == recipe.models_key()
    for change in ({"filters": 8}, {"seed": 8}, {"bfloat16": False}, {"tuning_steps": 1}):
        assert dataclasses.replace(recipe, **change).models_key() != recipe.models_key()


@pytest.mark.parametrize(("filters", "levels"), [(32, 5), (6, 2)])
def test_sizes_agree_with_the_closed_form(filters, levels):
    size = count(levels, original_widths(filters, levels), 192 * 384)
    known = unet_complexity(filters=filters, levels=levels)
    assert (size.parameters, size.operations) == (known.parameters, known.operations)
    assert size.kernels + size.biases == known.folded_parameters


def test_sizes_of_the_papers_network_are_those_of_table_ii():
    size = count(5, original_widths(32, 5), 192 * 384)
    assert size.parameters / 1e6 == pytest.approx(31.13, abs=0.005)
    assert size.bytes_paper / 1e6 == pytest.approx(249.04, abs=0.05)
    assert size.operations / 1e9 == pytest.approx(34.59, rel=0.005)
    assert size.bytes_int8 < size.bytes_int8_int32 < size.bytes_float32 == size.bytes_paper / 2


def test_removing_a_channel_shrinks_all_that_read_it():
    widths = original_widths(4, 2)
    whole = count(2, widths, 256)
    less = count(2, {**widths, "enc1.conv2": 3}, 256)
    # Its kernel, and its slices in enc2.conv1 (8 channels) and, through the concatenation, dec1.conv1 (4 channels).
    assert whole.kernels - less.kernels == 9 * 4 + 9 * 8 + 9 * 4
    assert whole.normalisation - less.normalisation == 4


def test_layers_have_the_names_of_the_files():
    names = list(layer_names(5))
    assert len(names) == 28
    assert names[:2] == ["enc1.conv1", "enc1.conv2"]
    assert names[10:13] == ["base.conv1", "base.conv2", "dec5.up"]
    assert norm_name(names[1]) == "enc1.bn2"


def test_scale_of_least_squares_among_powers_of_two():
    values = np.random.default_rng(4).normal(0, 0.3, 4000)
    values[0] = 9.0  # one far value: saturating it costs less than a coarse step for all others
    found = power_of_two(values)

    def error(step):
        return np.mean((np.clip(np.round(values / step), -128, 127) * step - values) ** 2)

    exponent = np.log2(float(found))
    assert exponent == round(exponent)
    assert found * 127 < 9.0
    assert error(float(found)) <= min(error(float(found) * 2), error(float(found) / 2))
    assert power_of_two(np.zeros(3)) > 0


@pytest.mark.parametrize(("low", "high"), [(-0.3, 2.0), (0.0, 1.0), (0.5, 3.0), (-4.0, -1.0), (0.0, 0.0)])
def test_zero_is_a_code_and_nothing_saturates(low, high):
    values = np.linspace(low, high, 1001).astype(np.float32)
    code = TFLITE.activation(values, bounded=False)
    assert code.real(np.array([code.zero])) == 0.0
    assert np.abs(code.real(code.quantise(values)) - values).max() <= 0.51 * code.scale + 1e-7
    wide = DPU.activation(values, bounded=False)
    assert wide.zero == 0
    assert np.frexp(wide.scale)[0] == 0.5


def test_codes_of_bounded_activations():
    seen = np.array([0.2, 0.4], np.float32)
    assert TFLITE.activation(seen, bounded=True) == Code(np.float32(1 / 256), -128)
    assert DPU.activation(seen, bounded=True) == Code(np.float32(1 / 128))


def test_biases_have_the_bits_of_their_scheme():
    values, product = np.array([-3.0, 0.01, 2.9]), np.float32(2.0**-12)
    wide, narrow = TFLITE.bias(values, product), DPU.bias(values, product)
    assert wide == product
    assert TFLITE.bias_codes(values, wide).dtype == np.int32
    assert DPU.bias_codes(values, narrow).dtype == np.int8
    assert np.abs(DPU.bias_codes(values, narrow) * narrow - values).max() <= narrow
    assert DPU.bias(values / 1e6, product) == product  # never finer than the accumulator
    assert DPU.bias_codes(np.array([1e9]), narrow) == 127


def test_kernels_are_symmetric():
    kernel = np.array([-0.7, 0.1, 0.35])
    scale = TFLITE.kernel(kernel)
    assert TFLITE.kernel_codes(kernel, scale).tolist() == [-127, 18, 64]
    assert DPU.kernel_codes(np.array([-1.0, 1.0]), np.float32(2.0**-7)).tolist() == [-128, 127]


def test_without_the_extra_the_message_says_what_to_install(monkeypatch, tmp_path):
    for name in [key for key in sys.modules if key.startswith("onnx_models.paper.models.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"need torch: pip install 'accel_sim\[train\]'"):
        build(tmp_path, RECIPES["miniature"])
    assert list(tmp_path.iterdir()) == []


def test_pictures_of_a_dataset(tmp_path):
    """Scenes written as the dataset is, blocks for pixels, come back as they were drawn."""
    for name in ("PIL", "earthlib", "pvlib"):
        pytest.importorskip(name)
    write_folder(tmp_path, {"training": 3, "validation": 2, "test": 2}, (16, 32), (54, 101))
    recipe = dataclasses.replace(RECIPES["miniature"], dataset=tmp_path, train_scenes=2)
    pictures = load_pictures(recipe, tmp_path / "unused", lambda line: None)
    assert [len(split) for split in (pictures.training, pictures.validation, pictures.test)] == [2, 2, 2]
    inputs = pictures.test.inputs(slice(0, 1))
    assert (inputs.shape, inputs.dtype, pictures.test.exact_codes) == ((1, 25, 16, 32), np.float32, False)
    codes, labels = scenes(0, 2, 3, 16, 32)
    np.testing.assert_array_equal(pictures.test.labels, labels)
    assert np.abs(inputs[0] - normalise(codes[0])).max() < 0.03  # the mean of nine pixels' noise
    assert recipe.plain()["dataset"] == str(tmp_path)
    assert recipe.models_key() != RECIPES["miniature"].models_key()


def test_what_is_done_with_the_models_does_not_name_them():
    recipe = RECIPES["miniature"]
    more = dataclasses.replace(recipe, repeats=4, per_set=99, images=3)
    assert more.models_key() == recipe.models_key()
    assert list(repeat_seeds(more)) == [8, 9, 10, 11]
    assert dataclasses.replace(recipe, seed=8).models_key() != recipe.models_key()


def test_retraining_is_whole_when_all_controls_and_seeds_are_there(tmp_path):
    recipe = RECIPES["miniature"]
    assert read_retraining(tmp_path) is None
    assert read_recovery(tmp_path) is None
    entries = [{"seed": 8, "activation": activation} for activation in ACTIVATIONS]
    found = {"controls": {activation: [{}, {}] for activation in ACTIVATIONS}, "repeats": entries}
    (tmp_path / "retraining.json").write_text(json.dumps(found))
    assert read_retraining(tmp_path) == found
    assert retraining_is_whole(found, recipe)
    assert not retraining_is_whole(None, recipe)
    assert not retraining_is_whole(found, dataclasses.replace(recipe, repeats=2))
    assert not retraining_is_whole(found | {"repeats": entries[1:]}, recipe)
    assert not retraining_is_whole(found | {"controls": {"relu": [{}, {}]}}, recipe)


@pytest.mark.parametrize("largest", [0.9, 1.0, 1.01, 127.0, 128.0, 3e-5])
def test_the_smallest_power_of_two_saturates_nothing(largest):
    scale = float(smallest_power_of_two(np.array([-largest, 0.1 * largest])))
    assert np.frexp(scale)[0] == 0.5
    assert largest / scale <= 127 < 2 * largest / scale
    assert smallest_power_of_two(np.zeros(2)) == smallest_power_of_two(np.zeros(0)) == np.float32(2.0**-7)


COMMITTED = ROOT / "docs" / "measurements" / "paper" / "models"


def test_the_committed_tables_are_those_of_the_committed_records(tmp_path):
    write_tables(COMMITTED, tmp_path)
    made = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert len(made) == 9
    assert made == {name: (COMMITTED / name).read_text(encoding="utf-8") for name in made}


def test_the_committed_records_are_of_the_full_recipe():
    found = json.loads((COMMITTED / "models.json").read_text(encoding="utf-8"))
    assert found["recipe_key"] == RECIPES["full"].models_key()
    assert found["synthetic"] is True
    assert [m["name"] for m in found["models"]] == [f"{a}-{v}" for a in ACTIVATIONS for v in VERSIONS]
    for model in found["models"]:
        size = count(5, model["widths"], 64 * 128)
        assert (model["parameters"], model["operations"]) == (size.parameters, size.operations)
        if model["version"] != "original":
            asked = RECIPES["full"].schedule(model["activation"]).ratios[VERSIONS.index(model["version"]) - 1]
            assert model["pruning"]["achieved_ratio"] == pytest.approx(asked, abs=0.01)
