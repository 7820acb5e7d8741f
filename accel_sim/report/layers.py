"""The rows and column groups that a heat map and the plots below it share: layers down, kinds of parameter across."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from accel_sim.report.evidence import Evidence, StoredTensor
from accel_sim.report.wording import short

Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Group:
    """Tensors of one role and one number of bits."""

    role: str
    bits: int

    @property
    def title(self) -> str:
        """Heading, ``bias, 32 bits``."""
        return f"{self.role}, {self.bits} bits"


@dataclass(frozen=True, eq=False)
class Layer:
    """One row: its label and full name, and for each group the tensor that it has there."""

    label: str
    name: str
    tensors: Mapping[Group, StoredTensor]


@dataclass(frozen=True, eq=False)
class Layout:
    """A campaign's tensors laid out.

    Attributes
    ----------
    groups
        From left to right.
    layers
        In order of execution.
    strata
        Summary entry by tensor name and bit.
    sets
        Summary entry by tensor name.
    """

    groups: tuple[Group, ...]
    layers: tuple[Layer, ...]
    strata: Mapping[tuple[str, int], Entry]
    sets: Mapping[str, Entry]


def lay_out(evidence: Evidence) -> Layout:
    """Put the parameters of a node on one row, and every activation on a row of its own."""
    strata = {(s["name"], s["bit"]): s for s in evidence.summary["strata"]}
    bits: dict[str, int] = {}
    for name, bit in strata:
        bits[name] = max(bits.get(name, 0), bit + 1)
    rows: list[tuple[str, dict[Group, StoredTensor]]] = []
    open_rows: dict[str, dict[Group, StoredTensor]] = {}
    for tensor in evidence.tensors:
        own = evidence.space == "activations" or not tensor.node
        name = tensor.name if own else tensor.node
        group = Group("activation" if own and tensor.role == "input" else tensor.role or "tensor", bits[tensor.name])
        if own or name not in open_rows or group in open_rows[name]:
            open_rows[name] = {}
            rows.append((name, open_rows[name]))
        open_rows[name][group] = tensor
    groups = tuple(dict.fromkeys(group for _, members in rows for group in members))
    labels = [_label(name, members) for name, members in rows]
    if len(set(labels)) < len(labels):
        labels = [f"{number} {label}" for number, label in enumerate(labels, 1)]
    layers = tuple(Layer(label, *row) for label, row in zip(labels, rows, strict=True))
    return Layout(groups, layers, strata, {s["name"]: s for s in evidence.summary["sets"]})


def _label(name: str, members: Mapping[Group, StoredTensor]) -> str:
    """Shorten the node's name; where a converter joined many names in it, the weight's says more."""
    weight = next((t.name for g, t in members.items() if g.role == "weight"), name)
    return short(weight if ";" in name else name)
