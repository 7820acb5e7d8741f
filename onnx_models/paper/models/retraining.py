"""What one training cannot tell: unpruned networks trained as long as the pruned ones, and the originals once more.

A pruned network has been fine-tuned, so it has seen more epochs than the original that it is compared with. The control
of an activation function is its original, unpruned, with the fine-tuning of both prunings (same epochs, rate, order of
pictures). The repeats are the originals trained by the same recipe from other seeds: start values, order, mirroring.
"""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from onnx_models.paper.data import load_pictures
from onnx_models.paper.models.float_networks import FINE_TUNING_RATE, make_original, plan_of
from onnx_models.paper.models.scoring import score
from onnx_models.paper.models.training import train
from onnx_models.paper.models.workshop import Workshop, claim, one_thread, write_text
from onnx_models.paper.recipe import ACTIVATIONS, VERSIONS, Recipe
from onnx_models.paper.retrained import RETRAINING, repeat_folder, repeat_seeds

CONTROL: Final = {"pruned1": "unpruned1", "pruned2": "unpruned2"}
"""Version to the name of its control."""


def retrain(folder: Path, recipe: Recipe, report: Callable[[str], None]) -> None:
    """Make the controls and repeats that a folder of finished networks lacks.

    Parameters
    ----------
    folder
        What `onnx_models.paper.models.build` filled. Gets ``retraining.json``, the weights of the controls among its
        checkpoints, and the repeats in subfolders, whose networks are called as the originals are.
    recipe
        That of the folder; its `repeats` says how many seeds.
    report
        Receives a line per step.

    Raises
    ------
    ValueError
        The folder lacks an original or belongs to another recipe.
    """
    claim(folder, recipe)
    with one_thread():
        shop = Workshop(folder, recipe, load_pictures(recipe, folder / "scenes", report), report)
        for activation in ACTIVATIONS:
            if shop.record(f"{activation}-original") is None:
                raise ValueError(f"{folder} has no {activation}-original: run the step 'models' first")
        controls: dict[str, list[dict[str, Any]]] = {activation: [] for activation in ACTIVATIONS}
        repeats: list[dict[str, Any]] = []
        for activation in ACTIVATIONS:
            for version in VERSIONS[1:]:
                controls[activation].append(_control(shop, activation, version))
                _write(folder, controls, repeats)
        for seed in repeat_seeds(recipe):
            for activation in ACTIVATIONS:
                repeats.append(_repeat(shop, activation, seed))
                _write(folder, controls, repeats)


def _write(folder: Path, controls: dict[str, list[dict[str, Any]]], repeats: list[dict[str, Any]]) -> None:
    """Write what there is; the repeats take long, and the controls say something without them."""
    write_text(folder / RETRAINING, json.dumps({"controls": controls, "repeats": repeats}, indent=1) + "\n")


def _control(shop: Workshop, activation: str, version: str) -> dict[str, Any]:
    """Fine-tune the unpruned network as the pruned one was, unless that is done; return its record."""
    name, recipe = f"{activation}-{CONTROL[version]}", shop.recipe
    found = shop.record(name)
    if found is not None:
        return found
    index, epochs = VERSIONS.index(version), recipe.schedule(activation).fine_tuning_epochs
    before = "original" if index == 1 else CONTROL[VERSIONS[index - 1]]
    model = shop.weights(f"{activation}-{before}", activation)
    plan = plan_of(recipe, activation, epochs, FINE_TUNING_RATE)
    seconds = train(model, shop.pictures.training, plan, shop.work / f"{name}.checkpoint", name, shop.report)
    record = {
        "name": name,
        "activation": activation,
        "control_of": version,
        "extra_epochs": index * epochs,
        "iou": score(model, shop.pictures.test),
        "training_seconds": round(seconds, 1),
    }
    shop.save_weights(name, model)
    write_text(shop.work / f"{name}.json", json.dumps(record, indent=1) + "\n")
    (shop.work / f"{name}.checkpoint").unlink(missing_ok=True)
    shop.report(f"{name}: IoU {record['iou']}")
    return record


def _repeat(shop: Workshop, activation: str, seed: int) -> dict[str, Any]:
    """Train an original from another seed, unless that is done; return what counts of its record."""
    recipe = dataclasses.replace(shop.recipe, seed=seed)
    folder = repeat_folder(shop.folder, seed)
    claim(folder, recipe)
    own = Workshop(folder, recipe, shop.pictures, lambda line: shop.report(f"seed {seed}, {line}"))
    make_original(own, activation)
    found = own.record(f"{activation}-original")
    assert found is not None
    return {"seed": seed, **{key: found[key] for key in ("activation", "iou", "training_seconds", "sha256")}}
