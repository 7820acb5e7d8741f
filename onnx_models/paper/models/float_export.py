"""From a network in torch to a float32 ONNX file whose batch normalisations are nodes of their own.

The graph is written node by node, so names are stable and the file depends on the weights only. Parameters are called
`LAYER.kernel`, `LAYER.bias`, and behind a convolution `enc1.conv2` the batch normalisation has `enc1.bn2.gamma`,
`.beta`, `.moving_mean` and `.moving_variance`: the six parameter sets of the paper's Section III by their last word.
"""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from onnx_models.export import INPUT, OPSET, OUTPUT
from onnx_models.hsi.bands import BANDS, CLASSES
from onnx_models.paper.models.network import layer
from onnx_models.paper.models.topology import norm_name, walk
from onnx_models.unet import UNet

HARD_SIGMOID = {"alpha": 1.0 / 6.0, "beta": 0.5}
ACTIVATION_NODES = {"relu": "Relu", "sigmoid": "Sigmoid", "hardsigmoid": "HardSigmoid"}


class Writer:
    """Nodes and constants of a graph under construction."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def node(self, operator: str, name: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        """Add a node of one output and return the name of that."""
        output = output or f"{name}_out"
        self.nodes.append(helper.make_node(operator, inputs, [output], name=name, **attributes))
        return output

    def constant(self, name: str, value: NDArray[Any]) -> str:
        """Add an initializer and return its name."""
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def activate(self, activation: str, name: str, x: str) -> str:
        """Add an activation function."""
        attributes: dict[str, Any] = HARD_SIGMOID if activation == "hardsigmoid" else {}
        return self.node(ACTIVATION_NODES[activation], name, [x], **attributes)

    def model(self, name: str, height: int, width: int) -> onnx.ModelProto:
        """Close the graph: `input` float32 [batch, 25, H, W] to `logits` float32 [batch, 5, H, W]; checked."""
        graph = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["batch", BANDS, height, width])],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", len(CLASSES), height, width])],
            self.constants,
        )
        # IR version 8 is that of opset 17: older runtimes read the file too.
        proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
        proto.producer_name = "onnx_models"
        onnx.checker.check_model(proto, full_check=True)
        return proto


class _FloatSteps(Writer):
    """Steps on names of tensors."""

    def __init__(self, network: UNet) -> None:
        super().__init__()
        self.network = network

    def _parameters(self, name: str) -> list[str]:
        module = layer(self.network, name)
        kernel = self.constant(f"{name}.kernel", array(module.weight))
        return [kernel, self.constant(f"{name}.bias", array(module.bias))]

    def _convolve(self, name: str, x: str, side: int, output: str = "") -> str:
        shape = {"kernel_shape": [side, side], "pads": [side // 2] * 4, "strides": [1, 1]}
        return self.node("Conv", name, [x, *self._parameters(name)], output, **shape)

    def block(self, name: str, x: str) -> str:
        x = self._convolve(name, x, 3)
        norm, module = norm_name(name), layer(self.network, norm_name(name))
        values = {
            "gamma": module.weight,
            "beta": module.bias,
            "moving_mean": module.running_mean,
            "moving_variance": module.running_var,
        }
        sets = [self.constant(f"{norm}.{key}", array(value)) for key, value in values.items()]
        x = self.node("BatchNormalization", norm, [x, *sets], epsilon=float(module.eps))
        return self.activate(self.network.activation_name, name.replace(".conv", ".act"), x)

    def pool(self, name: str, x: str) -> str:
        return self.node("MaxPool", name, [x], kernel_shape=[2, 2], strides=[2, 2])

    def up(self, name: str, x: str) -> str:
        return self.node("ConvTranspose", name, [x, *self._parameters(name)], kernel_shape=[2, 2], strides=[2, 2])

    def join(self, name: str, skip: str, x: str) -> str:
        return self.node("Concat", name, [skip, x], axis=1)

    def head(self, name: str, x: str) -> str:
        return self._convolve(name, x, 1, OUTPUT)


def to_float_onnx(model: UNet, name: str, height: int, width: int) -> onnx.ModelProto:
    """Write a network as float32 ONNX with batch normalisation as nodes.

    Parameters
    ----------
    model
        The network.
    name
        Name of the graph.
    height, width
        Picture size in pixels.

    Returns
    -------
    Checked model: `input` float32 [batch, 25, H, W] to `logits` float32 [batch, 5, H, W].
    """
    steps = _FloatSteps(model)
    walk(model.levels, steps, INPUT)
    return steps.model(name, height, width)


def array(value: Any) -> NDArray[np.float32]:
    """Return a torch tensor's values as float32."""
    return np.asarray(value.detach().cpu().numpy(), dtype=np.float32)
