"""Run models in onnxruntime in the reference configuration of these tests."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import helper, numpy_helper

Array = NDArray[Any]
MICROSOFT = "com.microsoft"
onnxruntime.set_default_logger_severity(4)


def session(model: onnx.ModelProto, *, optimise: bool = True, dump: Path | None = None) -> onnxruntime.InferenceSession:
    """EXTENDED, int8 activations allowed, float weights and neighbouring Q/DQ pairs left alone; or no optimisation."""
    options = onnxruntime.SessionOptions()
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_EXTENDED if optimise else levels.ORT_DISABLE_ALL
    options.add_session_config_entry("session.qdqisint8allowed", "1")
    options.add_session_config_entry("session.disable_double_qdq_remover", "1")
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    if dump is not None:
        options.optimized_model_filepath = str(dump)
    return onnxruntime.InferenceSession(
        model.SerializeToString(),
        options,
        providers=["CPUExecutionProvider"],
        disabled_optimizers=["WeightBiasQuantization"],
    )


def run_model(model: onnx.ModelProto, feeds: Mapping[str, Array], *, optimise: bool = True) -> dict[str, Array]:
    opened = session(model, optimise=optimise)
    names = [output.name for output in opened.get_outputs()]
    return dict(zip(names, opened.run(names, dict(feeds)), strict=True))


def optimised(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph that onnxruntime really runs."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "optimised.onnx"
        session(model, dump=path)
        return onnx.load(path)


def node_model(
    op: str,
    inputs: Sequence[Array | None],
    attributes: Mapping[str, Any] | None = None,
    *,
    outputs: int = 1,
    constant: Sequence[int] = (),
    opset: int = 17,
) -> tuple[onnx.ModelProto, dict[str, Array]]:
    """A model of one node; inputs whose position is in `constant` become initializers, ``None`` is an omitted input."""
    names = [f"in{position}" if value is not None else "" for position, value in enumerate(inputs)]
    domain = "" if onnx.defs.has(op) else MICROSOFT
    node = helper.make_node(
        op, names, [f"out{i}" for i in range(outputs)], name="node", domain=domain, **dict(attributes or {})
    )
    values, initializers, feeds = [], [], {}
    for position, (name, value) in enumerate(zip(names, inputs, strict=True)):
        if value is None:
            continue
        if position in constant:
            initializers.append(numpy_helper.from_array(value, name))
        else:
            kind = helper.np_dtype_to_tensor_dtype(value.dtype)
            values.append(helper.make_tensor_value_info(name, kind, value.shape))
            feeds[name] = value
    outs = [onnx.ValueInfoProto(name=f"out{i}") for i in range(outputs)]
    graph = helper.make_graph([node], "one_node", values, outs, initializers)
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid(MICROSOFT, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8), feeds


def run_node(op: str, inputs: Sequence[Any], attributes: Mapping[str, Any] | None = None, **options: Any) -> Array:
    """First output of a single-node model; scalars must come with their dtype."""
    arrays = [None if value is None else np.asarray(value) for value in inputs]
    model, feeds = node_model(op, arrays, attributes, **options)
    result: Array = run_model(model, feeds)["out0"]
    return result
