"""Networks of the paper's full size as ONNX, all weights zero: for estimates, which look at shapes only."""

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from onnx_models.hsi.bands import BANDS, CLASSES
from onnx_models.paper.models.size import count, original_widths
from onnx_models.paper.models.topology import norm_name, walk

FILTERS: Final = 32
LEVELS: Final = 5
HEIGHT, WIDTH = 192, 384
NODES: Final[Mapping[str, tuple[str, dict[str, float]]]] = {
    "relu": ("Relu", {}),
    "sigmoid": ("Sigmoid", {}),
    "hardsigmoid": ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}),
}


def pruned_widths(ratios: Mapping[str, float]) -> dict[str, int]:
    """Return the paper's widths, each layer thinned by its own share of channels (0 to 1)."""
    return {
        name: max(1, round(channels * (1 - ratios.get(name, 0.0))))
        for name, channels in original_widths(FILTERS, LEVELS).items()
    }


def even_widths(gop: float) -> dict[str, int]:
    """Return the paper's widths, every layer thinned by one factor, so that a picture takes `gop` 10^9 operations."""
    original = original_widths(FILTERS, LEVELS)

    def at(factor: float) -> dict[str, int]:
        return {name: max(1, round(channels * factor)) for name, channels in original.items()}

    low, high = 0.0, 1.0
    for _ in range(40):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if gop_of(at(middle)) > gop else (middle, high)
    return at(high)


def gop_of(widths: Mapping[str, int]) -> float:
    """Return the 10^9 operations of a full-size picture."""
    return count(LEVELS, widths, HEIGHT * WIDTH).operations / 1e9


class _Steps:
    """Steps on (name of the tensor, channels)."""

    def __init__(self, widths: Mapping[str, int], activation: str) -> None:
        self.widths, self.activation = widths, activation
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def _constant(self, name: str, *shape: int) -> str:
        # Zeros of one byte a value: a full-size network of float32 would take 125 MB for nothing.
        self.weights.append(numpy_helper.from_array(np.zeros(shape, np.int8), name))
        return name

    def _node(self, operator: str, name: str, inputs: list[str], **attributes: Any) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [f"{name}_out"], name=name, **attributes))
        return f"{name}_out"

    def _convolution(self, operator: str, name: str, x: tuple[str, int], channels: int, side: int) -> tuple[str, int]:
        shape = (channels, x[1]) if operator == "Conv" else (x[1], channels)
        inputs = [x[0], self._constant(f"{name}.kernel", *shape, side, side), self._constant(f"{name}.bias", channels)]
        window = {"pads": [side // 2] * 4} if operator == "Conv" else {"strides": [2, 2]}
        return self._node(operator, name, inputs, kernel_shape=[side, side], **window), channels

    def block(self, name: str, x: tuple[str, int]) -> tuple[str, int]:
        found, channels = self._convolution("Conv", name, x, self.widths[name], 3)
        four = [self._constant(f"{norm_name(name)}.{i}", channels) for i in range(4)]
        found = self._node("BatchNormalization", norm_name(name), [found, *four])
        operator, attributes = NODES[self.activation]
        return self._node(operator, name.replace(".conv", ".act"), [found], **attributes), channels

    def pool(self, name: str, x: tuple[str, int]) -> tuple[str, int]:
        return self._node("MaxPool", name, [x[0]], kernel_shape=[2, 2], strides=[2, 2]), x[1]

    def up(self, name: str, x: tuple[str, int]) -> tuple[str, int]:
        return self._convolution("ConvTranspose", name, x, self.widths[name], 2)

    def join(self, name: str, skip: tuple[str, int], x: tuple[str, int]) -> tuple[str, int]:
        return self._node("Concat", name, [skip[0], x[0]], axis=1), skip[1] + x[1]

    def head(self, name: str, x: tuple[str, int]) -> tuple[str, int]:
        return self._convolution("Conv", name, x, len(CLASSES), 1)


def full_size_network(widths: Mapping[str, int], activation: str) -> onnx.ModelProto:
    """Return a U-Net for pictures of 192 x 384 with 25 bands.

    Parameters
    ----------
    widths
        Output channels of every layer but the head, by name.
    activation
        A key of `NODES`.

    Returns
    -------
    A model whose weights are all zero and int8: its shapes are right, it cannot be run.
    """
    steps = _Steps(widths, activation)
    last, classes = walk(LEVELS, steps, ("input", BANDS))
    shapes = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, HEIGHT, WIDTH])
        for name, channels in (("input", BANDS), (last, classes))
    ]
    graph = helper.make_graph(steps.nodes, f"full-size-{activation}", shapes[:1], shapes[1:], steps.weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def parameters_of(widths: Mapping[str, int]) -> int:
    """Return the number of parameters."""
    return count(LEVELS, widths, math.prod((HEIGHT, WIDTH))).parameters
