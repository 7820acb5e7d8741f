"""Sigmoid replaced by HardSigmoid when quantising: ``python -m onnx_models.paper.models.replaced FOLDER OUT.csv``.

A DPU has no Sigmoid. AMD's quantisers put a HardSigmoid in its place unless told otherwise (see `quark`), which costs
accuracy without any rounding. This measures how much, on the Sigmoid networks of a build in the DPU-like scheme, and
what fast fine-tuning against the float network recovers.
"""

import argparse
import csv
import dataclasses
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from onnx_models.paper.data import load_pictures
from onnx_models.paper.models.fast_tuning import fine_tune
from onnx_models.paper.models.post_training import quantise
from onnx_models.paper.models.quantised import Quantised, to_qdq_onnx
from onnx_models.paper.models.scheme import DPU
from onnx_models.paper.models.scoring import score_file
from onnx_models.paper.models.tables import SCORES
from onnx_models.paper.models.workshop import Workshop, claim
from onnx_models.paper.recipe import QUANTISED_VERSIONS, Recipe

ACTIVATION = "sigmoid"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m onnx_models.paper.models.replaced", description=__doc__)
    parser.add_argument("folder", type=Path, help="what onnx_models.paper.models.build made")
    parser.add_argument("out", type=Path, help="CSV file to write")
    parser.add_argument("--quick", action="store_true", help="the folder is that of the quick recipe")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    try:
        rows = list(_rows(options.folder, Recipe.quick() if options.quick else Recipe.full()))
    except (OSError, ValueError) as error:
        print(f"replaced: {error}", file=sys.stderr)
        return 2
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with options.out.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return 0


def _rows(folder: Path, recipe: Recipe) -> Iterator[dict[str, Any]]:
    if not (folder / "models.json").exists():
        raise ValueError(f"{folder} has no models.json: make the networks first")
    claim(folder, recipe)
    shop = Workshop(folder, recipe, load_pictures(recipe, folder / "scenes", _say), _say)
    records = {m["name"]: m for m in json.loads((folder / "models.json").read_text(encoding="utf-8"))["models"]}
    for version in QUANTISED_VERSIONS:
        name = f"{ACTIVATION}-{version}"
        if "dpu" not in records.get(name, {"int8": {}})["int8"]:
            raise ValueError(f"{folder} has no {name}-dpu yet: make the networks first")
        yield {"network": name, "form": "float32, Sigmoid", **_named(records[name]["iou"])}
        yield {"network": name, "form": "int8, Sigmoid", **_named(records[name]["int8"]["dpu"]["iou"])}
        for form, network in _replaced(shop, name):
            proto = to_qdq_onnx(network, name, recipe.height, recipe.width)
            yield {"network": name, "form": form, **_named(score_file(proto.SerializeToString(), shop.pictures.test))}


def _replaced(shop: Workshop, name: str) -> Iterator[tuple[str, Quantised]]:
    recipe, model = shop.recipe, shop.weights(name, ACTIVATION)
    calibration = shop.pictures.training.first(recipe.calibration_scenes)
    plain = dataclasses.replace(quantise(model, calibration, DPU, recipe.seed), activation="hardsigmoid")
    yield "int8, HardSigmoid in its place", plain
    tuned = fine_tune(model, plain, calibration, DPU, recipe.tuning_steps, recipe.seed, _say)
    yield "int8, HardSigmoid in its place, fast fine-tuned", tuned


def _named(iou: dict[str, float]) -> dict[str, float]:
    return {f"iou_{key}": iou[key] for key in SCORES}


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
