"""Sliding-window geometry from ONNX attributes: pads, auto_pad, ceil_mode, output shapes."""

import math

import onnx

from accel_sim.model.context import attribute
from accel_sim.model.graph import Shape, Window
from accel_sim.model.limits import MAX_PRODUCTS, MAX_TAPS, check_work
from accel_sim.model.values import UnsupportedError


def _lift(values: list[int], fill: int) -> tuple[int, int]:
    """Make (height, width) of one or two spatial values."""
    return (fill, values[0]) if len(values) == 1 else (values[0], values[1])


def _spatial(x: Shape, kernel: list[int]) -> list[int]:
    if len(x) not in (3, 4) or len(kernel) != len(x) - 2:
        raise UnsupportedError(
            f"input of shape {x} with a kernel of {len(kernel)} dimensions; the array works in 1-D and 2-D"
        )
    return list(x[2:])


def _pads(
    node: onnx.NodeProto, size: list[int], kernel: list[int], strides: list[int], dilations: list[int]
) -> tuple[list[int], list[int]]:
    """Begin and end padding of every spatial axis."""
    mode = attribute(node, "auto_pad", "NOTSET")
    axes = len(size)
    if mode == "NOTSET":
        pads = list(attribute(node, "pads", [0] * (2 * axes)))
        return pads[:axes], pads[axes:]
    if mode == "VALID":
        return [0] * axes, [0] * axes
    begin, end = [], []
    for length, k, s, d in zip(size, kernel, strides, dilations, strict=True):
        total = max((-(-length // s) - 1) * s + (k - 1) * d + 1 - length, 0)
        small, large = total // 2, total - total // 2
        begin.append(small if mode == "SAME_UPPER" else large)
        end.append(large if mode == "SAME_UPPER" else small)
    return begin, end


def _window(kernel: list[int], strides: list[int], begin: list[int], end: list[int], dilations: list[int]) -> Window:
    if any(v < 0 for v in (*begin, *end)):
        raise UnsupportedError(f"negative padding {begin + end}")
    if any(v < 1 for v in (*kernel, *strides, *dilations)):
        raise UnsupportedError(f"kernel {kernel}, strides {strides} or dilations {dilations} below 1")
    (top, left), (bottom, right) = _lift(begin, 0), _lift(end, 0)
    return Window(_lift(kernel, 1), _lift(strides, 1), (top, left, bottom, right), _lift(dilations, 1))


def _out(size: list[int], kernel: list[int], strides: list[int], pads: list[int], dilations: list[int]) -> list[int]:
    out = [
        (n + p - (k - 1) * d - 1) // s + 1 for n, k, s, p, d in zip(size, kernel, strides, pads, dilations, strict=True)
    ]
    if any(n < 1 for n in out):
        raise UnsupportedError(f"a kernel of {kernel} does not fit the padded input {size}")
    return out


def conv_window(node: onnx.NodeProto, x: Shape, w: Shape, group: int) -> tuple[Window, Shape, Shape]:
    """Return the window, the spatial output shape and the weight's shape with four dimensions."""
    kernel = list(w[2:])
    size = _spatial(x, kernel)
    if x[1] != w[1] * group or w[0] % group:
        raise UnsupportedError(f"{x[1]} input channels do not match weights of shape {w} in {group} groups")
    if list(attribute(node, "kernel_shape", kernel)) != kernel:
        raise UnsupportedError(f"kernel_shape {attribute(node, 'kernel_shape')} with weights of shape {w}")
    strides = list(attribute(node, "strides", [1] * len(size)))
    dilations = list(attribute(node, "dilations", [1] * len(size)))
    begin, end = _pads(node, size, kernel, strides, dilations)
    total = [b + e for b, e in zip(begin, end, strict=True)]
    out = _out(size, kernel, strides, total, dilations)
    check_work(math.prod((x[0], *out, *w)), MAX_PRODUCTS, "products")
    return _window(kernel, strides, begin, end, dilations), tuple(out), (w[0], w[1], *_lift(kernel, 1))


def transpose_window(node: onnx.NodeProto, x: Shape, w: Shape, group: int) -> tuple[Window, Shape, Shape]:
    """Return the window, the spatial output shape and the weight's shape of a ConvTranspose."""
    kernel = list(w[2:])
    size = _spatial(x, kernel)
    if x[1] != w[0] or w[0] % group:
        raise UnsupportedError(f"{x[1]} input channels do not match weights of shape {w} in {group} groups")
    axes = len(size)
    strides = list(attribute(node, "strides", [1] * axes))
    dilations = list(attribute(node, "dilations", [1] * axes))
    extra = list(attribute(node, "output_padding", [0] * axes))
    wanted = attribute(node, "output_shape")
    mode = attribute(node, "auto_pad", "NOTSET")
    full = [
        (n - 1) * s + (k - 1) * d + 1 + e for n, s, k, d, e in zip(size, strides, kernel, dilations, extra, strict=True)
    ]
    if wanted is None and mode in ("NOTSET", "VALID"):
        pads = list(attribute(node, "pads", [0] * (2 * axes))) if mode == "NOTSET" else [0] * (2 * axes)
        begin, end = pads[:axes], pads[axes:]
    else:
        wanted = list(wanted)[-axes:] if wanted is not None else [n * s for n, s in zip(size, strides, strict=True)]
        total = [max(f - n, 0) for f, n in zip(full, wanted, strict=True)]
        small, large = [t // 2 for t in total], [t - t // 2 for t in total]
        begin, end = (small, large) if mode == "SAME_UPPER" else (large, small)
        full = [n + t for n, t in zip(wanted, total, strict=True)]
    out = [f - b - e for f, b, e in zip(full, begin, end, strict=True)]
    if any(n < 1 for n in out):
        raise UnsupportedError(f"the padding {begin + end} leaves nothing of the output")
    check_work(math.prod((x[0], *size, *w)), MAX_PRODUCTS, "products")
    return _window(kernel, strides, begin, end, dilations), tuple(out), (w[0], w[1], *_lift(kernel, 1))


def pool_window(node: onnx.NodeProto, x: Shape) -> tuple[Window, Shape, list[int]]:
    """Return the window, the spatial output shape and how far the last windows reach past the padding (ceil_mode)."""
    kernel = list(attribute(node, "kernel_shape"))
    size = _spatial(x, kernel)
    strides = list(attribute(node, "strides", [1] * len(size)))
    dilations = list(attribute(node, "dilations", [1] * len(size)))
    begin, end = _pads(node, size, kernel, strides, dilations)
    out = _out(size, kernel, strides, [b + e for b, e in zip(begin, end, strict=True)], dilations)
    over = [0] * len(size)
    if attribute(node, "ceil_mode", 0) and attribute(node, "auto_pad", "NOTSET") == "NOTSET":
        for i, (n, b, e, k, s, d) in enumerate(zip(size, begin, end, kernel, strides, dilations, strict=True)):
            reach = -(-(n + b + e - (k - 1) * d - 1) // s) + 1
            if (reach - 1) * s >= n + b:  # a window that starts in the end padding is dropped
                reach -= 1
            over[i] = max((reach - 1) * s + (k - 1) * d + 1 - (n + b + e), 0)
            out[i] = reach
    check_work(math.prod((*x[:2], *out, *kernel)), MAX_TAPS, "positions under its window")
    return _window(kernel, strides, begin, end, dilations), tuple(out), list(_lift(over, 0))
