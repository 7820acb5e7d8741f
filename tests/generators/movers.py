"""Operators that only move values: Reshape, Transpose, Slice, Split, Pad and the like."""

from typing import Any

import numpy as np

from tests.generators.sketch import F32, Code, Sketch


def emit(sketch: Sketch, x: Code, op: str, inputs: list[str], **attributes: Any) -> bool:
    """The mover, then QuantizeLinear: usually with the same parameters; sometimes a ReLU between."""
    real = sketch.node(op, [sketch.real(x), *inputs], **attributes)
    if sketch.chance(0.1):
        real = sketch.node("Relu", [real])
        sketch.tags.add("mover_then_relu")
        sketch.quantise(real, zero=0 if sketch.dtype == "uint8" else -128)
        return True
    same = sketch.chance(0.75)
    sketch.tags.add("mover_same_parameters" if same else "mover_new_parameters")
    sketch.quantise(real, like=x if same else None)
    return True


def reshape(sketch: Sketch) -> bool:
    x = sketch.pick(2, 3, 4)
    if x is None:
        return False
    inner = int(np.prod(x.shape[1:]))
    factors = [f for f in range(1, min(inner, 20) + 1) if inner % f == 0]
    first = sketch.choose(factors)
    target = sketch.choose([[0, -1], [0, first, -1], [0, first, -1, 1], [0, first, 1, -1]])
    return emit(sketch, x, "Reshape", [sketch.constant(np.array(target, np.int64), "shape")])


def flatten(sketch: Sketch) -> bool:
    x = sketch.pick(3, 4)
    if x is None:
        return False
    attributes = {"axis": sketch.choose([1, 2])} if sketch.chance(0.5) and not sketch.symbolic_batch else {}
    return emit(sketch, x, "Flatten", [], **attributes)


def transpose(sketch: Sketch) -> bool:
    x = sketch.pick(3, 4)
    if x is None:
        return False
    tail = [int(axis) for axis in sketch.rng.permutation(np.arange(1, len(x.shape)))]
    return emit(sketch, x, "Transpose", [], perm=[0, *tail])


def slice_(sketch: Sketch) -> bool:
    x = sketch.pick(2, 3, 4)
    if x is None:
        return False
    axis = sketch.between(1, len(x.shape) - 1)
    extent = x.shape[axis]
    step = sketch.choose([1, 1, 2, -1])
    start, end = sorted([sketch.between(0, extent - 1), sketch.between(0, extent - 1)])
    end += 1
    bounds = (start, end) if step > 0 else (end - 1, start - 1 if start else -extent - 1)
    if sketch.chance(0.3):
        axis -= len(x.shape)
    sketch.tags |= {"slice_backwards"} if step < 0 else set()
    values = [np.array([value], np.int64) for value in (*bounds, axis, step)]
    return emit(sketch, x, "Slice", [sketch.constant(value, "slice") for value in values])


def split(sketch: Sketch) -> bool:
    x = sketch.pick(2, 3, 4)
    if x is None:
        return False
    axis = sketch.between(1, len(x.shape) - 1)
    extent = x.shape[axis]
    if extent < 2:
        return False
    first = sketch.between(1, extent - 1)
    inputs = [sketch.real(x)]
    attributes: dict[str, Any] = {"axis": axis}
    if extent % 2 or sketch.chance(0.5):
        inputs.append(sketch.constant(np.array([first, extent - first], np.int64), "split"))
        sketch.tags.add("split_sizes")
    elif sketch.opset >= 18:
        attributes["num_outputs"] = 2
        sketch.tags.add("split_num_outputs")
    same = sketch.chance(0.8)
    for real in sketch.node("Split", inputs, outputs=2, **attributes):
        sketch.quantise(real, like=x if same else None)
    return True


def squeeze(sketch: Sketch) -> bool:
    singles = [code for code in sketch.codes if len(code.shape) > 2 and 1 in code.shape[1:]]
    if not singles:
        return False
    x = sketch.choose(singles)
    axes = [axis for axis in range(1, len(x.shape)) if x.shape[axis] == 1][: len(x.shape) - 2]
    return emit(sketch, x, "Squeeze", [sketch.constant(np.array(axes, np.int64), "axes")])


def unsqueeze(sketch: Sketch) -> bool:
    x = sketch.pick(2, 3)
    if x is None:
        return False
    axis = sketch.choose([2, -1])
    return emit(sketch, x, "Unsqueeze", [sketch.constant(np.array([axis], np.int64), "axes")])


def depth_to_space(sketch: Sketch) -> bool:
    fitting = [code for code in sketch.codes if len(code.shape) == 4 and code.shape[1] % 4 == 0]
    if not fitting:
        return False
    mode = sketch.choose(["DCR", "CRD"])
    sketch.tags.add(mode)
    return emit(sketch, sketch.choose(fitting), "DepthToSpace", [], blocksize=2, mode=mode)


def space_to_depth(sketch: Sketch) -> bool:
    fitting = [code for code in sketch.codes if len(code.shape) == 4 and not (code.shape[2] % 2 or code.shape[3] % 2)]
    if not fitting:
        return False
    return emit(sketch, sketch.choose(fitting), "SpaceToDepth", [], blocksize=2)


def identity(sketch: Sketch) -> bool:
    """Same parameters on both sides: onnxruntime drops the node and would merge two different Q/DQ pairs."""
    x = sketch.pick(2, 3, 4)
    if x is None:
        return False
    sketch.quantise(sketch.node("Identity", [sketch.real(x)]), like=x)
    return True


def pad(sketch: Sketch) -> bool:
    x = sketch.pick(3, 4)
    if x is None:
        return False
    rank = len(x.shape)
    mode = sketch.choose(["constant", "constant", "value", "edge", "reflect"])
    limit = [0, 1, *(2 for _ in range(rank - 2))]
    amounts = [sketch.between(0, limit[axis % rank]) for axis in range(2 * rank)]
    if mode == "reflect":
        amounts = [min(amount, x.shape[i % rank] - 1) for i, amount in enumerate(amounts)]
    inputs = [sketch.constant(np.array(amounts, np.int64), "pads")]
    if mode == "value":
        inputs.append(sketch.constant(F32(0.7), "value"))
    sketch.tags.add(f"pad_mode_{mode}")
    return emit(sketch, x, "Pad", inputs, mode="constant" if mode == "value" else mode)
