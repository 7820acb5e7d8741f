"""The scene generator (needs the [train] extra)."""

import numpy as np
import pytest

from onnx_models import bundled, bundled_path
from onnx_models.hsi.bands import BAND_CENTRES_NM, CLASS_FREQUENCY, VEGETATION
from onnx_models.hsi.sensor import Exposure, capture, normalise

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def generator():
    pytest.importorskip("earthlib")
    pytest.importorskip("pvlib")
    from onnx_models.hsi import scenes

    return scenes


@pytest.fixture(scope="module")
def sample(generator):
    return generator.scenes(0, 40, 11)


def test_scene_is_a_pure_function(generator):
    first = generator.scene(5, 3)
    generator.scene(6, 3)
    again = generator.scene(5, 3)
    np.testing.assert_array_equal(first.codes, again.codes)
    np.testing.assert_array_equal(first.labels, again.labels)
    assert not np.array_equal(first.codes, generator.scene(5, 4).codes)
    assert not np.array_equal(first.codes, generator.scene(6, 3).codes)


def test_bundled_scenes_are_the_first_of_the_test_stream(generator):
    recipe = bundled()[0]["recipe"]
    with np.load(bundled_path("hsi-scenes.npz")) as stored, np.load(bundled_path("hsi-scenes-labels.npz")) as truth:
        for index in range(4):
            made = generator.scene(index, recipe["test_seed"], recipe["height"], recipe["width"])
            # Another version of the mathematical libraries may move a value across a rounding limit.
            assert np.mean(made.input != stored["input"][index]) < 0.001
            assert np.mean(made.labels != truth["labels"][index]) < 0.001


def test_types_shapes_and_classes(sample):
    codes, labels = sample
    assert codes.shape == (40, 25, 96, 192)
    assert codes.dtype == labels.dtype == np.uint8
    assert labels.shape == (40, 96, 192)
    assert set(np.unique(labels)) == {0, 1, 2, 3, 4}


def test_class_mix_is_near_the_datasets(sample):
    share = np.bincount(sample[1].ravel(), minlength=5) / sample[1].size
    np.testing.assert_allclose(share, CLASS_FREQUENCY, atol=0.04)


def test_exposure_uses_the_converter_without_drowning_it(sample):
    codes = sample[0]
    assert 40 < codes.mean() < 150
    assert (codes == 255).mean() < 0.15
    assert (codes == 0).mean() < 0.01


def test_vegetation_has_its_red_edge(sample):
    codes, labels = sample
    red, infrared = BAND_CENTRES_NM.index(679.14), BAND_CENTRES_NM.index(858.95)
    green = labels == VEGETATION
    assert codes[:, infrared][green].mean() > 1.8 * codes[:, red][green].mean()
    road = labels == 0
    assert codes[:, infrared][road].mean() < 1.5 * codes[:, red][road].mean()


def test_other_sizes(generator):
    made = generator.scene(0, 1, 32, 64)
    assert made.codes.shape == (25, 32, 64)
    assert made.labels.shape == (32, 64)


@pytest.mark.parametrize(("arguments", "message"), [((-1, 0), "0 or more"), ((0, 0, 8, 64), "too small")])
def test_impossible_scenes_are_refused(generator, arguments, message):
    with pytest.raises(ValueError, match=message):
        generator.scene(*arguments)


def test_library_refuses_an_unknown_material(generator):
    with pytest.raises(KeyError, match="no material 'cheese'; there are asphalt"):
        generator.spectral_library().draw("cheese", np.random.default_rng(0))


def test_library_spectra_are_reflectances_at_25_bands(generator):
    for material, spectra in generator.spectral_library().materials.items():
        assert spectra.shape[1] == 25, material
        assert spectra.min() > 0, material
        assert spectra.max() <= 1, material


def test_low_sun_is_redder_and_clouds_hide_it(generator):
    from onnx_models.hsi.illumination import clear_sky, overcast

    blue_end, red_end = BAND_CENTRES_NM.index(564.36), BAND_CENTRES_NM.index(888.48)
    low, high = clear_sky(10.0, 0.2, 1.5), clear_sky(60.0, 0.2, 1.5)
    assert low.direct[red_end] / low.direct[blue_end] > 1.2 * high.direct[red_end] / high.direct[blue_end]
    assert (low.direct < high.direct).all()
    assert (overcast(high, 0.3).direct < 0.05 * high.direct).all()
    with pytest.raises(ValueError, match="outside 3 to 90"):
        clear_sky(1.0, 0.2, 1.5)


def test_noise_is_that_of_photons_and_reading():
    exposure = Exposure(gain=0.5, full_well=4000.0, read_noise=20.0, blur=0.5)
    codes = capture(np.ones((1, 400, 400), np.float32), exposure, np.random.default_rng(1)).astype(float)
    assert codes.mean() == pytest.approx(128.0, abs=0.1)
    expected = np.sqrt((2000.0 + 400.0) * (256 / 4000.0) ** 2 + 1 / 12)
    assert codes.std() == pytest.approx(expected, rel=0.02)


def test_normalised_codes_span_minus_one_to_one():
    values = normalise(np.array([0, 128, 255], np.uint8))
    assert values.tolist() == [-1.0, 0.0, 127 / 128]
    assert values.dtype == np.float32
