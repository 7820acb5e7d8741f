"""What one training cannot tell: unpruned networks trained as long as the pruned ones, and the originals once more.

A pruned network has been fine-tuned, so it has seen more epochs than the original that it is compared with. The control
of an activation function is its original, unpruned, with the fine-tuning of both prunings (same epochs, rate, order of
pictures). The repeats are the originals trained by the same recipe from other seeds: start values, order, mirroring.
"""

import dataclasses
import json
from functools import partial
from pathlib import Path
from typing import Any, Final

from onnx_models.paper.jobs import Job
from onnx_models.paper.models.float_networks import FINE_TUNING_RATE, make_original, plan_of
from onnx_models.paper.models.pipeline import Report, in_workshop
from onnx_models.paper.models.scoring import score
from onnx_models.paper.models.training import train
from onnx_models.paper.models.workshop import Workshop, claim, read_network_record, write_text
from onnx_models.paper.recipe import ACTIVATIONS, VERSIONS, Recipe
from onnx_models.paper.retrained import RETRAINING, repeat_folder, repeat_name, repeat_seeds

CONTROL: Final = {"pruned1": "unpruned1", "pruned2": "unpruned2"}
"""Version to the name of its control."""


def retraining_jobs(folder: Path, recipe: Recipe, report: Report) -> list[Job]:
    """Return the jobs that make the controls and repeats that a folder lacks, and the last one that gathers them.

    Parameters
    ----------
    folder
        What `onnx_models.paper.models.build` fills. Gets ``retraining.json``, the weights of the controls among its
        checkpoints, and the repeats in subfolders, whose networks are called as the originals are.
    recipe
        That of the folder; its `repeats` says how many seeds.
    report
        Receives a line per step.

    Raises
    ------
    ValueError
        The folder belongs to another recipe.
    """
    claim(folder, recipe)
    jobs = []
    for activation in ACTIVATIONS:
        before = f"{activation}-original"
        for version in VERSIONS[1:]:
            name = f"{activation}-{CONTROL[version]}"
            call = partial(in_workshop, folder, recipe, report, _control, activation, version)
            if read_network_record(folder, name) is None:
                jobs.append(Job(name, call, (before,)))
            before = name
    for seed in repeat_seeds(recipe):
        for activation in ACTIVATIONS:
            if read_network_record(repeat_folder(folder, seed), f"{activation}-original") is None:
                call = partial(in_workshop, folder, recipe, report, _repeat, activation, str(seed))
                jobs.append(Job(repeat_name(activation, seed), call, (f"{activation}-original",)))
    return [*jobs, Job(RETRAINING, partial(gather_retraining, folder, recipe), tuple(job.name for job in jobs))]


def gather_retraining(folder: Path, recipe: Recipe) -> None:
    """Write ``retraining.json``: what there is of controls and repeats."""
    controls: dict[str, list[dict[str, Any]]] = {}
    repeats: list[dict[str, Any]] = []
    for activation in ACTIVATIONS:
        found = [read_network_record(folder, f"{activation}-{CONTROL[version]}") for version in VERSIONS[1:]]
        controls[activation] = [record for record in found if record is not None]
    for seed in repeat_seeds(recipe):
        for activation in ACTIVATIONS:
            record = read_network_record(repeat_folder(folder, seed), f"{activation}-original")
            if record is not None:
                kept = {key: record[key] for key in ("activation", "iou", "training_seconds", "sha256")}
                repeats.append({"seed": seed, **kept})
    write_text(folder / RETRAINING, json.dumps({"controls": controls, "repeats": repeats}, indent=1) + "\n")


def _control(shop: Workshop, activation: str, version: str) -> None:
    """Fine-tune the unpruned network as the pruned one was, unless that is done."""
    name, recipe = f"{activation}-{CONTROL[version]}", shop.recipe
    if shop.record(name) is not None:
        return
    if shop.record(f"{activation}-original") is None:
        raise ValueError(f"{shop.folder} has no {activation}-original: run the step 'models' first")
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
    gather_retraining(shop.folder, recipe)  # the repeats take long, and the controls say something without them


def _repeat(shop: Workshop, activation: str, seed: str) -> None:
    """Train an original from another seed, unless that is done."""
    recipe = dataclasses.replace(shop.recipe, seed=int(seed))
    folder = repeat_folder(shop.folder, recipe.seed)
    claim(folder, recipe)
    own = Workshop(folder, recipe, shop.pictures, lambda line: shop.report(f"seed {seed}, {line}"))
    make_original(own, activation)
    gather_retraining(shop.folder, shop.recipe)
