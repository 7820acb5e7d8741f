"""Conv, ConvTranspose, Gemm and MatMul between DequantizeLinear and QuantizeLinear."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from accel_sim.model.context import Context, attribute
from accel_sim.model.fusion import epilogue, vanishes
from accel_sim.model.graph import Conv, ConvTranspose, Gemm, Move, Operation, Shape, View
from accel_sim.model.operators.windows import conv_window, transpose_window
from accel_sim.model.values import Constant, Expression, Real, StoredConstant, Target, UnsupportedError

F32 = np.float32
# Tolerances on the scale of an int32 bias: a fused Conv takes about one percent, a fused Gemm anything.
NEAR, ANY, EXACT = 0.011, np.inf, 1e-6


@dataclass(frozen=True, eq=False)
class Weights:
    """A constant as an operand of the array: codes, zero point and scale per output channel or for all."""

    view: View
    scale: NDArray[np.float32]  # (1,) or (channels,)


def weights(ctx: Context, name: str, channel_axis: int, order: tuple[int, ...] | None = None) -> Weights:
    """Read a quantised constant whose scale varies along `channel_axis` at most (after the permutation `order`)."""
    value = ctx.value(name)
    if not isinstance(value, StoredConstant):
        what = "floating point" if isinstance(value, Constant) else "not constant"
        raise UnsupportedError(f"weights {name!r} are {what}; the array takes quantised constants")
    if value.stored.dtype not in (np.int8, np.uint8):
        raise UnsupportedError(f"weights {name!r} have type {value.stored.dtype}; the array takes int8 or uint8")
    index, scale, zero = value.index, value.scale, value.zero
    if order is not None:
        index, scale, zero = index.transpose(order), scale.transpose(order), zero.transpose(order)
    parameter = ctx.keep(value.parameter, value.stored, "weight")
    plain = index.size == value.stored.size and np.array_equal(index.reshape(-1), np.arange(index.size))
    view = View(parameter, None if plain else index, index.shape, along(zero, channel_axis, name))
    return Weights(view, along(scale, channel_axis, name))


def along(full: NDArray[Any], axis: int, name: str) -> NDArray[Any]:
    """Reduce a full-shape scale or zero point to one value, or one per channel."""
    if np.all(full == full.reshape(-1)[0]):
        return full.reshape(-1)[:1].copy()
    rows = np.moveaxis(full, axis, 0).reshape(full.shape[axis], -1)
    if np.any(rows != rows[:, :1]):
        raise UnsupportedError(f"weights {name!r} are quantised along an axis that is not the output channel")
    return rows[:, 0].copy()


def bias_view(
    ctx: Context,
    value: object,
    product_scale: NDArray[np.float32],
    channels: int,
    headroom: int,
    factor: float,
    verbatim: float,
) -> tuple[View | None, int]:
    """Read a bias in accumulator units.

    Parameters
    ----------
    product_scale
        ``x_scale * w_scale``, float32, (1,) or (channels,).
    headroom
        Left shifts that provably cannot overflow the accumulator without its bias.
    factor
        The bias is multiplied by it (beta of Gemm).
    verbatim
        Largest relative difference between the bias's scale and the product's at which int32 integers are accumulator
        units as they stand, as in onnxruntime's fused kernels.

    Returns
    -------
    view, accumulator_shift
        The shift is above 0 only where an int8 bias is finer than the accumulator.
    """
    if value is None:
        return None, 0
    if isinstance(value, Constant):
        return _float_bias(ctx, value, product_scale / F32(factor), channels, headroom)
    if not isinstance(value, StoredConstant):
        raise UnsupportedError("the bias is not a constant")
    if value.stored.dtype not in (np.int32, np.int8, np.uint8):
        raise UnsupportedError(f"bias {value.parameter!r} has type {value.stored.dtype}; int32, int8, uint8 or float")
    index = _as_row(value.index, channels, value.parameter)
    scale = along(_as_row(value.scale, channels, value.parameter), 0, value.parameter)
    zero = along(_as_row(value.zero, channels, value.parameter), 0, value.parameter).astype(np.int32)
    ratio = factor * scale.astype(np.float64) / product_scale.astype(np.float64)
    shift, gain = 0, None
    exact = value.stored.dtype == np.int32 and not np.any(np.abs(ratio - 1) > verbatim)
    if not exact:
        if np.any(np.abs(ratio) > 2.0**31):  # one step of such a bias is more than the accumulator holds
            raise UnsupportedError(f"the scale of bias {value.parameter!r} is {ratio.max():g} times the products'")
        shift = _fractional_bits(value.stored, ratio, headroom)
        gain = ratio * 2.0**shift if np.any(ratio * 2.0**shift != 1) else None
    parameter = ctx.keep(value.parameter, value.stored, "bias")
    plain = index.size == value.stored.size and np.array_equal(index.reshape(-1), np.arange(index.size))
    return View(parameter, None if plain else index, (channels,), zero, gain), shift


def _fractional_bits(stored: NDArray[Any], ratio: NDArray[np.float64], headroom: int) -> int:
    """Bits by which the accumulator moves up so that a bias off its grid keeps its value.

    A power-of-two ratio needs as many as its exponent says, any other as many as there are (12 at most); neither gets
    more than provably fit beside the products and the bias.
    """
    fraction, exponent = np.frexp(ratio)
    wanted = max(int(np.max(1 - exponent)), 0) if np.all(fraction == 0.5) else 12
    largest = float(np.max(np.abs(stored.astype(np.float64)), initial=0.0) * np.max(ratio))
    return max(min(headroom, wanted, 29 - int(largest).bit_length()), 0)


def _float_bias(
    ctx: Context, value: Constant, product_scale: NDArray[np.float32], channels: int, headroom: int
) -> tuple[View, int]:
    """Store a real bias as int32, with as many fractional bits (12 at most) as provably fit beside the products."""
    if value.array.dtype != np.float32:
        raise UnsupportedError(f"bias {value.name!r} has type {value.array.dtype}")
    row = _as_row(value.array, channels, value.name).astype(np.float64) / product_scale.astype(np.float64)
    largest = float(np.max(np.abs(row), initial=0.0))
    if not np.all(np.isfinite(row)) or largest > 2**31 - 1:
        raise UnsupportedError(f"bias {value.name!r} does not fit into 32 bits at scale {float(product_scale.min()):g}")
    shift = max(min(headroom, 12, 29 - int(largest).bit_length()), 0)
    parameter = ctx.keep(value.name, np.rint(row * 2.0**shift).astype(np.int32), "bias")
    return View(parameter, None, (channels,), np.zeros(1, np.int32)), shift


def _as_row(array: NDArray[Any], channels: int, name: str) -> NDArray[Any]:
    flat = array.reshape(-1)
    if flat.size not in (1, channels):
        raise UnsupportedError(f"bias {name!r} has {flat.size} elements for {channels} channels")
    if array.ndim and array.shape[-1] not in (1, channels):
        raise UnsupportedError(f"bias {name!r} of shape {array.shape} does not lie along the channels")
    return np.broadcast_to(flat, (channels,)).copy() if flat.size != channels else flat


def multiplier(x_scale: float, w_scale: NDArray[np.float32], y_scale: float) -> NDArray[np.float32]:
    """``(x_scale * w_scale) / y_scale`` with onnxruntime's two float32 roundings."""
    return np.asarray((F32(x_scale) * w_scale) / F32(y_scale), F32)


