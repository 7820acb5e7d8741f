"""Resize: source coordinates as onnxruntime computes them, in float32."""

from dataclasses import replace

import numpy as np
import onnx
from numpy.typing import NDArray

from accel_sim.model.context import Context, attribute
from accel_sim.model.graph import Operation, ResizeLinear, Shape
from accel_sim.model.limits import check_elements
from accel_sim.model.values import Code, Expression, Target, UnsupportedError

F32 = np.float32
Axis = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]


def _extent(ctx: Context, node: onnx.NodeProto, shape: Shape) -> tuple[list[int], list[np.float32]]:
    """Output shape and scale of every axis."""
    if ctx.opset >= 11:
        scales_name, sizes_name = ctx.optional(node, 2), ctx.optional(node, 3)
    else:
        scales_name, sizes_name = node.input[1], ""
    axes = attribute(node, "axes") or range(len(shape))
    if attribute(node, "keep_aspect_ratio_policy", "stretch") != "stretch":
        raise UnsupportedError("Resize that keeps the aspect ratio")
    out, factors = list(shape), [F32(1)] * len(shape)
    sizes = ctx.array(sizes_name, "sizes").reshape(-1) if sizes_name else np.empty(0)
    scales = ctx.array(scales_name, "scales").reshape(-1) if scales_name and not sizes.size else np.empty(0)
    for position, axis in enumerate(axes):
        if sizes.size:
            out[axis] = int(sizes[position])
            factors[axis] = F32(out[axis]) / F32(shape[axis])
        else:
            factors[axis] = F32(scales[position])
            out[axis] = int(np.floor(F32(shape[axis]) * factors[axis]))
    if any(n < 1 for n in out):
        raise UnsupportedError(f"Resize of {shape} to {tuple(out)}")
    check_elements(out, "its output")
    return out, factors


def _coordinates(
    ctx: Context, node: onnx.NodeProto, length: int, wanted: int, scale: np.float32
) -> NDArray[np.float32]:
    default = "half_pixel" if ctx.opset >= 11 else "asymmetric"
    mode = attribute(node, "coordinate_transformation_mode", default)
    x = np.arange(wanted, dtype=F32)
    if scale == 1 and wanted == length:
        return x
    if mode == "asymmetric":
        return np.asarray(x / scale, F32)
    if mode == "half_pixel" or (mode == "pytorch_half_pixel" and wanted > 1):
        return np.asarray((x + F32(0.5)) / scale - F32(0.5), F32)
    if mode == "pytorch_half_pixel":
        return np.zeros(wanted, F32)
    if mode == "align_corners":
        return np.asarray(x * F32(length - 1) / F32(wanted - 1), F32) if wanted > 1 else np.zeros(1, F32)
    raise UnsupportedError(f"Resize with coordinates {mode}")


def _nearest(ctx: Context, node: onnx.NodeProto, x: NDArray[np.float32], length: int) -> NDArray[np.int64]:
    mode = attribute(node, "nearest_mode", "round_prefer_floor" if ctx.opset >= 11 else "floor")
    rules = {
        "floor": np.floor(x),
        "ceil": np.ceil(x),
        "round_prefer_floor": np.ceil(x - F32(0.5)),
        "round_prefer_ceil": np.floor(x + F32(0.5)),
    }
    if mode not in rules:
        raise UnsupportedError(f"Resize in nearest mode {mode}")
    return np.asarray(np.clip(rules[mode].astype(np.int64), 0, length - 1))


def nearest_index(ctx: Context, node: onnx.NodeProto, index: NDArray[np.int64]) -> NDArray[np.int64]:
    """Index map of a nearest Resize of any rank."""
    if attribute(node, "antialias", 0):
        raise UnsupportedError("Resize with antialias")
    out, factors = _extent(ctx, node, index.shape)
    for axis, (wanted, scale) in enumerate(zip(out, factors, strict=True)):
        x = _coordinates(ctx, node, index.shape[axis], wanted, scale)
        index = np.take(index, _nearest(ctx, node, x, index.shape[axis]), axis=axis)
    return index


def _axis(x: NDArray[np.float32], length: int) -> Axis:
    x = np.clip(x, F32(0), F32(length - 1))
    lower = np.minimum(x.astype(np.int32), length - 1)
    upper = np.minimum(lower + 1, length - 1)
    weight_upper, weight_lower = np.abs(x - lower.astype(F32)), np.abs(x - upper.astype(F32))
    same = lower == upper
    half = F32(0.5)
    return (
        lower.astype(np.int32),
        upper.astype(np.int32),
        np.where(same, half, weight_lower).astype(F32),
        np.where(same, half, weight_upper).astype(F32),
    )


def resize(ctx: Context, node: onnx.NodeProto, name: str) -> None:
    """Resize: nearest is a move, linear is arithmetic, cubic stays on the host."""
    from accel_sim.model.operators.movers import mover

    mode = attribute(node, "mode", "nearest")
    if mode == "nearest":
        mover(ctx, node, name)
        return
    if mode != "linear" or attribute(node, "antialias", 0):
        raise UnsupportedError(
            f"Resize in mode {mode}" + (" with antialias" if attribute(node, "antialias", 0) else "")
        )
    value = ctx.value(node.input[0])
    on_codes = isinstance(value, Code)
    sources: tuple[str, ...] = (name,)
    if on_codes:
        tensor = ctx.code(node.input[0])
        shape, side, source = tensor.shape, (1.0, 0, tensor.code_type), tensor.name
    else:
        x = ctx.real(node.input[0])
        shape, side, source, sources = x.shape, x.side, x.tensor, (*x.sources, name)
    if len(shape) != 4:
        raise UnsupportedError(f"linear Resize of shape {shape}; the array takes (n, c, h, w)")
    out, factors = _extent(ctx, node, shape)
    if out[:2] != list(shape[:2]):
        raise UnsupportedError("linear Resize of batch or channels")
    rows, columns = (
        _axis(_coordinates(ctx, node, shape[axis], out[axis], factors[axis]), shape[axis]) for axis in (2, 3)
    )
    if on_codes:
        operation = ResizeLinear(rows, columns, True, side, side)
        target = replace(ctx.tensors[source], name=node.output[0], shape=tuple(out))
        ctx.emit(name, node.op_type, operation, (source,), target, sources)
        return

    def build(target: Target) -> Operation:
        return ResizeLinear(rows, columns, False, side, target.side, target.curves)

    ctx.pend(Expression(node.op_type, name, node.output[0], tuple(out), (source,), build, sources=sources))
