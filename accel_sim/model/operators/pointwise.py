"""Unary and binary elementwise operators, Concat, and what a QuantizeLinear makes of a pending value."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from accel_sim.errors import ModelError
from accel_sim.model.context import Context, attribute, code_type, scalar
from accel_sim.model.fusion import byte_table, pair_table, vanishes
from accel_sim.model.graph import Concat, Lookup, Lookup2, Node, Operation, Quantisation, Quantise, Shape, Side, View
from accel_sim.model.operators.linear import along
from accel_sim.model.values import (
    Code,
    Constant,
    Expression,
    Floating,
    Real,
    StoredConstant,
    Target,
    UnsupportedError,
)
from accel_sim.numerics import CodeType, Curve, add_table, multiply_table, real_binary_table, unary_table


def lookup(x: Real, target: Target, half_up: bool) -> Lookup:
    """Tabulate the curves of a dequantised tensor."""
    table = unary_table((*x.curves, *target.curves), x.side, target.side, half_up)
    return Lookup(byte_table(table, x.side[2]))


def _limits(ctx: Context, node: onnx.NodeProto) -> dict[str, float]:
    if len(node.input) == 1:
        return {"low": float(attribute(node, "min", -np.inf)), "high": float(attribute(node, "max", np.inf))}
    bounds = {}
    for key, position in (("low", 1), ("high", 2)):
        name = ctx.optional(node, position)
        if name:
            bounds[key] = float(scalar(ctx.array(name, "bound"), "the bound of Clip"))
    return bounds


def _slope(ctx: Context, node: onnx.NodeProto) -> dict[str, float]:
    return {"alpha": float(scalar(ctx.array(node.input[1], "slope"), "the slope of PRelu"))}


CONSTANTS: dict[str, Callable[[Context, onnx.NodeProto], dict[str, float]]] = {
    "Clip": _limits,
    "PRelu": _slope,
    "LeakyRelu": lambda ctx, node: {"alpha": float(attribute(node, "alpha", 0.01))},
    "Elu": lambda ctx, node: {"alpha": float(attribute(node, "alpha", 1.0))},
    "HardSigmoid": lambda ctx, node: {
        "alpha": float(attribute(node, "alpha", 0.2)),
        "beta": float(attribute(node, "beta", 0.5)),
    },
}
RISING = ("Relu", "Clip", "Identity", "Sigmoid", "HardSigmoid", "Tanh", "Elu")
UNARY = ("Relu", "Clip", "LeakyRelu", "PRelu", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Elu", "Neg", "Abs")


def unary(ctx: Context, node: onnx.NodeProto, name: str) -> None:
    """Elementwise function: a curve on whatever comes before it."""
    value = ctx.value(node.input[0])
    if isinstance(value, Code) and node.op_type in ("Relu", "Clip"):
        _clamp_codes(ctx, node, name)
        return
    constants = CONSTANTS[node.op_type](ctx, node) if node.op_type in CONSTANTS else {}
    curve = Curve(node.op_type, constants)
    if isinstance(value, Expression) and value.keeps is not None:
        value = ctx.store(value)
    ctx.values[node.output[0]] = ctx.with_curve(value, curve, node, name)


def _clamp_codes(ctx: Context, node: onnx.NodeProto, name: str) -> None:
    source = ctx.code(node.input[0])
    low, high = (0, 255) if node.op_type == "Relu" else (-128, 255)
    if node.op_type == "Clip":
        bounds = _limits(ctx, node)
        low, high = int(max(bounds.get("low", low), low)), int(min(bounds.get("high", high), high))
    code = source.code_type
    codes = np.minimum(np.maximum(np.arange(code.low, code.high + 1), low), high)
    target = replace(source, name=node.output[0])
    ctx.emit(name, node.op_type, Lookup(byte_table(codes.astype(np.int32), code)), (source.name,), target, (name,))


def binary(ctx: Context, node: onnx.NodeProto, name: str) -> None:
    """Add, Sub, Mul, Div, Max, Min: two tensors, or a tensor and a constant."""
    first, second = (ctx.value(n) for n in node.input[:2]) if len(node.input) == 2 else (None, None)
    if first is None or second is None:
        raise UnsupportedError(f"{node.op_type} of {len(node.input)} inputs")
    for value, other, reverse in ((first, second, False), (second, first, True)):
        biased = _with_bias(node, value, other)
        if biased is not None:
            sources = (*biased.sources, name)
            ctx.pend(replace(biased, sources=sources, output=node.output[0]))
            return
        if isinstance(other, Constant) and other.array.size == 1 and node.op_type in ("Add", "Sub", "Mul", "Div"):
            prefix = "R" if reverse and node.op_type in ("Sub", "Div") else ""
            curve = Curve(prefix + node.op_type, {"value": float(other.array.reshape(-1)[0])})
            if isinstance(value, Expression) and (value.keeps is not None or not value.takes_curves):
                value = ctx.store(value)
            ctx.values[node.output[0]] = ctx.with_curve(value, curve, node, name)
            return
    _pair(ctx, node, name, first, second)


def _with_bias(node: onnx.NodeProto, value: Any, other: Any) -> Expression | None:
    """Take a constant row added to a matrix product as its bias."""
    if node.op_type != "Add" or not isinstance(value, Expression) or value.add_bias is None or value.curves:
        return None
    if isinstance(other, Constant | StoredConstant) and other_is_row(other, value.shape):
        return replace(value.add_bias(other), private=value.private)
    return None


def other_is_row(other: Constant | StoredConstant, shape: Shape) -> bool:
    """Whether a constant broadcasts along the last axis only."""
    constant = other.array.shape if isinstance(other, Constant) else other.shape
    return int(np.prod(constant)) in (1, shape[-1]) and (not constant or constant[-1] in (1, shape[-1]))


def _pair(ctx: Context, node: onnx.NodeProto, name: str, first: Any, second: Any) -> None:
    constant_first = isinstance(first, StoredConstant)
    if constant_first and isinstance(second, StoredConstant):
        raise UnsupportedError(f"{node.op_type} of two constants")
    view: View | None = None
    sides: list[Side] = []
    shapes: list[Shape] = []
    inputs: list[str] = []
    sources: list[str] = []
    plain = True
    for value, input_name in ((first, node.input[0]), (second, node.input[1])):
        if isinstance(value, StoredConstant):
            view, side = operand(ctx, value)
            sides.append(side)
            shapes.append(value.shape)
            continue
        if isinstance(value, Constant):
            raise UnsupportedError(f"operand {input_name!r} is a floating point constant of shape {value.array.shape}")
        x = ctx.real(input_name)
        sides.append(x.side)
        shapes.append(x.shape)
        inputs.append(x.tensor)
        sources.extend(x.sources)
        plain = plain and x.plain
    shape = np.broadcast_shapes(*shapes)

    def build(target: Target) -> Operation:
        fusable = replace(target, fusable=target.fusable and target.plain and plain)
        swapped = leads_scalar(shapes[0], shape)
        return pair(node.op_type, (sides[0], sides[1]), fusable, ctx.half_up, view, constant_first, swapped)

    ctx.pend(Expression(node.op_type, name, node.output[0], shape, tuple(inputs), build, sources=(*sources, name)))


def leads_scalar(first: Shape, shape: Shape) -> bool:
    """Whether the first operand is broadcast along the innermost axis: onnxruntime's kernel then swaps the operands."""
    padded = (1,) * (len(shape) - len(first)) + first
    inner = next((i for i in reversed(range(len(shape))) if shape[i] > 1), None)
    return inner is not None and padded[inner] == 1


