"""Read the graph that onnxruntime made of a model."""

from collections.abc import Container

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# Kernels of onnxruntime that compute with integers, besides those whose name begins with "QLinear".
INTEGER = ("QGemm", "QLinearConv", "QLinearMatMul", "MatMulInteger", "ConvInteger")
# Input positions of the activation's zero point, the weight and the weight's zero point.
WEIGHTED = {"QLinearConv": (2, 3, 5), "QLinearMatMul": (2, 3, 5), "QGemm": (2, 3, 5)}
# Operators that give codes when they are given codes.
ON_CODES = (
    "MaxPool", "Reshape", "Flatten", "Transpose", "Slice", "Squeeze", "Unsqueeze", "Gather", "Tile", "Resize",
    "DepthToSpace", "SpaceToDepth", "Split", "Concat", "Pad", "Relu", "Clip", "Identity", "ReduceMax", "Expand",
)  # fmt: skip


def unsigned_weights(dump: bytes) -> bytes:
    """Store int8 weights that meet uint8 activations as uint8, moved up by 128 with their zero point.

    The integers computed are the same, by kernels that are exact on every processor.
    """
    model = onnx.load_model_from_string(dump)
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        places = [node.input[i] if i < len(node.input) else "" for i in WEIGHTED.get(node.op_type, ())]
        if not places or any(name not in stored for name in places):
            continue
        x_zero, weight = stored[places[0]], stored[places[1]]
        if x_zero.data_type != TensorProto.UINT8 or weight.data_type != TensorProto.INT8:
            continue
        for position, name in zip(WEIGHTED[node.op_type][1:], places[1:], strict=True):
            moved = f"{name}:unsigned"
            if moved not in stored:
                codes = numpy_helper.to_array(stored[name])
                raised = (codes.view(np.uint8) ^ np.uint8(128)).reshape(codes.shape)
                stored[moved] = numpy_helper.from_array(raised, moved)
                model.graph.initializer.append(stored[moved])
            node.input[position] = moved
    return bytes(model.SerializeToString())


def tensor_names(model: bytes) -> set[str]:
    """Return the names of all inputs, constants and intermediate tensors of a file."""
    graph = onnx.load_model_from_string(model).graph
    names = {i.name for i in graph.input} | {t.name for t in graph.initializer}
    return names | {output for node in graph.node for output in node.output}


def expose_tensors(dump: bytes) -> tuple[bytes, list[str]]:
    """Make every intermediate tensor a graph output; returns the model and all output names."""
    model = onnx.load_model_from_string(dump)
    names = [output.name for output in model.graph.output]
    for node in model.graph.node:
        for output in node.output:
            if output and output not in names:
                names.append(output)
                model.graph.output.append(helper.make_empty_tensor_value_info(output))
    return model.SerializeToString(), names


def integer_outputs(dump: bytes, names: Container[str]) -> list[str]:
    """List the tensors that integer kernels make, or that are moved as codes.

    `names` are the tensors of the original file: codes that were quantised under a name of onnxruntime's own come from
    a group that stayed in floating point, however they are moved afterwards.
    """
    model = onnx.load_model_from_string(dump)
    codes = {i.name for i in model.graph.input if i.type.tensor_type.elem_type in (2, 3)}
    codes |= {t.name for t in model.graph.initializer if t.data_type in (2, 3)}
    found: list[str] = []
    for node in model.graph.node:
        exact = node.op_type.startswith("QLinear") or node.op_type in INTEGER
        first = node.input[0] if node.input else ""
        moved = node.op_type in ON_CODES and first in codes and (first in names or first in found)
        quantised = node.op_type == "QuantizeLinear"
        if exact or moved:
            found.extend(node.output)
        if exact or moved or quantised:
            codes.update(node.output)
    return found
