"""Operators with a sum of products: Conv, ConvTranspose, Gemm, MatMul."""

from typing import Any

import numpy as np

from tests.generators.sketch import F32, Array, Code, Sketch

ACTIVATIONS = ("Relu", "Clip", "LeakyRelu", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "PRelu")


def weight_dtype(sketch: Sketch, x: Code) -> str:
    """The types onnxruntime has kernels for, and now and then the pair it has none for."""
    if x.dtype == "int8":
        mixed = sketch.chance(0.05)
        sketch.tags |= {"weight_uint8_under_int8"} if mixed else set()
        return "uint8" if mixed else "int8"
    return str(sketch.choose(["int8", "int8", "uint8"]))


def weight(sketch: Sketch, x: Code, shape: tuple[int, ...], axis: int) -> tuple[str, Array]:
    """Weights behind a DequantizeLinear; returns its name and the scale, a scalar or one per channel of `axis`."""
    dtype = weight_dtype(sketch, x)
    sketch.tags.add(f"{x.dtype}_{dtype}")
    values = sketch.random_codes(shape, dtype)
    if sketch.chance(0.3):
        values = (values // 16 + (120 if dtype == "uint8" else 0)).astype(dtype)
    channels = shape[axis] if sketch.chance(0.4) else 1
    scale = np.array([sketch.pick_scale(float(sketch.rng.uniform(0.002, 0.03))) for _ in range(channels)], F32)
    zero = 0 if dtype == "int8" else 128
    if sketch.chance(0.3):
        zero = sketch.between(-9, 9) + zero
        sketch.tags.add("weight_zero_point")
    zeros = np.full(channels, zero, dtype)
    if channels == 1:
        shape_one = sketch.chance(0.3)
        sketch.tags |= {"weight_scale_shape_1"} if shape_one else set()
        scale = scale.reshape((1,) if shape_one else ())
        return sketch.quantised_constant(values, scale, zeros.reshape(scale.shape)), scale
    sketch.tags.add("per_channel")
    return sketch.quantised_constant(values, scale, zeros, axis), scale


def bias(sketch: Sketch, x: Code, weight_scale: Array, channels: int, forms: tuple[str, ...]) -> str | None:
    """A bias in one of the forms that occur, or none."""
    form = sketch.choose(forms)
    product = (F32(x.scale) * np.asarray(weight_scale, F32)).astype(F32)
    sketch.tags.add(f"bias_{form}")
    if form == "none":
        return None
    if form == "float":
        spread = 2000 * float(np.mean(product))
        return sketch.constant(sketch.rng.normal(0, spread, channels).astype(F32), "bias")
    if form == "int8":
        return sketch.quantised_constant(
            sketch.random_codes((channels,), "int8"), F32(2.0 ** np.round(np.log2(float(np.mean(product)) * 64))), 0
        )
    reach = 2**29 if form == "int32_huge" else 2 ** sketch.between(6, 15)
    values = sketch.rng.integers(-reach, reach, channels).astype(np.int32)
    if form == "int32_near":
        product = (product * F32(1.004)).astype(F32)
    return sketch.quantised_constant(
        values, product, np.zeros(product.shape, np.int32), 0 if product.size > 1 else None
    )


def activation(sketch: Sketch, real: str) -> tuple[str, str | None]:
    """Maybe an activation straight after a float tensor; returns the new tensor and the name of the function."""
    op = str(sketch.choose(ACTIVATIONS))
    if not sketch.chance(0.35) or (op == "HardSwish" and sketch.opset < 14):
        return real, None
    return activate(sketch, op, real), op


def activate(sketch: Sketch, op: str, real: str) -> str:
    inputs = [real]
    attributes: dict[str, Any] = {}
    if op == "Clip":
        low, high = sketch.choose([(0.0, 6.0), (-1.0, 1.5), (0.0, None), (None, 2.0)])
        inputs.append("" if low is None else sketch.constant(F32(low), "low"))
        if high is not None:
            inputs.append(sketch.constant(F32(high), "high"))
    elif op == "LeakyRelu":
        attributes = {"alpha": float(sketch.choose([0.1, 0.25, 0.01]))}
    elif op == "HardSigmoid" and sketch.chance(0.5):
        attributes = {"alpha": 1 / 6, "beta": 0.5}
    elif op == "PRelu":
        inputs.append(sketch.constant(np.array([sketch.choose([0.25, 0.3, -0.1])], F32), "slope"))
    result: str = sketch.node(op, inputs, **attributes)
    return result


def finish(sketch: Sketch, real: str) -> None:
    """Optional activation, then QuantizeLinear: often with the smallest zero point after a ReLU, as quantisers do."""
    real, function = activation(sketch, real)
    zero = None
    if function:
        sketch.tags.add(f"sum_{function}")
        if function in ("Relu", "Clip") and sketch.chance(0.6):
            zero = 0 if sketch.dtype == "uint8" else -128
    dtype = sketch.dtype
    if sketch.chance(0.07):
        dtype = "int8" if dtype == "uint8" else "uint8"
        sketch.tags.add("output_of_other_type")
        zero = None
    sketch.quantise(real, dtype=dtype, zero=zero)


def spatial_geometry(sketch: Sketch, size: tuple[int, ...]) -> tuple[list[int], dict[str, Any]]:
    """Kernel and attributes of a convolution that fits into `size`."""
    rank = len(size)
    kernel = [min(int(sketch.choose([1, 1, 2, 3, 3, 5])), extent + 2) for extent in size]
    attributes: dict[str, Any] = {}
    padding = sketch.choose(["none", "same", "asymmetric", "SAME_UPPER", "SAME_LOWER", "VALID"])
    if padding == "same":
        attributes["pads"] = [k // 2 for k in kernel] * 2
    elif padding == "asymmetric":
        attributes["pads"] = [sketch.between(0, 2) for _ in range(2 * rank)]
    elif padding != "none":
        attributes["auto_pad"] = padding
    strides = [sketch.choose([1, 1, 2, 3]) for _ in size]
    if max(strides) > 1:
        attributes["strides"] = strides
        sketch.tags.add("stride")
    pads = attributes.get("pads", [0] * (2 * rank))
    room = [extent + pads[i] + pads[rank + i] for i, extent in enumerate(size)]
    # Dilation with SAME padding is left out: onnxruntime and the standard disagree about it.
    if sketch.chance(0.25) and not padding.startswith("SAME"):
        attributes["dilations"] = [2 if (k - 1) * 2 + 1 <= free else 1 for k, free in zip(kernel, room, strict=True)]
        sketch.tags.add("dilation")
    if not padding.startswith("SAME"):
        dilations = attributes.get("dilations", [1] * rank)
        kernel = [k if (k - 1) * d + 1 <= free else 1 for k, d, free in zip(kernel, dilations, room, strict=True)]
    sketch.tags.add(f"pad_{padding}")
    return kernel, attributes


def conv(sketch: Sketch) -> bool:
    x = sketch.pick(3, 4)
    if x is None:
        return False
    channels = x.shape[1]
    kernel, attributes = spatial_geometry(sketch, x.shape[2:])
    divisors = [g for g in range(1, channels + 1) if channels % g == 0]
    group = channels if sketch.chance(0.2) else sketch.choose(divisors) if sketch.chance(0.3) else 1
    out = group * sketch.between(1, 2) if group == channels else group * sketch.between(1, max(1, 20 // group))
    if group > 1:
        attributes["group"] = group
        sketch.tags.add("depthwise" if group == channels else "group")
    sketch.tags.add(f"conv_{len(kernel)}d")
    name, scale = weight(sketch, x, (out, channels // group, *kernel), 0)
    forms = ("none", "int32", "int32", "int32", "float", "int8", "int32_huge", "int32_near")
    added = bias(sketch, x, scale, out, forms)
    real = sketch.node("Conv", [sketch.real(x), name, *([added] if added else [])], **attributes)
    if sketch.chance(0.08) and len(x.shape) == 4:
        real = sketch.node("MaxPool", [real], kernel_shape=[1, 1], strides=[2, 1])
        sketch.tags.add("conv_then_maxpool")
    finish(sketch, real)
    return True


def conv_transpose(sketch: Sketch) -> bool:
    x = sketch.pick(3, 4)
    if x is None:
        return False
    rank, channels = len(x.shape) - 2, x.shape[1]
    attributes: dict[str, Any] = {"strides": [sketch.between(1, 3) for _ in range(rank)]}
    kernel = [sketch.between(1, 4) for _ in range(rank)]
    if sketch.chance(0.4):
        attributes["strides"] = kernel
        sketch.tags.add("transpose_conv_without_overlap")
    if sketch.chance(0.3):
        attributes["pads"] = [min(1, (k - 1) // 2) for k in kernel] * 2
    if sketch.chance(0.3):
        attributes["output_padding"] = [stride - 1 for stride in attributes["strides"]]
    group = sketch.choose([g for g in range(1, channels + 1) if channels % g == 0]) if sketch.chance(0.2) else 1
    if group > 1:
        attributes["group"] = group
    per_group = sketch.between(1, max(1, 8 // group))
    name, scale = weight(sketch, x, (channels, per_group, *kernel), 1 if group == 1 else 0)
    if scale.size > 1 and group > 1:
        return False
    forms = ("none", "int32", "float", "int32")
    added = bias(sketch, x, scale, per_group * group, forms)
    finish(sketch, sketch.node("ConvTranspose", [sketch.real(x), name, *([added] if added else [])], **attributes))
    return True


def gemm(sketch: Sketch) -> bool:
    x = sketch.pick(2)
    if x is None:
        return False
    attributes: dict[str, Any] = {}
    transposed = not sketch.symbolic_batch and sketch.chance(0.2)
    rows, inner = x.shape[::-1] if transposed else x.shape
    if transposed:
        attributes["transA"] = 1
        sketch.tags.add("transA")
    out = sketch.between(1, 20)
    shape, axis = ((out, inner), 0) if sketch.chance(0.5) else ((inner, out), 1)
    if axis == 0:
        attributes["transB"] = 1
        sketch.tags.add("transB")
    for name, odds in (("alpha", 0.15), ("beta", 0.1)):
        if sketch.chance(odds):
            attributes[name] = float(sketch.choose([0.5, 1.3]))
            sketch.tags.add(name)
    name, scale = weight(sketch, x, shape, axis)
    added = bias(sketch, x, scale, out, ("none", "int32", "int32", "int32", "float", "int32_huge"))
    finish(sketch, sketch.node("Gemm", [sketch.real(x), name, *([added] if added else [])], **attributes))
    del rows
    return True


def matmul(sketch: Sketch) -> bool:
    x = sketch.pick(2, 3, 4)
    if x is None or x.shape[-1] == 0:
        return False
    if len(x.shape) > 2 and x.shape[-1] == x.shape[-2] and sketch.chance(0.5):
        sketch.tags.add("matmul_of_activations")
        finish(sketch, sketch.node("MatMul", [sketch.real(x), sketch.real(x)]))
        return True
    out = sketch.between(1, 20)
    name, scale = weight(sketch, x, (x.shape[-1], out), 1)
    real = sketch.node("MatMul", [sketch.real(x), name])
    added = bias(sketch, x, scale, out, ("none", "none", "int32", "float"))
    if added:
        real = sketch.node("Add", [real, added] if sketch.chance(0.7) else [added, real])
        sketch.tags.add("matmul_plus_bias")
    finish(sketch, real)
    return True