def pair(
    onnx_op: str,
    sides: tuple[Side, Side],
    target: Target,
    half_up: bool,
    view: View | None,
    constant_first: bool,
    swapped: bool,
) -> Lookup2:
    """Tabulate a binary operator, with the arithmetic of the kernel that onnxruntime chooses for it."""
    same_type = sides[0][2] == sides[1][2] == target.side[2]
    if onnx_op in ("Add", "Mul") and same_type and target.fusable and vanishes(target):
        build = add_table if onnx_op == "Add" else multiply_table
        if swapped:  # the fused additions are not symmetric in their operands
            codes = build(sides[1], sides[0], target.side, half_up).T
        else:
            codes = build(sides[0], sides[1], target.side, half_up)
    else:
        codes = real_binary_table(onnx_op, target.curves, sides[0], sides[1], target.side, half_up)
    return Lookup2(pair_table(codes, sides[0][2], sides[1][2]), view, constant_first)


def operand(ctx: Context, value: StoredConstant) -> tuple[View, Side]:
    """Read a constant operand of an elementwise node: 8 bits, one scale."""
    code = code_type(value.stored.dtype)
    scale, zero = along(value.scale, 0, value.parameter), along(value.zero, 0, value.parameter)
    if scale.size != 1 or zero.size != 1:
        raise UnsupportedError(f"operand {value.parameter!r} is quantised per channel")
    parameter = ctx.keep(value.parameter, value.stored, "operand")
    view = View(parameter, value.index, value.shape, zero.astype(np.int32))
    return view, (float(scale[0]), int(zero[0]), code)


