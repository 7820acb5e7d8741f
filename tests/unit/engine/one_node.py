"""Graphs of a single node, made without ONNX, and the codes that plain loops give for them."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.model import (
    Conv,
    ConvTranspose,
    Gemm,
    Graph,
    Lookup2,
    Node,
    Parameter,
    Quantisation,
    Requantise,
    StepRequantise,
    Tensor,
    View,
    Window,
)
from accel_sim.numerics import requantise
from tests import oracles

Array = NDArray[Any]
ROLES = {"w": "weight", "b": "bias", "k": "operand"}


def codes(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Array:
    """Random codes of the whole range."""
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)


def single(operation: Any, x: Tensor, y: Tensor, parameters: dict[str, Array]) -> Graph:
    """A graph of one node from `x` to `y`."""
    node = Node("node", type(operation).__name__, operation, (x.name,), (y.name,))
    stored = {name: Parameter(name, values, ROLES[name]) for name, values in parameters.items()}
    return Graph("single", {x.name: x, y.name: y}, stored, (node,), (x.name,), (y.name,), "")


@dataclass(frozen=True)
class Case:
    """A graph, an input, and what the output must be; for linear operators the accumulators, laid out as the output is.

    `axis` is the channel axis of the output.
    """

    graph: Graph
    x: Array
    expected: Array
    acc: Array
    axis: int = 1


@dataclass(frozen=True)
class Maker:
    """Random choices shared by the linear operators."""

    rng: np.random.Generator

    def pick(self, *values: Any) -> Any:
        return values[int(self.rng.integers(len(values)))]

    def tensor(self, name: str, shape: tuple[int, ...]) -> Tensor:
        dtype = self.pick("uint8", "int8")
        zero = int(codes(self.rng, (), dtype))
        return Tensor(name, shape, dtype, Quantisation(0.05, zero))

    def view(self, name: str, values: Array, channels: int, *, varying_zero: bool) -> View:
        """Weights; unsigned ones, and sometimes signed ones, have zero points other than 0."""
        unsigned = values.dtype == np.uint8
        if varying_zero and self.rng.random() < 0.5:
            zero = codes(self.rng, (channels,), str(values.dtype)).astype(np.int32)
        else:
            some = unsigned or self.rng.random() < 0.3
            zero = np.array([int(self.rng.integers(-20, 150 if unsigned else 20)) * some], np.int32)
        return View(name, None, values.shape, zero)

    def bias(self, channels: int) -> Array | None:
        """None, ordinary values, or values near the ends of the type, where the accumulator wraps."""
        kind = self.pick("none", "plain", "plain", "plain", "huge")
        if kind == "none":
            return None
        spread = 3000 if kind == "plain" else 2**31 - 1
        return self.rng.integers(-spread, spread, channels).astype(np.int32)

    def epilogue(self, channels: int, depth: int, y: Tensor, *, shift: int) -> Requantise:
        count = channels if self.rng.random() < 0.6 else 1
        mode = self.pick("float32", "float32", "gemmlowp", "shift")
        scale = (self.rng.uniform(0.2, 1, count) / (np.sqrt(depth) * 60 * 2**shift)).astype(np.float32)
        if mode == "shift":
            scale = np.exp2(np.round(np.log2(scale))).astype(np.float32)
        code, zero = y.code_type, y.quantisation.zero_point if y.quantisation else 0
        low = self.pick(code.low, zero)
        return Requantise(
            scale, zero, low, self.pick(code.high, code.high - 3 if code.high - 3 > low else code.high), mode
        )


def wrapped(acc: Array, bias: Array | None, shift: int, axis: int) -> Array:
    """Shift the sums of products and add the bias, modulo 2**32."""
    wide = np.moveaxis(acc.astype(np.int64) << shift, axis, -1)
    return np.moveaxis(wide + (0 if bias is None else bias.astype(np.int64)), -1, axis).astype(np.int32)


def requantised(acc: Array, epilogue: Requantise, y: Tensor, axis: int) -> Array:
    """Codes of accumulators, channel by channel."""
    rows = np.moveaxis(acc, axis, -1)
    found = requantise(epilogue.mode, rows, epilogue.scale, epilogue.zero_point, epilogue.low, epilogue.high)
    return np.ascontiguousarray(np.moveaxis(found, -1, axis)).astype(y.dtype)


def zero_of(tensor: Tensor) -> int:
    assert tensor.quantisation is not None
    return tensor.quantisation.zero_point


def conv_case(seed: int, kind: str) -> Case:
    """A convolution: ``plain``, ``grouped`` or ``depthwise``; 1-D or 2-D, any stride, dilation and padding."""
    make = Maker(np.random.default_rng([seed, 1]))
    rng, pick = make.rng, make.pick
    rank = pick(1, 2, 2, 2)
    group = {"plain": 1, "grouped": 2, "depthwise": pick(2, 11, 27)}[kind]
    inputs = 1 if kind == "depthwise" else pick(1, 3, 4, 6)
    outputs = group * (pick(1, 1, 2) if kind == "depthwise" else pick(1, 2, 5, 18))
    kernel = tuple(int(k) for k in rng.integers(1, 4, rank))
    strides, dilations = (tuple(int(k) for k in rng.integers(1, 3, rank)) for _ in range(2))
    pads = [int(k) for k in rng.integers(0, 3, 2 * rank)]
    size = [int(rng.integers((k - 1) * d + 1, (k - 1) * d + 4)) for k, d in zip(kernel, dilations, strict=True)]
    x = make.tensor("x", (pick(1, 1, 2), group * inputs, *size))
    weight = codes(rng, (outputs, inputs, *kernel), pick("int8", "uint8"))
    view = make.view("w", weight, outputs, varying_zero=True)
    data = codes(rng, x.shape, x.dtype)
    acc = oracles.conv_accumulators(
        data, zero_of(x), weight, view.zero_point, strides=strides, pads=pads, dilations=dilations, group=group
    )
    y = make.tensor("y", acc.shape)
    shift, bias = pick(0, 0, 0, 3), make.bias(outputs)
    epilogue = make.epilogue(outputs, inputs * int(np.prod(kernel)), y, shift=shift)
    window = _window(kernel, strides, pads, dilations)
    lifted = (outputs, inputs, *((1, *kernel) if rank == 1 else kernel))
    operation = Conv(
        View("w", None, lifted, view.zero_point), _bias_view(bias), zero_of(x), window, group, epilogue, shift
    )
    return _case(operation, x, y, weight, bias, data, acc)


def transpose_case(seed: int) -> Case:
    """A transposed convolution with any stride, dilation, padding and output padding, grouped or not."""
    make = Maker(np.random.default_rng([seed, 2]))
    rng, pick = make.rng, make.pick
    rank, group = pick(1, 2, 2), pick(1, 1, 2)
    inputs, outputs = pick(1, 3, 5), pick(1, 2, 6, 17)
    kernel, strides, dilations = (tuple(int(k) for k in rng.integers(1, 4, rank)) for _ in range(3))
    extra = [int(rng.integers(0, max(s, d))) for s, d in zip(strides, dilations, strict=True)]
    size = [int(n) for n in rng.integers(2, 5, rank)]
    room = [(n - 1) * s + (k - 1) * d for n, s, k, d in zip(size, strides, kernel, dilations, strict=True)]
    pads = [int(rng.integers(0, min(3, r // 2 + 1))) for r in room] + [
        int(rng.integers(0, min(3, r // 2 + 1))) for r in room
    ]
    x = make.tensor("x", (pick(1, 2), group * inputs, *size))
    weight = codes(rng, (group * inputs, outputs, *kernel), pick("int8", "uint8"))
    channels = outputs * group
    view = make.view("w", weight, channels, varying_zero=True)
    data = codes(rng, x.shape, x.dtype)
    acc = oracles.conv_transpose_accumulators(
        data, zero_of(x), weight, view.zero_point, strides=strides, pads=pads, dilations=dilations,
        output_padding=extra, group=group,
    )  # fmt: skip
    y = make.tensor("y", acc.shape)
    shift, bias = pick(0, 0, 3), make.bias(channels)
    epilogue = make.epilogue(channels, inputs * int(np.prod(kernel)), y, shift=shift)
    lifted = (group * inputs, outputs, *((1, *kernel) if rank == 1 else kernel))
    operation = ConvTranspose(
        View("w", None, lifted, view.zero_point),
        _bias_view(bias),
        zero_of(x),
        _window(kernel, strides, pads, dilations),
        group,
        epilogue,
        shift,
    )
    return _case(operation, x, y, weight, bias, data, acc)


def gemm_case(seed: int) -> Case:
    """Rows, of any leading shape, times a matrix; sometimes the file stores the matrix transposed."""
    make = Maker(np.random.default_rng([seed, 3]))
    rng, pick = make.rng, make.pick
    depth, columns = pick(1, 5, 16, 37), pick(1, 7, 16, 40)
    lead: tuple[int, ...] = pick((1,), (14,), (2, 3), (2, 3, 4))
    x = make.tensor("x", (*lead, depth))
    y = make.tensor("y", (*lead, columns))
    weight = codes(rng, (columns, depth), pick("int8", "uint8"))
    view = make.view("w", weight, columns, varying_zero=True)
    data = codes(rng, x.shape, x.dtype)
    rows = data.reshape(-1, depth).astype(np.int64) - zero_of(x)
    acc = rows @ (weight.astype(np.int64) - view.zero_point.reshape(-1, 1)).T
    shift, bias = pick(0, 0, 3), make.bias(columns)
    epilogue = make.epilogue(columns, depth, y, shift=shift)
    index = None
    if pick(False, True):
        index = np.arange(weight.size, dtype=np.int64).reshape(depth, columns).T.copy()
        weight = np.ascontiguousarray(weight.T)
    operation = Gemm(View("w", index, (columns, depth), view.zero_point), _bias_view(bias), zero_of(x), epilogue, shift)
    return _case(operation, x, y, weight, bias, data, acc.reshape(y.shape), len(y.shape) - 1)


def operand_case(seed: int) -> Case:
    """A random table of pairs with a stored operand that broadcasts, on either side."""
    make = Maker(np.random.default_rng([seed, 4]))
    rng, pick = make.rng, make.pick
    x = make.tensor("x", (1, 3, 4, 2))
    shape: tuple[int, ...] = pick((1,), (3, 1, 1), (1, 3, 1, 1), (4, 2), (1, 3, 4, 2))
    stored = codes(rng, shape, pick("int8", "uint8"))
    y = make.tensor("y", x.shape)
    table = rng.integers(0, 256, (256, 256)).astype(np.uint8)
    first = pick(False, True)
    data = codes(rng, x.shape, x.dtype)
    pair = [data.view(np.uint8), np.broadcast_to(stored, x.shape).view(np.uint8)]
    expected = (table[pair[1], pair[0]] if first else table[pair[0], pair[1]]).view(y.dtype)
    view = View("k", np.arange(stored.size).reshape(shape), shape, np.zeros(1, np.int32))
    return Case(single(Lookup2(table, view, first), x, y, {"k": stored}), data, expected, expected)


def _bias_view(bias: Array | None) -> View | None:
    return None if bias is None else View("b", None, bias.shape, np.zeros(1, np.int32))


def _window(kernel: Any, strides: Any, pads: list[int], dilations: Any) -> Window:
    if len(kernel) == 1:
        return Window((1, *kernel), (1, *strides), (0, pads[0], 0, pads[1]), (1, *dilations))
    return Window(tuple(kernel), tuple(strides), (pads[0], pads[1], pads[2], pads[3]), tuple(dilations))


def _case(
    operation: Conv | ConvTranspose | Gemm, x: Tensor, y: Tensor, weight: Array, bias: Array | None, data: Array,
    sums: Array, axis: int = 1,
) -> Case:  # fmt: skip
    parameters = {"w": weight} | ({} if bias is None else {"b": bias})
    acc = wrapped(sums, bias, operation.accumulator_shift, axis)
    assert isinstance(operation.epilogue, Requantise)
    expected = requantised(acc, operation.epilogue, y, axis)
    return Case(single(operation, x, y, parameters), data, expected, acc, axis)


def with_steps(case: Case, seed: int) -> Case:
    """The same node with random thresholds among its accumulators instead of a multiplication, one row per channel."""
    rng = np.random.default_rng([seed, 5])
    (node,) = case.graph.nodes
    y = case.graph.tensors["y"]
    rows = np.moveaxis(case.acc, case.axis, 0)
    thresholds = np.sort(rng.choice(case.acc.reshape(-1), (rows.shape[0], 40)), axis=1).astype(np.int32)
    table = codes(rng, (rows.shape[0], 41), y.dtype).astype(np.int32)
    expected = [t[np.searchsorted(s, r, side="right")] for s, t, r in zip(thresholds, table, rows, strict=True)]
    assert isinstance(node.operation, Conv | ConvTranspose | Gemm)
    operation = replace(node.operation, epilogue=StepRequantise(thresholds, table))
    graph = replace(case.graph, nodes=(replace(node, operation=operation),))
    return Case(graph, case.x, np.moveaxis(np.stack(expected), 0, case.axis).astype(y.dtype), case.acc, case.axis)
