"""The QOperator form: operators that carry their scales and zero points as inputs."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx

from accel_sim.model.context import Context, attribute
from accel_sim.model.graph import Quantisation, Side
from accel_sim.model.operators.linear import conv, product, transposed, weights
from accel_sim.model.operators.pointwise import _full, binary, concat, named_side, unary
from accel_sim.model.operators.pool import average_pool, global_average_pool
from accel_sim.model.values import Code, Constant, Expression, Real, StoredConstant, Target, UnsupportedError

Body = Callable[[Context, onnx.NodeProto, str], None]


def _real(ctx: Context, name: str, side: Side) -> str:
    """Give codes their meaning under a private name, and return that name."""
    value = ctx.value(name)
    alias = f"{name}:real:{side[0]!r}:{side[1]}"
    if isinstance(value, Code):
        tensor = ctx.tensors[value.tensor]
        if tensor.dtype != side[2].name:
            raise UnsupportedError(f"input {name!r} is {tensor.dtype}, its zero point is {side[2].name}")
        if tensor.quantisation is None:
            ctx.tensors[value.tensor] = replace(tensor, quantisation=Quantisation(side[0], side[1]))
        ctx.values[alias] = Real(value.tensor, side, tensor.shape)
    elif isinstance(value, Constant):
        index = np.arange(value.array.size, dtype=np.int64).reshape(value.array.shape)
        scale, zero = np.full(value.array.shape, side[0], np.float32), np.full(value.array.shape, side[1], np.int32)
        ctx.values[alias] = StoredConstant(value.name, value.array, index, scale, zero)
    else:
        raise UnsupportedError(f"input {name!r} is not an 8-bit tensor")
    return alias


def _constant(ctx: Context, name: str, scale: str, zero: str, axis: int) -> str:
    """Give stored weights or a bias their meaning under a private name."""
    value = ctx.value(name)
    if not isinstance(value, Constant):
        raise UnsupportedError(f"weights {name!r} are not constant; the array takes quantised constants")
    index = np.arange(value.array.size, dtype=np.int64).reshape(value.array.shape)
    factors = ctx.array(scale, "scale").astype(np.float32)
    zeros = ctx.array(zero, "zero point").astype(np.int32) if zero else np.zeros(1, np.int32)
    shape = value.array.shape
    stored = StoredConstant(
        value.name, value.array, index, _full(factors, shape, axis, name), _full(zeros, shape, axis, name)
    )
    alias = f"{name}:real"
    ctx.values[alias] = stored
    return alias


def _finish(ctx: Context, output: str, side: Side) -> None:
    """Close the pending expression with the node's own output quantisation."""
    expression = ctx.values[output]
    assert isinstance(expression, Expression)
    ctx.finish(expression, Target(side, expression.curves), output)


def _bias(ctx: Context, name: str, product_scale: np.ndarray, channels: int) -> StoredConstant | None:
    if not name:
        return None
    value = ctx.value(name)
    if not isinstance(value, Constant) or value.array.dtype != np.int32:
        raise UnsupportedError(f"bias {name!r} is not an int32 constant")
    shape = value.array.shape
    index = np.arange(value.array.size, dtype=np.int64).reshape(shape)
    scale = np.broadcast_to(product_scale, (channels,)) if value.array.size == channels else product_scale[:1]
    full = np.broadcast_to(scale.reshape((1,) * (len(shape) - 1) + (-1,)) if shape else scale.reshape(()), shape)
    return StoredConstant(value.name, value.array, index, full.astype(np.float32), np.zeros(shape, np.int32))


def qlinear_conv(ctx: Context, node: onnx.NodeProto, name: str) -> None:
    """QLinearConv."""
    if attribute(node, "channels_last", 0):
        raise UnsupportedError("channels_last")
    x_side, y_side = (named_side(ctx, node.input[i], node.input[i + 1]) for i in (1, 6))
    x = _real(ctx, node.input[0], x_side)
    w = _constant(ctx, node.input[3], node.input[4], node.input[5], 0)
    inner = onnx.NodeProto()
    inner.CopyFrom(node)
    del inner.input[:]
    inner.input.extend([x, w])
    parts = weights(ctx, w, 0)
    bias = _bias(ctx, ctx.optional(node, 8), np.float32(x_side[0]) * parts.scale, parts.view.shape[0])
    if bias is not None:
        alias = f"{bias.parameter}:{name}"
        ctx.values[alias] = bias
        inner.input.append(alias)
    conv(ctx, inner, name)
    _finish(ctx, node.output[0], y_side)


