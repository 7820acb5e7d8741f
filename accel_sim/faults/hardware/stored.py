"""Constants as they lie in DDR: which element of which parameter a byte belongs to."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from accel_sim.model import Graph
from accel_sim.program import ConstantSymbol, Program

STORED_AS_THEY_ARE = {"weight": 1, "bias": 4, "operand": 1}  # role of a constant: bytes of an element
PARAMETERS, ACTIVATIONS = "parameters", "activations"
Element = tuple[str, str, int, int]  # kind, tensor, flat ONNX position, mask


class NotOneTensorError(Exception):
    """The fault is none of a single stored element; the machine has to run it."""


class StoredConstants:
    """Elements of parameters by byte.

    Parameters
    ----------
    graph, program
        The model, and what it was compiled to.
    """

    def __init__(self, graph: Graph, program: Program) -> None:
        self.graph, self.program = graph, program

    def element(self, byte: int, bit: int) -> Element:
        """Return the parameter's element of a byte of the constant image."""
        starts, symbols = self._symbols
        symbol = symbols[int(np.searchsorted(starts, byte, side="right")) - 1]
        offset = byte - symbol.address
        width = STORED_AS_THEY_ARE.get(symbol.role, 0)
        if not width or offset >= symbol.elements.size or symbol.name not in self._stored_once:
            raise NotOneTensorError
        element = int(symbol.elements[offset])
        if element < 0:
            raise NotOneTensorError
        return PARAMETERS, symbol.name, element, 1 << 8 * (offset % width) + bit

    @cached_property
    def _symbols(self) -> tuple[NDArray[np.int64], list[ConstantSymbol]]:
        symbols = sorted(self.program.symbols, key=lambda s: s.address)
        return np.array([s.address for s in symbols], np.int64), symbols

    @cached_property
    def _stored_once(self) -> frozenset[str]:
        """Parameters whose elements lie in DDR as the model stores them, each of them in one place."""
        found = set()
        for name, parameter in self.graph.parameters.items():
            own = [s for s in self.program.symbols if s.name == name]
            widths = {STORED_AS_THEY_ARE.get(s.role, 0) for s in own}
            views = [v for i in self.graph.readers[name] for v in self.graph.nodes[i].views if v.parameter == name]
            plain = all(v.gain is None for v in views) and widths == {parameter.values.itemsize}
            if widths == {4}:
                plain = plain and all(not np.any(v.zero_point) for v in views)
            if not own or not plain or {s.layer for s in own} != set(self.graph.readers[name]):
                continue
            elements = np.concatenate([s.elements for s in own])
            counts = np.bincount(elements[elements >= 0], minlength=parameter.values.size)
            if counts.max() <= parameter.values.itemsize:
                found.add(name)
        return frozenset(found)
