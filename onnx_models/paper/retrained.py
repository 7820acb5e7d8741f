"""What a run measures of its networks besides the campaigns: controls, repeats, recovery; where it lies, without torch.

The steps that make it are `onnx_models.paper.models.retraining` and `onnx_models.paper.models.recovery`.
"""

import json
from pathlib import Path
from typing import Any, Final

from onnx_models.paper.recipe import ACTIVATIONS, VERSIONS, Recipe

RETRAINING: Final = "retraining.json"
RECOVERY: Final = "recovery.json"


def repeat_seeds(recipe: Recipe) -> range:
    """Return the seeds of the repeats: those that follow the recipe's own."""
    return range(recipe.seed + 1, recipe.seed + 1 + recipe.repeats)


def repeat_folder(folder: Path, seed: int) -> Path:
    """Return the folder of the originals trained from another seed."""
    return folder / "repeats" / f"seed{seed}"


def repeat_name(activation: str, seed: int) -> str:
    """Return what an original of another seed is called where it lies beside the others."""
    return f"{activation}-original-seed{seed}"


def read_retraining(folder: Path) -> dict[str, Any] | None:
    """Return ``retraining.json``, as far as it is made; None where it is absent.

    Returns
    -------
    dict
        ``controls``: activation function to one record per pruning; ``repeats``: one per seed and activation function.
    """
    found: dict[str, Any] | None = _read(folder / RETRAINING)
    return found


def retraining_is_whole(found: dict[str, Any] | None, recipe: Recipe) -> bool:
    """Whether all controls, and all repeats that a recipe asks for, are there."""
    wanted = {(seed, activation) for seed in repeat_seeds(recipe) for activation in ACTIVATIONS}
    return found is not None and (
        all(len(found["controls"].get(activation, ())) == len(VERSIONS) - 1 for activation in ACTIVATIONS)
        and wanted <= {(entry["seed"], entry["activation"]) for entry in found["repeats"]}
    )


def read_recovery(folder: Path) -> list[dict[str, Any]] | None:
    """Return ``recovery.json``, one record per network and setting; None where it is absent."""
    found: list[dict[str, Any]] | None = _read(folder / RECOVERY)
    return found


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
