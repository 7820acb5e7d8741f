"""Shapes and values of nodes that stay outside the array, by onnx's own inference and reference evaluator."""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from accel_sim.model.context import Context
from accel_sim.model.graph import Shape
from accel_sim.model.values import Constant

# Operators outside the ONNX standard whose result has the shape and type of their first input.
LIKE_INPUT = ("QLinearSoftmax", "QLinearSigmoid", "QLinearLeakyRelu", "Gelu", "QuickGelu", "BiasGelu", "FusedGelu")

# Quantised operators outside the standard: the standard operator with the same shapes, and where its operands stand.
STAND_INS: dict[str, tuple[str, slice]] = {
    "QLinearAdd": ("Add", slice(0, 4, 3)),
    "QLinearMul": ("Mul", slice(0, 4, 3)),
    "QLinearConcat": ("Concat", slice(2, None, 3)),
    "QLinearAveragePool": ("AveragePool", slice(0, 1)),
    "QLinearGlobalAveragePool": ("GlobalAveragePool", slice(0, 1)),
    "QGemm": ("Gemm", slice(0, 4, 3)),
}


def _infer_stand_in(ctx: Context, node: onnx.NodeProto) -> dict[str, tuple[Shape, str]]:
    """Infer a quantised operator outside the standard from its counterpart on real values."""
    op_type, operands = STAND_INS[node.op_type]
    known = [ctx.shape_and_type(name) for name in list(node.input)[operands]]
    names = [f"operand{i}" for i in range(len(known))]
    keep = {a.name for a in node.attribute if a.name != "channels_last"}
    stand_in = helper.make_node(op_type, names, ["result"])
    stand_in.attribute.extend(a for a in node.attribute if a.name in keep)
    if any(entry is None for entry in known) or any(a.name == "channels_last" and a.i for a in node.attribute):
        return {}
    floats = {n: (entry[0], "float32") for n, entry in zip(names, known, strict=True) if entry is not None}
    inner = Context(ctx.opset, ctx.mode, floats=floats)
    found = infer(inner, stand_in).get("result")
    first = known[0]
    return {} if found is None or first is None else {node.output[0]: (found[0], first[1])}


def infer(ctx: Context, node: onnx.NodeProto) -> dict[str, tuple[Shape, str]]:
    """Infer shape and dtype of a node's outputs; what stays unknown is left out."""
    if node.op_type in STAND_INS:
        return _infer_stand_in(ctx, node)
    known = {name: ctx.shape_and_type(name) for name in node.input if name}
    if node.op_type in LIKE_INPUT:
        first = known.get(node.input[0])
        return {} if first is None else {node.output[0]: first}
    first = known.get(node.input[0]) if node.input else None
    if first is not None and 0 in first[0]:
        return {}  # onnx ends the process over some operators on empty tensors
    inputs = []
    constants = []
    for name, entry in known.items():
        if entry is None:
            return {}
        value = ctx.values.get(name)
        if isinstance(value, Constant):
            constants.append(numpy_helper.from_array(np.asarray(value.array, order="C"), name))
        else:
            inputs.append(
                helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(entry[1])), entry[0])
            )
    outputs = [helper.make_empty_tensor_value_info(name) for name in node.output if name]
    graph = helper.make_graph([node], "one", inputs, outputs, constants)
    opsets = [helper.make_opsetid("", ctx.opset), helper.make_opsetid("com.microsoft", 1)]
    try:
        inferred = onnx.shape_inference.infer_shapes(helper.make_model(graph, opset_imports=opsets), data_prop=True)
    except (onnx.shape_inference.InferenceError, RuntimeError, ValueError):
        return {}
    found = {}
    for info in inferred.graph.output:
        kind = info.type.tensor_type
        dims = kind.shape.dim
        if kind.elem_type and kind.HasField("shape") and all(d.HasField("dim_value") for d in dims):
            dtype = np.dtype(helper.tensor_dtype_to_np_dtype(kind.elem_type)).name
            found[info.name] = (tuple(d.dim_value for d in dims), dtype)
    return found


def evaluate(node: onnx.NodeProto, arrays: list[NDArray[Any]], opset: int) -> list[NDArray[Any]] | None:
    """Evaluate a node on constants; None when the reference evaluator cannot."""
    from onnx.reference import ReferenceEvaluator

    names = [name for name in node.input if name]
    feeds = dict(zip(names, arrays, strict=True))
    inputs = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape) for n, a in feeds.items()
    ]
    outputs = [helper.make_tensor_value_info(n, TensorProto.UNDEFINED, None) for n in node.output if n]
    model = helper.make_model(
        helper.make_graph([node], "constant", inputs, outputs), opset_imports=[helper.make_opsetid("", opset)]
    )
    try:
        return [np.asarray(result) for result in ReferenceEvaluator(model).run(None, feeds)]
    except Exception:  # any operator of the standard may be missing or refuse; the host then computes it at run time
        return None
