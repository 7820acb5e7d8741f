"""Reads an ONNX file, float or quantised, and infers every shape; topology and shapes are all that is used."""

from pathlib import Path

import onnx
from onnx import helper

from accel_sim.errors import ModelError

# Quantised operators outside the standard: the standard operator of the same shapes, and which inputs are data.
STAND_INS: dict[str, tuple[str, slice]] = {
    "QLinearAdd": ("Add", slice(0, 4, 3)),
    "QLinearMul": ("Mul", slice(0, 4, 3)),
    "QLinearConcat": ("Concat", slice(2, None, 3)),
    "QLinearAveragePool": ("AveragePool", slice(0, 1)),
    "QLinearGlobalAveragePool": ("GlobalAveragePool", slice(0, 1)),
    "QLinearLeakyRelu": ("LeakyRelu", slice(0, 1)),
    "QLinearSigmoid": ("Sigmoid", slice(0, 1)),
    "QLinearSoftmax": ("Softmax", slice(0, 1)),
    "QGemm": ("Gemm", slice(0, 4, 3)),
}


def read_model(source: str | Path | onnx.ModelProto) -> tuple[onnx.ModelProto, str]:
    """Return the model with shapes inferred, and its name.

    A free batch is set to one. Quantised operators that are not in the ONNX standard are replaced by their
    counterparts, which have the same shapes.

    Raises
    ------
    ModelError
        When the file cannot be read, or an input has another free dimension.
    """
    if isinstance(source, onnx.ModelProto):
        model, name = onnx.ModelProto(), source.graph.name
        model.CopyFrom(source)
    else:
        name = str(source)
        try:
            model = onnx.load(name, load_external_data=False)
        except Exception as error:  # protobuf raises its own kinds
            raise ModelError(
                f"{name}: not a readable ONNX file ({error}); give a float or quantised ONNX model"
            ) from None
    for node in model.graph.node:
        if node.op_type in STAND_INS:
            if any(a.name == "channels_last" and a.i for a in node.attribute):
                raise ModelError(f"{name}: node {node.name} is stored channels last; export it channels first")
            op_type, operands = STAND_INS[node.op_type]
            kept = list(node.input)[operands]
            node.op_type, node.domain = op_type, ""
            del node.input[:]
            node.input.extend(kept)
    _sort(model, name)
    _fix_batch(model, name)
    try:
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    except Exception as error:  # inference raises several kinds
        raise ModelError(f"{name}: shapes cannot be inferred ({error}); run the model through onnx.checker") from None
    return inferred, name


def _sort(model: onnx.ModelProto, name: str) -> None:
    """Put the nodes in an order in which every value is made before it is read."""
    graph = model.graph
    ready = {"", *(v.name for v in graph.input), *(t.name for t in graph.initializer)}
    ready |= {t.values.name for t in graph.sparse_initializer}
    waiting, ordered = list(graph.node), []
    while waiting:
        blocked = []
        for node in waiting:
            if all(i in ready for i in node.input):
                ordered.append(node)
                ready.update(node.output)
            else:
                blocked.append(node)
        if len(blocked) == len(waiting):
            missing = next(i for i in blocked[0].input if i not in ready)
            node_name = blocked[0].name or blocked[0].op_type
            raise ModelError(f"{name}: node {node_name} reads {missing}, which nothing makes; repair the model")
        waiting = blocked
    if any(a is not b for a, b in zip(ordered, graph.node, strict=True)):
        copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in ordered]
        del graph.node[:]
        graph.node.extend(copies)


def _fix_batch(model: onnx.ModelProto, name: str) -> None:
    constant = {t.name for t in model.graph.initializer}
    stale = {v.name: v for v in [*model.graph.value_info, *model.graph.output]}
    free = False
    for value in model.graph.input:
        if value.name in constant:
            continue
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            if dim.HasField("dim_value") and dim.dim_value > 0:
                continue
            if axis > 0:
                raise ModelError(
                    f"{name}: dimension {axis} of input {value.name} is free ({dim.dim_param or 'unknown'}); "
                    "fix it to a number, for instance with onnxruntime.tools.make_dynamic_shape_fixed"
                )
            dim.dim_value = 1
            free = True
    if free:  # what was inferred with a free batch would only stand in the way
        for value in stale.values():
            value.type.tensor_type.ClearField("shape")


def shapes_of(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """Return the shapes of all tensors whose every dimension is known."""
    found: dict[str, tuple[int, ...]] = {}
    graph = model.graph
    for value in [*graph.input, *graph.value_info, *graph.output]:
        kind = value.type.tensor_type
        if kind.HasField("shape") and all(d.HasField("dim_value") for d in kind.shape.dim):
            found[value.name] = tuple(d.dim_value for d in kind.shape.dim)
    for tensor in graph.initializer:
        found[tensor.name] = tuple(tensor.dims)
    for node in graph.node:
        if node.op_type == "Constant":
            for a in node.attribute:
                if a.name == "value":
                    found[node.output[0]] = tuple(a.t.dims)
    return found


def constants_of(model: onnx.ModelProto) -> set[str]:
    """Return names of all tensors that do not depend on an input."""
    constant = {t.name for t in model.graph.initializer}
    for node in model.graph.node:
        if all(i in constant or not i for i in node.input):
            constant.update(node.output)
    return constant


def integers_of(node: onnx.NodeProto, name: str, default: list[int]) -> list[int]:
    """Return an attribute of one or several whole numbers as a list, `default` when the node does not have it."""
    for a in node.attribute:
        if a.name == name:
            value = helper.get_attribute_value(a)
            return [value] if isinstance(value, int) else [int(v) for v in value]
    return default
