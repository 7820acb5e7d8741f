"""A quantised network as values, and its ONNX file in QDQ form."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from onnx_models.export import INPUT, OUTPUT
from onnx_models.paper.models.float_export import Writer
from onnx_models.paper.models.scheme import Code
from onnx_models.paper.models.topology import walk


@dataclass(frozen=True)
class Layer:
    """Stored values of one layer with batch normalisation folded in.

    Attributes
    ----------
    kernel
        int8 [K, C, h, w]; of a transposed convolution [C, K, 2, 2].
    kernel_scale
        One scale for the whole kernel.
    bias
        int8 or int32 [K].
    bias_scale
        One scale for all biases.
    """

    kernel: NDArray[np.int8]
    kernel_scale: np.float32
    bias: NDArray[np.int8] | NDArray[np.int32]
    bias_scale: np.float32


@dataclass(frozen=True)
class Quantised:
    """A whole network.

    Attributes
    ----------
    activation, levels
        As for `UNet`.
    layers
        By the layer's name.
    codes
        Of the activation tensors: `input`; behind layer `L` its sum `L.sum` (bounded activations only; ReLU is part
        of the requantisation) and its output `L`; of `dec1.concat` and so on. A pool keeps the code of its input.
    """

    activation: str
    levels: int
    layers: Mapping[str, Layer]
    codes: Mapping[str, Code]


class _QdqSteps(Writer):
    """Steps on (name of the dequantised tensor, its code)."""

    def __init__(self, network: Quantised) -> None:
        super().__init__()
        self.network = network

    def scalar(self, name: str, code: Code) -> list[str]:
        # Scalars of shape [] with the zero point written out: onnxruntime fuses only what it can read easily.
        zero = self.constant(f"{name}_zero_point", np.array(code.zero, np.int8))
        return [self.constant(f"{name}_scale", np.array(code.scale, np.float32)), zero]

    def requantise(self, name: str, x: str, code: Code, output: str = "") -> tuple[str, Code]:
        parameters = self.scalar(name, code)
        stored = self.node("QuantizeLinear", f"{name}.quantise", [x, *parameters], f"{name}_quantized")
        return self.node("DequantizeLinear", f"{name}.dequantise", [stored, *parameters], output), code

    def stored(self, name: str, codes: NDArray[Any], scale: np.float32) -> str:
        # The zero point has the type of the codes: int8, or int32 of a wide bias.
        values = [
            self.constant(f"{name}_quantized", codes),
            self.constant(f"{name}_scale", np.array(scale, np.float32)),
            self.constant(f"{name}_zero_point", np.array(0, codes.dtype)),
        ]
        return self.node("DequantizeLinear", f"{name}.dequantise", values)

    def _parameters(self, name: str) -> list[str]:
        layer = self.network.layers[name]
        kernel = self.stored(f"{name}.kernel", layer.kernel, layer.kernel_scale)
        return [kernel, self.stored(f"{name}.bias", layer.bias, layer.bias_scale)]

    def _convolve(self, name: str, x: str, side: int) -> str:
        shape: dict[str, Any] = {"kernel_shape": [side, side], "pads": [side // 2] * 4, "strides": [1, 1]}
        return self.node("Conv", name, [x, *self._parameters(name)], **shape)

    def block(self, name: str, x: tuple[str, Code]) -> tuple[str, Code]:
        codes, activation = self.network.codes, self.network.activation
        y = self._convolve(name, x[0], 3)
        if activation != "relu":
            y, _ = self.requantise(f"{name}.sum", y, codes[f"{name}.sum"])
        y = self.activate(activation, name.replace(".conv", ".act"), y)
        return self.requantise(f"{name}.out", y, codes[name])

    def pool(self, name: str, x: tuple[str, Code]) -> tuple[str, Code]:
        y = self.node("MaxPool", name, [x[0]], kernel_shape=[2, 2], strides=[2, 2])
        return self.requantise(f"{name}.out", y, x[1])

    def up(self, name: str, x: tuple[str, Code]) -> tuple[str, Code]:
        shape: dict[str, Any] = {"kernel_shape": [2, 2], "strides": [2, 2]}
        y = self.node("ConvTranspose", name, [x[0], *self._parameters(name)], **shape)
        return self.requantise(f"{name}.out", y, self.network.codes[name])

    def join(self, name: str, skip: tuple[str, Code], x: tuple[str, Code]) -> tuple[str, Code]:
        y = self.node("Concat", name, [skip[0], x[0]], axis=1)
        return self.requantise(f"{name}.out", y, self.network.codes[name])

    def head(self, name: str, x: tuple[str, Code]) -> tuple[str, Code]:
        y = self._convolve(name, x[0], 1)
        return self.requantise(f"{name}.out", y, self.network.codes[name], OUTPUT)


def to_qdq_onnx(network: Quantised, name: str, height: int, width: int) -> onnx.ModelProto:
    """Write a quantised network as ONNX in QDQ form.

    Parameters
    ----------
    network
        The network.
    name
        Name of the graph.
    height, width
        Picture size in pixels.

    Returns
    -------
    Checked model: `input` float32 [batch, 25, H, W] to `logits` float32 [batch, 5, H, W]. Parameters are called
    `LAYER.kernel_quantized` (int8) and `LAYER.bias_quantized` (int8 or int32).
    """
    steps = _QdqSteps(network)
    walk(network.levels, steps, steps.requantise(INPUT, INPUT, network.codes[INPUT]))
    return steps.model(name, height, width)
