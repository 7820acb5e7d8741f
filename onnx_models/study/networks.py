"""Train and quantise the networks of the study (needs the `[train]` extra)."""

import dataclasses
import hashlib
import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from onnx_models import quantise
from onnx_models.export import to_onnx
from onnx_models.fit import Recipe, fit, score
from onnx_models.hsi.bands import BANDS, CLASSES
from onnx_models.scene_store import stored_scenes
from onnx_models.study.variants import HEIGHT, TEST_SCENES, TEST_SEED, WIDTH, Variant

Codes = NDArray[np.uint8]

CROP_SEED: Final = 5
CROPS_PER_SCENE: Final = 2
CALIBRATION_SCENES: Final = 48
LEARNING_RATE: Final = {"relu": 6e-3, "hardsigmoid": 2e-2}


def recipe_of(variant: Variant) -> Recipe:
    """Return the training of one network: for all of them the same scenes, epochs and steps."""
    return Recipe(
        variant.activation,
        height=HEIGHT // 2,
        width=WIDTH // 2,
        train_scenes=1000,
        test_scenes=TEST_SCENES,
        test_seed=TEST_SEED,
        epochs=10,
        learning_rate=LEARNING_RATE[variant.activation],
        widths=variant.widths,
    )


def crops(codes: Codes, labels: Codes, height: int, width: int) -> tuple[Codes, Codes]:
    """Cut windows out of scenes: training on them costs a quarter, and the batch statistics stay the same.

    Parameters
    ----------
    codes, labels
        uint8 [N, bands, H, W] and [N, H, W].
    height, width
        Size of a window, in pixels.

    Returns
    -------
    `CROPS_PER_SCENE` windows of every scene, at places of a fixed seed.
    """
    rng = np.random.default_rng(CROP_SEED)
    images, truth = [], []
    for image, label in zip(codes, labels, strict=True):
        for _ in range(CROPS_PER_SCENE):
            y = int(rng.integers(0, image.shape[1] - height + 1))
            x = int(rng.integers(0, image.shape[2] - width + 1))
            images.append(image[:, y : y + height, x : x + width])
            truth.append(label[y : y + height, x : x + width])
    return np.stack(images), np.stack(truth)


def make(variant: Variant, out: Path, work: Path, report: Callable[[str], None]) -> None:
    """Train, quantise and score one network; writes `NAME.onnx` and, last, `NAME.json`.

    Parameters
    ----------
    variant
        Which one.
    out
        Folder of the results.
    work
        Folder of scenes and checkpoints.
    report
        Receives a line per step.
    """
    recipe = recipe_of(variant)
    train = stored_scenes(work / "scenes", recipe.train_scenes, recipe.train_seed, HEIGHT, WIDTH, report)
    test = stored_scenes(work / "scenes", recipe.test_scenes, recipe.test_seed, HEIGHT, WIDTH, report)
    model = fit(recipe, *crops(*train, recipe.height, recipe.width), work / f"{variant.name}.pt", report)
    iou_float = score(model, *test)
    target = out / f"{variant.name}.onnx"
    proto = to_onnx(model, BANDS, len(CLASSES), HEIGHT, WIDTH)
    proto.graph.name = f"study-{variant.name}"
    quantise.quantise(proto, train[0][:CALIBRATION_SCENES], target)
    matrix = quantise.confusion_of(target, *test)
    entry = {
        "name": variant.name,
        "widths": variant.widths,
        "activation": variant.activation,
        "file": target.name,
        "sha256": hashlib.sha256(target.read_bytes()).hexdigest(),
        "bytes": target.stat().st_size,
        "parameters": sum(p.numel() for p in model.parameters()),
        "height": HEIGHT,
        "width": WIDTH,
        "recipe": {
            **dataclasses.asdict(recipe), "crops_per_scene": CROPS_PER_SCENE, "crop_seed": CROP_SEED,
            "calibration_scenes": CALIBRATION_SCENES,
        },
        "packages": {name: version(name) for name in ("torch", "numpy", "scipy", "onnx", "onnxruntime")},
        "iou_float": iou_float,
        "iou_int8": quantise.score(target, *test),
        "pixels_right_int8": round(100.0 * float(np.trace(matrix) / matrix.sum()), 2),
    }  # fmt: skip
    report(f"{variant.name}: float {iou_float['global']} % global IoU, int8 {entry['iou_int8']}")
    partial = out / f"{variant.name}.partial"
    partial.write_text(json.dumps(entry, indent=1) + "\n", encoding="utf-8")
    partial.replace(out / f"{variant.name}.json")
