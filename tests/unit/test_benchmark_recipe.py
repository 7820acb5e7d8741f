"""Mosaics that the networks of the speed benchmark learn (needs the [train] extra)."""

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("earthlib")
pytest.importorskip("pvlib")

from onnx_models.benchmark import mosaics

pytestmark = pytest.mark.train


def test_mosaics_follow_the_seed():
    codes, labels = mosaics(2, 5, 32, 64, 0.1)
    assert codes.shape == (2, 25, 32, 64)
    assert labels.shape == (2, 32, 64)
    again = mosaics(1, 5, 32, 64, 0.1)
    assert np.array_equal(codes[:1], again[0])
    assert np.array_equal(labels[:1], again[1])
    assert not np.array_equal(labels[:1], mosaics(1, 6, 32, 64, 0.1)[1])


def test_without_noise_and_with_even_light_a_class_is_one_spectrum():
    codes, labels = mosaics(4, 1, 48, 96, 0.0)
    spectra = codes.transpose(0, 2, 3, 1).astype(float)
    shape = spectra / spectra.sum(axis=-1, keepdims=True)
    for label in np.unique(labels):
        members = shape[labels == label]
        assert np.abs(members - members.mean(axis=0)).max() < 0.02
