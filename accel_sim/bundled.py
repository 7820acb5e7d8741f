"""The models that come with the package, and how a name or a path becomes a file."""

import json
import os
from importlib import resources
from pathlib import Path
from typing import Any

from accel_sim.errors import ModelError


def bundled_folder() -> Path:
    """Return the folder of the bundled models."""
    return Path(str(resources.files("onnx_models") / "bundled"))


def bundled_models() -> list[dict[str, Any]]:
    """Return the manifest's entries: name, file, recipe, accuracy, checksum."""
    manifest = bundled_folder() / "manifest.json"
    if not manifest.exists():
        return []
    entries = json.loads(manifest.read_text())["models"]
    assert isinstance(entries, list)
    return entries


def bundled_entry(name: str | Path) -> dict[str, Any] | None:
    """Return the entry of a bundled model, None for anything else."""
    return next((entry for entry in bundled_models() if entry["name"] == str(name)), None)


def resolve(model: str | Path) -> Path:
    """Return the file of a path or of a bundled model's name.

    Raises
    ------
    ModelError
        There is neither.
    """
    entry = bundled_entry(model)
    if entry is not None:
        return bundled_folder() / str(entry["file"])
    path = Path(model)
    if not os.path.exists(path) and path.suffix != ".onnx":
        names = ", ".join(e["name"] for e in bundled_models())
        raise ModelError(f"{str(model)[:200]}: neither a file nor a bundled model; bundled are {names}")
    return path


def bundled_inputs(model: str | Path) -> Path | None:
    """Return the evaluation scenes of a bundled model, None for anything else."""
    entry = bundled_entry(model)
    return None if entry is None else bundled_folder() / entry["inputs"]
