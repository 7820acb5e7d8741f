"""From QDQ to the QOperator form: every group that has an integer operator becomes that operator."""

from collections import Counter
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from tests.conformance.onnxruntime_runs import MICROSOFT

UNARY = {"AveragePool", "GlobalAveragePool", "LeakyRelu", "Sigmoid"}
BINARY = {"Add", "Mul"}
NO_VECTORS = BINARY | {"AveragePool"}  # operators that refuse scales of the shape [1]
ON_CODES = {
    "MaxPool",
    "Reshape",
    "Flatten",
    "Transpose",
    "Slice",
    "Squeeze",
    "Unsqueeze",
    "DepthToSpace",
    "Identity",
    "Resize",
}


class Rewriter:
    """One pass over a QDQ graph."""

    def __init__(self, graph: onnx.GraphProto, tags: set[str]) -> None:
        self.graph, self.tags = graph, tags
        self.producer = {name: node for node in graph.node for name in node.output}
        self.readers = Counter(name for node in graph.node for name in node.input)
        self.reader = {name: node for node in graph.node for name in node.input}
        self.constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        self.kept: set[str] = {output.name for output in graph.output}

    def dequantise(self, name: str) -> onnx.NodeProto | None:
        node = self.producer.get(name)
        return node if node is not None and node.op_type == "DequantizeLinear" else None

    def quantise(self, name: str) -> onnx.NodeProto | None:
        """The QuantizeLinear that is the only reader of a float tensor."""
        if self.readers[name] != 1 or name in self.kept:
            return None
        node = self.reader[name]
        return node if node.op_type == "QuantizeLinear" else None

    def dtype(self, node: onnx.NodeProto) -> Any:
        """Code type of a Q or DQ node."""
        if len(node.input) > 2:
            return self.constants[node.input[2]].dtype
        if node.op_type == "DequantizeLinear" and node.input[0] in self.constants:
            return self.constants[node.input[0]].dtype
        if node.op_type == "DequantizeLinear" and node.input[0] in self.producer:
            return self.dtype_of_code(node.input[0])
        return np.dtype(np.uint8)

    def dtype_of_code(self, name: str) -> Any:
        node = self.producer[name]
        return self.dtype(node) if node.op_type == "QuantizeLinear" else np.dtype(np.uint8)

    def parameters(self, node: onnx.NodeProto) -> list[str]:
        """Scale and zero-point names of a Q or DQ; an omitted zero point becomes an explicit 0."""
        if len(node.input) > 2:
            return list(node.input[1:3])
        shape = self.constants[node.input[1]].shape
        name = f"{node.name}_explicit_zero"
        value = np.zeros(shape, self.dtype(node))
        if name not in self.constants:
            self.constants[name] = value
            self.graph.initializer.append(numpy_helper.from_array(value, name))
        return [node.input[1], name]

    def equal_parameters(self, first: onnx.NodeProto, second: onnx.NodeProto) -> bool:
        pairs = zip(self.parameters(first), self.parameters(second), strict=True)
        return all(
            self.constants[a].dtype == self.constants[b].dtype and np.all(self.constants[a] == self.constants[b])
            for a, b in pairs
        )

    def replace(self, node: onnx.NodeProto) -> tuple[onnx.NodeProto, list[str]] | None:
        """The integer operator for a float node and the names of the nodes it swallows, or nothing."""
        inputs = [self.dequantise(name) for name in node.input if name]
        after = self.quantise(node.output[0]) if len(node.output) == 1 else None
        if after is None or not inputs or inputs[0] is None:
            return None
        op, first = node.op_type, inputs[0]
        if op in ON_CODES and self.equal_parameters(first, after):
            self.tags.add(f"codes_{op}")
            made = onnx.NodeProto()
            made.CopyFrom(node)
            made.input[0] = first.input[0]
            made.output[0] = after.output[0]
            return made, [after.name]
        if any(dequantise is None for dequantise in inputs):
            return None
        sources: list[Any] = inputs
        types = [self.dtype(source) for source in sources] + [self.dtype(after)]
        if types[0] != types[-1]:
            return None
        x = [[source.input[0], *self.parameters(source)] for source in sources]
        y = self.parameters(after)
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        vectors = any(self.constants[name].shape for triple in [*x, ["", *y]] for name in triple[1:])
        operator = None if vectors and op in NO_VECTORS else self.operator(op, types, x, y, attributes)
        if operator is None:
            return None
        kind, domain, names, attributes = operator
        self.tags.add(kind)
        return (
            helper.make_node(kind, names, [after.output[0]], name=node.name, domain=domain, **attributes),
            [after.name],
        )

    def operator(
        self, op: str, types: list[Any], x: list[list[str]], y: list[str], attributes: dict[str, Any]
    ) -> tuple[str, str, list[str], dict[str, Any]] | None:
        signed_pair = types[0] == np.int8 and len(types) > 2 and types[1] == np.uint8
        integer_bias = len(x) < 3 or types[2] == np.int32
        if op == "Conv" and not signed_pair and integer_bias:
            return "QLinearConv", "", [*x[0], *x[1], *y, *([x[2][0]] if len(x) > 2 else [])], attributes
        if op == "MatMul" and not signed_pair:
            return "QLinearMatMul", "", [*x[0], *x[1], *y], attributes
        plain = not (len(x) > 2 and (attributes.get("alpha", 1) != 1 or attributes.get("beta", 1) != 1))
        if op == "Gemm" and not signed_pair and integer_bias and plain:
            attributes.pop("beta", None)
            bias = x[2][0] if len(x) > 2 else ""
            return "QGemm", MICROSOFT, [*x[0], *x[1], bias, *y], attributes
        if op in UNARY:
            return f"QLinear{op}", MICROSOFT, [*x[0], *y], attributes
        if op in BINARY and types[0] == types[1]:
            return f"QLinear{op}", MICROSOFT, [*x[0], *x[1], *y], attributes
        if op == "Concat" and len(set(types)) == 1:
            return "QLinearConcat", MICROSOFT, [*y, *(name for triple in x for name in triple)], attributes
        return None


def prune(graph: onnx.GraphProto) -> None:
    """Drop nodes and constants that nothing reads."""
    needed = {output.name for output in graph.output}
    nodes = []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            nodes.append(node)
    constants = [tensor for tensor in graph.initializer if tensor.name in needed]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(reversed(nodes))
    graph.initializer.extend(constants)


def to_qoperator(model: onnx.ModelProto, tags: set[str]) -> onnx.ModelProto:
    """The same network with QLinear operators; what has none keeps its DequantizeLinear and QuantizeLinear."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    rewriter = Rewriter(result.graph, tags)
    nodes, swallowed = [], set()
    for node in list(result.graph.node):
        made = rewriter.replace(node) if node.op_type not in ("QuantizeLinear", "DequantizeLinear") else None
        if made is not None:
            swallowed.update(made[1])
            nodes.append(made[0])
        elif node.name not in swallowed:
            nodes.append(node)
    del result.graph.node[:]
    result.graph.node.extend(nodes)
    prune(result.graph)
    return result
