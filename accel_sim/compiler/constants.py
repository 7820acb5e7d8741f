"""The constant image: weights, biases, parameters and tables as LOAD instructions find them in DDR."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.config import AcceleratorConfig
from accel_sim.config.memories import PARAMETER_BYTES
from accel_sim.engine.operands import Stage, bias_row, read_view, signed_weights, stage
from accel_sim.engine.requant import GEMMLOWP, STEPS
from accel_sim.model import Graph, Tensor, View
from accel_sim.model.graph import Epilogue
from accel_sim.program import ConstantSymbol

ALIGNMENT = 64


class NotOnTheArrayError(Exception):
    """Why a node has to run on the host."""


class ConstantImage:
    """Collects blocks of constants; the address of a block is its place in DDR."""

    def __init__(self) -> None:
        self.blocks: list[NDArray[np.uint8]] = []
        self.symbols: list[ConstantSymbol] = []
        self.size = 0

    def add(self, data: NDArray[Any], elements: NDArray[Any], name: str, role: str, layer: int) -> int:
        """Append a block of bytes, each with the flat index of the element it belongs to; return its address."""
        raw = np.ascontiguousarray(data).view(np.uint8).reshape(-1)
        address = self.size
        indices = np.ascontiguousarray(elements, np.int32).reshape(-1)
        assert raw.size == indices.size, (name, raw.size, indices.size)
        self.symbols.append(ConstantSymbol(name, role, layer, address, indices))
        padding = -raw.size % ALIGNMENT
        self.blocks.append(np.concatenate([raw, np.zeros(padding, np.uint8)]))
        self.size += raw.size + padding
        return address

    @property
    def image(self) -> NDArray[np.uint8]:
        """All blocks."""
        return np.concatenate(self.blocks) if self.blocks else np.empty(0, np.uint8)


@dataclass(frozen=True, eq=False)
class Weights:
    """Signed weights of a convolution, (oc, ic, kh, kw), with the element of the parameter behind each."""

    name: str
    codes: NDArray[np.int8]
    elements: NDArray[np.int32]
    zero: NDArray[np.int32]  # (oc,)

    def part(self, oc: Any, ic: Any, ky: Any, kx: Any) -> "Weights":
        """Cut out channels and taps."""
        pick = np.s_[oc, :, :, :], np.s_[:, ic, :, :], np.s_[:, :, ky, :], np.s_[:, :, :, kx]
        codes, elements = self.codes, self.elements
        for cut in pick:
            codes, elements = codes[cut], elements[cut]
        return Weights(self.name, codes, elements, self.zero[oc])


def weights_of(graph: Graph, view: View, channels: int) -> Weights:
    """Read the weights of a node; matrices become convolutions with a window of one."""
    codes, zero = signed_weights(graph, view)
    index = np.arange(codes.size) if view.index is None else view.index
    elements = index.reshape(codes.shape).astype(np.int32)
    if codes.ndim == 2:
        codes, elements = codes[:, :, None, None], elements[:, :, None, None]
    return Weights(view.parameter, codes, elements, np.broadcast_to(zero, (channels,)).astype(np.int32))


def pad_to(array: NDArray[Any], axis: int, multiple: int, value: int) -> NDArray[Any]:
    """Pad the end of an axis to a multiple."""
    widths = [(0, 0)] * array.ndim
    widths[axis] = (0, -array.shape[axis] % multiple)
    return np.pad(array, widths, constant_values=value)


def add_weights(image: ConstantImage, weights: Weights, config: AcceleratorConfig, layer: int) -> int:
    """Store weights for CONV: per output channel the taps, each all input channel groups."""
    order = (0, 2, 3, 1)
    codes = pad_to(weights.codes.transpose(order), 3, config.word_bytes, 0)
    elements = pad_to(weights.elements.transpose(order), 3, config.word_bytes, -1)
    return image.add(codes, elements, weights.name, "weight", layer)


def add_depthwise(image: ConstantImage, weights: Weights, config: AcceleratorConfig, layer: int) -> int:
    """Store weights (c, 1, kh, kw) for the ALU: per channel group the taps, each a word of channels."""
    found = []
    for array, value in ((weights.codes, 0), (weights.elements, -1)):
        padded = pad_to(array[:, 0], 0, config.word_bytes, value)
        grouped = padded.reshape(-1, config.word_bytes, *padded.shape[1:])
        found.append(grouped.transpose(0, 2, 3, 1))
    return image.add(found[0], found[1], weights.name, "weight", layer)


def add_bias(
    image: ConstantImage,
    graph: Graph,
    view: View | None,
    channels: slice,
    total: int,
    config: AcceleratorConfig,
    layer: int,
    label: str,
) -> int:
    """Store int32 biases in units of the accumulator, a whole number of words per channel group."""
    lanes, words = config.output_channel_parallel, config.bias_words * config.word_bytes
    values = bias_row(graph, view, total)[channels]
    elements = np.full(values.size, -1, np.int64)
    if view is not None:
        index = np.arange(int(np.prod(view.shape))) if view.index is None else view.index.reshape(-1)
        elements = np.broadcast_to(index, (total,))[channels]
    rows = pad_to(values.astype("<i4"), 0, lanes, 0).reshape(-1, lanes).view(np.uint8)
    owners = np.repeat(pad_to(elements, 0, lanes, -1).reshape(-1, lanes), 4, axis=1)
    rows, owners = pad_to(rows, 1, words, 0), pad_to(owners, 1, words, -1)
    name = view.parameter if view is not None else label
    return image.add(rows, owners, name, "bias" if view is not None else "fill", layer)


def epilogue_stage(epilogue: Epilogue, channels: int, target: Tensor) -> Stage:
    """Prepare an epilogue, if the requantiser can run it."""
    found = stage(epilogue, channels, target)
    if found.mode == STEPS:
        raise NotOnTheArrayError("a curve on the accumulator needs a threshold for each code; the requantiser has none")
    if np.any(np.abs(found.exponent) > 127):
        raise NotOnTheArrayError("a requantisation exponent does not fit 8 bits")
    return found


def add_parameters(
    image: ConstantImage, stage: Stage, channels: slice, weight_zero: NDArray[np.int32], config: AcceleratorConfig,
    layer: int, label: str,
) -> int:  # fmt: skip
    """Store requantisation parameters: multiplier (4 bytes), exponent (1), weight zero point (2), unused (1)."""
    count = stage.scale[channels].size
    entry = np.dtype([("multiplier", "<u4"), ("exponent", "i1"), ("zero", "<i2"), ("unused", "u1")])
    table = np.zeros(count, entry)
    is_fixed = stage.mode == GEMMLOWP
    table["multiplier"] = stage.significand[channels] if is_fixed else stage.scale[channels].view(np.uint32)
    table["exponent"] = stage.exponent[channels]
    table["zero"] = weight_zero
    elements = np.repeat(np.arange(count), PARAMETER_BYTES)
    return image.add(table.view(np.uint8), elements, f"{label}:requantisation", "parameters", layer)


def operand_codes(graph: Graph, view: View) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the stored bytes and elements of a constant operand, in the view's shape."""
    codes = read_view(graph, view)
    flip = np.uint8(128 if codes.dtype == np.int8 else 0)
    index = np.arange(codes.size) if view.index is None else view.index
    return np.ascontiguousarray(codes).view(np.uint8).reshape(view.shape) ^ flip, index.reshape(view.shape)
