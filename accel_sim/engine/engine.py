"""Run a Graph: once without a fault, keeping every tensor, and then again from where a fault strikes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.engine.layout import from_stored, stored_position, to_stored
from accel_sim.engine.operands import Patch, check_flips
from accel_sim.engine.steps import HostRunner, Step, prepare
from accel_sim.errors import ModelError
from accel_sim.model import Graph

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Golden:
    """All tensors of one fault-free inference, in stored form."""

    tensors: Mapping[str, Array]


@dataclass(frozen=True, eq=False)
class Upset:
    """What a fault does to tensors and parameters.

    Attributes
    ----------
    parameters
        Bits of stored constants: for each name the flat ONNX positions and the masks XORed there.
    activations
        Bits of stored tensors after they are written: for each name flat ONNX positions and masks.
    """

    parameters: Patch
    activations: Patch


def _no_host(model: bytes) -> HostRunner:
    raise ModelError("the model has nodes for the host, and no host runtime was given")


class Engine:
    """A Graph prepared for many runs.

    Parameters
    ----------
    graph
        The model.
    host
        Makes a runner of a host piece from its ONNX bytes; the runner maps arrays by name to arrays by name.
    """

    def __init__(self, graph: Graph, host: Callable[[bytes], HostRunner] = _no_host) -> None:
        self.graph = graph
        self.steps: list[Step] = [prepare(graph, node, host) for node in graph.nodes]

    def run(self, inputs: Mapping[str, Array]) -> Golden:
        """Run one inference and keep every tensor.

        Parameters
        ----------
        inputs
            Arrays in the model's own shapes and types, by name.
        """
        tensors = {n: to_stored(np.asarray(inputs[n]), self.graph.tensors[n]) for n in self.graph.inputs}
        for node, step in zip(self.graph.nodes, self.steps, strict=True):
            outputs = step.run([tensors[n] for n in node.inputs])
            tensors.update(zip(node.outputs, outputs, strict=True))
        return Golden(tensors)

    def run_node(self, position: int, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run a single node on arrays in ONNX order (the reference's own, when it is being verified)."""
        node = self.graph.nodes[position]
        stored = [to_stored(inputs[n], self.graph.tensors[n]) for n in node.inputs]
        outputs = self.steps[position].run(stored)
        return {n: from_stored(x, self.graph.tensors[n]) for n, x in zip(node.outputs, outputs, strict=True)}

    def run_faulty(self, golden: Golden, upset: Upset) -> dict[str, Array]:
        """Run one inference with an upset, starting where it strikes and stopping where it fades.

        Returns
        -------
        dict
            Only the tensors that differ from the golden run, in stored form; empty when the upset is masked.
        """
        changed: dict[str, Array] = {}
        for name in self.graph.inputs:
            if name in upset.activations:
                changed[name] = self._flip(name, golden.tensors[name], upset)
        for node, step in zip(self.graph.nodes, self.steps, strict=True):
            reads = any(n in changed for n in node.inputs)
            struck = any(v.parameter in upset.parameters for v in node.views)
            if reads or struck:
                inputs = [changed.get(n, golden.tensors[n]) for n in node.inputs]
                if struck:
                    before = step.run(inputs)[0] if reads else golden.tensors[node.outputs[0]]
                    outputs: tuple[Array, ...] = (step.run_patched(inputs, before, upset.parameters),)
                else:
                    outputs = step.run(inputs)
                for name, value in zip(node.outputs, outputs, strict=True):
                    if not same_bytes(value, golden.tensors[name]):
                        changed[name] = value
            for name in node.outputs:
                if name in upset.activations:
                    value = self._flip(name, changed.get(name, golden.tensors[name]), upset)
                    changed[name] = value
        return changed

    def _flip(self, name: str, value: Array, upset: Upset) -> Array:
        tensor = self.graph.tensors[name]
        flipped = value.copy()
        flat = flipped.reshape(-1)
        for position, mask in zip(*upset.activations[name], strict=True):
            flat[stored_position(int(position), tensor.shape)] ^= np.uint8(mask)
        check_flips(value, flipped, upset.activations[name][1])
        return flipped

    def outputs(self, golden: Golden, changed: Mapping[str, Array] | None = None) -> dict[str, Array]:
        """Return the graph's outputs in ONNX order and type."""
        found = changed or {}
        return {n: from_stored(found.get(n, golden.tensors[n]), self.graph.tensors[n]) for n in self.graph.outputs}


def same_bytes(a: Array, b: Array) -> bool:
    """Whether two arrays hold the same bytes (NaN equals itself)."""
    if a.dtype == np.uint8:
        return bool(np.array_equal(a, b))
    return a.tobytes() == b.tobytes()
