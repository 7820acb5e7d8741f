"""The reader on files that the tests write themselves in the documented forms."""

import numpy as np
import pytest
from scipy.io import savemat

from onnx_models.hsi.bands import IGNORED
from onnx_models.hsi.hsi_drive import (
    MAX_PER_BAND,
    HsiDriveError,
    crop,
    network_input,
    read_mat,
    read_split,
    reduced,
)

Image = pytest.importorskip("PIL.Image")

ROWS, COLUMNS = 12, 22


@pytest.fixture
def cube():
    return np.random.default_rng(3).uniform(0.0, 0.2, (25, ROWS, COLUMNS)).astype(np.float32)


@pytest.fixture
def raw_labels():
    return (np.arange(ROWS * COLUMNS) % 11).reshape(ROWS, COLUMNS).astype(np.uint8)


@pytest.fixture
def mat_file(tmp_path, cube, raw_labels):
    path = tmp_path / "nf3123_153_TC.mat"
    savemat(path, {"cube": cube})
    Image.fromarray(raw_labels).save(path.with_suffix(".png"))
    return path


@pytest.fixture
def python_form(tmp_path, cube, raw_labels):
    root = tmp_path / "HSIDrive20"
    for split, names in {"training": ["nf1_1", "nf1_2"], "test": ["nf2_9"]}.items():
        for kind in ("images", "annotations"):
            (root / kind / split).mkdir(parents=True)
        for offset, name in enumerate(names):
            np.save(root / "images" / split / f"{name}.npy", np.moveaxis(cube + offset, 0, 2))
            Image.fromarray(raw_labels).save(root / "annotations" / split / f"{name}.png")
        (root / f"{split}_filenames.txt").write_text("".join(f"{name}\n" for name in reversed(names)))
    return root


def test_mat_form(mat_file, cube, raw_labels):
    sample = read_mat(mat_file)
    assert sample.name == "nf3123_153_TC"
    np.testing.assert_array_equal(sample.cube, cube)
    assert sample.cube.dtype == np.float32
    np.testing.assert_array_equal(sample.raw_labels, raw_labels)


def test_eleven_classes_become_five_and_unlabelled_is_ignored(mat_file):
    labels = read_mat(mat_file).labels
    assert labels.ravel()[:11].tolist() == [IGNORED, 0, 1, 2, 4, 3, 4, 4, 4, 4, 4]


def test_python_form_in_the_order_of_its_list(python_form, cube, raw_labels):
    samples = list(read_split(python_form, "training"))
    assert [sample.name for sample in samples] == ["nf1_2", "nf1_1"]
    np.testing.assert_array_equal(samples[1].cube, cube)
    np.testing.assert_array_equal(samples[0].cube, cube + np.float32(1))
    np.testing.assert_array_equal(samples[0].raw_labels, raw_labels)


def test_python_form_accepts_bands_first(python_form, cube):
    np.save(python_form / "images" / "test" / "nf2_9.npy", cube)
    (sample,) = read_split(python_form, "test")
    np.testing.assert_array_equal(sample.cube, cube)


def test_names_in_the_list_may_have_suffixes_and_folders(python_form):
    (python_form / "training_filenames.txt").write_text("images/training/nf1_1.npy, 'nf1_2.npy'\n")
    assert [sample.name for sample in read_split(python_form, "training")] == ["nf1_1", "nf1_2"]


def test_network_input_crops_the_centre_and_normalises(cube):
    x = network_input(cube, 8, 16)
    assert x.shape == (25, 8, 16)
    assert x.dtype == np.float32
    expected = 2.0 * cube[4, 2, 3].astype(np.float64) / MAX_PER_BAND[4] - 1.0
    assert x[4, 0, 0] == pytest.approx(expected, abs=1e-6)
    limits = np.full(25, 0.1, np.float32), np.full(25, 0.2, np.float32)
    at_limits = network_input(np.full((25, 8, 16), 0.2, np.float32), 8, 16, *limits)
    np.testing.assert_allclose(at_limits, 1.0)


