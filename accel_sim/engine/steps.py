"""A node made ready to run: constants packed, tables translated, geometry flattened.

Every step maps stored inputs to one stored output and keeps no state between calls.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from accel_sim.engine import pointwise
from accel_sim.engine.layout import offset, stored_map, stored_shape, stored_table
from accel_sim.engine.linear_steps import ConvStep, ConvTransposeStep, GemmStep
from accel_sim.engine.operands import Patch, read_view, stage
from accel_sim.engine.requant import store_rows
from accel_sim.model import (
    AveragePool,
    Concat,
    Conv,
    ConvTranspose,
    Dequantise,
    Gemm,
    GlobalAveragePool,
    Graph,
    Host,
    Lookup,
    Lookup2,
    MaxPool,
    Move,
    Node,
    Quantise,
    ResizeLinear,
    Tensor,
    Window,
)
from accel_sim.numerics import dequantise, quantise

Stored = NDArray[Any]
HostRunner = Callable[[dict[str, Stored]], dict[str, Stored]]


class Step(Protocol):
    """What every prepared node offers."""

    def run(self, inputs: Sequence[Stored]) -> tuple[Stored, ...]:
        """Compute the outputs of the node."""

    def run_patched(self, inputs: Sequence[Stored], golden: Stored, patch: Patch) -> Stored:
        """Compute the output with upset parameters, given fault-free inputs and output."""


def window_tuple(window: Window) -> tuple[int, ...]:
    """Flatten a window for the kernels: kh, kw, sh, sw, top, left, dh, dw."""
    return (*window.kernel, *window.strides, window.pads[0], window.pads[1], *window.dilations)


def as_4d(x: Stored) -> Stored:
    """See a (n, length, channels) tensor as one of height 1."""
    return x.reshape(x.shape[0], 1, x.shape[1], x.shape[2]) if x.ndim == 3 else x


def mapped(x: Stored, table: NDArray[np.uint8]) -> Stored:
    """Return a tensor with every byte looked up."""
    out = np.empty(x.shape, np.uint8)
    pointwise.map_bytes(x.reshape(-1), table, out.reshape(-1))
    return out


class _Plain:
    """Base of the steps that read no parameter."""

    def run(self, inputs: Sequence[Stored]) -> tuple[Stored, ...]:
        raise NotImplementedError

    def run_patched(self, inputs: Sequence[Stored], golden: Stored, patch: Patch) -> Stored:
        """No parameter is read: the output stays."""
        return golden


class LookupStep(_Plain):
    """One table for every byte."""

    def __init__(self, graph: Graph, node: Node, operation: Lookup) -> None:
        self.table = stored_table(operation.table, graph.tensors[node.inputs[0]], graph.tensors[node.outputs[0]])

    def run(self, inputs: Sequence[Stored]) -> tuple[Stored, ...]:
        """Compute the output."""
        return (mapped(inputs[0], self.table),)


class Lookup2Step:
    """One table for every pair of bytes, with broadcasting and constant operands."""

    def __init__(self, graph: Graph, node: Node, operation: Lookup2) -> None:
        self.graph, self.view, self.first = graph, operation.constant, operation.constant_first
        target = graph.tensors[node.outputs[0]]
        kinds = [graph.tensors[n].dtype for n in node.inputs]
        shapes = [graph.tensors[n].shape for n in node.inputs]
        if self.view is not None:
            kinds.insert(0 if self.first else 1, str(graph.parameters[self.view.parameter].values.dtype))
            shapes.insert(0 if self.first else 1, self.view.shape)
        rows, columns = (np.arange(256) ^ (128 if kind == "int8" else 0) for kind in kinds)
        self.table = np.ascontiguousarray(operation.table[rows][:, columns] ^ np.uint8(offset(target)))
        self.flip = np.uint8(128 if self.view is not None and kinds[0 if self.first else 1] == "int8" else 0)
        self.shape = stored_shape(target.shape)
        self.same = shapes[0] == shapes[1] and self.view is None
        self.index = [self._broadcast(shape, target.shape, i) for i, shape in enumerate(shapes)]
        self.constant = self._constant(None)

    def _broadcast(self, shape: tuple[int, ...], target: tuple[int, ...], side: int) -> NDArray[np.int32]:
        if self.same:
            return np.empty(0, np.int32)
        flat = np.arange(int(np.prod(shape)), dtype=np.int32).reshape(shape)
        wide = np.broadcast_to(flat, target)
        if self.view is not None and side == (0 if self.first else 1):  # constants stay in ONNX order
            moved = np.moveaxis(wide, 1, -1) if wide.ndim >= 3 else wide
            return np.ascontiguousarray(moved).reshape(-1)
        return stored_map(np.ascontiguousarray(wide), shape).reshape(-1)

    def _constant(self, patch: Patch | None) -> Stored | None:
        if self.view is None:
            return None
        return np.ascontiguousarray(read_view(self.graph, self.view, patch)).view(np.uint8).reshape(-1) ^ self.flip

    def _apply(self, inputs: Sequence[Stored], constant: Stored | None) -> Stored:
        out = np.empty(self.shape, np.uint8)
        operands = [x.reshape(-1) for x in inputs]
        if constant is not None:
            operands.insert(0 if self.first else 1, constant)
        if len(operands) == 1:  # both operands are the same tensor
            operands.append(operands[0])
        if self.same:
            pointwise.map_pairs(operands[0], operands[1], self.table, out.reshape(-1))
        else:
            pointwise.map_indexed_pairs(
                operands[0], self.index[0], operands[1], self.index[1], self.table, out.reshape(-1)
            )
        return out

    def run(self, inputs: Sequence[Stored]) -> tuple[Stored, ...]:
        """Compute the output."""
        return (self._apply(inputs, self.constant),)

    def run_patched(self, inputs: Sequence[Stored], golden: Stored, patch: Patch) -> Stored:
        """Compute the output with an upset constant."""
        return self._apply(inputs, self._constant(patch))


class MaxPoolStep(_Plain):
    """Largest byte under a window."""

    def __init__(self, graph: Graph, node: Node, operation: MaxPool) -> None:
        self.window = window_tuple(operation.window)
        self.shape = stored_shape(graph.tensors[node.outputs[0]].shape)

    def run(self, inputs: Sequence[Stored]) -> tuple[Stored, ...]:
        """Compute the output."""
        out = np.empty(self.shape, np.uint8)
        pointwise.max_pool(as_4d(inputs[0]), self.window, as_4d(out))
        return (out,)


def real_table(side: tuple[float, int, Any]) -> NDArray[np.float32]:
    """Real value of every stored byte of a tensor."""
    scale, zero, code = side
    return dequantise(np.arange(code.low, code.high + 1), scale, zero)


class AveragePoolStep(_Plain):
    """Means, in the float32 arithmetic of onnxruntime."""

    def __init__(self, graph: Graph, node: Node, operation: AveragePool) -> None:
        self.operation = operation
        self.window = window_tuple(operation.window)
        self.shape = stored_shape(graph.tensors[node.outputs[0]].shape)
        self.real = real_table(operation.source)
        self.byte = offset(graph.tensors[node.outputs[0]])

    def run(self, inputs: Sequence[Stored]) -> tuple[Stored, ...]:
        """Compute the output."""
        operation, values = self.operation, np.empty(self.shape, np.float32)
        pads = operation.window.pads
        pointwise.average_pool(
            as_4d(inputs[0]), self.window, self.real, pads[2], pads[3], operation.count_include_pad, operation.fused,
            as_4d(values),
        )  # fmt: skip
        scale, zero, code = operation.target
        if not operation.fused:
            return (_quantised(values, operation.target, operation.curves, self.byte),)
        out = np.empty(values.size, np.int32)
        pointwise.quantise_after_zero(values.reshape(-1), np.float32(scale), code.low, code.high, zero, out)
        return ((out + self.byte).astype(np.uint8).reshape(self.shape),)


def _quantised(values: Stored, side: tuple[float, int, Any], curves: Sequence[Any], byte: int) -> Stored:
    for curve in curves:
        values = curve(values)
    return (quantise(values, *side) + byte).astype(np.uint8)


class GlobalAveragePoolStep(_Plain):
    """Integer sums over all positions, requantised once."""

    def __init__(self, graph: Graph, node: Node, operation: GlobalAveragePool) -> None:
        source, target = graph.tensors[node.inputs[0]], graph.tensors[node.outputs[0]]
        self.zero = operation.x_zero + offset(source)
        self.channels = source.shape[1]
        self.shape = stored_shape(target.shape)
        self.stage = stage(operation.epilogue, self.channels, target)

    def run(self, inputs: Sequence[Stored]) -> tuple[Stored, ...]:
        """Compute the output."""
        x = inputs[0].reshape(inputs[0].shape[0], -1, self.channels)
        acc = np.empty((x.shape[0], self.channels), np.int32)
        pointwise.channel_sums(x, self.zero, acc)
        out = np.empty((x.shape[0], self.channels), np.uint8)
        store_rows(acc, x.shape[0], *self.stage.arguments, out, 0, 0)
        return (out.reshape(self.shape),)


class ConcatStep(_Plain):
    """Join, through a table where an input has another scale."""

    def __init__(self, graph: Graph, node: Node, operation: Concat) -> None:
        target = graph.tensors[node.outputs[0]]
        rank = len(target.shape)
        order = [0, *range(2, rank), 1] if rank >= 3 else list(range(rank))
        self.axis = order.index(operation.axis)
        self.shape = stored_shape(target.shape)
        self.identity = np.arange(256, dtype=np.uint8)
        self.tables = [
            None if table is None else stored_table(table, graph.tensors[name], target)
            for table, name in zip(operation.tables, node.inputs, strict=True)
        ]

    def run(self, inputs: Sequence[Stored]) -> tuple[Stored, ...]:
        """Compute the output."""
        out = np.empty(self.shape, np.uint8)
        inner = int(np.prod(self.shape[self.axis + 1 :]))
        rows, start = out.reshape(-1, self.shape[self.axis] * inner), 0
        for x, table in zip(inputs, self.tables, strict=True):
            part = x.reshape(rows.shape[0], -1)
            pointwise.place_columns(part, self.identity if table is None else table, table is not None, rows, start)
            start += part.shape[1]
        return (out,)


class MoveStep(_Plain):
    """Gather through an index map."""

    def __init__(self, graph: Graph, node: Node, operation: Move) -> None:
        source, target = graph.tensors[node.inputs[0]], graph.tensors[node.outputs[0]]
        self.shape = stored_shape(target.shape)
        index = stored_map(operation.index, source.shape).reshape(-1)
        self.is_alias = bool(index.size == source.size and np.array_equal(index, np.arange(index.size)))
        self.index = None if self.is_alias else index
        self.fill = np.uint8(operation.fill) ^ np.uint8(offset(target))
        self.table = None if operation.table is None else stored_table(operation.table, source, target)

    def run(self, inputs: Sequence[Stored]) -> tuple[Stored, ...]:
        """Compute the output."""
        x = inputs[0].reshape(-1)
        if self.table is not None:
            x = mapped(x, self.table)
        if self.index is None:
            return (x.reshape(self.shape),)
        out = np.empty(self.index.size, np.uint8)
        pointwise.gather(x, self.index, self.fill, out)
        return (out.reshape(self.shape),)


class ResizeLinearStep(_Plain):
    """Bilinear interpolation."""

    def __init__(self, graph: Graph, node: Node, operation: ResizeLinear) -> None:
        source, target = graph.tensors[node.inputs[0]], graph.tensors[node.outputs[0]]
        self.operation, self.shape, self.byte = operation, stored_shape(target.shape), offset(target)
        codes = (np.arange(256) - offset(source)).astype(np.float32)
        self.real = codes if operation.on_codes else real_table(operation.source)
        self.ends = [np.stack(a[:2]) for a in (operation.rows, operation.columns)]
        self.weights = [np.stack(a[2:]) for a in (operation.rows, operation.columns)]

    def run(self, inputs: Sequence[Stored]) -> tuple[Stored, ...]:
        """Compute the output."""
        values = np.empty(self.shape, np.float32)
        pointwise.blend(inputs[0], self.real, *self.ends, *self.weights, values)
        if self.operation.on_codes:
            return ((np.trunc(values).astype(np.int32) + self.byte).astype(np.uint8),)
        return (_quantised(values, self.operation.target, self.operation.curves, self.byte),)


class QuantiseStep(_Plain):
    """Real input to codes."""

    def __init__(self, graph: Graph, node: Node, operation: Quantise) -> None:
        self.side, self.byte = operation.target, offset(graph.tensors[node.outputs[0]])

    def run(self, inputs: Sequence[Stored]) -> tuple[Stored, ...]:
        """Compute the output."""
        scale, zero, code = self.side
        out = np.empty(inputs[0].shape, np.uint8)
        pointwise.quantise_bytes(
            inputs[0].reshape(-1), np.float32(scale), code.low, code.high, zero, self.byte, out.reshape(-1)
        )
        return (out,)


class DequantiseStep(_Plain):
    """Codes to real values."""

    def __init__(self, graph: Graph, node: Node, operation: Dequantise) -> None:
        self.real = real_table(operation.source)

    def run(self, inputs: Sequence[Stored]) -> tuple[Stored, ...]:
        """Compute the output."""
        return (self.real[inputs[0]],)


class HostStep(_Plain):
    """A piece of the graph that onnxruntime runs, in ONNX order."""

    def __init__(self, graph: Graph, node: Node, runner: HostRunner) -> None:
        self.inputs: list[Tensor] = [graph.tensors[n] for n in node.inputs]
        self.outputs: list[Tensor] = [graph.tensors[n] for n in node.outputs]
        self.runner = runner

    def run(self, inputs: Sequence[Stored]) -> tuple[Stored, ...]:
        """Compute all outputs."""
        from accel_sim.engine.layout import from_stored, to_stored

        feeds = {t.name: from_stored(x, t) for t, x in zip(self.inputs, inputs, strict=True)}
        results = self.runner(feeds)
        return tuple(to_stored(results[t.name].reshape(t.shape), t) for t in self.outputs)


_STEPS: dict[type, Any] = {
    Conv: ConvStep,
    ConvTranspose: ConvTransposeStep,
    Gemm: GemmStep,
    MaxPool: MaxPoolStep,
    AveragePool: AveragePoolStep,
    GlobalAveragePool: GlobalAveragePoolStep,
    Lookup: LookupStep,
    Lookup2: Lookup2Step,
    Concat: ConcatStep,
    Move: MoveStep,
    ResizeLinear: ResizeLinearStep,
    Quantise: QuantiseStep,
    Dequantise: DequantiseStep,
}


def prepare(graph: Graph, node: Node, host: Callable[[bytes], HostRunner]) -> Step:
    """Make a node ready to run."""
    if isinstance(node.operation, Host):
        return HostStep(graph, node, host(node.operation.model))
    step: Step = _STEPS[type(node.operation)](graph, node, node.operation)
    return step
