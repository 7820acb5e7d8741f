"""Tell a float model from a quantised one, and make sure that its topology can be trusted."""

import os
from pathlib import Path

import onnx
from onnx import TensorProto, external_data_helper

from accel_sim.errors import ModelError
from accel_sim.model.limits import check_elements
from accel_sim.model.source import _check_values, _impossible, _sort_nodes

CODES = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "ConvInteger", "MatMulInteger")
OLDEST_OPSET = 7  # shape inference of older ones leaves gaps


def is_float_model(path: str | Path) -> bool:
    """Return whether a file is an ONNX model without a quantised operator.

    False for anything that cannot be read as ONNX: the importer says what is wrong with it.

    Raises
    ------
    ModelError
        It is a float model, and breaks the ONNX rules or holds control flow.
    """
    if not os.path.isfile(path):
        return False
    try:
        model = onnx.load(str(path), load_external_data=False)
    except Exception:  # protobuf raises kinds of its own; the importer repeats the attempt and explains
        return False
    operators = {node.op_type for node in model.graph.node}
    if not operators or any(op in CODES or op.startswith(("QLinear", "QGemm")) for op in operators):
        return False
    _check(model, str(path))
    return True


def _check(model: onnx.ModelProto, label: str) -> None:
    """Refuse what shapes cannot be trusted of; values of weights may be absent (external data)."""
    tensors = list(external_data_helper._get_all_tensors(model))
    for tensor in tensors:
        check_elements(tensor.dims, f"{label}: tensor {tensor.name!r}")
    _check_values(model.graph, label)
    version = max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=0)
    newest = onnx.defs.onnx_opset_version()
    if not OLDEST_OPSET <= version <= newest:
        raise ModelError(
            f"{label}: opset {version} is outside {OLDEST_OPSET}..{newest}; convert it with onnx.version_converter"
        )
    for node in model.graph.node:
        name = f"{node.name or next(iter(node.output), '')!r} ({node.op_type})"
        for entry in node.attribute:
            if entry.HasField("g") or entry.graphs:
                raise ModelError(f"{label}: {name} is control flow; unroll or replace it and export the model again")
            if text := _impossible(entry):
                raise ModelError(f"{label}: {name} has {entry.name} {text}; export the model again")
    if any(tensor.data_location == TensorProto.EXTERNAL for tensor in tensors):
        return  # the checker insists on their files
    _sort_nodes(model.graph)
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError, RuntimeError) as error:
        text = " ".join(str(error).split())
        raise ModelError(f"{label}: breaks the ONNX rules: {text[:300]}; repair it or export it again") from error