def qlinear_matmul(ctx: Context, node: onnx.NodeProto, name: str) -> None:
    """QLinearMatMul with a constant second operand."""
    a_side, y_side = (named_side(ctx, node.input[i], node.input[i + 1]) for i in (1, 6))
    x = ctx.real(_real(ctx, node.input[0], a_side))
    value = ctx.value(node.input[3])
    if isinstance(value, Constant) and value.array.ndim != 2:
        raise UnsupportedError(f"a constant operand of shape {value.array.shape}; the array takes (k, n)")
    if len(x.shape) < 2:
        raise UnsupportedError("a product with a vector")
    w = _constant(ctx, node.input[3], node.input[4], node.input[5], 1)
    product(ctx, node, name, x, weights(ctx, w, 0, (1, 0)), None)
    _finish(ctx, node.output[0], y_side)


def qgemm(ctx: Context, node: onnx.NodeProto, name: str) -> None:
    """QGemm (com.microsoft): the bias holds accumulator units and is multiplied by alpha too."""
    if len(node.input) < 9 or not node.input[7]:
        raise UnsupportedError("QGemm with a floating point result")
    a_side, y_side = (named_side(ctx, node.input[i], node.input[i + 1]) for i in (1, 7))
    x = ctx.real(_real(ctx, node.input[0], a_side))
    if attribute(node, "transA", 0):
        x = transposed(ctx, x, name)
    trans = bool(attribute(node, "transB", 0))
    w = _constant(ctx, node.input[3], node.input[4], node.input[5], 0 if trans else 1)
    parts = weights(ctx, w, 0, (0, 1) if trans else (1, 0))
    alpha = float(attribute(node, "alpha", 1.0))
    scale = np.float32(alpha) * np.float32(x.side[0]) * parts.scale
    bias = _bias(ctx, ctx.optional(node, 6), scale, parts.view.shape[0])
    product(ctx, node, name, x, parts, bias, alpha)
    _finish(ctx, node.output[0], y_side)


def _simple(op_type: str, body: Body, operands: int) -> Body:
    """Make an operator of one whose inputs are (tensor, scale, zero point) each, then the output's scale and zero."""

    def run(ctx: Context, node: onnx.NodeProto, name: str) -> None:
        if attribute(node, "channels_last", 0):
            raise UnsupportedError("channels_last")
        inner = onnx.NodeProto()
        inner.CopyFrom(node)
        inner.op_type = op_type
        del inner.input[:]
        for i in range(operands):
            side = named_side(ctx, node.input[3 * i + 1], ctx.optional(node, 3 * i + 2))
            inner.input.append(_real(ctx, node.input[3 * i], side))
        y_side = named_side(ctx, node.input[3 * operands], ctx.optional(node, 3 * operands + 1))
        body(ctx, inner, name)
        value = ctx.values[node.output[0]]
        if isinstance(value, Real):
            from accel_sim.model.operators.pointwise import lookup

            target = ctx.tensor(node.output[0], value.shape, y_side)
            ctx.emit(name, node.op_type, lookup(value, Target(y_side), ctx.half_up), (value.tensor,), target, (name,))
        else:
            assert isinstance(value, Expression)
            ctx.values[node.output[0]] = replace(value, onnx_op=node.op_type)
            _finish(ctx, node.output[0], y_side)

    return run


def qlinear_concat(ctx: Context, node: onnx.NodeProto, name: str) -> None:
    """QLinearConcat (com.microsoft): output scale and zero point come first."""
    y_side = named_side(ctx, node.input[0], node.input[1])
    inner = onnx.NodeProto()
    inner.CopyFrom(node)
    del inner.input[:]
    for i in range(2, len(node.input), 3):
        inner.input.append(_real(ctx, node.input[i], named_side(ctx, node.input[i + 1], node.input[i + 2])))
    concat(ctx, inner, name)
    _finish(ctx, node.output[0], y_side)


QLINEAR: dict[str, Body] = {
    "QLinearConv": qlinear_conv,
    "QLinearMatMul": qlinear_matmul,
    "QGemm": qgemm,
    "QLinearAdd": _simple("Add", binary, 2),
    "QLinearMul": _simple("Mul", binary, 2),
    "QLinearAveragePool": _simple("AveragePool", average_pool, 1),
    "QLinearGlobalAveragePool": _simple("GlobalAveragePool", global_average_pool, 1),
    "QLinearSigmoid": _simple("Sigmoid", unary, 1),
    "QLinearLeakyRelu": _simple("LeakyRelu", unary, 1),
    "QLinearConcat": qlinear_concat,
}
