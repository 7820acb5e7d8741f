"""Make the networks of the speed benchmark: `python -m onnx_models.benchmark --out DIR` (needs the `[train]` extra).

Two ReLU U-Nets, one of the bundled size and one of the size of a pruned paper network, trained until about 97 % of the
pixels of unseen mosaics are right, each quantised twice: unsigned activations (u8s8) and signed symmetric ones (s8s8).

Weight decay is far stronger than one would take for the best accuracy. Deep layers that the task hardly needs then add
little to the fine ones, so that a wrong weight fades on its way, as in published networks of this size; with the usual
decay a fault spreads several times wider (`python -m tests.bench.spread` measures it).
"""

import argparse
import dataclasses
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from onnx_models import quantise
from onnx_models.export import to_onnx
from onnx_models.fit import Recipe, fit, pixels_right
from onnx_models.hsi.bands import BANDS, CLASSES
from onnx_models.unet import UNet

Codes = NDArray[np.uint8]


@dataclass(frozen=True)
class Network:
    """A benchmark network.

    Attributes
    ----------
    recipe
        Training; its height and width are those of the training mosaics, in pixels.
    height, width
        Image size of the exported files, in pixels.
    noise
        Standard deviation of a pixel's noise; 1 is the converter's full scale.
    """

    recipe: Recipe
    height: int
    width: int
    noise: float


_SMALL: Final = Recipe("relu", train_scenes=100, test_scenes=8, epochs=10, learning_rate=2e-2, weight_decay=2.0)
NETWORKS: Final = {
    "unet_small": Network(_SMALL, 96, 192, noise=0.5),
    # Trained on quarters of the image: batch statistics are the same, and a step costs a quarter.
    "unet_pruned": Network(dataclasses.replace(_SMALL, widths=(30, 32, 36, 40, 36, 32)), 192, 384, noise=0.5),
}
CALIBRATION_SCENES: Final = 32
FIELD_PIXELS: Final = 12.0
"""Standard deviation of the Gaussian that smooths the fields whose largest one is a pixel's class."""
LIGHT_PIXELS: Final = 24.0


def mosaics(count: int, seed: int, height: int, width: int, noise: float) -> tuple[Codes, Codes]:
    """Draw mosaics: smooth patches of five materials with random spectra, under uneven light, with noise.

    Parameters
    ----------
    count, height, width
        Number of images and their size in pixels.
    seed
        Chooses the images; the materials' spectra are always the same.
    noise
        As in `Network`.

    Returns
    -------
    Codes uint8 [count, BANDS, height, width] and classes uint8 [count, height, width].
    """
    spectra = np.random.default_rng(0).uniform(0.2, 0.8, (len(CLASSES), BANDS))
    rng = np.random.default_rng(seed)
    codes = np.empty((count, BANDS, height, width), np.uint8)
    labels = np.empty((count, height, width), np.uint8)
    for index in range(count):
        fields = [gaussian_filter(rng.standard_normal((height, width)), FIELD_PIXELS) for _ in CLASSES]
        labels[index] = np.argmax(fields, axis=0)
        light = 1 + 0.3 * LIGHT_PIXELS * gaussian_filter(rng.standard_normal((height, width)), LIGHT_PIXELS)
        pixels = spectra[labels[index]] * light[..., None] + rng.normal(0, noise, (height, width, BANDS))
        codes[index] = np.clip(pixels * 256, 0, 255).transpose(2, 0, 1)
    return codes, labels


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m onnx_models.benchmark", description=__doc__.splitlines()[0])
    parser.add_argument("--network", choices=list(NETWORKS), action="append", help="make this one (all)")
    parser.add_argument("--out", type=Path, default=Path("tests/bench/networks"), help="folder of the results")
    parser.add_argument("--work", type=Path, default=Path("benchmark-work"), help="folder of checkpoints")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch (1)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.network or list(NETWORKS):
        make(name, NETWORKS[name], options.out, options.work)
    return 0


def make(name: str, network: Network, out: Path, work: Path) -> None:
    """Train one network and write `NAME-u8s8.onnx`, `NAME-s8s8.onnx`, one mosaic `NAME.npz` and `NAME.json`.

    The statistics of `tests.bench.spread` are of the replaced files: they are no longer in `NAME.json`.
    """
    recipe, noise = network.recipe, network.noise
    learned = mosaics(recipe.train_scenes, recipe.train_seed, recipe.height, recipe.width, noise)
    codes, labels = mosaics(recipe.test_scenes, recipe.test_seed, network.height, network.width, noise)

    def accuracy(model: UNet) -> float:
        right = pixels_right(model, codes, labels)
        _say(f"{name}: {right:.2f} % of the pixels right")
        return right

    model = fit(recipe, *learned, work / f"{name}.pt", _say, accuracy)
    proto = to_onnx(model, BANDS, len(CLASSES), network.height, network.width)
    proto.graph.name = name
    calibration = mosaics(CALIBRATION_SCENES, recipe.train_seed, network.height, network.width, noise)[0]
    scores: dict[str, float] = {"float": round(accuracy(model), 2)}
    for scheme in ("u8s8", "s8s8"):
        target = out / f"{name}-{scheme}.onnx"
        quantise.quantise(proto, calibration, target, signed=scheme == "s8s8")
        scores[scheme] = round(_file_right(target, codes, labels), 2)
    np.savez_compressed(out / f"{name}.npz", input=codes[:1])
    entry = {
        "command": f"python -m onnx_models.benchmark --network {name}",
        "recipe": dataclasses.asdict(network),
        "calibration_scenes": CALIBRATION_SCENES,
        "pixels_right_percent": scores,
    }
    (out / f"{name}.json").write_text(json.dumps(entry, indent=1) + "\n", encoding="utf-8")
    _say(f"{name}: {scores}")


def _file_right(path: Path, codes: Codes, labels: Codes) -> float:
    matrix = quantise.confusion_of(path, codes, labels)
    return 100.0 * float(np.trace(matrix) / matrix.sum())


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
