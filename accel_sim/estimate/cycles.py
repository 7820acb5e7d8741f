"""Cycles that a layer keeps the array or the ALU busy, from shapes alone: tiles of PP x ICP x OCP, no fitted factor."""

from accel_sim.estimate.hardware import Array
from accel_sim.estimate.layer import Layer


def _tiles(size: int, step: int) -> int:
    return -(-size // step)


def conv_cycles(layer: Layer, array: Array) -> int:
    """Return cycles of the convolution array.

    A cycle multiplies ICP input channels of PP output rows in one column with OCP filters, so every count is rounded
    up to whole tiles: ``ceil(oh/PP) * ow * ceil(oc/OCP) * taps * ceil(ic/ICP)``. Inputs of up to 2 ICP channels
    may be packed along the width of the window instead (PG338's channel augmentation): ``kh * ceil(kw*ic/ICP)`` in
    place of ``taps * ceil(ic/ICP)``, whichever is less. A transposed convolution of stride s runs as s*s ordinary
    ones, together over its output grid, with ``ceil(k/s)`` taps along each axis.

    Parameters
    ----------
    layer : Layer
        Any layer; kinds other than conv and dense use no array.
    array : Array
        The accelerator.

    Returns
    -------
    int
        Cycles.
    """
    if layer.kind not in ("conv", "dense"):
        return 0
    icp, ocp = array.input_channel_parallel, array.output_channel_parallel
    out = layer.output
    oh, ow = (1, out.height * out.width) if layer.kind == "dense" else (out.height, out.width)
    if layer.kind == "dense" and ow >= array.pixel_parallel:
        oh, ow = ow, 1
    pixels = _tiles(oh, array.pixel_parallel) * ow
    depth = _tiles(layer.reduction, icp)
    kh, kw = layer.kernel
    if layer.op_type == "ConvTranspose":
        return pixels * _tiles(out.channels, ocp) * _tiles(kh, layer.stride) * _tiles(kw, layer.stride) * depth
    if layer.group > 1:
        return pixels * layer.group * _tiles(out.channels // layer.group, ocp) * layer.taps * depth
    steps = kh * _tiles(kw * layer.reduction, icp) if is_packed(layer, array) else layer.taps * depth
    return pixels * _tiles(out.channels, ocp) * steps


def is_packed(layer: Layer, array: Array) -> bool:
    """Return whether few input channels are packed along the width of the window, because that takes fewer steps."""
    icp = array.input_channel_parallel
    plain = layer.kind == "conv" and layer.op_type != "ConvTranspose" and layer.group == 1
    kh, kw = layer.kernel
    fewer = kh * _tiles(kw * layer.reduction, icp) < layer.taps * _tiles(layer.reduction, icp)
    return plain and layer.reduction <= 2 * icp and fewer


def is_strided(layer: Layer, array: Array) -> bool:
    """Return whether the array reads rows with gaps: stride above one, a window, and input that is not packed."""
    window = layer.kind == "conv" and layer.op_type != "ConvTranspose" and layer.stride > 1 and layer.taps > 1
    return window and not is_packed(layer, array)


def alu_cycles(layer: Layer, array: Array) -> int:
    """Return cycles of the ALU: depthwise convolutions, pools, element-wise operations, activations not fused.

    A cycle covers ICP channels of a column of `alu_pixel_parallel` rows. A depthwise convolution takes one cycle a tap
    and runs once per channel multiplier; a pool takes one cycle a row of its window; an element-wise operation one per
    operand; an activation one per pass.
    """
    if layer.kind not in ("depthwise", "pool", "elementwise", "activation"):
        return 0
    out = layer.output
    columns = _tiles(out.height, array.alu_pixel_parallel) * out.width
    channels = _tiles(out.channels, array.input_channel_parallel)
    if layer.kind == "depthwise":
        multiplier = out.channels // layer.group
        return multiplier * columns * _tiles(layer.group, array.input_channel_parallel) * layer.taps
    repeats = {"pool": layer.kernel[0], "elementwise": len(layer.inputs), "activation": layer.passes}[layer.kind]
    return columns * channels * repeats
