"""Make the networks of the speed benchmark: `python -m onnx_models.benchmark --out DIR` (needs the `[train]` extra).

Two ReLU U-Nets, one of the bundled size and one of the size of a pruned paper network, trained until about 97 % of the
pixels of unseen scenes are right, each quantised twice: unsigned activations (u8s8) and signed symmetric ones (s8s8).
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from onnx_models import quantise
from onnx_models.export import to_onnx
from onnx_models.fit import Recipe, fit, pixels_right
from onnx_models.hsi.bands import BANDS, CLASSES
from onnx_models.scene_store import stored_scenes
from onnx_models.unet import UNet

RECIPES: Final = {
    "unet_small": Recipe("relu", train_scenes=400, test_scenes=24, epochs=40, learning_rate=1e-3, enough=97.0),
    "unet_pruned": Recipe(
        "relu",
        height=192,
        width=384,
        train_scenes=200,
        test_scenes=12,
        epochs=30,
        learning_rate=1e-3,
        widths=(30, 32, 36, 40, 36, 32),
        enough=97.0,
    ),
}
CALIBRATION_SCENES: Final = 32


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m onnx_models.benchmark", description=__doc__.splitlines()[0])
    parser.add_argument("--network", choices=list(RECIPES), action="append", help="make this one (all)")
    parser.add_argument("--out", type=Path, default=Path("tests/bench/networks"), help="folder of the results")
    parser.add_argument("--work", type=Path, default=Path("benchmark-work"), help="folder of scenes and checkpoints")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch (1)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.network or list(RECIPES):
        make(name, RECIPES[name], options.out, options.work)
    return 0


def make(name: str, recipe: Recipe, out: Path, work: Path) -> None:
    """Train one network and write `NAME-u8s8.onnx`, `NAME-s8s8.onnx`, one scene `NAME.npz` and `NAME.json`."""
    size = recipe.height, recipe.width
    train = stored_scenes(work / "scenes", recipe.train_scenes, recipe.train_seed, *size, _say)
    codes, labels = stored_scenes(work / "scenes", recipe.test_scenes, recipe.test_seed, *size, _say)

    def accuracy(model: UNet) -> float:
        right = pixels_right(model, codes, labels)
        _say(f"{name}: {right:.2f} % of the pixels right")
        return right

    model = fit(recipe, *train, work / f"{name}.pt", _say, accuracy)
    proto = to_onnx(model, BANDS, len(CLASSES), *size)
    scores: dict[str, float] = {"float": round(accuracy(model), 2)}
    for scheme in ("u8s8", "s8s8"):
        target = out / f"{name}-{scheme}.onnx"
        quantise.quantise(proto, train[0][:CALIBRATION_SCENES], target, signed=scheme == "s8s8")
        scores[scheme] = round(_file_right(target, codes, labels), 2)
    np.savez_compressed(out / f"{name}.npz", input=codes[:1])
    entry = {"recipe": repr(recipe), "calibration_scenes": CALIBRATION_SCENES, "pixels_right_percent": scores}
    (out / f"{name}.json").write_text(json.dumps(entry, indent=1) + "\n", encoding="utf-8")
    _say(f"{name}: {scores}")


def _file_right(path: Path, codes: NDArray[np.uint8], labels: NDArray[np.uint8]) -> float:
    matrix = quantise.confusion_of(path, codes, labels)
    return 100.0 * float(np.trace(matrix) / matrix.sum())


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
