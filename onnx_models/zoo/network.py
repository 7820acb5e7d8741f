"""Writes a convolutional network node by node as a float ONNX model whose weights are one repeated constant.

A weight tensor is a ConstantOfShape node, eight bytes a dimension: shapes and topology of a network of a hundred
megabytes fit in a file of a few kilobytes, and ONNX's own shape inference still sees every shape.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WEIGHT = 0.01  # any value will do; not zero, so that a run of the model moves data


@dataclass(frozen=True)
class Feature:
    """A feature map under construction.

    Parameters
    ----------
    name : str
        ONNX name of the tensor.
    channels, height, width : int
        Its shape; the batch is one.
    """

    name: str
    channels: int
    height: int
    width: int


Padding = str | int | tuple[int, int]


class Network:
    """Grows an ONNX graph; every method appends nodes and returns the new feature map.

    Parameters
    ----------
    name : str
        Name of the graph.
    channels, height, width : int
        Shape of the input image.
    """

    def __init__(self, name: str, channels: int, height: int, width: int) -> None:
        self.name = name
        self.nodes: list[onnx.NodeProto] = []
        self.shapes: list[onnx.TensorProto] = []
        self.input = Feature("input", channels, height, width)

    # ---------------------------------------------------------------- plumbing
    def node(self, op_type: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Append a node and return the name of its only output."""
        name = f"{op_type.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op_type, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, *shape: int) -> str:
        """Append a constant weight of the given shape and return its name."""
        size = f"shape_{len(self.shapes)}"
        self.shapes.append(numpy_helper.from_array(np.array(shape, np.int64), size))
        value = helper.make_tensor("value", TensorProto.FLOAT, [1], [WEIGHT])
        return self.node("ConstantOfShape", [size], value=value)

    @staticmethod
    def extent(size: int, kernel: int, stride: int, dilation: int, padding: Padding, axis: int) -> tuple[int, int, int]:
        """Return (output size, pad before, pad after) along one axis.

        ``"same"`` pads as TensorFlow does (output = ceil(size / stride), the odd pixel behind), ``"valid"`` not at
        all, a number on both sides, a pair differently along height and width.
        """
        reach = dilation * (kernel - 1) + 1
        if padding == "same":
            out = -(-size // stride)
            total = max(0, (out - 1) * stride + reach - size)
            return out, total // 2, total - total // 2
        sides = (
            (0, 0) if padding == "valid" else padding if isinstance(padding, tuple) else (int(padding), int(padding))
        )
        pad = sides[axis]
        return (size + 2 * pad - reach) // stride + 1, pad, pad

    def window(
        self, x: Feature, kernel: tuple[int, int], stride: int, padding: Padding, dilation: int = 1
    ) -> tuple[int, int, dict[str, Any]]:
        """Return output height, output width and the attributes of a sliding window."""
        oh, top, bottom = self.extent(x.height, kernel[0], stride, dilation, padding, 0)
        ow, left, right = self.extent(x.width, kernel[1], stride, dilation, padding, 1)
        attributes: dict[str, Any] = {
            "kernel_shape": list(kernel),
            "strides": [stride, stride],
            "pads": [top, left, bottom, right],
        }
        return oh, ow, attributes

    # ------------------------------------------------------------------ layers
    def act(self, x: Feature, kind: str | None) -> Feature:
        """Append an activation: relu, relu6, leaky, sigmoid, hard_sigmoid, hard_swish, or None."""
        if kind is None:
            return x
        if kind == "relu6":
            bounds = [self.node("Constant", [], value_float=v) for v in (0.0, 6.0)]
            name = self.node("Clip", [x.name, *bounds])
        elif kind == "leaky":
            name = self.node("LeakyRelu", [x.name], alpha=26 / 256)
        elif kind == "hard_sigmoid":
            name = self.node("HardSigmoid", [x.name], alpha=1 / 6, beta=0.5)
        else:
            name = self.node({"relu": "Relu", "sigmoid": "Sigmoid", "hard_swish": "HardSwish"}[kind], [x.name])
        return Feature(name, x.channels, x.height, x.width)

    def conv(
        self,
        x: Feature,
        oc: int,
        kernel: int | tuple[int, int],
        stride: int = 1,
        act: str | None = "relu",
        padding: Padding = "same",
        dilation: int = 1,
        group: int = 1,
    ) -> Feature:
        """Append a convolution with bias (batch normalisation folded) and its activation."""
        size = (kernel, kernel) if isinstance(kernel, int) else kernel
        oh, ow, attributes = self.window(x, size, stride, padding, dilation)
        weight = self.constant(oc, x.channels // group, *size)
        name = self.node(
            "Conv", [x.name, weight, self.constant(oc)], dilations=[dilation, dilation], group=group, **attributes
        )
        return self.act(Feature(name, oc, oh, ow), act)

    def depthwise(
        self, x: Feature, kernel: int, stride: int = 1, act: str | None = "relu", padding: Padding = "same"
    ) -> Feature:
        """Append a depthwise convolution of multiplier one."""
        return self.conv(x, x.channels, kernel, stride, act, padding, group=x.channels)

    def up_conv(self, x: Feature, oc: int, kernel: int = 2, stride: int = 2, act: str | None = None) -> Feature:
        """Append a transposed convolution that multiplies height and width by `stride` (``kernel >= stride``)."""
        pad = (kernel - stride) // 2
        weight = self.constant(x.channels, oc, kernel, kernel)
        name = self.node(
            "ConvTranspose",
            [x.name, weight, self.constant(oc)],
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            pads=[pad, pad, kernel - stride - pad, kernel - stride - pad],
        )
        return self.act(Feature(name, oc, x.height * stride, x.width * stride), act)

    def norm(self, x: Feature, act: str | None = "relu") -> Feature:
        """Append a batch normalisation of its own (one that no convolution in front can absorb)."""
        parameters = [self.constant(x.channels) for _ in range(4)]
        name = self.node("BatchNormalization", [x.name, *parameters])
        return self.act(Feature(name, x.channels, x.height, x.width), act)

    def pool(self, x: Feature, kernel: int, stride: int, padding: Padding = "same", mean: bool = False) -> Feature:
        """Append a max pool, or an average pool when `mean`."""
        oh, ow, attributes = self.window(x, (kernel, kernel), stride, padding)
        name = self.node("AveragePool" if mean else "MaxPool", [x.name], **attributes)
        return Feature(name, x.channels, oh, ow)

    def mean(self, x: Feature) -> Feature:
        """Append a global average pool."""
        return Feature(self.node("GlobalAveragePool", [x.name]), x.channels, 1, 1)

    def add(self, a: Feature, b: Feature, act: str | None = None) -> Feature:
        """Append an element-wise sum."""
        return self.act(Feature(self.node("Add", [a.name, b.name]), a.channels, a.height, a.width), act)

    def mul(self, a: Feature, b: Feature) -> Feature:
        """Append an element-wise product; `b` may be one value a channel."""
        return Feature(self.node("Mul", [a.name, b.name]), a.channels, a.height, a.width)

    def concat(self, *parts: Feature) -> Feature:
        """Append a concatenation along the channels."""
        name = self.node("Concat", [p.name for p in parts], axis=1)
        return Feature(name, sum(p.channels for p in parts), parts[0].height, parts[0].width)

    def upsample(self, x: Feature, factor: int = 2, mode: str = "nearest") -> Feature:
        """Append a resize by a whole factor."""
        scales = self.node("Constant", [], value_floats=[1.0, 1.0, float(factor), float(factor)])
        extra = {"mode": mode, "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        name = self.node("Resize", [x.name, "", scales], **extra)
        return Feature(name, x.channels, x.height * factor, x.width * factor)

    def split(self, x: Feature, first: int) -> tuple[Feature, Feature]:
        """Append a split of the channels into the first `first` and the rest."""
        sizes = self.node("Constant", [], value_ints=[first, x.channels - first])
        names = [f"split_{len(self.nodes)}_{i}" for i in range(2)]
        self.nodes.append(helper.make_node("Split", [x.name, sizes], names, name=f"split_{len(self.nodes)}", axis=1))
        return (
            Feature(names[0], first, x.height, x.width),
            Feature(names[1], x.channels - first, x.height, x.width),
        )

    def focus(self, x: Feature) -> Feature:
        """Append a space-to-depth of factor two."""
        name = self.node("SpaceToDepth", [x.name], blocksize=2)
        return Feature(name, x.channels * 4, x.height // 2, x.width // 2)

    def dense(self, x: Feature, outputs: int, act: str | None = None) -> Feature:
        """Append a fully connected layer on the flattened feature map."""
        flat = self.node("Flatten", [x.name], axis=1)
        weight = self.constant(outputs, x.channels * x.height * x.width)
        name = self.node("Gemm", [flat, weight, self.constant(outputs)], transB=1)
        return self.act(Feature(name, outputs, 1, 1), act)

    # ------------------------------------------------------------------ finish
    def model(self, *outputs: Feature) -> onnx.ModelProto:
        """Return the finished model with the given outputs, shapes inferred and checked.

        Raises
        ------
        onnx.shape_inference.InferenceError
            When the shapes tracked while building and ONNX's own inference disagree.
        """
        shape = [1, self.input.channels, self.input.height, self.input.width]
        ends = []
        for f in outputs:
            dims = [1, f.channels] if self._is_flat(f) else [1, f.channels, f.height, f.width]
            ends.append(helper.make_tensor_value_info(f.name, TensorProto.FLOAT, dims))
        graph = helper.make_graph(
            self.nodes,
            self.name,
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
            ends,
            self.shapes,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], producer_name="onnx_models.zoo")
        model.ir_version = 9
        return onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)

    def _is_flat(self, feature: Feature) -> bool:
        producer = next(n for n in self.nodes if feature.name in n.output)
        while producer.op_type in ("Relu", "Clip", "LeakyRelu", "Softmax", "Sigmoid"):
            inner = producer.input[0]
            producer = next(n for n in self.nodes if inner in n.output)
        return producer.op_type == "Gemm"