@dataclass(frozen=True, eq=False)
class Linear:
    """The parts of a linear operator before its output quantisation is known."""

    x: Real
    weights: Weights
    bias: View | None
    accumulator_shift: int
    mode: str
    alpha: float = 1.0

    def _scale(self, factor: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(factor * F32(2.0**-self.accumulator_shift), F32)

    def epilogue(self, target: Target) -> Any:
        """Make the epilogue for an output quantisation."""
        x_scale = F32(self.alpha) * F32(self.x.side[0])
        product = F32(x_scale) * self.weights.scale
        factor = multiplier(float(x_scale), self.weights.scale, target.side[0])
        return epilogue(self._scale(product), self._scale(factor), target, self.mode)


def linear(
    ctx: Context,
    x: Real,
    parts: Weights,
    bias: object,
    channels: int,
    *,
    verbatim: float = EXACT,
    alpha: float = 1.0,
    beta: float = 1.0,
) -> Linear:
    """Combine input, weights and bias."""
    with np.errstate(over="ignore", under="ignore"):
        product = F32(alpha) * F32(x.side[0]) * parts.scale
    if not np.all(np.isfinite(product)) or np.any(product == 0):
        raise UnsupportedError(f"the scales of input and weights multiply to {product.min():g}..{product.max():g}")
    view, shift = bias_view(ctx, bias, product, channels, _headroom(ctx, x, parts, channels), beta, verbatim)
    return Linear(x, parts, view, shift, ctx.mode, alpha)


def is_fused(ctx: Context, x: Real, parts: Weights, bias: object, target: Target) -> bool:
    """Whether onnxruntime runs a Conv, MatMul or Gemm group with an integer kernel."""
    weight = ctx.stored[parts.view.parameter].values.dtype
    types = x.side[2] == target.side[2] and (x.side[2].name == "uint8" or weight == np.int8)
    plain_bias = bias is None or (isinstance(bias, StoredConstant) and not np.any(bias.zero))
    return types and plain_bias and target.fusable and vanishes(target)


def _headroom(ctx: Context, x: Real, parts: Weights, channels: int) -> int:
    """Left shifts after which the worst sum of products still fits 30 bits."""
    codes = parts.view.read(ctx.stored[parts.view.parameter].values)
    products = codes.size // channels
    reach = max(x.side[2].high - x.side[1], x.side[1] - x.side[2].low) * 255 * products
    return max(30 - int(reach).bit_length(), 0)


def _bias_input(ctx: Context, node: onnx.NodeProto) -> object:
    name = ctx.optional(node, 2)
    return ctx.value(name) if name else None


def conv(ctx: Context, node: onnx.NodeProto, name: str) -> None:
    """Conv, 1-D and 2-D."""
    x = ctx.real(node.input[0])
    parts = weights(ctx, node.input[1], 0)
    group = int(attribute(node, "group", 1))
    window, out, lifted = conv_window(node, x.shape, parts.view.shape, group)
    parts = Weights(replace(parts.view, shape=lifted), parts.scale)
    bias = _bias_input(ctx, node)
    linear(ctx, x, parts, bias, lifted[0])  # refuses a bias that does not fit

    def build(target: Target) -> Operation:
        verbatim = NEAR if is_fused(ctx, x, parts, bias, target) else EXACT
        body = linear(ctx, x, parts, bias, lifted[0], verbatim=verbatim)
        return Conv(
            body.weights.view, body.bias, x.side[1], window, group, body.epilogue(target), body.accumulator_shift
        )

    shape = (x.shape[0], lifted[0], *out)
    ctx.pend(Expression(node.op_type, name, node.output[0], shape, (x.tensor,), build, sources=(*x.sources, name)))


def conv_transpose(ctx: Context, node: onnx.NodeProto, name: str) -> None:
    """ConvTranspose, 1-D and 2-D."""
    x = ctx.real(node.input[0])
    parts = weights(ctx, node.input[1], 1)
    group = int(attribute(node, "group", 1))
    if group > 1 and parts.scale.size > 1:
        raise UnsupportedError("per-channel scales of a grouped ConvTranspose repeat over the groups")
    window, out, lifted = transpose_window(node, x.shape, parts.view.shape, group)
    parts = Weights(replace(parts.view, shape=lifted), parts.scale)
    body = linear(ctx, x, parts, _bias_input(ctx, node), lifted[1] * group)

    def build(target: Target) -> Operation:
        return ConvTranspose(
            body.weights.view, body.bias, x.side[1], window, group, body.epilogue(target), body.accumulator_shift
        )

    shape = (x.shape[0], lifted[1] * group, *out)
    ctx.pend(Expression(node.op_type, name, node.output[0], shape, (x.tensor,), build, sources=(*x.sources, name)))


def gemm(ctx: Context, node: onnx.NodeProto, name: str) -> None:
    """Gemm with constant, quantised B."""
    x = ctx.real(node.input[0])
    if attribute(node, "transA", 0):
        x = transposed(ctx, x, name)
    order = (0, 1) if attribute(node, "transB", 0) else (1, 0)
    alpha, beta = float(attribute(node, "alpha", 1.0)), float(attribute(node, "beta", 1.0))
    bias = _bias_input(ctx, node) if beta else None
    parts = weights(ctx, node.input[1], 0, order)
    product(ctx, node, name, x, parts, bias, alpha, beta)


def transposed(ctx: Context, x: Real, name: str) -> Real:
    """Store the transpose of a matrix of codes."""
    index = np.arange(x.shape[0] * x.shape[1], dtype=np.int32).reshape(x.shape).T
    target = ctx.tensor(f"{x.tensor}:transposed", index.shape, x.side)
    ctx.emit(f"{name}:transpose", "Transpose", Move(np.ascontiguousarray(index)), (x.tensor,), target, ())
    return Real(target.name, x.side, index.shape)


def matmul(ctx: Context, node: onnx.NodeProto, name: str) -> None:
    """MatMul with constant, quantised second operand."""
    x = ctx.real(node.input[0])
    value = ctx.value(node.input[1])
    if isinstance(value, StoredConstant) and len(value.shape) != 2:
        raise UnsupportedError(f"MatMul with a constant of shape {value.shape}; the array takes (k, n)")
    if len(x.shape) < 2:
        raise UnsupportedError("MatMul of a vector")
    product(ctx, node, name, x, weights(ctx, node.input[1], 0, (1, 0)), None)


def product(
    ctx: Context,
    node: onnx.NodeProto,
    name: str,
    x: Real,
    parts: Weights,
    bias: object,
    alpha: float = 1.0,
    beta: float = 1.0,
) -> None:
    """Describe rows of `x` times a constant of shape (n, k)."""
    columns = parts.view.shape[0]
    if x.shape[-1] != parts.view.shape[1]:
        raise UnsupportedError(f"rows of {x.shape[-1]} elements meet a constant of shape {parts.view.shape}")
    shape: Shape = (*x.shape[:-1], columns)

    def with_bias(value: object) -> Expression:
        linear(ctx, x, parts, value, columns, alpha=alpha, beta=beta)  # refuses a bias that does not fit

        def build(target: Target) -> Operation:
            fused = is_fused(ctx, x, parts, value, target) and alpha == beta == 1.0
            verbatim = ANY if fused else EXACT
            body = linear(ctx, x, parts, value, columns, verbatim=verbatim, alpha=alpha, beta=beta)
            return Gemm(body.weights.view, body.bias, x.side[1], body.epilogue(target), body.accumulator_shift)

        sources = (*x.sources, name)
        return Expression(node.op_type, name, node.output[0], shape, (x.tensor,), build, sources=sources)

    plain = with_bias(bias)
    addable = bias is None and alpha == 1.0
    ctx.pend(replace(plain, add_bias=with_bias if addable else None))
