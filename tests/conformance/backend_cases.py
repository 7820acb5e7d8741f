"""The onnx package's node tests as quantised models: float operators between Q/DQ pairs, quantised ones as they are."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from tests.conformance.onnxruntime_runs import Array

F32 = np.float32
QUANTISED = ("QLinearConv", "QLinearMatMul", "QuantizeLinear", "DequantizeLinear")
FLOAT = (
    "Conv",
    "ConvTranspose",
    "MaxPool",
    "AveragePool",
    "GlobalAveragePool",
    "Clip",
    "HardSigmoid",
    "Sigmoid",
    "Resize",
    "Concat",
    "Pad",
    "Gemm",
    "MatMul",
    "Softmax",
    "ArgMax",
    "PRelu",
    "LeakyRelu",
    "HardSwish",
    "Add",
    "Mul",
    "Relu",
    "Tanh",
    "Transpose",
    "Reshape",
    "Flatten",
    "Slice",
    "Split",
    "Squeeze",
    "DepthToSpace",
    "SpaceToDepth",
    "Identity",
)
WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
SAME_PARAMETERS = (
    "MaxPool",
    "Transpose",
    "Reshape",
    "Flatten",
    "Slice",
    "Split",
    "Squeeze",
    "DepthToSpace",
    "SpaceToDepth",
    "Identity",
    "Pad",
    "Resize",
)
NEWEST_OPSET = 25  # of the onnxruntime these tests are written for


@dataclass(frozen=True)
class Case:
    """One node test: the operator, the model and one set of inputs and expected outputs."""

    name: str
    op: str
    model: onnx.ModelProto
    inputs: tuple[Array, ...]
    outputs: tuple[Array, ...]


def collect() -> list[Case]:
    """Node tests of one operator of the list, in the onnx package's order."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.case.node import collect_testcases

        tests = collect_testcases(None)
    found = []
    for test in tests:
        if test.model is None or not test.data_sets:
            continue
        nodes = test.model.graph.node
        if len(nodes) == 1 and nodes[0].op_type in (*QUANTISED, *FLOAT) and not test.name.endswith("_expanded"):
            inputs, outputs = test.data_sets[0]
            found.append(Case(test.name[5:], nodes[0].op_type, test.model, tuple(inputs), tuple(outputs)))
    return found


def uint8_parameters(values: Array) -> tuple[Any, Any]:
    """Scale and an (often odd) zero point that cover the values and 0."""
    low, high = float(min(values.min(initial=0.0), 0.0)), float(max(values.max(initial=0.0), 0.0))
    scale = F32(max(high - low, 1e-3) / 255)
    return scale, np.uint8(np.clip(round(-low / float(scale)), 0, 255))


class Wrapper:
    """Builds the quantised model of one case."""

    def __init__(self, case: Case) -> None:
        self.case, self.node = case, onnx.NodeProto()
        self.node.CopyFrom(case.model.graph.node[0])
        self.node.name = "case"
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        self.feeds: dict[str, Array] = {}

    def constant(self, name: str, value: Any) -> str:
        self.initializers.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def feed(self, name: str, value: Array) -> str:
        kind = helper.np_dtype_to_tensor_dtype(value.dtype)
        self.inputs.append(helper.make_tensor_value_info(name, kind, value.shape))
        self.feeds[name] = value
        return name

    def output(self, name: str, like: Array) -> None:
        kind = helper.np_dtype_to_tensor_dtype(like.dtype)
        self.outputs.append(helper.make_tensor_value_info(name, kind, like.shape))

    def pair(self, source: str, result: str, scale: Any, zero: Any) -> None:
        """QuantizeLinear and DequantizeLinear between two float tensors."""
        names = [self.constant(f"{result}_scale", scale), self.constant(f"{result}_zero", zero)]
        coded = f"{result}_codes"
        self.nodes.append(helper.make_node("QuantizeLinear", [source, *names], [coded], name=f"{result}_q"))
        self.nodes.append(helper.make_node("DequantizeLinear", [coded, *names], [result], name=f"{result}_dq"))

    def stored(self, name: str, values: Array, scale: Any) -> str:
        """DequantizeLinear of constant codes."""
        names = [self.constant(f"{name}_codes", values), self.constant(f"{name}_scale", scale)]
        names.append(self.constant(f"{name}_zero", np.zeros((), values.dtype)))
        self.nodes.append(helper.make_node("DequantizeLinear", names, [name], name=f"{name}_dq"))
        return name

    def model(self, opset: int | None = None) -> tuple[onnx.ModelProto, dict[str, Array]]:
        graph = helper.make_graph(self.nodes, self.case.name, self.inputs, self.outputs, self.initializers)
        version = opset or min(self.case.model.opset_import[0].version, NEWEST_OPSET)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", version)], ir_version=10), self.feeds


def direct(case: Case) -> tuple[onnx.ModelProto, dict[str, Array]]:
    """A quantised operator as it is: the first input is fed, scales, zero points and weights are constants."""
    wrapper = Wrapper(case)
    names = [name for name in wrapper.node.input if name]
    for position, (name, value) in enumerate(zip(names, case.inputs, strict=True)):
        if position == 0:
            wrapper.feed(name, value)
        else:
            wrapper.constant(name, value)
    wrapper.nodes.append(wrapper.node)
    wrapper.output(wrapper.node.output[0], case.outputs[0])
    return wrapper.model()


def data_positions(op: str, count: int) -> Sequence[int]:
    """Inputs that are activations; the others become constants."""
    if op == "Concat":
        return range(count)
    return (0, 1) if op in ("Add", "Mul") else (0,)


def wrapped(case: Case) -> tuple[onnx.ModelProto, dict[str, Array]]:
    """A float operator between Q/DQ pairs: uint8 activations, int8 weights, int32 bias."""
    wrapper, op = Wrapper(case), case.op
    names = [name for name in wrapper.node.input if name]
    values = dict(zip(names, case.inputs, strict=True))
    data = data_positions(op, len(names))
    product = F32(1)
    parameters: tuple[Any, Any] | None = None
    for position, name in enumerate(wrapper.node.input):
        if not name:
            continue
        value = values[name]
        if position in data and value.dtype == np.float32:
            scale, zero = uint8_parameters(value)
            parameters = parameters or (scale, zero)
            product = F32(product * scale)
            wrapper.pair(wrapper.feed(name, value), f"{name}_real", scale, zero)
            wrapper.node.input[position] = f"{name}_real"
        elif op in WEIGHTED and position == 1:
            scale = F32(max(float(np.abs(value).max()), 1e-3) / 127)
            product = F32(product * scale)
            codes = np.clip(np.rint(value / scale), -127, 127).astype(np.int8)
            wrapper.node.input[position] = wrapper.stored(f"{name}_weight", codes, scale)
        elif op in WEIGHTED and position == 2:
            codes = np.rint(value / product).astype(np.int32)
            wrapper.node.input[position] = wrapper.stored(f"{name}_bias", codes, product)
        elif position in data:
            wrapper.feed(name, value)
        else:
            wrapper.constant(name, value)
    wrapper.nodes.append(wrapper.node)
    for name, value in zip([name for name in wrapper.node.output if name], case.outputs, strict=True):
        if value.dtype == np.float32:
            chosen = parameters if op in SAME_PARAMETERS and parameters else uint8_parameters(value)
            wrapper.pair(name, f"{name}_real", *chosen)
            wrapper.output(f"{name}_real", value)
        else:
            wrapper.output(name, value)
    return wrapper.model()
