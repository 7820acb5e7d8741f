"""Two quantised networks of a few hundred parameters, made node by node, and inputs for them."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Array = NDArray[Any]


class Builder:
    """Collects nodes and constants of a graph in QDQ form; the values come from a fixed seed."""

    def __init__(self, seed: int = 7) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: Any) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op, inputs, [output], name=f"{output}:{op}", **attributes))
        return output

    def quantise(self, name: str, scale: float, zero: int, dtype: str = "uint8") -> str:
        """QuantizeLinear and DequantizeLinear of a tensor; the codes are called ``name_q``."""
        sides = [
            self.constant(f"{name}_scale", np.float32(scale)),
            self.constant(f"{name}_zero", np.dtype(dtype).type(zero)),
        ]
        codes = self.node("QuantizeLinear", [name, *sides], f"{name}_q")
        return self.node("DequantizeLinear", [codes, *sides], f"{name}_dq")

    def weights(self, name: str, shape: tuple[int, ...], scale: float, axis: int = 0) -> str:
        """Random int8 weights, one scale per output channel."""
        codes = self.constant(f"{name}_codes", self.rng.integers(-127, 128, shape).astype(np.int8))
        scales = (scale * self.rng.uniform(0.5, 1.5, shape[axis])).astype(np.float32)
        sides = [self.constant(f"{name}_scale", scales), self.constant(f"{name}_zero", np.zeros(shape[axis], np.int8))]
        return self.node("DequantizeLinear", [codes, *sides], name, axis=axis)

    def bias(self, name: str, weights: str, x: str, count: int) -> str:
        """Random int32 bias whose scales are those of the products."""
        found = {c.name: numpy_helper.to_array(c) for c in self.constants}
        scales = (found[f"{weights}_scale"] * found[f"{x}_scale"]).astype(np.float32)
        codes = self.constant(f"{name}_codes", self.rng.integers(-300, 300, count).astype(np.int32))
        sides = [self.constant(f"{name}_scale", scales), self.constant(f"{name}_zero", np.zeros(count, np.int32))]
        return self.node("DequantizeLinear", [codes, *sides], name, axis=0)

    def model(
        self, inputs: dict[str, list[Any]], outputs: dict[str, list[Any]], name: str, opset: int = 17
    ) -> onnx.ModelProto:
        """Finish the graph; sizes may be strings for symbolic ones."""
        made = [
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n, shape in values.items()]
            for values in (inputs, outputs)
        ]
        graph = helper.make_graph(self.nodes, name, made[0], made[1], self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def segmentation(batch: int | str = 1) -> onnx.ModelProto:
    """Two convolutions, 2 bands in, 3 classes out, 6x8 pixels: 91 weights and biases."""
    b = Builder()
    b.quantise("x", 0.02, 128)
    b.weights("w1", (4, 2, 3, 3), 0.01)
    b.bias("b1", "w1", "x", 4)
    b.node("Conv", ["x_dq", "w1", "b1"], "c1", pads=[1, 1, 1, 1])
    b.node("Relu", ["c1"], "r1")
    b.quantise("r1", 0.05, 0)
    b.weights("w2", (3, 4, 1, 1), 0.01)
    b.bias("b2", "w2", "r1", 3)
    b.node("Conv", ["r1_dq", "w2", "b2"], "c2")
    b.quantise("c2", 0.03, 120)
    b.nodes[-1].output[0] = "y"
    return b.model({"x": [batch, 2, 6, 8]}, {"y": [batch, 3, 6, 8]}, "segmentation")


def classifier() -> onnx.ModelProto:
    """A convolution, a global pool and a matrix product; 4 classes."""
    b = Builder(8)
    b.quantise("x", 0.03, -3, "int8")
    b.weights("w1", (4, 2, 3, 3), 0.02)
    b.bias("b1", "w1", "x", 4)
    b.node("Conv", ["x_dq", "w1", "b1"], "c1", strides=[2, 2])
    b.node("Relu", ["c1"], "r1")
    b.quantise("r1", 0.04, -128, "int8")
    b.node("GlobalAveragePool", ["r1_dq"], "g")
    b.quantise("g", 0.02, -128, "int8")
    b.node("Flatten", ["g_dq"], "f", axis=1)
    b.quantise("f", 0.02, -128, "int8")
    b.weights("w2", (4, 4), 0.02)
    b.node("Gemm", ["f_dq", "w2"], "m", transB=1)
    b.quantise("m", 0.02, 5, "int8")
    b.nodes[-1].output[0] = "y"
    return b.model({"x": [1, 2, 7, 7]}, {"y": [1, 4]}, "classifier")


def images(count: int = 1, shape: tuple[int, ...] = (2, 6, 8), seed: int = 3) -> Array:
    """Float images along the batch axis."""
    values: Array = np.random.default_rng(seed).normal(0, 1, (count, *shape)).astype(np.float32)
    return values


def save(model: onnx.ModelProto, path: Path) -> str:
    """Write a model without any check, as a broken exporter would."""
    path.write_bytes(model.SerializeToString())
    return str(path)


def qoperator() -> onnx.ModelProto:
    """A QLinearConv with scales per channel and a QLinearConcat of its result with the input; codes in and out."""
    b = Builder(9)
    constants = {
        "x_scale": np.float32(0.02), "x_zero": np.uint8(128), "y_scale": np.float32(0.05), "y_zero": np.uint8(10),
        "w": b.rng.integers(-127, 128, (3, 2, 3, 3)).astype(np.int8), "w_zero": np.zeros(3, np.int8),
        "w_scale": np.array([0.01, 0.02, 0.03], np.float32), "b": np.array([5, -7, 100], np.int32),
        "z_scale": np.float32(0.04), "z_zero": np.uint8(100),
    }  # fmt: skip
    for name, value in constants.items():
        b.constant(name, value)
    sides = ["x_scale", "x_zero", "w", "w_scale", "w_zero", "y_scale", "y_zero"]
    b.node("QLinearConv", ["x", *sides, "b"], "y", pads=[1, 1, 1, 1])
    joined = ["z_scale", "z_zero", "y", "y_scale", "y_zero", "x", "x_scale", "x_zero"]
    b.node("QLinearConcat", joined, "z", domain="com.microsoft", axis=1)
    model = b.model({"x": [1, 2, 6, 8]}, {"z": [1, 5, 6, 8]}, "qoperator")
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    for info in (*model.graph.input, *model.graph.output):
        info.type.tensor_type.elem_type = TensorProto.UINT8
    return model
