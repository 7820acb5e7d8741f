"""Intersection over union, per class and combined as in the HSI-Drive studies."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def confusion(truth: NDArray[np.integer], predicted: NDArray[np.integer], classes: int) -> NDArray[np.int64]:
    """Count pixels by true and predicted class.

    Parameters
    ----------
    truth, predicted
        Integer arrays of one shape; pixels whose truth is not below `classes` (the ignored label) are left out.
    classes
        Number of classes.

    Returns
    -------
    int64 [classes, classes], row = truth, column = prediction.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if truth.shape != predicted.shape:
        raise ValueError(f"truth has shape {truth.shape}, prediction {predicted.shape}")
    counted = truth < classes
    index = truth[counted].astype(np.int64) * classes + predicted[counted].astype(np.int64)
    return np.bincount(index, minlength=classes * classes).reshape(classes, classes)


def iou_table(matrix: NDArray[np.int64], names: Sequence[str]) -> dict[str, float]:
    """Summarise a confusion matrix.

    Parameters
    ----------
    matrix
        int64 [C, C] from `confusion`.
    names
        C class names.

    Returns
    -------
    IoU in percent by class name, then `global` (total intersection over total union: each class's share counts as it
    occurs) and `weighted` (class IoUs weighted by the inverse of the class frequency). A class that neither occurs nor
    is predicted has IoU 0 and no weight.
    """
    hits = np.diag(matrix).astype(np.float64)
    occurs = matrix.sum(axis=1).astype(np.float64)
    union = occurs + matrix.sum(axis=0) - hits
    iou = np.divide(hits, union, out=np.zeros_like(hits), where=union > 0)
    weight = np.divide(1.0, occurs, out=np.zeros_like(hits), where=occurs > 0)
    table = {name: round(100.0 * float(value), 2) for name, value in zip(names, iou, strict=True)}
    table["global"] = round(100.0 * float(hits.sum() / max(union.sum(), 1.0)), 2)
    table["weighted"] = round(100.0 * float((iou * weight).sum() / max(weight.sum(), 1e-300)), 2)
    return table
