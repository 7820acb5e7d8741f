"""Read the graph that onnxruntime made of a model."""

import onnx
from onnx import helper

# Kernels of onnxruntime that compute with integers, besides those whose name begins with "QLinear".
INTEGER = ("QGemm", "QLinearConv", "QLinearMatMul", "MatMulInteger", "ConvInteger")
# Operators that give codes when they are given codes.
ON_CODES = (
    "MaxPool", "Reshape", "Flatten", "Transpose", "Slice", "Squeeze", "Unsqueeze", "Gather", "Tile", "Resize",
    "DepthToSpace", "SpaceToDepth", "Split", "Concat", "Pad", "Relu", "Clip", "Identity", "ReduceMax", "Expand",
)  # fmt: skip


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


def integer_outputs(dump: bytes) -> list[str]:
    """Names of tensors that integer kernels make, or that are moved as codes."""
    model = onnx.load_model_from_string(dump)
    codes = {i.name for i in model.graph.input if i.type.tensor_type.elem_type in (2, 3)}
    codes |= {t.name for t in model.graph.initializer if t.data_type in (2, 3)}
    found: list[str] = []
    for node in model.graph.node:
        exact = node.op_type.startswith("QLinear") or node.op_type in INTEGER
        moved = node.op_type in ON_CODES and any(name in codes for name in node.input[:1])
        quantised = node.op_type == "QuantizeLinear"
        if exact or moved:
            found.extend(node.output)
        if exact or moved or quantised:
            codes.update(node.output)
    return found
