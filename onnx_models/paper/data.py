"""Pictures of a run: three streams of synthetic scenes, or the three splits of HSI-Drive v2.0."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from onnx_models.hsi.hsi_drive import network_input, read_split, reduced
from onnx_models.hsi.sensor import normalise
from onnx_models.paper.recipe import Recipe
from onnx_models.scene_store import stored_scenes

SCENE_SEEDS: Final = {"training": 1, "validation": 3, "test": 2}
"""Number of the stream of scenes of each split."""

SYNTHETIC: Final = (
    "Synthetic scenes only: measured reflectance spectra and modelled daylight in a drawn perspective; no pixel of "
    "HSI-Drive or of any other real picture. Absolute scores say nothing about real roads."
)


@dataclass(frozen=True)
class Split:
    """Pictures with their ground truth.

    Attributes
    ----------
    pictures
        uint8 [N, 25, H, W], converter codes of synthetic scenes; or float32, normalised reflectances of a dataset.
    labels
        uint8 [N, H, W]: classes 0 to 4, and 255 for pixels that count nowhere.
    """

    pictures: NDArray[np.uint8] | NDArray[np.float32]
    labels: NDArray[np.uint8]

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.labels)

    @property
    def exact_codes(self) -> bool:
        """Whether every input is a multiple of 1/128 from -1 to 127/128, so that int8 holds it without rounding."""
        return self.pictures.dtype == np.uint8

    def inputs(self, rows: slice | NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the network's input for some pictures, float32 [n, 25, H, W]."""
        if self.exact_codes:
            return normalise(np.asarray(self.pictures[rows], np.uint8))
        return np.asarray(self.pictures[rows], np.float32)

    def first(self, count: int) -> "Split":
        """Return the first pictures only."""
        return Split(self.pictures[:count], self.labels[:count])


@dataclass(frozen=True)
class Pictures:
    """The three splits; what is learned is in `training` only, and only final scores read `test`."""

    training: Split
    validation: Split
    test: Split


def load_pictures(recipe: Recipe, store: Path, report: Callable[[str], None]) -> Pictures:
    """Make or read the pictures of a run.

    Parameters
    ----------
    recipe
        Sizes, and the dataset if there is one.
    store
        Folder that keeps synthetic scenes.
    report
        Receives a line per file made.

    Returns
    -------
    `Pictures`.

    Raises
    ------
    HsiDriveError
        If the dataset is not as documented.
    """
    counts = {"training": recipe.train_scenes, "validation": recipe.validation_scenes, "test": recipe.test_scenes}
    if recipe.dataset is not None:
        return Pictures(**{name: _dataset_split(recipe, name, count) for name, count in counts.items()})
    size = recipe.height, recipe.width
    return Pictures(
        **{
            name: Split(*stored_scenes(store, count, SCENE_SEEDS[name], *size, report))
            for name, count in counts.items()
        }
    )


def _dataset_split(recipe: Recipe, name: str, count: int) -> Split:
    assert recipe.dataset is not None
    size = recipe.height, recipe.width
    images, labels = [], []
    for sample in islice(read_split(recipe.dataset, name), count):
        cube, classes = reduced(sample.cube, sample.labels, *size)
        images.append(network_input(cube, *size))
        labels.append(classes)
    return Split(np.stack(images), np.stack(labels))
