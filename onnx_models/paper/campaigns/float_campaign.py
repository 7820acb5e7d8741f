"""One campaign on a float model: single bit flips in six kinds of parameters, batch normalisation not folded."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray

from onnx_models.paper.campaigns.float_runner import Flip, FloatRunner
from onnx_models.paper.campaigns.network import SETS, Network, read_network
from onnx_models.paper.campaigns.plan import FLOAT_BITS, Draw, Plan, UniformPlan, make_plan, uniform_plan
from onnx_models.paper.campaigns.rows import Row, collect

F32 = NDArray[np.float32]
VERSION: Final = 3
"""Part of every campaign's identity; raised when the same inputs could give other rows."""


@dataclass(frozen=True, eq=False)
class Campaign:
    """A campaign's faults and what they did.

    Attributes
    ----------
    model
        Name of the model, for instance ``relu-original``.
    sha256
        Of the model's file.
    plan
        Its faults.
    layers
        Variable to number and name of its layer.
    rows
        One per fault of the plan, in order.
    uniform
        One per fault drawn from all stored bits alike, whatever the tensor: what upsets strike.
    """

    model: str
    sha256: str
    plan: Plan
    layers: dict[str, tuple[int, str]]
    rows: list[Row]
    uniform: list[Row] = field(default_factory=list)


def float_plan(network: Network, seed: int, per_set: int | None, margin: float | None = None) -> Plan:
    """Return the faults of a float network: `per_set`, or as many as a margin needs, in each of the six kinds."""
    bits = {kind: FLOAT_BITS for kind in SETS if any(v.set == kind for v in network.variables)}
    return make_plan(network.variables, bits, seed, per_set=per_set, margin=margin)


def run_float(
    path: Path,
    images: F32,
    target: Path,
    *,
    seed: int,
    per_set: int | None,
    margin: float | None = None,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Campaign:
    """Run, or go on with, the campaign of one model.

    Parameters
    ----------
    path
        Float ONNX file.
    images
        float32 [N, bands, H, W]; every fault is judged on one of them, in turn.
    target
        CSV file of the rows; those of the uniform sample, of as many faults as one kind gets, lie beside it.
    seed, per_set, margin
        As for `float_plan`.
    report
        Called with (recorded, planned).
    """
    content = path.read_bytes()
    network = read_network(onnx.load_from_string(content), path.name)
    plan = float_plan(network, seed, per_set, margin)
    judge = Judge(network, images)
    rows = collect(target, identity_of(content, images, plan), plan, judge, report)
    alike = uniform_plan(network.variables, dict.fromkeys(SETS, 32), seed, per_set, margin)
    uniform = collect(beside(target), identity_of(content, images, alike), alike, judge, report)
    layers = {v.name: (v.layer, v.block) for v in network.variables}
    return Campaign(path.stem, hashlib.sha256(content).hexdigest(), plan, layers, rows, uniform)


def beside(target: Path) -> Path:
    """Return the file of the uniform sample of a campaign."""
    return target.with_name(f"{target.stem}-uniform.csv")


class Judge:
    """Judges the faults of a plan on the pictures in turn.

    Parameters
    ----------
    network
        The network that is struck.
    images
        float32 [N, bands, H, W].
    """

    def __init__(self, network: Network, images: F32) -> None:
        self.network, self.images = network, images

    @cached_property
    def runners(self) -> list[FloatRunner]:
        """One per picture, made when the first fault needs them: a finished campaign opens no session."""
        first = FloatRunner(self.network, self.images[:1])
        return [first, *(first.on(self.images[i : i + 1]) for i in range(1, len(self.images)))]

    def __call__(self, draw: Draw) -> Row:
        """Run one fault."""
        variable, picture = draw.variable, draw.picture(len(self.images))
        found = self.runners[picture].judge(Flip(variable, draw.element, draw.bit))
        return Row(
            draw.index, variable, draw.element, draw.bit, picture, found.old, found.new, found.outcome,
            found.changed_fraction, found.nonfinite_fraction, found.wrong_fraction,
        )  # fmt: skip


def identity_of(content: bytes, images: F32, plan: Plan | UniformPlan) -> dict[str, Any]:
    """Return what decides a campaign's rows: hashes of model and pictures, seed, and sizes of all cells."""
    sizes = ",".join(f"{cell.label} {cell.faults}" for cell in plan.cells)
    return {
        "model": hashlib.sha256(content).hexdigest(),
        "images": hashlib.sha256(np.ascontiguousarray(images).tobytes()).hexdigest(),
        "shape": list(images.shape),
        "seed": plan.seed,
        "plan": hashlib.sha256(sizes.encode()).hexdigest(),
        "faults": plan.n,
        "version": VERSION,
    }
