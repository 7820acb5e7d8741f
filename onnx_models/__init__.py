"""Small quantised networks that come with the simulator, and the recipes that made them.

Importing this package loads nothing heavy; `python -m onnx_models.train` needs the `[train]` extra.
"""

import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

__all__ = ["UnknownModelError", "bundled", "bundled_path"]


class UnknownModelError(KeyError):
    """There is no bundled model or file of that name; the message lists the models there are."""

    def __str__(self) -> str:
        """Return the message as it is (a KeyError would put it in quotes)."""
        return str(self.args[0])


def _folder() -> Path:
    return Path(str(files("onnx_models") / "bundled"))


@cache
def _manifest() -> str:
    return (_folder() / "manifest.json").read_text(encoding="utf-8")


def bundled() -> list[dict[str, Any]]:
    """Return the manifest's entry of every bundled model, in the manifest's order.

    Returns
    -------
    One dictionary per model: `name`, `file`, `sha256`, `task`, `inputs`, `labels` (files beside the model), `classes`,
    `description`, `parameters`, `gop`, `recipe`, `iou_float`, `iou_int8` (percent), `synthetic`. Changing one changes
    nothing for the next caller.
    """
    models: list[dict[str, Any]] = json.loads(_manifest())["models"]
    return models


def bundled_path(name: str) -> Path:
    """Return where a bundled model, or a data file beside it, is.

    Parameters
    ----------
    name
        Name of a model (`hsi-unet-relu`) or the file name of its inputs or labels (`hsi-scenes.npz`).

    Returns
    -------
    Path of the file.

    Raises
    ------
    UnknownModelError
        If there is no such model or file; the message lists those there are. It is a KeyError.
    """
    models = bundled()
    known = {model["name"]: model["file"] for model in models}
    known |= {model[key]: model[key] for model in models for key in ("file", "inputs", "labels")}
    if name not in known:
        names = ", ".join(model["name"] for model in models)
        raise UnknownModelError(f"no bundled model '{name}'; there are {names}")
    return _folder() / str(known[name])
