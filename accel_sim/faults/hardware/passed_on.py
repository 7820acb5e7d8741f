"""Layers that hand every byte on by itself: what they make of a single wrong one.

A table, a concatenation and a move read each byte of their input for a few elements of their output and for nothing
else. A byte that is wrong for such a layer alone is therefore an upset of the layer's output, with a mask that follows
from the byte's value.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from accel_sim.engine.layout import stored_table
from accel_sim.faults.hardware.readers import Extent, onnx_position
from accel_sim.model import Concat, Graph, Lookup, Move
from accel_sim.program import Program

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
Way = tuple[Ints, Bytes | None]  # flat ONNX positions in the output, and the table on the way there


class PassedOn:
    """Follows one byte through one layer.

    Parameters
    ----------
    graph, program
        The model, and what it was compiled to.
    ddr_of
        Bytes of DDR after the fault-free inference of an image.
    """

    def __init__(self, graph: Graph, program: Program, ddr_of: Callable[[int], Bytes]) -> None:
        self.graph, self.program, self.ddr_of = graph, program, ddr_of
        self._stored: dict[tuple[int, int], Bytes] = {}

    def applies(self, layer: int) -> bool:
        """Whether a layer hands bytes on."""
        return isinstance(self.graph.nodes[layer].operation, Concat | Lookup | Move)

    def elements(
        self, layer: int, name: str, place: Extent, byte: int, mask: int, image: int
    ) -> list[tuple[str, int, int]]:
        """Return the wrong elements of a layer's output: tensor, flat ONNX position, mask.

        Parameters
        ----------
        layer
            A layer that hands bytes on; it reads the byte wrong wherever it reads it.
        name, place
            The tensor as which it reads the byte, and the element ``(n, y, x, c)``.
        byte
            Address of the byte in DDR.
        mask
            Its wrong bits.
        image
            Whose inference it is.
        """
        target = self.graph.nodes[layer].outputs[0]
        before = int(self.ddr_of(image)[byte])
        found = []
        for positions, table in self._ways(layer, name, onnx_position(self.program.tensors[name], place)):
            wrong = mask if table is None else int(table[before] ^ table[before ^ mask])
            found += [(target, position, wrong) for position in positions.tolist() if wrong]
        return found

    def _ways(self, layer: int, name: str, position: int) -> list[Way]:
        node = self.graph.nodes[layer]
        operation = node.operation
        if isinstance(operation, Lookup):
            return [(np.array([position]), self._table(layer, 0, operation.table))]
        if isinstance(operation, Move):
            table = None if operation.table is None else self._table(layer, 0, operation.table)
            return [(np.flatnonzero(operation.index.reshape(-1) == position), table)]
        assert isinstance(operation, Concat)
        source, target = self.graph.tensors[name].shape, self.graph.tensors[node.outputs[0]].shape
        place, start, ways = list(np.unravel_index(position, source)), 0, list[Way]()
        for number, part in enumerate(node.inputs):
            if part == name:
                there = (*place[: operation.axis], place[operation.axis] + start, *place[operation.axis + 1 :])
                own = operation.tables[number]
                table = None if own is None else self._table(layer, number, own)
                ways.append((np.array([np.ravel_multi_index(there, target)]), table))
            start += self.graph.tensors[part].shape[operation.axis]
        return ways

    def _table(self, layer: int, number: int, table: Bytes) -> Bytes:
        """Return the table of an input over stored bytes."""
        if (layer, number) not in self._stored:
            node = self.graph.nodes[layer]
            source, target = self.graph.tensors[node.inputs[number]], self.graph.tensors[node.outputs[0]]
            self._stored[layer, number] = stored_table(table, source, target)
        return self._stored[layer, number]
