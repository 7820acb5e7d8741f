"""Operators without products of tensors: functions of one code, two operands, pools, Resize."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.generators.products import ACTIVATIONS, activate, finish
from tests.generators.sketch import F32, Code, Sketch


def unary(sketch: Sketch) -> bool:
    x = sketch.pick(2, 3, 4)
    op = str(sketch.choose(ACTIVATIONS))
    if x is None or (op == "HardSwish" and sketch.opset < 14):
        return False
    sketch.tags.add(f"table_{op}")
    real = activate(sketch, op, sketch.real(x))
    # Equal parameters around a function that changes nothing would make onnxruntime merge two Q/DQ pairs into one.
    sketch.quantise(real)
    return True


def operand(sketch: Sketch, x: Code) -> str:
    """A constant second operand: codes, quantised floats or plain floats; full, per channel or scalar."""
    channels = [1] * len(x.shape)
    channels[1 if len(x.shape) > 1 else 0] = x.shape[1]
    tail = list(x.shape[-1:])
    shape = sketch.choose([(), channels, [1, *x.shape[1:]], tail])
    kind = sketch.choose(["codes", "codes", "quantised", "float"])
    sketch.tags.add(f"operand_{kind}")
    scale, zero = sketch.pick_scale(x.scale * float(sketch.rng.uniform(0.2, 2))), sketch.pick_zero(x.dtype)
    if kind == "codes":
        return sketch.quantised_constant(sketch.random_codes(shape, x.dtype), F32(scale), zero)
    values = sketch.rng.normal(0, 40 * scale, tuple(shape)).astype(F32)
    if kind == "float":
        return sketch.constant(values, "operand")
    parameters = [sketch.constant(F32(scale), "scale"), sketch.constant(np.asarray(zero, x.dtype), "zero")]
    coded = sketch.node("QuantizeLinear", [sketch.constant(values, "operand"), *parameters])
    name: str = sketch.node("DequantizeLinear", [coded, *parameters])
    return name


def broadcasts(first: Sequence[int], second: Sequence[int]) -> bool:
    """Do two shapes combine without the batch axis being stretched?"""
    return (
        len(first) == len(second)
        and first[0] == second[0]
        and all(a == b or 1 in (a, b) for a, b in zip(first[1:], second[1:], strict=True))
    )


def binary(sketch: Sketch) -> bool:
    x = sketch.pick(2, 3, 4)
    if x is None:
        return False
    op = sketch.choose(["Add", "Add", "Mul"])
    partners = [code for code in sketch.codes if broadcasts(code.shape, x.shape)]
    if sketch.chance(0.65):
        others = [code for code in partners if code.name != x.name]
        other = sketch.choose(others) if others and sketch.chance(0.9) else x
        sketch.tags.add("broadcast" if other.shape != x.shape else "same_operand" if other is x else "two_tensors")
        if other.dtype != x.dtype:
            sketch.tags.add("mixed_types")
        right = sketch.real(other)
    else:
        right = operand(sketch, x)
        sketch.tags.add("constant_operand")
    pair = [sketch.real(x), right]
    finish(sketch, sketch.node(op, pair if sketch.chance(0.7) else pair[::-1]))
    return True


def concat(sketch: Sketch) -> bool:
    x = sketch.pick(2, 3, 4)
    if x is None:
        return False
    axis = sketch.between(1, len(x.shape) - 1)
    fitting = [
        code
        for code in sketch.codes
        if len(code.shape) == len(x.shape)
        and all(code.shape[i] == x.shape[i] for i in range(len(x.shape)) if i != axis)
    ]
    chosen = [x, *(sketch.choose(fitting) for _ in range(sketch.between(1, 2)))]
    if sum(code.shape[axis] for code in chosen) > 40:
        return False
    reals = [sketch.real(code) for code in chosen]
    if x.shape[0] == 1 and not sketch.symbolic_batch and sketch.chance(0.2):
        shape = list(x.shape)
        shape[axis] = 2
        reals.append(sketch.quantised_constant(sketch.random_codes(shape, x.dtype), F32(x.scale * 2), 3))
        sketch.tags.add("concat_constant")
    sketch.tags.add(f"concat_axis_{axis}")
    position = axis if sketch.chance(0.6) else axis - len(x.shape)
    real = sketch.node("Concat", reals, axis=position)
    same = sketch.chance(0.3)
    sketch.quantise(real, like=x if same else None)
    return True


def starts_in_padding(size: Sequence[int], kernel: Sequence[int], strides: Sequence[int], pads: Sequence[int]) -> bool:
    """With ceil_mode, would a window lie wholly in the padding? The standard's versions disagree about those."""
    starts = []
    for axis, extent in enumerate(size):
        span = extent + pads[axis] + pads[len(size) + axis] - kernel[axis]
        starts.append(-(-span // strides[axis]) * strides[axis] >= extent + pads[axis])
    return any(starts)


def pool_geometry(sketch: Sketch, size: tuple[int, ...]) -> dict[str, Any]:
    kernel = [sketch.between(1, min(3, extent)) for extent in size]
    attributes: dict[str, Any] = {"kernel_shape": kernel}
    if sketch.chance(0.6):
        attributes["strides"] = [sketch.between(1, 3) for _ in size]
    padding = sketch.choose(["none", "none", "pads", "SAME_UPPER", "SAME_LOWER", "VALID"])
    if padding == "pads":
        attributes["pads"] = [sketch.between(0, k - 1) for k in kernel + kernel]
        sketch.tags.add("pool_pads")
    elif padding != "none":
        attributes["auto_pad"] = padding
        # onnxruntime refuses SAME padding where the stride leaves gaps between the windows.
        strides = attributes.get("strides", [1] * len(size))
        attributes["strides"] = [min(k, stride) for k, stride in zip(kernel, strides, strict=True)]
        sketch.tags.add("pool_auto_pad")
    pads = attributes.get("pads", [0] * (2 * len(size)))
    strides = attributes.get("strides", [1] * len(size))
    if padding in ("none", "pads") and sketch.chance(0.4) and not starts_in_padding(size, kernel, strides, pads):
        attributes["ceil_mode"] = 1
        sketch.tags.add("ceil_mode")
    return attributes


def max_pool(sketch: Sketch) -> bool:
    x = sketch.pick(3, 4)
    if x is None:
        return False
    attributes = pool_geometry(sketch, x.shape[2:])
    if "auto_pad" not in attributes and sketch.chance(0.2) and min(x.shape[2:]) >= 5:
        attributes["dilations"] = [2] * (len(x.shape) - 2)
        sketch.tags.add("pool_dilation")
    real = sketch.node("MaxPool", [sketch.real(x)], **attributes)
    sketch.quantise(real, like=x if sketch.chance(0.75) else None)
    return True


def is_tiny(sketch: Sketch, real: str, x: Code) -> bool:
    """Means of a few steps only: a scale fitted to them would leave the range that onnxruntime accepts."""
    return float(np.abs(sketch.measure(real)).max(initial=0.0)) < 16 * x.scale


def average_pool(sketch: Sketch) -> bool:
    x = sketch.pick(3, 4)
    if x is None or sketch.vector_scales:
        return False  # onnxruntime cannot load an average pool whose scales have the shape [1]
    attributes = pool_geometry(sketch, x.shape[2:])
    if sketch.chance(0.4):
        attributes["count_include_pad"] = 1
        sketch.tags.add("count_include_pad")
    real = sketch.node("AveragePool", [sketch.real(x)], **attributes)
    sketch.quantise(real, like=x if sketch.chance(0.3) or is_tiny(sketch, real, x) else None)
    return True


def global_average_pool(sketch: Sketch) -> bool:
    x = sketch.pick(3, 4)
    if x is None:
        return False
    real = sketch.node("GlobalAveragePool", [sketch.real(x)])
    sketch.quantise(real, like=x if is_tiny(sketch, real, x) else None)
    return True


def resize(sketch: Sketch) -> bool:
    x = sketch.pick(4)
    if x is None or np.prod(x.shape) > 1500:
        return False
    mode = sketch.choose(["nearest", "linear"])
    coordinates = sketch.choose(["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"])
    attributes = {"mode": mode, "coordinate_transformation_mode": coordinates}
    if mode == "nearest":
        attributes["nearest_mode"] = sketch.choose(["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])
    factors = [1.0, 1.0, *sketch.choose([(2.0, 2.0), (2.0, 1.0), (1.5, 3.0), (0.5, 0.5), (4.0, 2.0)])]
    if min(extent * factor for extent, factor in zip(x.shape, factors, strict=True)) < 1:
        return False
    if sketch.symbolic_batch or sketch.chance(0.6):
        inputs = [sketch.real(x), "", sketch.constant(np.array(factors, F32), "scales")]
    else:
        sizes = [int(extent * factor) for extent, factor in zip(x.shape, factors, strict=True)]
        inputs = [sketch.real(x), "", "", sketch.constant(np.array(sizes, np.int64), "sizes")]
        sketch.tags.add("resize_sizes")
    sketch.tags.add(f"resize_{mode}_{coordinates}")
    real = sketch.node("Resize", inputs, **attributes)
    sketch.quantise(real, like=x if sketch.chance(0.75) else None)
    return True