def concat(ctx: Context, node: onnx.NodeProto, name: str) -> None:
    """Concat of dequantised tensors, or of 8-bit tensors as they are."""
    axis = int(attribute(node, "axis"))
    if all(isinstance(ctx.value(n), Code) for n in node.input):
        parts = [ctx.code(n) for n in node.input]
        shape = joined([p.shape for p in parts], axis)
        target = replace(parts[0], name=node.output[0], shape=shape)
        operation = Concat(axis % len(shape), tuple(None for _ in parts))
        ctx.emit(name, node.op_type, operation, [p.name for p in parts], target, (name,))
        return
    reals = [ctx.real(n) for n in node.input]
    shape = joined([x.shape for x in reals], axis)
    sources = tuple(s for x in reals for s in x.sources)

    def build(target: Target) -> Operation:
        return Concat(axis % len(shape), tuple(change_of_side(x.side, target, ctx.half_up) for x in reals))

    ctx.pend(
        Expression(
            node.op_type, name, node.output[0], shape, tuple(x.tensor for x in reals), build, sources=(*sources, name)
        )
    )


def change_of_side(source: Side, target: Target, half_up: bool) -> NDArray[np.uint8] | None:
    """Table from one quantisation to another, None when nothing changes."""
    if source == target.side and not target.curves:
        return None
    return byte_table(unary_table(target.curves, source, target.side, half_up), source[2])


def joined(shapes: list[Shape], axis: int) -> Shape:
    """Shape of a concatenation."""
    first = list(shapes[0])
    axis %= len(first)
    if any((*s[:axis], *s[axis + 1 :]) != (*first[:axis], *first[axis + 1 :]) for s in shapes):
        raise UnsupportedError(f"Concat of shapes {', '.join(map(str, shapes))} along axis {axis}")
    first[axis] = sum(s[axis] for s in shapes)
    return tuple(first)


def quantise_linear(ctx: Context, node: onnx.NodeProto, name: str) -> None:
    """QuantizeLinear: closes whatever is pending in front of it."""
    value = ctx.value(node.input[0])
    side = q_side(ctx, node)
    plain = not any(np.ndim(ctx.array(n, "scale")) for n in node.input[1:] if n)
    output = node.output[0]
    if isinstance(value, Code):
        raise UnsupportedError(f"QuantizeLinear of the codes {node.input[0]!r}")
    if isinstance(value, Real):
        table = lookup(value, Target(side), ctx.half_up)
        label, op = (value.node_name, value.onnx_op) if value.curves else (name, "QuantizeLinear")
        ctx.emit(label, op, table, (value.tensor,), ctx.tensor(output, value.shape, side), (*value.sources, name))
    elif isinstance(value, Expression):
        rising = value.via is not None and all(curve.name in RISING for curve in value.curves)
        if (value.curves or (value.keeps is not None and value.keeps != side)) and not (value.takes_curves or rising):
            if value.keeps is None:
                raise UnsupportedError(f"{value.onnx_op} followed by {value.curves[0].name}")
            stored = replace(ctx.store(replace(value, curves=())), curves=value.curves)
            target = ctx.tensor(output, value.shape, side)
            ctx.emit(name, node.op_type, lookup(stored, Target(side), ctx.half_up), (stored.tensor,), target, (name,))
            return
        ctx.finish(
            value, Target(side, value.curves, value.private, plain, bool(ctx.optional(node, 2))), output, (name,)
        )
    elif isinstance(value, Floating) and value.name in ctx.tensors:
        source = ctx.tensors[value.name]
        if source.dtype != "float32":
            raise UnsupportedError(f"QuantizeLinear of {source.dtype}")
        ctx.tensors[output] = ctx.tensor(output, source.shape, side)
        ctx.values[output] = Code(output)
        ctx.emitted[output] = Node(name, node.op_type, Quantise(side), (source.name,), (output,), (name,))
    else:
        raise UnsupportedError(f"its input {node.input[0]!r} is computed on the host")


