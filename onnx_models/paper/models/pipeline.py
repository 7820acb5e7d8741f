"""All networks of a run, in order: the originals, the pruned ones with their int8 forms, the originals' int8 forms."""

import json
import platform
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from onnx_models.paper.data import SCENE_SEEDS, SYNTHETIC, load_pictures
from onnx_models.paper.models.float_networks import make_original, make_pruned
from onnx_models.paper.models.int8_networks import make_int8
from onnx_models.paper.models.workshop import Workshop, claim, one_thread, write_pictures, write_text
from onnx_models.paper.recipe import ACTIVATIONS, QUANTISED_VERSIONS, SCHEMES, VERSIONS, Recipe

PACKAGES: Final = ("torch", "torch-pruning", "numpy", "scipy", "onnx", "onnxruntime", "earthlib", "pvlib")


def make_all(folder: Path, recipe: Recipe, report: Callable[[str], None]) -> None:
    """Make what is not there yet; see `onnx_models.paper.models.build`."""
    claim(folder, recipe)
    with one_thread():
        shop = Workshop(folder, recipe, load_pictures(recipe, folder / "scenes", report), report)
        write_pictures(folder / "calibration.npz", shop.pictures.training.first(recipe.calibration_scenes))
        write_pictures(folder / "test.npz", shop.pictures.test)
        for step in _steps(shop):
            step()
            _write_summary(shop)


def _steps(shop: Workshop) -> Iterator[Callable[[], None]]:
    for activation in ACTIVATIONS:
        yield partial(make_original, shop, activation)
    for activation in ACTIVATIONS:
        for version_name in VERSIONS[1:]:
            yield partial(make_pruned, shop, activation, version_name)
            if version_name in QUANTISED_VERSIONS:
                yield partial(_quantise, shop, activation, version_name)
    for activation in ACTIVATIONS:
        yield partial(_quantise, shop, activation, "original")


def _quantise(shop: Workshop, activation: str, version_name: str) -> None:
    for scheme in SCHEMES:
        make_int8(shop, activation, version_name, scheme)


def _write_summary(shop: Workshop) -> None:
    """Gather the records of all that is finished."""
    found: list[dict[str, Any]] = []
    for activation in ACTIVATIONS:
        for version_name in VERSIONS:
            record = shop.record(f"{activation}-{version_name}")
            if record is not None:
                int8 = {scheme: shop.record(f"{activation}-{version_name}-{scheme}") for scheme in SCHEMES}
                found.append({**record, "int8": {scheme: entry for scheme, entry in int8.items() if entry}})
    recipe = shop.recipe
    summary = {
        "synthetic": recipe.dataset is None,
        "data": SYNTHETIC if recipe.dataset is None else f"HSI-Drive v2.0 from {recipe.dataset}",
        "recipe": recipe.plain(),
        "recipe_key": recipe.models_key(),
        "scene_seeds": SCENE_SEEDS if recipe.dataset is None else None,
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "models": found,
    }
    write_text(shop.folder / "models.json", json.dumps(summary, indent=1) + "\n")
