"""MaxPool, AveragePool and GlobalAveragePool."""

import math
from dataclasses import replace

import numpy as np
import onnx

from accel_sim.model.context import Context, attribute
from accel_sim.model.fusion import pool_epilogue, vanishes
from accel_sim.model.graph import AveragePool, GlobalAveragePool, MaxPool, Operation, Window
from accel_sim.model.operators.means import mean, power_of_two
from accel_sim.model.operators.windows import pool_window
from accel_sim.model.values import Code, Expression, Real, Target, UnsupportedError

F32 = np.float32


def max_pool(ctx: Context, node: onnx.NodeProto, name: str) -> None:
    """MaxPool: exact on codes; on 8-bit tensors directly as well."""
    if len(node.output) > 1 and node.output[1]:
        raise UnsupportedError("MaxPool with indices")
    if isinstance(ctx.value(node.input[0]), Code):
        source = ctx.code(node.input[0])
        window, out, _ = pool_window(node, source.shape)
        target = replace(source, name=node.output[0], shape=(*source.shape[:2], *out))
        ctx.emit(name, node.op_type, MaxPool(window), (source.name,), target, (name,))
        return
    pending = ctx.value(node.input[0])
    via = pending if isinstance(pending, Expression) and pending.keeps is None else None
    x = via or ctx.real(node.input[0])
    window, out, _ = pool_window(node, x.shape)

    def build(target: Target) -> Operation:
        return MaxPool(window)

    ctx.pend(
        Expression(
            node.op_type, name, node.output[0], (*x.shape[:2], *out), () if isinstance(x, Expression) else (x.tensor,),
            build, sources=(name,) if isinstance(x, Expression) else (*x.sources, name),
            keeps=None if isinstance(x, Expression) else x.side, takes_curves=False, via=via,
            private=via is None or via.private,
        )
    )  # fmt: skip


def average_pool(ctx: Context, node: onnx.NodeProto, name: str) -> None:
    """AveragePool: onnxruntime's float32 arithmetic, fused or not; in power-of-two arithmetic a convolution."""
    x = ctx.real(node.input[0])
    window, out, over = pool_window(node, x.shape)
    include = bool(attribute(node, "count_include_pad", 0))
    if include and any(over):
        raise UnsupportedError("AveragePool with count_include_pad and windows that reach past the padding")

    def build(target: Target) -> Operation:
        if ctx.half_up and (include or not any(window.pads)) and not any(over) and power_of_two(x, target):
            return mean(ctx, name, x, target, window)
        fused = vanishes(target) and target.fusable and x.side[2] == target.side[2]
        if (
            fused
            and window.kernel == tuple(([1, *x.shape[2:]])[-2:])
            and not any(window.pads)
            and out == (1,) * len(out)
        ):
            # onnxruntime hands a window that covers the whole input to its global kernel, which rounds differently.
            return _global(ctx, x, target)
        return AveragePool(window, include, x.side, target.side, fused, () if fused else target.curves)

    ctx.pend(
        Expression(
            node.op_type, name, node.output[0], (*x.shape[:2], *out), (x.tensor,), build, sources=(*x.sources, name)
        )
    )


def global_average_pool(ctx: Context, node: onnx.NodeProto, name: str) -> None:
    """GlobalAveragePool: an integer sum and one multiplication; with a shift alone only for 2**k positions."""
    x = ctx.real(node.input[0])
    if len(x.shape) < 3:
        raise UnsupportedError(f"GlobalAveragePool of shape {x.shape}")

    def build(target: Target) -> Operation:
        window = Window((x.shape[2], x.shape[3]) if len(x.shape) == 4 else (1, x.shape[2]))
        if ctx.half_up and len(x.shape) < 5 and power_of_two(x, target) and math.prod(window.kernel).bit_count() > 1:
            return mean(ctx, name, x, target, window)
        return _global(ctx, x, target)

    shape = (*x.shape[:2], *(1 for _ in x.shape[2:]))
    ctx.pend(Expression(node.op_type, name, node.output[0], shape, (x.tensor,), build, sources=(*x.sources, name)))


def _global(ctx: Context, x: Real, target: Target) -> GlobalAveragePool:
    count = F32(np.prod(x.shape[2:]))
    factor = F32(x.side[0]) / (F32(target.side[0]) * count)
    return GlobalAveragePool(x.side[1], pool_epilogue(factor, F32(x.side[0]) / count, target, ctx.mode))
