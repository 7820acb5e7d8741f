"""One copy of the tiny models and their inputs for all tests of this folder."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.cli.tiny_models import classifier, images, save, segmentation


@dataclass(frozen=True)
class Files:
    """Paths that are there for reading only."""

    segmentation: str
    classifier: str
    inputs: str  # one image for the segmentation network
    several: str  # three images along the batch axis
    classifier_inputs: str


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("models")
    arrays = {
        "one.npz": images(1),
        "several.npz": images(3),
        "classifier.npz": images(1, (2, 7, 7)),
    }
    for name, array in arrays.items():
        np.savez(folder / name, x=array)
    return Files(
        save(segmentation(), folder / "segmentation.onnx"),
        save(classifier(), folder / "classifier.onnx"),
        *(str(folder / name) for name in arrays),
    )


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder as the working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
