"""All networks of a run as jobs: the originals, the pruned ones with their int8 forms, the originals' int8 forms."""

import json
import platform
from collections.abc import Callable
from functools import lru_cache, partial
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from onnx_models.paper.data import SCENE_SEEDS, SYNTHETIC, Pictures, load_pictures
from onnx_models.paper.jobs import Job
from onnx_models.paper.models.float_networks import make_original, make_pruned
from onnx_models.paper.models.int8_networks import make_int8
from onnx_models.paper.models.workshop import (
    Workshop,
    claim,
    one_thread,
    read_network_record,
    write_pictures,
    write_text,
)
from onnx_models.paper.recipe import ACTIVATIONS, QUANTISED_VERSIONS, SCHEMES, VERSIONS, Recipe

PACKAGES: Final = ("torch", "torch-pruning", "numpy", "scipy", "onnx", "onnxruntime", "earthlib", "pvlib")

Report = Callable[[str], None]


def network_jobs(folder: Path, recipe: Recipe, report: Report) -> list[Job]:
    """Return the jobs that make what is not there yet, each called as its network; see `models.build`.

    Raises
    ------
    ValueError
        The folder holds networks of another recipe.
    """
    claim(folder, recipe)

    def job(name: str, make: Callable[..., None], *given: str, after: str) -> Job:
        return Job(name, partial(in_workshop, folder, recipe, report, make, *given), (after,))

    jobs = [Job("pictures", partial(_make_pictures, folder, recipe, report))]
    jobs += [job(f"{a}-original", make_original, a, after="pictures") for a in ACTIVATIONS]
    for activation in ACTIVATIONS:
        for before, after in pairwise(VERSIONS):
            name = f"{activation}-{after}"
            jobs.append(job(name, make_pruned, activation, after, after=f"{activation}-{before}"))
            if after in QUANTISED_VERSIONS:
                jobs += [job(f"{name}-{s}", make_int8, activation, after, s, after=name) for s in SCHEMES]
    for activation in ACTIVATIONS:
        name = f"{activation}-original"
        jobs += [job(f"{name}-{s}", make_int8, activation, "original", s, after=name) for s in SCHEMES]
    missing = [one for one in jobs if one.name == "pictures" or read_network_record(folder, one.name) is None]
    return [*missing, Job("models.json", partial(write_summary, folder, recipe), tuple(one.name for one in missing))]


def in_workshop(folder: Path, recipe: Recipe, report: Report, make: Callable[..., None], *given: str) -> None:
    """Call a function with the workshop of a folder, one thread of torch, and renew the summary afterwards."""
    with one_thread():
        make(Workshop(folder, recipe, _pictures(folder, recipe, report), report), *given)
    write_summary(folder, recipe)


@lru_cache(maxsize=1)
def _pictures(folder: Path, recipe: Recipe, report: Report) -> Pictures:
    return load_pictures(recipe, folder / "scenes", report)


def _make_pictures(folder: Path, recipe: Recipe, report: Report) -> None:
    pictures = _pictures(folder, recipe, report)
    write_pictures(folder / "calibration.npz", pictures.training.first(recipe.calibration_scenes))
    write_pictures(folder / "test.npz", pictures.test)


def write_summary(folder: Path, recipe: Recipe) -> None:
    """Gather the records of all that is finished."""
    found: list[dict[str, Any]] = []
    for activation in ACTIVATIONS:
        for version_name in VERSIONS:
            name = f"{activation}-{version_name}"
            record = read_network_record(folder, name)
            if record is not None:
                int8 = {scheme: read_network_record(folder, f"{name}-{scheme}") for scheme in SCHEMES}
                found.append({**record, "int8": {scheme: entry for scheme, entry in int8.items() if entry}})
    summary = {
        "synthetic": recipe.dataset is None,
        "data": SYNTHETIC if recipe.dataset is None else f"HSI-Drive v2.0 from {recipe.dataset}",
        "recipe": recipe.plain(),
        "recipe_key": recipe.models_key(),
        "scene_seeds": SCENE_SEEDS if recipe.dataset is None else None,
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "models": found,
    }
    write_text(folder / "models.json", json.dumps(summary, indent=1) + "\n")
