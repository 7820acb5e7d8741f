import json
from pathlib import Path

import numpy as np
import pytest

from onnx_models.hsi import bands
from onnx_models.hsi.hsi_drive import MAX_PER_BAND

FACTS = Path(__file__).resolve().parents[4] / "shared" / "hsi" / "hsi_drive_v2_facts.json"


@pytest.mark.shared
@pytest.mark.skipif(not FACTS.exists(), reason="facts of HSI-Drive v2.0 not in this checkout")
def test_constants_are_those_of_the_dataset():
    facts = json.loads(FACTS.read_text())
    assert list(bands.BAND_CENTRES_NM) == facts["band_centres_nm_file_order"]
    assert list(MAX_PER_BAND) == facts["max_per_band"]
    assert list(bands.CLASS_FREQUENCY) == facts["global_class_frequency"][1:]
    assert len(bands.RAW_CLASSES) == len(facts["class_ids"])
    for name, number in facts["class_ids"].items():
        assert bands.RAW_CLASSES[number] == name


def test_every_raw_class_has_one_of_the_five_classes_except_unlabelled():
    assert len(bands.RAW_TO_CLASS) == len(bands.RAW_CLASSES) == 11
    assert bands.RAW_TO_CLASS[0] == bands.IGNORED
    named = {bands.RAW_CLASSES[raw]: bands.CLASSES[label] for raw, label in enumerate(bands.RAW_TO_CLASS) if raw}
    assert named["Road"] == "Road"
    assert named["Road marks"] == "Marks"
    assert named["Vegetation"] == "Vegetation"
    assert named["Sky"] == "Sky"
    assert set(named.values()) == set(bands.CLASSES)
    assert sum(value == "Others" for value in named.values()) == 6


def test_bands_are_25_in_mosaic_order_not_sorted():
    assert len(set(bands.BAND_CENTRES_NM)) == bands.BANDS == 25
    assert list(bands.BAND_CENTRES_NM) != sorted(bands.BAND_CENTRES_NM)


def test_response_keeps_a_flat_spectrum_and_finds_the_centre_of_a_ramp():
    grid = np.arange(500.0, 1051.0)
    response = bands.gaussian_response(grid)
    assert response.shape == (25, len(grid))
    np.testing.assert_allclose(response @ np.full(len(grid), 0.3), 0.3, rtol=1e-12)
    np.testing.assert_allclose(response @ grid, bands.BAND_CENTRES_NM, atol=0.01)


def test_response_has_the_stated_width():
    grid = np.arange(500.0, 1051.0, 0.1)
    row = bands.gaussian_response(grid)[0]
    above = grid[row >= row.max() / 2]
    assert above[-1] - above[0] == pytest.approx(bands.BAND_FWHM_NM, abs=0.3)


def test_response_refuses_a_grid_that_misses_bands():
    with pytest.raises(ValueError, match="600 to 900 nm do not cover"):
        bands.gaussian_response(np.arange(600.0, 901.0))
