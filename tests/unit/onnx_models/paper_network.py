"""A small random U-Net in the form of the reproduction's float models: batch normalisation as nodes of its own."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

NODES = {
    "relu": ("Relu", {}),
    "sigmoid": ("Sigmoid", {}),
    "hardsigmoid": ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}),
}
EPSILON = 1e-3


class _Writer:
    def __init__(self, activation, seed):
        self.activation, self.random = activation, np.random.default_rng(seed)
        self.nodes, self.weights = [], []

    def constant(self, name, value):
        self.weights.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
        return name

    def node(self, operator, name, inputs, output=None, **attributes):
        self.nodes.append(helper.make_node(operator, inputs, [output or f"{name}_out"], name=name, **attributes))
        return output or f"{name}_out"

    def convolution(self, name, x, incoming, channels, side, output=None, operator="Conv"):
        shape = (channels, incoming, side, side) if operator == "Conv" else (incoming, channels, side, side)
        kernel = self.random.normal(0, np.sqrt(2 / (incoming * side * side)), shape)
        bias = self.random.normal(0, 0.05, channels)
        inputs = [x, self.constant(f"{name}.kernel", kernel), self.constant(f"{name}.bias", bias)]
        window = {"pads": [side // 2] * 4} if operator == "Conv" else {"strides": [2, 2]}
        return self.node(operator, name, inputs, output, kernel_shape=[side, side], **window)

    def stage(self, name, x, incoming, channels):
        for index in (1, 2):
            x = self.convolution(f"{name}.conv{index}", x, incoming, channels, 3)
            four = [
                self.constant(f"{name}.bn{index}.gamma", self.random.normal(1, 0.2, channels)),
                self.constant(f"{name}.bn{index}.beta", self.random.normal(0, 0.2, channels)),
                self.constant(f"{name}.bn{index}.moving_mean", self.random.normal(0, 0.2, channels)),
                self.constant(f"{name}.bn{index}.moving_variance", self.random.uniform(0.5, 2, channels)),
            ]
            x = self.node("BatchNormalization", f"{name}.bn{index}", [x, *four], epsilon=EPSILON)
            operator, attributes = NODES[self.activation]
            x = self.node(operator, f"{name}.act{index}", [x], **attributes)
            incoming = channels
        return x


def network(activation="relu", filters=4, levels=2, height=16, width=32, seed=0, bands=25, classes=5):
    """Return the ONNX model; every value is drawn from `seed`."""
    writer, x, skips, incoming = _Writer(activation, seed), "input", [], bands
    for level in range(levels):
        channels = filters * 2**level
        x = writer.stage(f"enc{level + 1}", x, incoming, channels)
        skips.append((x, channels))
        x = writer.node("MaxPool", f"enc{level + 1}.pool", [x], kernel_shape=[2, 2], strides=[2, 2])
        incoming = channels
    x = writer.stage("base", x, incoming, 2 * incoming)
    incoming *= 2
    for level in reversed(range(levels)):
        skip, channels = skips[level]
        x = writer.convolution(f"dec{level + 1}.up", x, incoming, channels, 2, operator="ConvTranspose")
        x = writer.node("Concat", f"dec{level + 1}.concat", [skip, x], axis=1)
        x = writer.stage(f"dec{level + 1}", x, 2 * channels, channels)
        incoming = channels
    writer.convolution("head", x, incoming, classes, 1, output="logits")
    graph = helper.make_graph(
        writer.nodes,
        f"hsi-unet-{activation}",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", bands, height, width])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", classes, height, width])],
        writer.weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def scenes(count=2, height=16, width=32, seed=0, bands=25):
    """Return images float32 [count, bands, height, width] with a stripe structure, and labels uint8."""
    random = np.random.default_rng(seed)
    labels = np.broadcast_to(np.arange(width) * 5 // width, (count, height, width)).astype(np.uint8)
    images = random.normal(0, 0.3, (count, bands, height, width)) + 0.3 * (labels[:, None] - 2)
    return images.astype(np.float32), labels
