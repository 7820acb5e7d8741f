"""The onnx package's node tests as quantised models: float operators between Q/DQ pairs, quantised ones as they are."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
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

    def passed_through_a_table(self, source: str, result: str, scale: Any, zero: Any) -> None:
        """A table that changes nothing (leaky ReLU of slope 1), so that every model has work for the array."""
        self.nodes.append(helper.make_node("LeakyRelu", [source], [f"{result}_raw"], name=f"{result}_table", alpha=1.0))
        self.pair(f"{result}_raw", result, scale, zero)

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
    """A quantised operator as it is: the first input is fed, scales, zero points and weights are constants.

    Q and DQ alone are no work for the array: a table that changes nothing stands between the input or output and them.
    """
    wrapper = Wrapper(case)
    names = [name for name in wrapper.node.input if name]
    values = dict(zip(names, case.inputs, strict=True))
    wrapper.feed(names[0], case.inputs[0])
    for name in names[1:]:
        wrapper.constant(name, values[name])
    first = list(wrapper.node.input[:3])
    if case.op.startswith("QLinear") and values[first[1]].dtype == np.float32:
        wrapper.nodes.append(helper.make_node("DequantizeLinear", first, ["real"], name="first_dq"))
        wrapper.nodes.append(helper.make_node("LeakyRelu", ["real"], ["same"], name="table", alpha=1.0))
        wrapper.nodes.append(helper.make_node("QuantizeLinear", ["same", *first[1:]], ["again"], name="again_q"))
        wrapper.node.input[0] = "again"
    wrapper.nodes.append(wrapper.node)
    result, parameters = wrapper.node.output[0], list(wrapper.node.input[1:])
    if case.op == "QuantizeLinear":
        wrapper.nodes.append(helper.make_node("DequantizeLinear", [result, *parameters], ["real"], name="back"))
        wrapper.nodes.append(helper.make_node("LeakyRelu", ["real"], ["same"], name="table", alpha=1.0))
        wrapper.nodes.append(helper.make_node("QuantizeLinear", ["same", *parameters], ["again"], name="again_q"))
        result = "again"
    if case.op == "DequantizeLinear":
        wrapper.nodes.append(helper.make_node("LeakyRelu", [result], ["same"], name="table", alpha=1.0))
        wrapper.nodes.append(helper.make_node("QuantizeLinear", ["same", *parameters], ["again"], name="again_q"))
        wrapper.nodes.append(helper.make_node("DequantizeLinear", ["again", *parameters], ["real"], name="back"))
        result = "real"
    wrapper.output(result, case.outputs[0])
    return wrapper.model()


def as_float(case: Case) -> Case:
    """An operator that only moves values, on float32 instead of int32."""
    inputs = (case.inputs[0].astype(F32), *case.inputs[1:])
    if case.op == "Pad" and len(inputs) > 2:
        inputs = (*inputs[:2], inputs[2].astype(F32), *inputs[3:])
    return replace(case, inputs=inputs, outputs=tuple(value.astype(F32) for value in case.outputs))


def data_positions(op: str, count: int) -> Sequence[int]:
    """Inputs that are activations; the others become constants."""
    if op == "Concat":
        return range(count)
    return (0, 1) if op in ("Add", "Mul") else (0,)


def wrapped(case: Case) -> tuple[onnx.ModelProto, dict[str, Array]]:
    """A float operator between Q/DQ pairs, after a table: uint8 activations, int8 weights, int32 bias."""
    if case.op in SAME_PARAMETERS and case.inputs[0].dtype == np.int32:
        case = as_float(case)
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
            if position == 0:
                wrapper.passed_through_a_table(f"{name}_real", f"{name}_same", scale, zero)
            wrapper.node.input[position] = f"{name}_same" if position == 0 else f"{name}_real"
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
