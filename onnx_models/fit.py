"""Training of a U-Net on scenes: seeded, resumable, one thread unless told otherwise."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from onnx_models.hsi.bands import BANDS, CLASS_FREQUENCY, CLASSES, IGNORED
from onnx_models.hsi.sensor import normalise
from onnx_models.metrics import confusion, iou_table
from onnx_models.unet import UNet, initialise


@dataclass(frozen=True)
class Recipe:
    """All that decides the trained weights, besides package versions and the processor's float arithmetic.

    Attributes
    ----------
    activation
        `relu`, `sigmoid` or `hardsigmoid`.
    filters, levels
        Shape of the U-Net.
    height, width
        Image size in pixels.
    train_scenes, train_seed
        Scenes 0 to train_scenes - 1 of this stream are learned.
    test_scenes, test_seed
        Scenes 0 to test_scenes - 1 of this other stream are for the scores only.
    epochs, batch
        Passes over the scenes, scenes per step.
    learning_rate
        Peak of a one-cycle schedule: linear warm-up over 5 % of the steps, then half a cosine to 0.
    weight_decay
        Of AdamW, on convolution kernels.
    class_power
        Loss weight of a class = frequency^-class_power, scaled to a mean of 1 over pixels.
    seed
        Start values, order and mirroring.
    widths
        As for `UNet`; empty for the doubling widths of `filters` and `levels`.
    enough
        Pixel accuracy in percent on the test scenes at which training stops after an epoch; above 100 for never.
    """

    activation: str
    filters: int = 8
    levels: int = 4
    height: int = 96
    width: int = 192
    train_scenes: int = 1000
    train_seed: int = 1
    test_scenes: int = 60
    test_seed: int = 2
    epochs: int = 12
    batch: int = 8
    learning_rate: float = 6e-3
    weight_decay: float = 1e-4
    class_power: float = 0.4
    seed: int = 7
    widths: tuple[int, ...] = ()
    enough: float = 101.0


def build(recipe: Recipe) -> UNet:
    """Return the untrained network of a recipe."""
    model = UNet(
        bands=BANDS,
        classes=len(CLASSES),
        filters=recipe.filters,
        levels=recipe.levels,
        activation=recipe.activation,
        widths=recipe.widths,
    )
    initialise(model, recipe.seed)
    return model


def fit(
    recipe: Recipe,
    codes: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    checkpoint: Path,
    report: Callable[[str], None],
    accuracy: Callable[[UNet], float] | None = None,
) -> UNet:
    """Train, or go on from the checkpoint.

    Parameters
    ----------
    recipe
        What to train.
    codes, labels
        uint8 [N, 25, H, W] and [N, H, W].
    checkpoint
        Written after every epoch (replaced in one step, so a stop at any time leaves a whole file).
    report
        Receives one line per epoch.
    accuracy
        Scores the network after an epoch, in percent; training ends once it reaches `recipe.enough`.

    Returns
    -------
    The trained network, in evaluation mode.

    Raises
    ------
    ValueError
        If the checkpoint belongs to another recipe.
    """
    model = build(recipe)
    # Channels last: a third faster on a processor. The stubs of torch know this form of `to` for tensors only.
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload, unused-ignore]
    optimiser = torch.optim.AdamW(_groups(model, recipe.weight_decay), lr=recipe.learning_rate)
    start = _restore(checkpoint, recipe, model, optimiser)
    frequency = torch.tensor(CLASS_FREQUENCY)
    weights = frequency.pow(-recipe.class_power)
    loss_of = nn.CrossEntropyLoss(weights / (weights * frequency).sum(), ignore_index=IGNORED)
    steps = len(codes) // recipe.batch
    for epoch in range(start, recipe.epochs):
        model.train()
        rng = np.random.default_rng([recipe.seed, epoch])
        order = rng.permutation(len(codes))
        total = 0.0
        for step in range(steps):
            rate = _rate(recipe.learning_rate, (epoch * steps + step) / (recipe.epochs * steps))
            for group in optimiser.param_groups:
                group["lr"] = rate
            rows = order[step * recipe.batch : (step + 1) * recipe.batch]
            images, truth = _batch(codes[rows], labels[rows], bool(rng.random() < 0.5))
            optimiser.zero_grad(set_to_none=True)
            loss = loss_of(model(images), truth)
            loss.backward()
            optimiser.step()
            total += float(loss.detach())
        _save(checkpoint, recipe, epoch + 1, model, optimiser)
        report(f"{recipe.activation}: epoch {epoch + 1} of {recipe.epochs}, loss {total / max(steps, 1):.4f}")
        if accuracy is not None and (reached := accuracy(model)) >= recipe.enough:
            report(f"{recipe.activation}: {reached:.2f} % of the pixels right, enough")
            break
    model.eval()
    return model


def score(model: UNet, codes: NDArray[np.uint8], labels: NDArray[np.uint8]) -> dict[str, float]:
    """IoU of the float network in percent: per class, `global`, `weighted` (see `metrics.iou_table`)."""
    return iou_table(_confusion(model, codes, labels), CLASSES)


def pixels_right(model: UNet, codes: NDArray[np.uint8], labels: NDArray[np.uint8]) -> float:
    """Labelled pixels that the float network gets right, in percent."""
    matrix = _confusion(model, codes, labels)
    return 100.0 * float(np.trace(matrix) / max(matrix.sum(), 1))


def _confusion(model: UNet, codes: NDArray[np.uint8], labels: NDArray[np.uint8]) -> NDArray[np.int64]:
    classes = len(CLASSES)
    matrix = np.zeros((classes, classes), np.int64)
    model.eval()
    with torch.no_grad():
        for image, truth in zip(codes, labels, strict=True):
            predicted = model(torch.from_numpy(normalise(image[None]))).argmax(1).numpy()[0]
            matrix += confusion(truth, predicted, classes)
    return matrix


def _groups(model: nn.Module, decay: float) -> list[dict[str, Any]]:
    kernels = [p for p in model.parameters() if p.ndim > 1]
    rest = [p for p in model.parameters() if p.ndim <= 1]
    return [{"params": kernels, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]


def _rate(peak: float, progress: float) -> float:
    warm = 0.05
    if progress < warm:
        return peak * (0.05 + 0.95 * progress / warm)
    return float(peak * 0.5 * (1.0 + np.cos(np.pi * (progress - warm) / (1.0 - warm))))


def _batch(codes: NDArray[np.uint8], labels: NDArray[np.uint8], mirror: bool) -> tuple[torch.Tensor, torch.Tensor]:
    images = torch.from_numpy(normalise(codes)).contiguous(memory_format=torch.channels_last)
    truth = torch.from_numpy(labels.astype(np.int64))
    return (images.flip(3), truth.flip(2)) if mirror else (images, truth)


def _restore(checkpoint: Path, recipe: Recipe, model: UNet, optimiser: torch.optim.Optimizer) -> int:
    if not checkpoint.exists():
        return 0
    state = torch.load(checkpoint, weights_only=True)
    if state["recipe"] != repr(recipe):
        raise ValueError(f"{checkpoint} belongs to another recipe ({state['recipe']}); delete it or use another --work")
    model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["epoch"])


def _save(checkpoint: Path, recipe: Recipe, epoch: int, model: UNet, optimiser: torch.optim.Optimizer) -> None:
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    partial = checkpoint.with_suffix(".partial")
    state = {"recipe": repr(recipe), "epoch": epoch, "model": model.state_dict(), "optimiser": optimiser.state_dict()}
    torch.save(state, partial)
    os.replace(partial, checkpoint)
