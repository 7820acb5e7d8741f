"""What a faulty output means: decisions, outcomes and how the criterion is chosen."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.errors import UsageError
from accel_sim.model import Graph

MASKED, TOLERABLE, CRITICAL, DUE = "masked", "tolerable", "critical", "due"
OUTCOMES = (MASKED, TOLERABLE, CRITICAL, DUE)
CRITERIA = ("segmentation", "classification", "any")
Array = NDArray[Any]


@dataclass(frozen=True)
class Verdict:
    """Outcome of one fault and the share of decisions that it changed."""

    outcome: str
    changed_fraction: float


@dataclass(frozen=True)
class Criterion:
    """How an output is turned into decisions.

    Attributes
    ----------
    name
        ``segmentation`` (the class with the largest value, per pixel), ``classification`` (the same, per image) or
        ``any`` (every output element is a decision).
    output
        The graph output that decides; ``any`` looks at all of them.
    """

    name: str
    output: str

    def decisions(self, outputs: Mapping[str, Array]) -> Array:
        """Return the decisions of one image, flat; on equal values the first class wins."""
        if self.name == "any":
            return np.concatenate([outputs[name].reshape(-1) for name in sorted(outputs)])
        values = outputs[self.output]
        if self.name == "segmentation":
            return np.asarray(np.argmax(values, axis=1).reshape(-1))
        return np.asarray(np.argmax(values.reshape(values.shape[0], -1), axis=1))

    def changed(self, golden: Array, faulty: Array) -> float:
        """Return the share of decisions that differ; NaN equals NaN."""
        same = (golden == faulty) | ((golden != golden) & (faulty != faulty))
        return float(np.count_nonzero(~same) / same.size)


def choose_criterion(graph: Graph, wanted: str | None = None) -> Criterion:
    """Return the criterion asked for, or the one that the first output's shape suggests.

    Raises
    ------
    UsageError
        The criterion does not exist or does not fit the output.
    """
    output = graph.outputs[0]
    tensor = graph.tensors[output]
    shape = tensor.shape
    spatial = int(np.prod(shape[2:], dtype=np.int64))
    if wanted is None:
        mirrors = any(shape == graph.tensors[n].shape for n in graph.inputs)
        if mirrors or len(shape) < 2 or shape[1] < 2:
            wanted = "any"
        elif len(shape) == 4 and spatial > 1:
            wanted = "segmentation"
        else:
            wanted = "classification" if spatial == 1 else "any"
    if wanted not in CRITERIA:
        raise UsageError(f"criterion {wanted!r} is not one of {', '.join(CRITERIA)}")
    if wanted == "segmentation" and (len(shape) < 3 or shape[1] < 2):
        raise UsageError(f"criterion segmentation needs an output (n, classes, height, width); {output!r} is {shape}")
    if wanted == "classification" and int(np.prod(shape[1:], dtype=np.int64)) < 2:
        raise UsageError(f"criterion classification needs two classes or more; {output!r} is {shape}")
    return Criterion(wanted, output)
