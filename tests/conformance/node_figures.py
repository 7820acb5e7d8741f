"""Agreement with onnxruntime in figures: integer nodes, float nodes, and curves on a float sum."""

from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from pathlib import Path
from typing import Any

import onnx

from accel_sim.verification import NodeCheck

SUMS = {"Conv", "ConvTranspose", "Gemm", "MatMul"}
CURVES = {"LeakyRelu", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "PRelu", "Elu"}
# Largest share of values that may be one step off, where onnxruntime rounds a float sum or a curve of one.
BOUNDS = {"integer": 0.0, "float": 1e-4, "curve": 1e-3}


def kind_of(node: NodeCheck, operators: dict[str, str], sources: Iterable[str]) -> str:
    """``integer``, ``curve`` (a curve on a sum of products without a quantiser in between) or ``float``."""
    if node.reference == "integer":
        return "integer"
    members = {operators.get(name, "") for name in sources}
    return "curve" if members & SUMS and members & CURVES else "float"


@dataclass
class Count:
    """Nodes, values compared, values that differ, and the largest difference in steps."""

    nodes: int = 0
    compared: int = 0
    mismatched: int = 0
    max_lsb: int = 0

    def add(self, compared: int, mismatched: int, max_lsb: int) -> None:
        self.nodes += 1
        self.compared += compared
        self.mismatched += mismatched
        self.max_lsb = max(self.max_lsb, max_lsb)


@dataclass
class Figures:
    """One model's agreement, node by node and end to end."""

    counts: dict[str, Count] = dataclass_field(default_factory=lambda: {kind: Count() for kind in BOUNDS})
    end_to_end: Count = dataclass_field(default_factory=Count)
    unmatched: set[str] = dataclass_field(default_factory=set)
    images: int = 0
    wrong: list[str] = dataclass_field(default_factory=list)


def operators_of(path: Path) -> dict[str, str]:
    """ONNX node names to operator types."""
    return {node.name: node.op_type for node in onnx.load(path).graph.node}


def figures(model: Any, path: Path, inputs: dict[str, Any]) -> Figures:
    """Verify a loaded model on some images and sort what comes out.

    ``wrong`` lists every integer node that differs, every node that is more than one step off, and every kind of node
    whose share of single steps is above its bound.
    """
    verdict = model.verify(inputs)
    found = Figures(images=verdict.images, unmatched=set(verdict.unmatched))
    operators = operators_of(path)
    for node, check in zip(model.graph.nodes, verdict.nodes, strict=True):
        kind = kind_of(check, operators, (*node.sources, node.name))
        found.counts[kind].add(check.compared, check.mismatched, check.max_lsb)
        if check.max_lsb > 1 or (kind == "integer" and check.mismatched):
            found.wrong.append(
                f"{check.name} ({check.op}, {check.reference}): {check.mismatched} of {check.compared} values differ, "
                f"by up to {check.max_lsb}"
            )
    for kind, count in found.counts.items():
        if count.mismatched > BOUNDS[kind] * count.compared:
            found.wrong.append(f"{kind} nodes: {count.mismatched} of {count.compared} values differ")
    total = verdict.end_to_end
    found.end_to_end.add(total.compared, total.mismatched, total.max_lsb)
    return found


def line(count: Count) -> str:
    """One line for people."""
    rate = count.mismatched / count.compared if count.compared else 0.0
    return f"{count.compared:,d} values, {count.mismatched:,d} differ ({rate:.1e}), by up to {count.max_lsb}"
