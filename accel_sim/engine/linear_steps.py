"""Conv, ConvTranspose and Gemm made ready to run, and their single-channel forms for upset parameters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.engine import depthwise, direct, linear
from accel_sim.engine.layout import offset, stored_shape
from accel_sim.engine.microkernel import LANES, pack, portable
from accel_sim.engine.operands import Patch, Stage, bias_row, signed_weights, stage, view_positions
from accel_sim.engine.requant import store_rows
from accel_sim.model import Conv, ConvTranspose, Gemm, Graph, Node, View, Window

Stored = NDArray[Any]
UNIT = Window((1, 1))
MANY_CHANNELS = 4  # above that many upset channels the whole node is prepared again


def _as_4d(x: Stored) -> Stored:
    return x.reshape(x.shape[0], 1, x.shape[1], x.shape[2]) if x.ndim == 3 else x


def _window(window: Window) -> tuple[int, ...]:
    return (*window.kernel, *window.strides, window.pads[0], window.pads[1], *window.dilations)


def _wrap(values: NDArray[np.int64]) -> NDArray[np.int32]:
    return values.astype(np.int32)


@dataclass(frozen=True, eq=False)
class Group:
    """Packed weights and folded constants of one group of channels."""

    packed: NDArray[np.int8]
    depth: int
    columns: int
    zero: NDArray[np.int32]  # weight zero point per column
    fixed: NDArray[np.int32]  # what is added to every accumulator of a column


def group_of(
    matrix: NDArray[np.int8], zero: NDArray[np.int32], x_zero: int, bias: NDArray[np.int32], shift: int
) -> Group:
    """Pack a (depth, columns) matrix and fold the zero points and the bias into one constant per column."""
    packed, depth, columns = pack(matrix)
    wide = matrix.astype(np.int64)
    sums = wide.sum(axis=0)
    constant = -x_zero * sums + matrix.shape[0] * x_zero * zero.astype(np.int64)
    return Group(packed, depth, columns, zero, _wrap((constant << shift) + bias))


def direct_pixels(channels: int) -> int:
    """Neighbouring output pixels that one row of the direct product computes: as many as fill a vector."""
    return 2 if channels <= LANES // 2 else 1


def direct_matrix(codes: NDArray[np.int8]) -> NDArray[np.int8]:
    """Order weights (oc, ic, kh, kw) as ``kh`` runs of window rows, each padded to a multiple of four.

    A row that computes several pixels sees as many more columns of the input; each pixel has its own share of the
    vector's lanes, in which the weights are shifted by one input pixel.
    """
    channels, ic, kh, kw = codes.shape
    pixels = direct_pixels(channels)
    slot = LANES // pixels if pixels > 1 else channels
    length = (kw + pixels - 1) * ic
    runs = codes.transpose(2, 3, 1, 0).reshape(kh, -1, channels)
    padded = np.zeros((kh, -(-length // 4) * 4, pixels * slot), np.int8)
    for pixel in range(pixels):
        first = pixel * ic
        padded[:, first : first + kw * ic, pixel * slot : pixel * slot + channels] = runs
    return padded.reshape(-1, pixels * slot)


def direct_group(
    codes: NDArray[np.int8], zero: NDArray[np.int32], x_zero: int, bias: NDArray[np.int32], shift: int
) -> Group:
    """Pack the weights of a direct convolution; constants stay one per channel."""
    matrix = direct_matrix(codes)
    packed, depth, columns = pack(matrix)
    plain = codes.reshape(codes.shape[0], -1).T
    fixed = group_of(np.ascontiguousarray(plain), zero, x_zero, bias, shift).fixed
    return Group(packed, depth, columns, zero, fixed)


class _Linear:
    """What the three operators share: reading weights and bias, and finding the channels that a patch reaches."""

    channel_axis = 0

    def __init__(self, graph: Graph, node: Node, operation: Conv | ConvTranspose | Gemm, channels: int) -> None:
        self.graph, self.node, self.operation, self.channels = graph, node, operation, channels
        source, target = graph.tensors[node.inputs[0]], graph.tensors[node.outputs[0]]
        self.x_zero = operation.x_zero + offset(source)
        self.shift = operation.accumulator_shift
        self.shape = stored_shape(target.shape)
        self.stage: Stage = stage(operation.epilogue, channels, target)
        self.portable = portable()

    def operands(self, patch: Patch | None) -> tuple[NDArray[np.int8], NDArray[np.int32], NDArray[np.int32]]:
        """Signed weights, weight zero point per channel, bias per channel."""
        codes, zero = signed_weights(self.graph, self.operation.weight, patch)
        bias = bias_row(self.graph, self.operation.bias, self.channels, patch)
        return codes, np.ascontiguousarray(np.broadcast_to(zero, (self.channels,)), np.int32), bias

    def upset_channels(self, patch: Patch) -> list[int]:
        """Output channels whose weights or bias a patch touches."""
        found: set[int] = set()
        for view in (self.operation.weight, self.operation.bias):
            if isinstance(view, View) and view.parameter in patch:
                positions = view_positions(view, patch[view.parameter])
                found.update(self.channel_of(view, int(p)) for p in positions)
        return sorted(found)

    def channel_of(self, view: View, position: int) -> int:
        """Output channel of an element of the weight's or the bias's view."""
        if view is self.operation.bias:
            return position % self.channels if len(view.shape) else 0
        return int(np.unravel_index(position, view.shape)[0])


class ConvStep(_Linear):
    """Convolution through packed patches, or directly for one input channel a group."""

    operation: Conv

    def __init__(self, graph: Graph, node: Node, operation: Conv) -> None:
        super().__init__(graph, node, operation, operation.weight.shape[0])
        self.window = _window(operation.window)
        self.out_shape = (self.shape[1], self.shape[2]) if len(self.shape) == 4 else (1, self.shape[1])
        self.group, self.inputs = operation.group, operation.weight.shape[1]
        self.is_depthwise = self.inputs == 1 and self.group > 1
        window = operation.window
        plain = window.strides == (1, 1) and window.dilations == (1, 1) and self.group == 1
        self.is_direct = plain and self.shape[0] * self.out_shape[1] > 1 and not np.any(self.operands(None)[1])
        self.prepared = self._prepare(None)

    def _prepare(self, patch: Patch | None) -> Any:
        codes, zero, bias = self.operands(patch)
        if self.is_depthwise:
            factors = codes.astype(np.int16) - zero.astype(np.int16)[:, None, None, None]
            return np.ascontiguousarray(factors.reshape(self.channels, -1).T), bias
        size = self.channels // self.group
        groups = []
        if self.is_direct:
            return [direct_group(codes, zero, self.x_zero, bias, self.shift)]
        for g in range(self.group):
            cut = slice(g * size, (g + 1) * size)
            matrix = codes[cut].transpose(2, 3, 1, 0).reshape(-1, size)
            groups.append(group_of(np.ascontiguousarray(matrix), zero[cut], self.x_zero, bias[cut], self.shift))
        return groups

    def _apply(self, x: Stored, prepared: Any) -> Stored:
        out = np.empty(self.shape, np.uint8)
        flat = out.reshape(-1, self.channels)
        x = _as_4d(x)
        if self.is_depthwise:
            factors, bias = prepared
            if self.channels > self.group:  # several outputs a channel
                x = np.repeat(x, self.channels // self.group, axis=-1)
            depthwise.depthwise(
                x, self.window, self.out_shape, self.x_zero, factors, bias, self.shift, *self.stage.arguments, flat
            )
            return out
        if self.is_direct:
            part = prepared[0]
            direct.conv_direct(
                x, self.window[:2], self.operation.window.pads, self.out_shape, np.uint8(self.x_zero),
                part.packed, part.depth, part.columns, part.fixed, self.shift, *self.stage.arguments, flat, 0,
                self.out_shape[0], self.portable,
            )  # fmt: skip
            return out
        size = self.channels // self.group
        for g, part in enumerate(prepared):
            linear.conv_group(
                x, self.window, self.out_shape, g * self.inputs, self.inputs, np.uint8(self.x_zero), part.packed,
                part.depth, part.columns, part.zero, part.fixed, self.shift,
                *self.stage.part(g * size, (g + 1) * size).arguments, flat, g * size, self.portable,
            )  # fmt: skip
        return out

    def run(self, inputs: Sequence[Stored]) -> tuple[Stored, ...]:
        """Compute the output."""
        return (self._apply(inputs[0], self.prepared),)

    def run_patched(self, inputs: Sequence[Stored], golden: Stored, patch: Patch) -> Stored:
        """Compute the output with upset weights or biases: only their channels, where they are few."""
        channels = self.upset_channels(patch)
        if len(channels) > MANY_CHANNELS:
            return self._apply(inputs[0], self._prepare(patch))
        codes, zero, bias = self.operands(patch)
        out = golden.copy()
        flat = out.reshape(-1, self.channels)
        acc = np.empty((flat.shape[0], 1), np.int32)
        for c in channels:
            first = c // (self.channels // self.group) * self.inputs
            weight = np.ascontiguousarray(codes[c].transpose(1, 2, 0))
            linear.one_channel(
                _as_4d(inputs[0]), self.window, self.out_shape, first, np.int32(self.x_zero), weight, zero[c], bias[c],
                self.shift, acc,
            )  # fmt: skip
            store_rows(acc, flat.shape[0], *self.stage.part(c, c + 1).arguments, flat, 0, c)
        return out


class GemmStep(_Linear):
    """Rows times a constant: a convolution with a window of one."""

    operation: Gemm

    def __init__(self, graph: Graph, node: Node, operation: Gemm) -> None:
        super().__init__(graph, node, operation, operation.weight.shape[0])
        self.depth = operation.weight.shape[1]
        self.rank = len(self.shape)
        self.prepared = self._prepare(None)

    def _prepare(self, patch: Patch | None) -> Group:
        codes, zero, bias = self.operands(patch)
        return group_of(np.ascontiguousarray(codes.T), zero, self.x_zero, bias, self.shift)

    def _rows(self, x: Stored) -> Stored:
        """Rows of the ONNX order as a (rows, 1, 1, depth) tensor."""
        ordered = np.ascontiguousarray(np.moveaxis(x, -1, 1)) if x.ndim >= 3 else x
        return ordered.reshape(-1, 1, 1, self.depth)

    def _stored(self, rows: Stored) -> Stored:
        if self.rank < 3:
            return rows.reshape(self.shape)
        shape = (self.shape[0], self.shape[-1], *self.shape[1:-1])
        return np.ascontiguousarray(np.moveaxis(rows.reshape(shape), 1, -1))

    def _apply(self, x: Stored, part: Group) -> Stored:
        rows = self._rows(x)
        out = np.empty((rows.shape[0], self.channels), np.uint8)
        linear.conv_group(
            rows, _window(UNIT), (1, 1), 0, self.depth, np.uint8(self.x_zero), part.packed, part.depth, part.columns,
            part.zero, part.fixed, self.shift, *self.stage.arguments, out, 0, self.portable,
        )  # fmt: skip
        return self._stored(out)

    def run(self, inputs: Sequence[Stored]) -> tuple[Stored, ...]:
        """Compute the output."""
        return (self._apply(inputs[0], self.prepared),)

    def run_patched(self, inputs: Sequence[Stored], golden: Stored, patch: Patch) -> Stored:
        """Compute the output with upset weights or biases."""
        channels = self.upset_channels(patch)
        if len(channels) > MANY_CHANNELS:
            return self._apply(inputs[0], self._prepare(patch))
        codes, zero, bias = self.operands(patch)
        rows = self._rows(inputs[0])
        out = self._rows_of_output(golden)
        acc = np.empty((rows.shape[0], 1), np.int32)
        for c in channels:
            weight = np.ascontiguousarray(codes[c]).reshape(1, 1, -1)
            linear.one_channel(
                rows, _window(UNIT), (1, 1), 0, np.int32(self.x_zero), weight, zero[c], bias[c], self.shift, acc
            )
            store_rows(acc, rows.shape[0], *self.stage.part(c, c + 1).arguments, out, 0, c)
        return self._stored(out)

    def _rows_of_output(self, golden: Stored) -> Stored:
        ordered = np.moveaxis(golden, -1, 1) if golden.ndim >= 3 else golden
        return np.array(ordered, order="C").reshape(-1, self.channels)


class ConvTransposeStep(_Linear):
    """Transposed convolution: products of every input position, added where they fall."""

    operation: ConvTranspose

    def __init__(self, graph: Graph, node: Node, operation: ConvTranspose) -> None:
        self.per_group = operation.weight.shape[1]
        super().__init__(graph, node, operation, self.per_group * operation.group)
        self.window = _window(operation.window)
        self.out_shape = (self.shape[1], self.shape[2]) if len(self.shape) == 4 else (1, self.shape[1])
        self.group = operation.group
        self.inputs = operation.weight.shape[0] // self.group
        window = operation.window
        source = stored_shape(graph.tensors[node.inputs[0]].shape)
        spread = tuple(n * s for n, s in zip((1, *source[1:-1])[-2:], window.strides, strict=True))
        plain = window.kernel == window.strides and not any(window.pads) and window.dilations == (1, 1)
        fits = spread == self.out_shape and self.group == 1 and self.shift == 0
        self.is_direct = plain and fits and not np.any(self.operands(None)[1])
        self.prepared = self._prepare(None)

    def channel_of(self, view: View, position: int) -> int:
        """Output channel of an element of the weight's or the bias's view."""
        if view is self.operation.bias:
            return position % self.channels if len(view.shape) else 0
        ic, oc = np.unravel_index(position, view.shape)[:2]
        return int(ic) // self.inputs * self.per_group + int(oc)

    def _group(self, codes: NDArray[np.int8], zero: NDArray[np.int32], g: int, cut: slice) -> Group:
        part = codes[g * self.inputs : (g + 1) * self.inputs, cut].transpose(0, 2, 3, 1)
        taps = part.shape[1] * part.shape[2]
        matrix = np.ascontiguousarray(part.reshape(self.inputs, -1))
        zeros = np.ascontiguousarray(np.tile(zero[g * self.per_group : (g + 1) * self.per_group][cut], taps))
        return group_of(matrix, zeros, self.x_zero, np.zeros(matrix.shape[1], np.int32), 0)

    def _prepare(self, patch: Patch | None) -> Any:
        codes, zero, bias = self.operands(patch)
        return [self._group(codes, zero, g, slice(None)) for g in range(self.group)], bias

    def _products(self, x: Stored, part: Group, g: int, channels: int, first: int, total: Stored) -> None:
        x = _as_4d(x)
        linear.transpose_group(
            x, self.window, x.shape[1:3], self.out_shape, g * self.inputs, self.inputs, part.packed, part.depth,
            part.columns, part.zero, part.fixed, channels, first, total, self.portable,
        )  # fmt: skip

    def _apply(self, x: Stored, prepared: Any) -> Stored:
        groups, bias = prepared
        out = np.empty(self.shape, np.uint8)
        if self.is_direct:
            direct.transpose_direct(
                _as_4d(x), self.window[2:4], groups[0].packed, groups[0].depth, groups[0].columns, groups[0].fixed,
                bias,
                *self.stage.arguments, out.reshape(-1, self.channels), self.portable,
            )  # fmt: skip
            return out
        total = np.zeros((out.size // self.channels, self.channels), np.int32)
        for g, part in enumerate(groups):
            self._products(x, part, g, self.per_group, g * self.per_group, total)
        linear.add_bias(total, self.shift, bias)
        store_rows(total, total.shape[0], *self.stage.arguments, out.reshape(-1, self.channels), 0, 0)
        return out

    def run(self, inputs: Sequence[Stored]) -> tuple[Stored, ...]:
        """Compute the output."""
        return (self._apply(inputs[0], self.prepared),)

    def run_patched(self, inputs: Sequence[Stored], golden: Stored, patch: Patch) -> Stored:
        """Compute the output with upset weights or biases."""
        channels = self.upset_channels(patch)
        if len(channels) > MANY_CHANNELS:
            return self._apply(inputs[0], self._prepare(patch))
        codes, zero, bias = self.operands(patch)
        out = golden.copy()
        flat = out.reshape(-1, self.channels)
        for c in channels:
            g, local = divmod(c, self.per_group)
            total = np.zeros((flat.shape[0], 1), np.int32)
            self._products(inputs[0], self._group(codes, zero, g, slice(local, local + 1)), g, 1, 0, total)
            linear.add_bias(total, self.shift, bias[c : c + 1])
            store_rows(total, flat.shape[0], *self.stage.part(c, c + 1).arguments, flat, 0, c)
        return out
