"""Intersection over union of a network in torch and of an ONNX file, on a split."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from onnx_models import quantise
from onnx_models.export import INPUT, OUTPUT
from onnx_models.hsi.bands import CLASSES
from onnx_models.metrics import confusion, iou_table
from onnx_models.paper.data import Split
from onnx_models.unet import UNet

BATCH = 8


def batches(data: Split) -> Iterator[slice]:
    """Yield the rows of a split in batches."""
    for first in range(0, len(data), BATCH):
        yield slice(first, first + BATCH)


def score(model: UNet, data: Split) -> dict[str, float]:
    """IoU of a network in percent, computed in float32: per class, `global`, `weighted` (`metrics.iou_table`)."""
    matrix = np.zeros((len(CLASSES), len(CLASSES)), np.int64)
    with torch.no_grad():
        for rows in batches(data):
            logits = model(torch.from_numpy(data.inputs(rows)))
            matrix += confusion(data.labels[rows], logits.argmax(1).numpy(), len(CLASSES))
    return iou_table(matrix, CLASSES)


def score_file(path: Path | bytes, data: Split) -> dict[str, float]:
    """IoU of an ONNX file in percent, run by onnxruntime in the simulator's reference configuration."""
    runner = quantise.session(path)
    matrix = np.zeros((len(CLASSES), len(CLASSES)), np.int64)
    for row in range(len(data)):
        (logits,) = runner.run([OUTPUT], {INPUT: data.inputs(slice(row, row + 1))})
        predicted: NDArray[np.int64] = np.asarray(logits).argmax(axis=1)
        matrix += confusion(data.labels[row : row + 1], predicted, len(CLASSES))
    return iou_table(matrix, CLASSES)


def drop(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    """Return what was lost, in points, entry by entry; negative for a gain."""
    return {key: round(before[key] - after[key], 2) for key in before}


def worst_drop(before: dict[str, float], after: dict[str, float]) -> float:
    """Return the larger of the losses of global and weighted IoU, in points."""
    lost = drop(before, after)
    return max(lost["global"], lost["weighted"])
