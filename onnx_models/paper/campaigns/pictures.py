"""The pictures and models of a run's folder, as the campaigns take them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.errors import InputError
from onnx_models.paper.recipe import ACTIVATIONS, QUANTISED_VERSIONS, SCHEMES, Recipe

F32 = NDArray[np.float32]
CAMPAIGN_VERSIONS = ("original", "pruned2")
"""The paper's Figs. 2 to 4 are of the originals, 5 to 8 of the networks after both prunings."""


@dataclass(frozen=True, eq=False)
class Folder:
    """Where a run keeps its models, pictures and results.

    Attributes
    ----------
    path
        The folder that `onnx_models.paper.models.build` fills.
    recipe
        How large the run is.
    """

    path: Path
    recipe: Recipe

    def model(self, name: str) -> Path:
        """Return the ONNX file of a model such as ``relu-original`` or ``relu-pruned2-dpu``."""
        return self.path / f"{name}.onnx"

    def rows(self, name: str) -> Path:
        """Return the CSV file of a campaign."""
        return self.path / "campaigns" / f"{name}.csv"

    @property
    def struck(self) -> F32:
        """The test pictures whose predictions are watched, float32 [N, bands, H, W]."""
        return self._arrays("test", self.recipe.images)[0]

    def test(self, count: int | None = None) -> tuple[F32, NDArray[np.uint8]]:
        """Return test pictures and labels uint8 [N, H, W]."""
        return self._arrays("test", count)

    @property
    def calibration(self) -> F32:
        """Training pictures for the ranges of activations."""
        return self._arrays("calibration", None)[0]

    def _arrays(self, name: str, count: int | None) -> tuple[F32, NDArray[np.uint8]]:
        path = self.path / f"{name}.npz"
        try:
            with np.load(path) as stored:
                found = np.asarray(stored["images"][:count], np.float32), np.asarray(stored["labels"][:count], np.uint8)
        except (OSError, KeyError, ValueError) as error:
            raise InputError(f"{path} cannot be read ({error}): run the step 'models' first") from error
        if count is not None and len(found[0]) < count:
            raise InputError(f"{path} holds {len(found[0])} pictures and {count} are wanted: give fewer with --images")
        return found

    def records(self) -> dict[str, Any]:
        """Return what ``models.json`` says of the networks."""
        path = self.path / "models.json"
        try:
            found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"{path} cannot be read ({error}): run the step 'models' first") from error
        return found


def float_names() -> list[str]:
    """Return the names of the float models that campaigns strike, originals first."""
    return [f"{activation}-{version}" for version in CAMPAIGN_VERSIONS for activation in ACTIVATIONS]


def int8_names() -> list[str]:
    """Return the names of the int8 models that campaigns strike: pruned ones and originals in both schemes."""
    versions = reversed(QUANTISED_VERSIONS)
    return [f"{a}-{version}-{scheme}" for version in versions for scheme in SCHEMES for a in ACTIVATIONS]


def buffer_names() -> list[str]:
    """Return the names of the int8 models whose upsets in the accelerator's buffers are run: one scheme."""
    return [name for name in int8_names() if name.endswith("tflite")]
