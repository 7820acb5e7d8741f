"""Make the bundled models: `python -m onnx_models.train --all` (needs the `[train]` extra).

Scenes, training, ONNX export, int8 quantisation, scores and the manifest, in one command; it goes on where it was
stopped.
"""

import argparse
import dataclasses
import hashlib
import json
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from onnx_models import quantise
from onnx_models.complexity import unet_complexity
from onnx_models.export import to_onnx
from onnx_models.fit import Recipe, fit, score
from onnx_models.hsi.bands import BANDS, CLASSES
from onnx_models.hsi.sensor import normalise
from onnx_models.scene_store import stored_scenes
from onnx_models.unet import ACTIVATIONS

INPUTS_FILE, LABELS_FILE, MANIFEST = "hsi-scenes.npz", "hsi-scenes-labels.npz", "manifest.json"
BUNDLED_SCENES: Final = 4
SYNTHETIC = (
    "Trained and scored on synthetic scenes only: measured reflectance spectra and modelled daylight in a drawn "
    "perspective; no pixel of HSI-Drive or of any other real picture. The scores say nothing about real roads."
)
# The bounded activations learn more slowly, as in the HSI-Drive studies, and need a higher rate to learn at all.
EPOCHS: Final = {"relu": 20, "sigmoid": 30, "hardsigmoid": 30}
LEARNING_RATE: Final = {"relu": 6e-3, "sigmoid": 2e-2, "hardsigmoid": 2e-2}
CALIBRATION_SCENES: Final = 64

TITLE: Final = {"relu": "ReLU", "sigmoid": "Sigmoid", "hardsigmoid": "HardSigmoid"}
TRIAL: Final = ("epochs", "train_scenes", "test_scenes")

Pixels = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    options = _parser().parse_args(arguments)
    for key in ("threads", *TRIAL):
        value = getattr(options, key)
        if value is not None and value < 1:
            print(f"--{key.replace('_', '-')} {value}: must be 1 or more", file=sys.stderr)
            return 2
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    activations = list(ACTIVATIONS) if options.all else [options.activation]
    for activation in activations:
        recipe = Recipe(activation, epochs=EPOCHS[activation], learning_rate=LEARNING_RATE[activation])
        trial = {key: getattr(options, key) for key in TRIAL if getattr(options, key) is not None}
        recipe = dataclasses.replace(recipe, **trial)
        _make(recipe, options.out, options.work or options.out / "work")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m onnx_models.train", description=__doc__.splitlines()[0])
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--activation", choices=list(ACTIVATIONS), help="make one model")
    which.add_argument("--all", action="store_true", help="make all three")
    parser.add_argument("--out", type=Path, default=Path("hsi-models"), help="folder of the results (hsi-models)")
    parser.add_argument("--work", type=Path, help="folder of scenes and checkpoints (OUT/work)")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch (1)")
    parser.add_argument("--epochs", type=int, help="other than the recipe's, for a trial")
    parser.add_argument("--train-scenes", type=int, help="other than the recipe's, for a trial")
    parser.add_argument("--test-scenes", type=int, help="other than the recipe's, for a trial")
    return parser


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _make(recipe: Recipe, out: Path, work: Path) -> None:
    name = f"hsi-unet-{recipe.activation}"
    size = recipe.height, recipe.width
    train = stored_scenes(work / "scenes", recipe.train_scenes, recipe.train_seed, *size, _say)
    test = stored_scenes(work / "scenes", recipe.test_scenes, recipe.test_seed, *size, _say)
    model = fit(recipe, *train, work / f"{name}.pt", _say)
    iou_float = score(model, *test)
    _say(f"{name}: float {iou_float}")
    target = out / f"{name}.onnx"
    proto = to_onnx(model, BANDS, len(CLASSES), *size)
    quantise.quantise(proto, train[0][:CALIBRATION_SCENES], target)
    iou_int8 = quantise.score(target, *test)
    _say(f"{name}: int8 {iou_int8}, {target.stat().st_size} bytes")
    _write_scenes(out, test)
    _write_entry(out / MANIFEST, _entry(name, recipe, target, iou_float, iou_int8))


def _write_scenes(out: Path, test: Pixels) -> None:
    np.savez_compressed(out / INPUTS_FILE, input=normalise(test[0][:BUNDLED_SCENES]))
    np.savez_compressed(out / LABELS_FILE, labels=test[1][:BUNDLED_SCENES])


def _command(recipe: Recipe) -> str:
    plain = Recipe(recipe.activation, epochs=EPOCHS[recipe.activation])
    changed = [key for key in TRIAL if getattr(recipe, key) != getattr(plain, key)]
    flags = [f"--{key.replace('_', '-')} {getattr(recipe, key)}" for key in changed]
    return " ".join([f"python -m onnx_models.train --activation {recipe.activation}", *flags])


def _entry(
    name: str, recipe: Recipe, target: Path, iou_float: dict[str, float], iou_int8: dict[str, float]
) -> dict[str, Any]:
    size = unet_complexity(
        bands=BANDS,
        classes=len(CLASSES),
        filters=recipe.filters,
        levels=recipe.levels,
        height=recipe.height,
        width=recipe.width,
    )
    packages = ("torch", "numpy", "scipy", "onnx", "onnxruntime", "earthlib", "pvlib")
    return {
        "name": name,
        "file": target.name,
        "sha256": hashlib.sha256(target.read_bytes()).hexdigest(),
        "task": "segmentation",
        "inputs": INPUTS_FILE,
        "labels": LABELS_FILE,
        "classes": list(CLASSES),
        "description": f"U-Net with {TITLE[recipe.activation]} for 25-band driving scenes of "
        f"{recipe.height} x {recipe.width}: {recipe.filters} filters, {recipe.levels} levels, int8 QDQ",
        "parameters": size.folded_parameters,
        "gop": round(size.gop, 4),
        "recipe": {
            "command": _command(recipe),
            **dataclasses.asdict(recipe),
            "calibration_scenes": CALIBRATION_SCENES,
            "calibration": "minimum and maximum",
            "opset": onnx.load(target).opset_import[0].version,
            "threads": torch.get_num_threads(),
            "python": platform.python_version(),
            "packages": {package: version(package) for package in packages},
        },
        "iou_float": iou_float,
        "iou_int8": iou_int8,
        "synthetic": SYNTHETIC,
    }


def _write_entry(manifest: Path, entry: dict[str, Any]) -> None:
    """Put an entry into the manifest, in the fixed order of the activations, in one step."""
    models = json.loads(manifest.read_text(encoding="utf-8"))["models"] if manifest.exists() else []
    by_name = {model["name"]: model for model in models} | {entry["name"]: entry}
    order = [f"hsi-unet-{activation}" for activation in ACTIVATIONS]
    text = json.dumps({"models": [by_name[name] for name in order if name in by_name]}, indent=1) + "\n"
    partial = manifest.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(manifest)


if __name__ == "__main__":
    raise SystemExit(main())
