"""Turns an ONNX graph into the layers of an accelerator: folds, fuses, and names what has to go to the host."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import onnx

from accel_sim.errors import ModelError
from accel_sim.estimate.layer import Kind, Layer, Tensor, Topology
from accel_sim.estimate.onnx_shapes import constants_of, integers_of, read_model, shapes_of

# The value is the input under another name or another address: costs nothing.
RENAMED = ("Identity", "Dropout", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose")
FREE = frozenset((*RENAMED, "Pad", "Split", "Slice", "QuantizeLinear", "DequantizeLinear", "Shape", "Constant"))
SCALING = frozenset(("Add", "Sub", "Mul", "Div", "QLinearAdd", "QLinearMul"))  # with one constant operand
ABSORBED = {  # activation or scaling -> kinds of layer that can finish with it (PG338; scaling joins the weights)
    "Relu": ("conv", "depthwise", "dense", "elementwise"),
    "Clip": ("conv", "depthwise", "dense", "elementwise"),
    "LeakyRelu": ("conv", "depthwise", "dense"),
    "BatchNormalization": ("conv", "depthwise", "dense"),
    "scaling": ("conv", "depthwise", "dense"),
}
ALU_PASSES = {"HardSigmoid": 1, "HardSwish": 2, "PRelu": 1, "LeakyRelu": 1, "Relu": 1, "Clip": 1}
POOLS = ("MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "ReduceMean", "ReduceMax", "LpPool")
MOVES = ("Resize", "Upsample", "SpaceToDepth", "DepthToSpace", "Tile", "Expand", "Gather", "ArgMax")
ELEMENTWISE = ("Add", "Mul", "Sub", "Sum", "Max", "Min")  # of two data; Div only by a constant


def read_topology(source: str | Path | onnx.ModelProto) -> Topology:
    """Read an ONNX model (float or quantised, file or in memory) into the layers of an accelerator.

    Batch normalisation and ReLU, ReLU6 and leaky ReLU disappear in the layer in front of them; reshaping, padding,
    concatenation and splits cost nothing; everything that the array cannot run becomes a layer of kind ``host`` with
    its reason. Sizes are those of one image.

    Raises
    ------
    ModelError
        When the file cannot be read or the shape of a tensor stays unknown.
    """
    model, name = read_model(source)
    return _Reader(model, name).read()


class _Reader:
    """One pass over the nodes; `where` maps every ONNX value to the stored tensors that hold it."""

    def __init__(self, model: onnx.ModelProto, name: str) -> None:
        self.name = name
        self.graph = model.graph
        self.shapes = shapes_of(model)
        self.constant = constants_of(model)
        self.layers: list[Layer] = []
        self.where: dict[str, tuple[Tensor, ...]] = {}
        self.maker: dict[str, int] = {}  # stored tensor -> index of its layer
        self.closed: set[str] = set()  # stored tensors behind an activation: no scaling joins the weights any more
        ends = [o.name for o in model.graph.output]
        self.uses = Counter([i for n in model.graph.node for i in n.input] + ends)

    def tensor(self, name: str) -> Tensor:
        """Return the stored form of an ONNX value."""
        shape = self.shapes.get(name)
        if shape is None:
            raise ModelError(f"{self.name}: the shape of {name} is unknown; give a model whose shapes can be inferred")
        sizes = shape[1:] if len(shape) > 1 else shape or (1,)
        if len(sizes) > 3:
            sizes = (sizes[0], math.prod(sizes[1:-1]), sizes[-1])
        if len(sizes) < 3:
            sizes = (sizes[0], 1, sizes[1]) if len(sizes) == 2 else (sizes[0], 1, 1)
        return Tensor(name, *sizes)

    def read(self) -> Topology:
        """Read all nodes."""
        inputs = [self.tensor(v.name) for v in self.graph.input if v.name not in self.constant]
        self.where = {t.name: (t,) for t in inputs}
        for node in self.graph.node:
            if not all(o in self.constant or not o for o in node.output):
                self.add(node)
        ends: list[Tensor] = []
        for value in self.graph.output:
            ends += self.where.get(value.name, ())
        return Topology(self.name, tuple(inputs), tuple(ends), tuple(self.layers))

    def data(self, node: onnx.NodeProto) -> list[str]:
        """Return the inputs of a node that are not constant."""
        return [i for i in node.input if i and i not in self.constant]

    def sources(self, names: list[str]) -> tuple[Tensor, ...]:
        """Return the stored tensors behind some values, each once; part of a tensor stands for itself."""
        found = {}
        for name in names:
            stored = self.where[name]
            if name in self.shapes and self.tensor(name).bytes < sum(t.bytes for t in stored):
                stored = (self.tensor(name),)
            found.update({t.name: t for t in stored})
        return tuple(found.values())

    def add(self, node: onnx.NodeProto) -> None:
        """Read one node."""
        op = node.op_type
        data = self.data(node)
        if op == "Concat":
            self.where[node.output[0]] = tuple(t for name in data for t in self.where[name])
        elif op in FREE:
            for output in node.output:
                self.where[output] = self.where[data[0]] if data else ()
        elif not self.absorb(node, data):
            self.append(node, data)

    def absorb(self, node: onnx.NodeProto, data: list[str]) -> bool:
        """Let the layers in front finish with the node; False when one cannot, and nothing has changed then."""
        scaling = node.op_type in SCALING and len(data) == 1
        kinds = ABSORBED.get("scaling" if scaling else node.op_type)
        if kinds is None:
            return False
        source = data[0]
        stored = self.where[source]
        layers = [self.layers[self.maker[t.name]] for t in stored if t.name in self.maker]
        if not layers or len(layers) < len(stored) or any(layer.kind not in kinds for layer in layers):
            return False
        if self.uses[source] > 1 or (len(stored) > 1 and any(self.uses[t.name] > 1 for t in stored)):
            return False
        if any(t.name in self.closed for t in stored):
            return False
        if not scaling and node.op_type != "BatchNormalization":
            self.closed.update(t.name for t in stored)
        self.where[node.output[0]] = stored
        return True

    def append(self, node: onnx.NodeProto, data: list[str]) -> None:
        """Append a layer of its own."""
        op = node.op_type
        make: dict[str, Callable[[onnx.NodeProto, list[str]], Layer]] = {
            "Conv": self.conv,
            "QLinearConv": self.conv,
            "ConvInteger": self.conv,
            "ConvTranspose": self.conv,
            "Gemm": self.dense,
            "MatMul": self.dense,
            "QLinearMatMul": self.dense,
            "MatMulInteger": self.dense,
            "BatchNormalization": self.norm,
        }
        if op in make:
            layer = make[op](node, data)
        elif op in POOLS:
            layer = self.pool(node, data)
        elif op in ELEMENTWISE or (op == "Div" and len(data) == 1):
            layer = self.plain(node, data, "elementwise")
        elif op in ALU_PASSES:
            layer = replace(self.plain(node, data, "activation"), passes=ALU_PASSES[op])
        elif op in MOVES:
            layer = self.plain(node, data, "move")
        else:
            layer = self.host(node, data, f"the accelerator has no {op}")
        self.maker[layer.output.name] = len(self.layers)
        for output in node.output:
            if output:
                self.where[output] = (layer.output,)
        self.layers.append(layer)

    def plain(self, node: onnx.NodeProto, data: list[str], kind: Kind) -> Layer:
        """Return a layer without weights."""
        name = node.name or node.output[0]
        return Layer(name, kind, node.op_type, self.sources(data), self.tensor(node.output[0]))

    def host(self, node: onnx.NodeProto, data: list[str], reason: str) -> Layer:
        """Return a layer of the host; its output may have any form."""
        name = node.name or node.output[0]
        known = node.output[0] in self.shapes
        output = self.tensor(node.output[0]) if known else Tensor(node.output[0], 1, 1, 1)
        return Layer(name, "host", node.op_type, self.sources(data), output, reason=reason)

    def weight(self, node: onnx.NodeProto) -> tuple[int, ...] | None:
        """Return the shape of a node's constant weight, or None when the weight is computed."""
        position = {"QLinearConv": 3, "QLinearMatMul": 3}.get(node.op_type, 1)
        if len(node.input) <= position or node.input[position] not in self.constant:
            return None
        shape = self.shapes.get(node.input[position])
        if shape is None:
            raise ModelError(f"{self.name}: the shape of weight {node.input[position]} of {node.name} is unknown")
        return shape

    def conv(self, node: onnx.NodeProto, data: list[str]) -> Layer:
        """Return a convolution, transposed or not."""
        shape = self.weight(node)
        if shape is None or not 3 <= len(shape) <= 4:
            computed = "its weights are computed" if shape is None else f"its weights have {len(shape)} dimensions"
            return self.host(node, data, computed)
        group = integers_of(node, "group", [1])[0]
        kernel = (shape[2], shape[3]) if len(shape) > 3 else (1, shape[2])
        stride = max(integers_of(node, "strides", [1]))
        base = self.plain(node, data[:1], "conv")
        transposed = node.op_type == "ConvTranspose"
        ic, oc = (shape[0], shape[1] * group) if transposed else (shape[1] * group, shape[0])
        source = self.tensor(data[0])
        pixels = source if transposed else base.output
        depthwise = group > 1 and group == ic and oc % group == 0 and not transposed
        return replace(
            base,
            kind="depthwise" if depthwise else "conv",
            kernel=kernel,
            stride=stride,
            dilation=max(integers_of(node, "dilations", [1])),
            group=group,
            reduction=ic // group,
            weight_bytes=math.prod(shape) + oc,
            macs=math.prod(shape) * pixels.height * pixels.width,
        )

    def dense(self, node: onnx.NodeProto, data: list[str]) -> Layer:
        """Return a fully connected layer: a 1x1 convolution of as many pixels as there are rows."""
        shape = self.weight(node)
        if shape is None or len(shape) != 2:
            computed = "its weights are computed" if shape is None else f"its weights have {len(shape)} dimensions"
            return self.host(node, data, computed)
        swapped = integers_of(node, "transB", [0])[0] == 1
        ic, oc = (shape[1], shape[0]) if swapped else shape
        out = self.shapes.get(node.output[0], (1, oc))
        rows = max(1, math.prod(out[1:-1]))
        base = self.plain(node, data[:1], "dense")
        output = Tensor(base.output.name, oc, rows, 1)
        return replace(base, output=output, reduction=ic, weight_bytes=ic * oc + oc, macs=ic * oc * rows)

    def norm(self, node: onnx.NodeProto, data: list[str]) -> Layer:
        """Return a batch normalisation that nothing absorbs: a 1x1 depthwise convolution."""
        base = self.plain(node, data[:1], "depthwise")
        channels = base.output.channels
        return replace(base, group=channels, reduction=1, weight_bytes=2 * channels)

    def pool(self, node: onnx.NodeProto, data: list[str]) -> Layer:
        """Return a pool; a global one, or a mean over an axis, has the window of its input."""
        base = self.plain(node, data[:1], "pool")
        source = self.tensor(data[0])
        window = integers_of(node, "kernel_shape", [source.height, source.width])
        kernel = (1, window[0]) if len(window) == 1 else (window[0], window[1])
        return replace(base, kernel=kernel, stride=max(integers_of(node, "strides", [1])))
