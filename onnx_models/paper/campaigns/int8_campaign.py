"""One campaign on an int8 model: single bit flips of stored weights and biases, run bit-exactly by accel_sim."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import accel_sim
from accel_sim.errors import ModelError
from accel_sim.faults import Fault, Injector, choose_criterion
from accel_sim.model import Graph
from onnx_models.paper.campaigns.float_campaign import Campaign, beside, identity_of
from onnx_models.paper.campaigns.plan import Draw, Plan, make_plan, uniform_plan
from onnx_models.paper.campaigns.rows import Row, collect

F32 = NDArray[np.float32]
INT8_SETS: Final = ("weight", "bias")


@dataclass(frozen=True)
class Stored:
    """One stored tensor of an int8 model: weights, or biases.

    Attributes
    ----------
    name
        Name in the file.
    set
        ``weight`` or ``bias``.
    size
        Number of elements.
    bits
        Width of one: 8, or 32 for the biases of the TensorFlow Lite scheme.
    layer, block
        Number, and name, of the convolution that reads it.
    """

    name: str
    set: str
    size: int
    bits: int
    layer: int
    block: str


def stored_parameters(graph: Graph) -> tuple[Stored, ...]:
    """Return the weights and biases of an int8 network in the order of its convolutions.

    Raises
    ------
    ModelError
        A parameter is neither a weight of four dimensions nor a bias of one, or biases differ in width.
    """
    readers = [node for node in graph.nodes if node.views]
    found = []
    for layer, node in enumerate(readers):
        for name in dict.fromkeys(view.parameter for view in node.views):
            values = graph.parameters[name].values
            if values.ndim not in (1, 4):
                raise ModelError(f"parameter {name} has {values.ndim} dimensions; weights have 4 and biases 1")
            kind = "weight" if values.ndim == 4 else "bias"
            found.append(Stored(name, kind, values.size, graph.parameters[name].bits, layer, node.name))
    for kind in INT8_SETS:
        widths = {stored.bits for stored in found if stored.set == kind}
        if len(widths) != 1:
            raise ModelError(f"the {kind}es have {sorted(widths)} bits; one width is wanted")
    return tuple({stored.name: stored for stored in found}.values())


def int8_plan(parameters: tuple[Stored, ...], seed: int, per_set: int | None, margin: float | None = None) -> Plan:
    """Return the faults: every bit position of every tensor is a cell of its own."""
    widths = {kind: next(p.bits for p in parameters if p.set == kind) for kind in INT8_SETS}
    bits: dict[str, dict[tuple[int, ...], int]] = {
        kind: {(bit,): 1 for bit in reversed(range(width))} for kind, width in widths.items()
    }
    return make_plan(parameters, bits, seed, per_set=per_set, margin=margin)


def run_int8(
    path: Path,
    images: F32,
    target: Path,
    *,
    seed: int,
    per_set: int | None,
    margin: float | None = None,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Campaign:
    """Run, or go on with, the campaign of one int8 model; parameters are those of `float_campaign.run_float`."""
    model = accel_sim.load(path)
    parameters = stored_parameters(model.graph)
    shapes = {p.name: model.graph.parameters[p.name].values.shape for p in parameters}
    widths = {p.name: p.bits for p in parameters}
    plan = int8_plan(parameters, seed, per_set, margin)
    alike = uniform_plan(parameters, {p.set: p.bits for p in parameters}, seed, per_set, margin)
    content = path.read_bytes()
    injectors: list[Injector] = []  # one per picture, made when the first fault needs them

    def judge(draw: Draw) -> Row:
        if not injectors:
            items = model.images(dict.fromkeys(model.graph.inputs, images)).items
            criterion = choose_criterion(model.graph, "segmentation")
            injectors.extend(Injector(model.engine, [item], criterion) for item in items)
        picture = draw.picture(len(injectors))
        name = draw.variable
        index = tuple(int(i) for i in np.unravel_index(draw.element, shapes[name]))
        found = injectors[picture].evaluate(Fault("parameters", name, index, (draw.bit,)))
        old = int(model.graph.parameters[name].values[index])
        new = flipped_code(old, draw.bit, widths[name])
        share = found.changed_fraction
        return Row(draw.index, name, draw.element, draw.bit, picture, old, new, found.outcome, share, 0.0, share)

    rows = collect(target, identity_of(content, images, plan), plan, judge, report)
    uniform = collect(beside(target), identity_of(content, images, alike), alike, judge, report)
    layers: dict[str, Any] = {p.name: (p.layer, p.block) for p in parameters}
    return Campaign(path.stem, model.graph.file_hash, plan, layers, rows, uniform)


def flipped_code(value: int, bit: int, width: int) -> int:
    """Return a two's-complement code of `width` bits with one bit flipped."""
    word = (value & ((1 << width) - 1)) ^ (1 << bit)
    return word - (1 << width) if word >> (width - 1) else word
