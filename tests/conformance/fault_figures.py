"""Faults drawn, injected and compared with onnxruntime: what happened, in figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.engine.layout import from_stored
from accel_sim.faults import Fault, Injector, choose_criterion, make_space, upset_of
from accel_sim.model import Graph
from accel_sim.reference import agree
from accel_sim.session import Model
from tests.conformance.fault_oracle import FaultOracle

Array = NDArray[Any]


def drawn_faults(graph: Graph, space: str, count: int, rng: np.random.Generator) -> list[Fault]:
    """Faults in one image, each tensor and bit equally likely: the rare high bits of biases come often."""
    place = make_space(space, graph, 1)
    strata = place.strata
    chosen = rng.integers(len(strata), size=count)
    return [place.fault(int(s), int(rng.integers(strata[s].population))) for s in chosen]


def corner_faults(graph: Graph) -> list[Fault]:
    """Every bit of the largest bias, the top bits of the extreme weights, and some multiple bits."""
    found = []
    for parameter in graph.parameters.values():
        flat = parameter.values.reshape(-1).astype(np.int64)
        shape = parameter.values.shape
        ends = [tuple(int(i) for i in np.unravel_index(int(k), shape)) for k in (flat.argmax(), flat.argmin())]
        top = parameter.bits - 1
        if parameter.role == "bias":
            found += [Fault("parameters", parameter.name, ends[0], (bit,)) for bit in range(parameter.bits)]
        for index in ends:
            found += [Fault("parameters", parameter.name, index, bits) for bits in ((top,), (top - 1,), (top - 1, top))]
    return found


def shape_of(graph: Graph, fault: Fault) -> tuple[int, ...]:
    """Shape of what a fault strikes."""
    if fault.space == "parameters":
        return graph.parameters[fault.tensor].values.shape
    return graph.tensors[fault.tensor].shape


@dataclass
class FaultCount:
    """What came of a number of faults.

    Attributes
    ----------
    faults, values
        Injected faults and compared output elements.
    changed
        Faults that changed any output.
    wrong
        Faults whose outputs are not those of onnxruntime.
    """

    faults: int = 0
    values: int = 0
    changed: int = 0
    wrong: list[str] = dataclass_field(default_factory=list)


def compare_outputs(
    model: Model, oracle: FaultOracle, image: Mapping[str, Array], faults: Sequence[Fault]
) -> FaultCount:
    """Inject faults one by one into one image; every byte of every output must be the one of onnxruntime."""
    count, golden = FaultCount(), oracle.golden(image)
    for result in model.inject(image, faults):
        theirs = oracle.run(result.fault, image, golden)
        ours = result.outputs
        count.faults += 1
        count.values += sum(array.size for array in ours.values())
        count.changed += any(array.tobytes() != golden[name].tobytes() for name, array in ours.items())
        for name, array in ours.items():
            peer = theirs[name]
            if array.dtype != peer.dtype or array.shape != peer.shape or array.tobytes() != peer.tobytes():
                count.wrong.append(f"{result.fault}: output {name}: {_difference(array, peer)}")
    return count


def _difference(ours: Array, theirs: Array) -> str:
    if ours.dtype != theirs.dtype or ours.shape != theirs.shape:
        return f"{ours.dtype}{ours.shape} for {theirs.dtype}{theirs.shape}"
    return f"{np.count_nonzero(ours != theirs)} of {ours.size} values differ"


@dataclass
class BoundedCount:
    """Faults in a network that onnxruntime runs in float at some nodes.

    Attributes
    ----------
    faults
        Injected faults.
    equal
        Faults after which every output has the bytes of onnxruntime.
    float_values, float_mismatched, max_lsb
        Values that float nodes made of equal inputs, how many differ, by how many steps at most.
    wrong
        Nodes that the reference computes in integers and that differ although their inputs are equal.
    """

    faults: int = 0
    equal: int = 0
    float_values: int = 0
    float_mismatched: int = 0
    max_lsb: int = 0
    wrong: list[str] = dataclass_field(default_factory=list)


def wraps_in_integers_only(graph: Graph, oracle: FaultOracle, fault: Fault) -> bool:
    """Whether a fault is the sign bit of a bias that onnxruntime adds in float.

    An accumulator of 32 bits wraps there and a float sum does not: the two results have nothing to do with each other,
    by design.
    """
    parameter = graph.parameters.get(fault.tensor) if fault.space == "parameters" else None
    if parameter is None or parameter.role != "bias" or max(fault.bits) < 31:
        return False
    outputs = [name for position in graph.readers[fault.tensor] for name in graph.nodes[position].outputs]
    return any(name not in oracle.integer for name in outputs)


def compare_tensors(
    model: Model, oracle: FaultOracle, image: Mapping[str, Array], faults: Sequence[Fault]
) -> BoundedCount:
    """Inject faults one by one and judge every node whose inputs are the same in both runs.

    Parameters
    ----------
    oracle
        Made with ``every=True``.
    """
    count, golden = BoundedCount(), oracle.golden(image)
    graph = model.graph
    injector = Injector(model.engine, model.images(image).items, choose_criterion(graph, "any"))
    (runner,) = injector.runners
    for fault in faults:
        if wraps_in_integers_only(graph, oracle, fault):
            continue
        with runner.struck(upset_of(fault, shape_of(graph, fault))) as floats:
            changed = runner.changed(floats)
        faulty = {n: from_stored(changed.get(n, runner.golden.tensors[n]), graph.tensors[n]) for n in graph.tensors}
        theirs = {**golden, **oracle.run(fault, image, golden)}
        _judge(graph, oracle, fault, faulty, theirs, count)
    return count


def _judge(
    graph: Graph, oracle: FaultOracle, fault: Fault, ours: Mapping[str, Array], theirs: Mapping[str, Array],
    count: BoundedCount,
) -> None:  # fmt: skip
    same = {name: ours[name].tobytes() == theirs[name].tobytes() for name in graph.tensors}
    count.faults += 1
    count.equal += all(same[name] for name in graph.outputs)
    for node in graph.nodes:
        if not all(same[name] for name in node.inputs):
            continue
        for name in node.outputs:
            if name == fault.tensor:
                continue
            if name in oracle.integer:
                if not same[name]:
                    count.wrong.append(f"{fault}: {node.name}: {_difference(ours[name], theirs[name])}")
                continue
            compared, mismatched, steps = agree(ours[name], theirs[name])
            count.float_values += compared
            count.float_mismatched += mismatched
            count.max_lsb = max(count.max_lsb, steps)
            if steps > 1:
                count.wrong.append(f"{fault}: {node.name}: {steps} steps")
