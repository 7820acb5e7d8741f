"""Which faults there are: strata of one tensor and one bit, and the k-th fault of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Protocol

from accel_sim.errors import InputError, UsageError
from accel_sim.faults.fault import Fault
from accel_sim.model import Graph, Move


class Stratum(NamedTuple):
    """One tensor and one bit position, with the number of distinct faults there."""

    name: str
    bit: int
    population: int


class FaultSpace(Protocol):
    """All faults of one kind, numbered inside strata of a fixed order."""

    @property
    def strata(self) -> tuple[Stratum, ...]:
        """Tensors one after the other, bits ascending."""
        ...

    def fault(self, stratum_index: int, k: int) -> Fault:
        """Return fault number `k` of a stratum."""
        ...

    def describe(self) -> Mapping[str, Any]:
        """Return the JSON-able identity of the space."""
        ...

    def check(self, fault: Fault) -> None:
        """Raise :class:`InputError` unless the fault is one of this space."""
        ...


@dataclass(frozen=True, eq=False)
class ParameterSpace:
    """Bits of weights, biases and constant operands as stored; an upset is there in every image."""

    graph: Graph

    @cached_property
    def strata(self) -> tuple[Stratum, ...]:
        """One stratum per stored parameter and bit."""
        parameters = self.graph.parameters.values()
        return tuple(Stratum(p.name, bit, p.values.size) for p in parameters for bit in range(p.bits))

    def fault(self, stratum_index: int, k: int) -> Fault:
        """Return the fault in the k-th element, in ONNX order."""
        name, bit, population = self.strata[stratum_index]
        if not 0 <= k < population:
            raise IndexError(f"fault {k} of stratum {name}:{bit}, which has {population}")
        return Fault("parameters", name, index_of(k, self.graph.parameters[name].values.shape), (bit,))

    def describe(self) -> Mapping[str, Any]:
        """Return the JSON-able identity of the space."""
        return {"name": "parameters"}

    def check(self, fault: Fault) -> None:
        """Raise :class:`InputError` unless the fault is one of this space."""
        parameter = self.graph.parameters.get(fault.tensor)
        if parameter is None:
            raise InputError(_unknown("parameter", fault.tensor, self.graph.parameters))
        _check_place(fault, parameter.values.shape, parameter.bits)


@dataclass(frozen=True, eq=False)
class ActivationSpace:
    """Bits of stored tensors of codes, each in one inference.

    Tensors that share the bytes of another one (a reshape, for instance) are left out: their bits are already there.
    """

    graph: Graph
    images: int

    @cached_property
    def tensors(self) -> tuple[str, ...]:
        """Names of the stored tensors, inputs first, then in order of execution."""
        found = [n for n in self.graph.inputs if self.graph.tensors[n].is_code]
        for node in self.graph.nodes:
            if isinstance(node.operation, Move) and node.operation.is_alias:
                continue
            found.extend(n for n in node.outputs if self.graph.tensors[n].is_code)
        return tuple(found)

    @cached_property
    def strata(self) -> tuple[Stratum, ...]:
        """One stratum per stored tensor and bit; its faults are elements x images."""
        sizes = {n: self.graph.tensors[n].size * self.images for n in self.tensors}
        return tuple(Stratum(n, bit, size) for n, size in sizes.items() for bit in range(8))

    def fault(self, stratum_index: int, k: int) -> Fault:
        """Return the k-th fault: image by image, elements in ONNX order."""
        name, bit, population = self.strata[stratum_index]
        if not 0 <= k < population:
            raise IndexError(f"fault {k} of stratum {name}:{bit}, which has {population}")
        tensor = self.graph.tensors[name]
        image, element = divmod(k, tensor.size)
        return Fault("activations", name, index_of(element, tensor.shape), (bit,), image)

    def describe(self) -> Mapping[str, Any]:
        """Return the JSON-able identity of the space."""
        return {"name": "activations", "images": self.images}

    def check(self, fault: Fault) -> None:
        """Raise :class:`InputError` unless the fault is one of this space."""
        tensor = self.graph.tensors.get(fault.tensor)
        codes = {n: t for n, t in self.graph.tensors.items() if t.is_code}
        if tensor is None or not tensor.is_code:
            raise InputError(_unknown("stored tensor of codes", fault.tensor, codes))
        if fault.image >= self.images:
            raise InputError(f"fault: image {fault.image} of {self.images}; images count from 0")
        _check_place(fault, tensor.shape, 8)


def make_space(name: str, graph: Graph, images: int) -> FaultSpace:
    """Return the fault space of that name.

    Raises
    ------
    UsageError
        There is no such space.
    """
    if name == "parameters":
        return ParameterSpace(graph)
    if name == "activations":
        return ActivationSpace(graph, images)
    raise UsageError(f"space {name!r} is not one of parameters, activations")


def index_of(element: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the index of an element in ONNX order; for a single one numpy's own form takes twice as long."""
    index = []
    for size in reversed(shape):
        element, i = divmod(element, size)
        index.append(i)
    return tuple(reversed(index))


def _unknown(what: str, name: str, known: Mapping[str, Any]) -> str:
    near = [n for n in known if name.lower() in n.lower()] or list(known)
    listed = ", ".join(repr(n) for n in near[:5])
    return f"fault: the model has no {what} {name!r}; there are {len(known)}, such as {listed}"


def _check_place(fault: Fault, shape: tuple[int, ...], bits: int) -> None:
    inside = len(fault.index) == len(shape) and all(i < n for i, n in zip(fault.index, shape, strict=True))
    if not inside:
        raise InputError(f"fault: index {list(fault.index)} is outside {fault.tensor!r} of shape {list(shape)}")
    if max(fault.bits) >= bits:
        raise InputError(f"fault: bit {max(fault.bits)} of {fault.tensor!r}, whose elements have bits 0 to {bits - 1}")
