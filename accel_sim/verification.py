"""Compare a model, node by node and end to end, with onnxruntime."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from accel_sim.model import Dequantise, Graph
from accel_sim.reference import Reference, agree

Array = NDArray[Any]


@dataclass(frozen=True)
class NodeCheck:
    """Agreement of one node with the reference, over all images.

    Attributes
    ----------
    name, op
        ONNX name and operator.
    where
        ``accelerator`` or ``host``.
    reference
        ``integer`` where onnxruntime computes the node in integers or moves codes, else ``float``.
    compared, mismatched
        Elements.
    max_lsb
        Largest difference in steps of the code.
    reason
        Why the node runs on the host.
    """

    name: str
    op: str
    where: str
    reference: str
    compared: int
    mismatched: int
    max_lsb: int
    reason: str = ""


@dataclass(frozen=True)
class EndToEnd:
    """Agreement of the model's outputs; differences of dequantised outputs are counted in steps of their codes."""

    compared: int
    mismatched: int
    max_lsb: int


@dataclass(frozen=True)
class Verification:
    """Result of a comparison with onnxruntime."""

    model: str
    images: int
    nodes: tuple[NodeCheck, ...]
    end_to_end: EndToEnd
    unmatched: tuple[str, ...] = field(default=())

    @property
    def ok(self) -> bool:
        """Whether no node that the reference computes in integers differs."""
        return not any(node.mismatched for node in self.nodes if node.reference == "integer")

    def to_json(self) -> dict[str, Any]:
        """Return the public JSON form."""
        return {**asdict(self), "ok": self.ok}


class Runner(Protocol):
    """What runs a model, whole or node by node: the engine, or the machine."""

    @property
    def graph(self) -> Graph:
        """The model."""

    def run(self, inputs: Mapping[str, Array]) -> Any:
        """Run one inference."""

    def outputs(self, result: Any, /) -> Mapping[str, Array]:
        """Return the graph's outputs of a run."""

    def run_node(self, position: int, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        """Run a single node on arrays in ONNX order."""


def verify(runner: Runner, reference: Reference, images: Sequence[Mapping[str, Array]]) -> Verification:
    """Feed every node with the reference's own inputs and compare; then compare the outputs of whole runs.

    Where onnxruntime fused a tensor away, the node is fed with what this runner makes of the nearest tensors before
    it. Nodes none of whose outputs the reference still has are listed as `unmatched`; they are covered by the next
    node that it has.
    """
    graph = runner.graph
    counts: dict[int, list[int]] = {i: [0, 0, 0] for i in range(len(graph.nodes))}
    integer: dict[int, bool] = {}
    total = [0, 0, 0]
    for image in images:
        theirs: dict[str, Array] = {**reference.run(image), **image}
        values: dict[str, Array] = {}
        for position, node in enumerate(graph.nodes):
            feeds = {n: theirs[n] if _usable(graph, n, theirs) else values[n] for n in node.inputs}
            outputs = runner.run_node(position, feeds)
            values.update(outputs)
            for name, ours in outputs.items():
                if _usable(graph, name, theirs):
                    _add(counts[position], agree(ours, theirs[name]))
                    exact = name in reference.integer or not graph.tensors[name].is_code
                    integer[position] = integer.get(position, True) and exact
        final = runner.outputs(runner.run(image))
        for name, ours in final.items():
            _add(total, _compare_output(graph, name, ours, theirs[name]))
    nodes = tuple(
        NodeCheck(
            node.name, node.onnx_op, "host" if node.on_host else "accelerator",
            "integer" if _is_integer(graph, i, integer) else "float", counts[i][0], counts[i][1], counts[i][2],
            node.reason,
        )
        for i, node in enumerate(graph.nodes)
    )  # fmt: skip
    unmatched = tuple(node.name for i, node in enumerate(graph.nodes) if not counts[i][0])
    return Verification(graph.name, len(images), nodes, EndToEnd(*total), unmatched)


def _is_integer(graph: Graph, position: int, integer: Mapping[int, bool]) -> bool:
    """Real values are never `integer`, even where a dequantisation is exact."""
    node = graph.nodes[position]
    return integer.get(position, False) and all(graph.tensors[n].is_code for n in node.outputs)


def _usable(graph: Graph, name: str, theirs: Mapping[str, Array]) -> bool:
    tensor, found = graph.tensors[name], theirs.get(name)
    return found is not None and str(found.dtype) == tensor.dtype and found.shape == tensor.shape


def _add(count: list[int], result: tuple[int, int, int]) -> None:
    count[0] += result[0]
    count[1] += result[1]
    count[2] = max(count[2], result[2])


def _compare_output(graph: Graph, name: str, ours: Array, theirs: Array) -> tuple[int, int, int]:
    compared, mismatched, steps = agree(ours, theirs)
    producer = graph.producer.get(name)
    if mismatched and producer is not None and isinstance(producer.operation, Dequantise):
        scale = producer.operation.source[0]
        difference = np.abs(ours.astype(np.float64) - theirs.astype(np.float64)) / scale
        steps = int(np.rint(difference.max()))
    return compared, mismatched, steps
