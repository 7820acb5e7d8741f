"""From a trained U-Net to a float ONNX file with batch normalisation folded into the convolutions.

The graph is written node by node instead of traced, so names are stable and the file depends on the weights only.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from onnx_models.unet import Stage, UNet

OPSET = 17
INPUT, OUTPUT = "input", "logits"


@dataclass
class _Writer:
    activation: str
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: list[onnx.TensorProto] = field(default_factory=list)

    def node(self, operator: str, name: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        output = output or f"{name}_out"
        self.nodes.append(helper.make_node(operator, inputs, [output], name=name, **attributes))
        return output

    def constant(self, name: str, value: NDArray[np.float32]) -> str:
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(value, dtype=np.float32), name))
        return name

    def convolution(
        self, name: str, x: str, kernel: NDArray[np.float32], bias: NDArray[np.float32], output: str = ""
    ) -> str:
        side = kernel.shape[2]
        inputs = [x, self.constant(f"{name}.weight", kernel), self.constant(f"{name}.bias", bias)]
        return self.node("Conv", name, inputs, output, kernel_shape=[side, side], pads=[side // 2] * 4, strides=[1, 1])

    def activate(self, name: str, x: str) -> str:
        if self.activation == "hardsigmoid":
            return self.node("HardSigmoid", name, [x], alpha=1.0 / 6.0, beta=0.5)
        return self.node({"relu": "Relu", "sigmoid": "Sigmoid"}[self.activation], name, [x])

    def stage(self, name: str, x: str, stage: Stage) -> str:
        for index, (conv, norm) in enumerate([(stage.conv1, stage.norm1), (stage.conv2, stage.norm2)], start=1):
            x = self.convolution(f"{name}.conv{index}", x, *fold(conv, norm))
            x = self.activate(f"{name}.act{index}", x)
        return x


def fold(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return kernel [K, C, 3, 3] and bias [K], float32, of the convolution that does `norm(conv(x))`."""
    scale = _array(norm.weight) / np.sqrt(_array(norm.running_var) + norm.eps)
    kernel = _array(conv.weight) * scale[:, None, None, None]
    bias = (_array(conv.bias) - _array(norm.running_mean)) * scale + _array(norm.bias)
    return kernel.astype(np.float32), bias.astype(np.float32)


def to_onnx(model: UNet, bands: int, classes: int, height: int, width: int) -> onnx.ModelProto:
    """Write the network as ONNX.

    Parameters
    ----------
    model
        A trained network.
    bands, classes, height, width
        Shape of input and output; the batch is symbolic.

    Returns
    -------
    Checked model: `input` float32 [batch, bands, height, width] to `logits` float32 [batch, classes, height, width].
    """
    writer = _Writer(model.activation_name)
    x, skips = INPUT, []
    for level, stage in enumerate(model.encoder, start=1):
        assert isinstance(stage, Stage)
        x = writer.stage(f"enc{level}", x, stage)
        skips.append(x)
        x = writer.node("MaxPool", f"enc{level}.pool", [x], kernel_shape=[2, 2], strides=[2, 2])
    x = writer.stage("base", x, model.base)
    for level in reversed(range(model.levels)):
        up, stage = model.up[level], model.decoder[level]
        assert isinstance(up, nn.ConvTranspose2d)
        assert isinstance(stage, Stage)
        name = f"dec{level + 1}"
        weights = [writer.constant(f"{name}.up.weight", _array(up.weight).astype(np.float32))]
        weights.append(writer.constant(f"{name}.up.bias", _array(up.bias).astype(np.float32)))
        x = writer.node("ConvTranspose", f"{name}.up", [x, *weights], kernel_shape=[2, 2], strides=[2, 2])
        x = writer.node("Concat", f"{name}.concat", [skips[level], x], axis=1)
        x = writer.stage(name, x, stage)
    head = _array(model.head.weight).astype(np.float32), _array(model.head.bias).astype(np.float32)
    writer.convolution("head", x, *head, output=OUTPUT)
    graph = helper.make_graph(
        writer.nodes,
        f"hsi-unet-{model.activation_name}",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["batch", bands, height, width])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", classes, height, width])],
        writer.weights,
    )
    # IR version 8 is that of opset 17: older runtimes read the file too.
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    proto.producer_name = "onnx_models"
    onnx.checker.check_model(proto, full_check=True)
    return proto


def _array(value: object) -> NDArray[np.float64]:
    return np.asarray(value.detach().cpu().numpy(), dtype=np.float64)  # type: ignore[attr-defined]
