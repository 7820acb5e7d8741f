"""Places of all tensors in DDR: concatenations by address, shared ones for moves that change nothing, else in a row."""

from dataclasses import replace

import numpy as np

from accel_sim.compiler.constants import ALIGNMENT
from accel_sim.compiler.regions import Extent, Region, dense_pitches, extent_of
from accel_sim.engine.layout import stored_map
from accel_sim.model import Concat, Graph, Move, Node


def axis_in_extent(rank: int, axis: int) -> int | None:
    """Position of an ONNX axis in ``(n, h, w, c)``; None where the four dimensions do not show it."""
    orders = {4: (0, 3, 1, 2), 3: (0, 3, 2), 2: (2, 3), 1: (3,)}
    return orders[rank][axis] if rank in orders else None


def part_of(whole: Region, name: str, extent: Extent, axis: int, start: int) -> Region:
    """Region of a part of a concatenation."""
    first = [0, 0, 0, 0]
    first[axis] = start
    return Region(name, extent, whole.byte(*first), whole.pitches)


def is_alias(graph: Graph, node: Node) -> bool:
    """Whether a move leaves the stored bytes as they are."""
    operation = node.operation
    assert isinstance(operation, Move)
    source = graph.tensors[node.inputs[0]]
    if operation.table is not None or operation.index.size != source.size:
        return False
    return bool(np.array_equal(stored_map(operation.index, source.shape).reshape(-1), np.arange(source.size)))


class Places:
    """Gives every tensor of codes a region.

    Parameters
    ----------
    first
        First free DDR byte.

    Attributes
    ----------
    regions
        By tensor name; values of the host have no address.
    shared
        Names of outputs that are their input under another name: nothing has to be done for them.
    """

    def __init__(self, graph: Graph, on_host: set[int], first: int) -> None:
        self.graph, self.on_host, self.end = graph, on_host, first
        self.regions: dict[str, Region] = {}
        self.shared: set[str] = set()
        self._inside: dict[str, tuple[str, int, int]] = {}  # part: (concatenation, axis, start)
        for position, node in enumerate(graph.nodes):
            if isinstance(node.operation, Concat) and position not in on_host:
                self._join(node, node.operation)
        for name in (*graph.inputs, *(n for node in graph.nodes for n in node.outputs)):
            self._place(name)

    def _join(self, node: Node, operation: Concat) -> None:
        output = node.outputs[0]
        axis, start = axis_in_extent(len(self.graph.tensors[output].shape), operation.axis), 0
        assert axis is not None, node.name
        for name, table in zip(node.inputs, operation.tables, strict=True):
            unique = node.inputs.count(name) == 1 and name not in self._inside and name != output
            if table is None and unique:
                self._inside[name] = (output, axis, start)
            start += extent_of(self.graph.tensors[name])[axis]

    def is_part(self, name: str, whole: str) -> bool:
        """Whether a tensor lies inside a concatenation by address."""
        return self._inside.get(name, ("", 0, 0))[0] == whole

    def _place(self, name: str) -> Region:
        if name in self.regions:
            return self.regions[name]
        tensor = self.graph.tensors[name]
        extent = extent_of(tensor)
        producer = self.graph.producer.get(name)
        if not tensor.is_code:
            region = Region(name, extent, None, dense_pitches(extent))
        elif name in self._inside:
            whole, axis, start = self._inside[name]
            region = part_of(self._place(whole), name, extent, axis, start)
        elif producer is not None and isinstance(producer.operation, Move) and self._shares(producer):
            region = replace(self.regions[producer.inputs[0]], name=name, extent=extent, pitches=dense_pitches(extent))
            self.shared.add(name)
        else:
            region = Region(name, extent, self.end, dense_pitches(extent))
            self.end += -(-tensor.size // ALIGNMENT) * ALIGNMENT
        self.regions[name] = region
        return region

    def _shares(self, node: Node) -> bool:
        source = self.regions.get(node.inputs[0])
        return source is not None and source.address is not None and source.is_dense and is_alias(self.graph, node)
