"""Operators that only change the place of elements: each becomes one index map."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from accel_sim.model.context import Context, attribute
from accel_sim.model.graph import Move, Operation
from accel_sim.model.limits import check_elements
from accel_sim.model.operators.pointwise import change_of_side
from accel_sim.model.operators.resize import nearest_index
from accel_sim.model.values import Code, Constant, Expression, Real, StoredConstant, Target, UnsupportedError
from accel_sim.numerics import CodeType, quantise

Index = NDArray[np.int64]


def _shape_of(ctx: Context, node: onnx.NodeProto, index: Index) -> list[int]:
    wanted = [int(v) for v in ctx.array(node.input[1], "shape").reshape(-1)]
    if not attribute(node, "allowzero", 0):
        wanted = [index.shape[i] if v == 0 and i < index.ndim else v for i, v in enumerate(wanted)]
    return wanted


def _reshape(ctx: Context, node: onnx.NodeProto, index: Index) -> Index:
    wanted = _shape_of(ctx, node, index)
    try:
        return index.reshape(wanted)
    except ValueError as error:
        raise UnsupportedError(f"Reshape of {index.shape} to {tuple(wanted)}") from error


def _flatten(ctx: Context, node: onnx.NodeProto, index: Index) -> Index:
    axis = int(attribute(node, "axis", 1))
    axis = axis + index.ndim if axis < 0 else axis
    return index.reshape(int(np.prod(index.shape[:axis])), -1)


def _transpose(ctx: Context, node: onnx.NodeProto, index: Index) -> Index:
    return index.transpose(attribute(node, "perm", None))


def _axes(ctx: Context, node: onnx.NodeProto) -> list[int] | None:
    if len(node.input) > 1 and node.input[1]:
        return [int(v) for v in ctx.array(node.input[1], "axes").reshape(-1)]
    found = attribute(node, "axes")
    return None if found is None else list(found)


def _squeeze(ctx: Context, node: onnx.NodeProto, index: Index) -> Index:
    axes = _axes(ctx, node)
    return index.squeeze() if axes is None else index.squeeze(tuple(axes))


def _unsqueeze(ctx: Context, node: onnx.NodeProto, index: Index) -> Index:
    return np.expand_dims(index, tuple(_axes(ctx, node) or []))


def _slice(ctx: Context, node: onnx.NodeProto, index: Index) -> Index:
    if len(node.input) > 1:
        read = [ctx.array(n, "slice bound").reshape(-1).tolist() if n else None for n in node.input[1:]]
        starts, ends = read[0] or [], read[1] or []
        axes = read[2] if len(read) > 2 and read[2] is not None else list(range(len(starts)))
        steps = read[3] if len(read) > 3 and read[3] is not None else [1] * len(starts)
    else:
        starts, ends = attribute(node, "starts"), attribute(node, "ends")
        axes, steps = attribute(node, "axes", list(range(len(starts)))), [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        length = index.shape[axis]
        if step < 0:  # ONNX counts an end below -length as "before the first", Python's slice needs None there
            stop = None if end < -length else int(end)
            cut = slice(int(start), stop, int(step))
        else:
            cut = slice(int(start), int(end), int(step))
        index = np.take(index, range(*cut.indices(length)), axis=axis)
    return index


def _depth_to_space(ctx: Context, node: onnx.NodeProto, index: Index) -> Index:
    b = int(attribute(node, "blocksize"))
    n, c, h, w = index.shape
    if attribute(node, "mode", "DCR") == "DCR":
        return index.reshape(n, b, b, c // b**2, h, w).transpose(0, 3, 4, 1, 5, 2).reshape(n, c // b**2, h * b, w * b)
    return index.reshape(n, c // b**2, b, b, h, w).transpose(0, 1, 4, 2, 5, 3).reshape(n, c // b**2, h * b, w * b)


def _space_to_depth(ctx: Context, node: onnx.NodeProto, index: Index) -> Index:
    b = int(attribute(node, "blocksize"))
    n, c, h, w = index.shape
    return index.reshape(n, c, h // b, b, w // b, b).transpose(0, 3, 5, 1, 2, 4).reshape(n, c * b * b, h // b, w // b)


def _identity(ctx: Context, node: onnx.NodeProto, index: Index) -> Index:
    return index


def _gather(ctx: Context, node: onnx.NodeProto, index: Index) -> Index:
    picks = ctx.array(node.input[1], "indices")
    axis = int(attribute(node, "axis", 0))
    check_elements((index.size // max(index.shape[axis], 1), picks.size), "its output")
    return np.take(index, picks.astype(np.int64), axis=axis)


def _pad(ctx: Context, node: onnx.NodeProto, index: Index) -> Index:
    mode = attribute(node, "mode", "constant")
    pads = [
        int(v)
        for v in (
            ctx.array(node.input[1], "pads") if len(node.input) > 1 else np.array(attribute(node, "pads"))
        ).reshape(-1)
    ]
    axes = list(range(index.ndim))
    if len(node.input) > 3 and node.input[3]:
        axes = [int(a) % index.ndim for a in ctx.array(node.input[3], "axes").reshape(-1)]
    widths = [(0, 0)] * index.ndim
    for i, axis in enumerate(axes):
        widths[axis] = (pads[i], pads[i + len(axes)])
    for axis, (before, after) in enumerate(widths):  # negative padding crops
        keep = slice(max(-before, 0), index.shape[axis] - max(-after, 0))
        index = index[(slice(None),) * axis + (keep,)]
    grown = [(max(b, 0), max(a, 0)) for b, a in widths]
    check_elements((n + b + a for n, (b, a) in zip(index.shape, grown, strict=True)), "its output")
    if mode == "constant":
        return np.pad(index, grown, constant_values=-1)
    if mode not in ("reflect", "edge", "wrap"):
        raise UnsupportedError(f"Pad in mode {mode}")
    return np.pad(index, grown, mode=mode)


def _nearest(ctx: Context, node: onnx.NodeProto, index: Index) -> Index:
    return nearest_index(ctx, node, index)


MOVERS: dict[str, Callable[[Context, onnx.NodeProto, Index], Index]] = {
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Transpose": _transpose,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Slice": _slice,
    "DepthToSpace": _depth_to_space,
    "SpaceToDepth": _space_to_depth,
    "Identity": _identity,
    "Dropout": _identity,
    "Gather": _gather,
    "Pad": _pad,
    "Resize": _nearest,
}


def _split(ctx: Context, node: onnx.NodeProto, index: Index) -> list[Index]:
    axis = int(attribute(node, "axis", 0))
    length, parts = index.shape[axis], len(node.output)
    if len(node.input) > 1 and node.input[1]:
        sizes = [int(v) for v in ctx.array(node.input[1], "split").reshape(-1)]
    elif attribute(node, "split"):
        sizes = list(attribute(node, "split"))
    else:
        chunk = -(-length // parts)
        sizes = [chunk] * (parts - 1) + [length - chunk * (parts - 1)]
    if len(sizes) != parts or min(sizes) < 0 or sum(sizes) != length:
        raise UnsupportedError(f"Split of {length} into {len(sizes)} pieces of {sum(sizes)} in all for {parts} outputs")
    return list(np.split(index, np.cumsum(sizes)[:-1], axis=axis))


def mover(ctx: Context, node: onnx.NodeProto, name: str) -> None:
    """Move a stored tensor, a pending expression or a constant."""
    value = ctx.value(node.input[0])
    if isinstance(value, Constant):
        for output, part in zip(node.output, _maps(ctx, node, value.array.shape), strict=False):
            ctx.values[output] = Constant(output, value.array.reshape(-1)[part])
        return
    if isinstance(value, StoredConstant):
        for output, part in zip(node.output, _maps(ctx, node, value.shape), strict=False):
            if part.size and part.min() < 0:
                raise UnsupportedError("padding of a constant")
            ctx.values[output] = replace(
                value,
                index=value.index.reshape(-1)[part],
                scale=value.scale.reshape(-1)[part],
                zero=value.zero.reshape(-1)[part],
            )
        return
    if isinstance(value, Code):
        tensor = ctx.tensors[value.tensor]
        for position, part in enumerate(_maps(ctx, node, tensor.shape)):
            if position < len(node.output) and node.output[position]:
                target = replace(tensor, name=node.output[position], shape=part.shape)
                fill = _fill_code(ctx, node)
                ctx.emit(name, node.op_type, move(part, fill, None), (tensor.name,), target, (name,))
        return
    _pending(ctx, node, name, value)


def _pending(ctx: Context, node: onnx.NodeProto, name: str, value: Any) -> None:
    via = value if isinstance(value, Expression) and value.keeps is None else None
    x = Real("", (1.0, 0, CodeType("uint8")), via.shape) if via is not None else ctx.real(node.input[0])
    fill_value = _fill_real(ctx, node)
    sources = (name,) if via is not None else (*x.sources, name)
    for position, part in enumerate(_maps(ctx, node, x.shape)):
        if position >= len(node.output) or not node.output[position]:
            continue
        pads = bool(part.size) and int(part.min()) < 0

        def build(target: Target, part: Index = part) -> Operation:
            fill = int(quantise(np.float32(fill_value), *target.side, half_up=ctx.half_up))
            for curve in target.curves:
                fill = int(quantise(curve(np.asarray(fill_value, np.float32)), *target.side))
            table = None if via is not None else change_of_side(x.side, target, ctx.half_up)
            return move(part, fill & 255, table)

        keeps = x.side if via is None and (not pads or fill_value == 0.0) else None
        inputs = (x.tensor,) if via is None else ()
        ctx.pend(Expression(
            node.op_type, name, node.output[position], part.shape, inputs, build, sources=sources, keeps=keeps,
            via=via, private=via is None or via.private,
        ))  # fmt: skip


def _maps(ctx: Context, node: onnx.NodeProto, shape: tuple[int, ...]) -> list[Index]:
    check_elements(shape, f"its input {node.input[0]!r}")
    index = np.arange(int(np.prod(shape)), dtype=np.int64).reshape(shape)
    try:
        if node.op_type == "Split":
            return _split(ctx, node, index)
        return [MOVERS[node.op_type](ctx, node, index)]
    except (ValueError, IndexError, TypeError) as error:
        raise UnsupportedError(f"{node.op_type} does not fit an input of shape {shape}") from error


def move(index: Index, fill: int, table: NDArray[np.uint8] | None) -> Move:
    """Make the operation of an index map."""
    return Move(np.ascontiguousarray(index, np.int32), fill, table)


def _fill_name(ctx: Context, node: onnx.NodeProto) -> str:
    return ctx.optional(node, 2) if node.op_type == "Pad" else ""


def _fill_real(ctx: Context, node: onnx.NodeProto) -> float:
    name = _fill_name(ctx, node)
    if name:
        return float(ctx.array(name, "padding value").reshape(-1)[0])
    return float(attribute(node, "value", 0.0)) if node.op_type == "Pad" else 0.0


def _fill_code(ctx: Context, node: onnx.NodeProto) -> int:
    name = _fill_name(ctx, node)
    return int(ctx.array(name, "padding value").reshape(-1)[0]) & 255 if name else 0