def q_side(ctx: Context, node: onnx.NodeProto) -> Side:
    """Scale, zero point and type of a QuantizeLinear."""
    scale = scalar(ctx.array(node.input[1], "scale"), "the scale of an activation")
    zero_name = ctx.optional(node, 2)
    if zero_name:
        zero = ctx.array(zero_name, "zero point")
        return float(scale), int(scalar(zero, "the zero point")), code_type(zero.dtype)
    wanted = int(attribute(node, "output_dtype", 0))
    dtype = onnx.helper.tensor_dtype_to_np_dtype(wanted) if wanted else np.dtype(np.uint8)
    return float(scale), 0, code_type(dtype)


def dequantise_linear(ctx: Context, node: onnx.NodeProto, name: str) -> None:
    """DequantizeLinear of a stored tensor or of a constant."""
    value = ctx.value(node.input[0])
    if isinstance(value, Constant):
        ctx.values[node.output[0]] = stored_constant(ctx, node, value)
        return
    if not isinstance(value, Code):
        raise UnsupportedError(f"DequantizeLinear of {node.input[0]!r}, which no accelerator node makes")
    tensor = ctx.tensors[value.tensor]
    scale = scalar(ctx.array(node.input[1], "scale"), "the scale of an activation")
    zero_name = ctx.optional(node, 2)
    zero = int(scalar(_zero_point(ctx, zero_name, tensor.dtype), "the zero point")) if zero_name else 0
    side = (float(scale), zero, tensor.code_type)
    if tensor.quantisation is None:
        ctx.tensors[value.tensor] = replace(tensor, quantisation=Quantisation(side[0], side[1]))
    plain = not any(np.ndim(ctx.array(n, "scale")) for n in node.input[1:] if n)
    ctx.values[node.output[0]] = Real(value.tensor, side, tensor.shape, plain=plain)


def _zero_point(ctx: Context, name: str, dtype: str) -> NDArray[Any]:
    zero = ctx.array(name, "zero point")
    if zero.dtype.name != dtype:
        raise UnsupportedError(f"zero point {name!r} is {zero.dtype}, the codes are {dtype}")
    return zero


def stored_constant(ctx: Context, node: onnx.NodeProto, value: Constant) -> StoredConstant:
    """Attach scale and zero point to a constant of codes."""
    if value.array.dtype not in (np.int8, np.uint8, np.int32):
        raise UnsupportedError(f"constant {value.name!r} of type {value.array.dtype}")
    if attribute(node, "block_size", 0):
        raise UnsupportedError("blocked quantisation")
    scale = ctx.array(node.input[1], "scale").astype(np.float32)
    zero_name = ctx.optional(node, 2)
    zero = _zero_point(ctx, zero_name, value.array.dtype.name) if zero_name else np.zeros_like(scale, np.int32)
    shape = value.array.shape
    axis = int(attribute(node, "axis", 1))
    index = np.arange(value.array.size, dtype=np.int64).reshape(shape)
    full = [_full(part, shape, axis, value.name) for part in (scale, zero.astype(np.int32))]
    return StoredConstant(value.name, value.array, index, full[0], full[1])


def _full(part: NDArray[Any], shape: Shape, axis: int, name: str) -> NDArray[Any]:
    if part.size == 1:
        return np.broadcast_to(part.reshape(()), shape)
    if part.ndim != 1:
        raise UnsupportedError(f"scales or zero points of shape {part.shape} for {name!r}, shape {shape}")
    if not -len(shape) <= axis < len(shape) or part.size != shape[axis]:
        raise ModelError(
            f"{part.size} scales or zero points do not fit axis {axis} of {name!r}, shape {shape}: "
            "one is needed for each index along an axis that exists"
        )
    along_axis = [1] * len(shape)
    along_axis[axis] = part.size
    return np.broadcast_to(part.reshape(along_axis), shape)


def named_side(ctx: Context, scale: str, zero: str) -> Side:
    """Side from the names of a scale and a zero point (operators of the QOperator form)."""
    value = ctx.array(zero, "zero point") if zero else np.zeros(1, np.uint8)
    factor = scalar(ctx.array(scale, "scale"), "the scale of an activation")
    code: CodeType = code_type(value.dtype)
    return float(factor), int(scalar(value, "the zero point")), code