def test_large_pictures_are_reduced_and_still_show_everything():
    rng = np.random.default_rng(3)
    cube, labels = rng.random((25, 14, 27), np.float32), rng.integers(0, 5, (14, 27)).astype(np.uint8)
    small, classes = reduced(cube, labels, 4, 8)
    assert (small.shape, small.dtype, classes.shape, classes.dtype) == ((25, 4, 8), np.float32, (4, 8), np.uint8)
    # a factor of 3: rows 1 to 12 and columns 1 to 24 of the picture
    np.testing.assert_allclose(small[:, 0, 0], cube[:, 1:4, 1:4].mean(axis=(1, 2)), rtol=1e-6)
    np.testing.assert_allclose(small[7, 3, 7], cube[7, 10:13, 22:25].mean(), rtol=1e-6)
    assert (classes[0, 0], classes[3, 7]) == (labels[2, 2], labels[11, 23])
    same, kept = reduced(cube, labels, 10, 20)
    np.testing.assert_array_equal(same, crop(cube, 10, 20))
    np.testing.assert_array_equal(kept, crop(labels, 10, 20))
    with pytest.raises(HsiDriveError, match="cannot cut 15 x 8"):
        reduced(cube, labels, 15, 8)


def test_crop_of_an_odd_border_spares_the_end():
    assert crop(np.arange(5)[None, :], 1, 2).tolist() == [[1, 2]]


def _write_png(path, array):
    Image.fromarray(array).save(path)


BAD_MAT = {
    "no such file": lambda path: path.unlink(),
    "not a MATLAB file": lambda path: path.write_text("this is text"),
    "no variable 'cube'": lambda path: savemat(path, {"image": np.zeros((25, 2, 2))}),
    "expected 25 bands": lambda path: savemat(path, {"cube": np.zeros((ROWS, COLUMNS, 25))}),
    "expected reflectance": lambda path: savemat(path, {"cube": np.zeros((25, ROWS, COLUMNS), np.int16)}),
    "not finite": lambda path: savemat(path, {"cube": np.full((25, ROWS, COLUMNS), np.nan)}),
    "but the cube has": lambda path: _write_png(path.with_suffix(".png"), np.zeros((3, 3), np.uint8)),
    "label 11": lambda path: _write_png(path.with_suffix(".png"), np.full((ROWS, COLUMNS), 11, np.uint8)),
    "not colours": lambda path: _write_png(path.with_suffix(".png"), np.zeros((ROWS, COLUMNS, 3), np.uint8)),
    "not a readable image": lambda path: path.with_suffix(".png").write_bytes(b"\x89PNG\r\n"),
}


@pytest.mark.parametrize("message", BAD_MAT)
def test_bad_mat_form_is_refused_with_the_file_named(mat_file, message):
    BAD_MAT[message](mat_file)
    with pytest.raises(HsiDriveError, match=message) as caught:
        read_mat(mat_file)
    assert "nf3123_153_TC" in str(caught.value)


BAD_PYTHON = {
    "no such folder": lambda root: (root / "annotations" / "test").rename(root / "elsewhere"),
    "the list is empty": lambda root: (root / "test_filenames.txt").write_text("\n"),
    "no such file": lambda root: (root / "test_filenames.txt").write_text("nf9_9\n"),
    "not a plain .npy array": lambda root: np.save(root / "images/test/nf2_9.npy", np.array([{}]), allow_pickle=True),
}


@pytest.mark.parametrize("message", BAD_PYTHON)
def test_bad_python_form_is_refused(python_form, message):
    BAD_PYTHON[message](python_form)
    with pytest.raises(HsiDriveError, match=message):
        list(read_split(python_form, "test"))


def test_unknown_split_names_those_there_are(python_form):
    with pytest.raises(HsiDriveError, match="training, validation, test"):
        list(read_split(python_form, "train"))


def test_crop_larger_than_the_picture_is_refused(cube):
    with pytest.raises(HsiDriveError, match="cannot cut 13 x 22 out of a picture of 12 x 22"):
        network_input(cube, 13, 22)


def test_limits_that_do_not_span_are_refused(cube):
    with pytest.raises(HsiDriveError, match="above its minimum"):
        network_input(cube, 8, 16, maximum=np.zeros(25, np.float32))
