"""ONNX in, :class:`Graph` out.

One walk over the nodes recognises, for every QuantizeLinear (or QOperator node), the integer operation that ends
there. A second step keeps what the graph's outputs need and gives the rest to the host, in pieces that onnxruntime can
run on their own.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from accel_sim.errors import ModelError
from accel_sim.model.context import Context, attribute
from accel_sim.model.graph import Graph, Tensor
from accel_sim.model.limits import check_elements
from accel_sim.model.operators import OPERATORS
from accel_sim.model.partition import partition
from accel_sim.model.shapes import evaluate, infer
from accel_sim.model.source import read_model
from accel_sim.model.values import Code, Constant, Floating, UnsupportedError
from accel_sim.numerics import MODES

# What an operator's code raises on a node whose inputs, attributes and shapes contradict each other. The host's runtime
# has the last word on such a node, so it is not refused here.
MALFORMED = (
    ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, ZeroDivisionError, AssertionError,
)  # fmt: skip
# Operators that are evaluated at import when all their inputs are constants: quick for tensors of any legal size, and
# without chance. Others have their constants run on the host.
FOLDED = (
    "Abs", "Add", "Cast", "Ceil", "Clip", "Concat", "Constant", "ConstantOfShape", "Div", "Equal", "Exp", "Expand",
    "Flatten", "Floor", "Gather", "Greater", "Identity", "Less", "Log", "Max", "Min", "Mod", "Mul", "Neg", "Not", "Pow",
    "QuantizeLinear", "Range", "Reciprocal", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceSum", "Reshape", "Round",
    "Shape", "Size", "Slice", "Split", "Sqrt", "Squeeze", "Sub", "Tile", "Transpose", "Unsqueeze", "Where",
)  # fmt: skip

ARITHMETICS = {"onnxruntime": "float32", "dpu": "shift", "gemmlowp": "gemmlowp"}


def import_onnx(source: str | Path | bytes | onnx.ModelProto, *, arithmetic: str = "onnxruntime") -> Graph:
    """Read a quantised ONNX model.

    Parameters
    ----------
    source
        Path, bytes or parsed model, in QDQ or QOperator form.
    arithmetic
        ``onnxruntime`` (bit for bit its integer kernels), ``dpu`` (power-of-two scales, shift with round half up) or
        ``gemmlowp`` (TFLite's fixed-point multiplier).

    Raises
    ------
    ModelError
        The file cannot be read, or no part of the model can run on the accelerator; the message lists every node
        and reason.
    """
    if arithmetic not in ARITHMETICS:
        raise ModelError(f"arithmetic {arithmetic!r} is not one of {', '.join(ARITHMETICS)}")
    model, name, digest = read_model(source)
    label = str(source) if isinstance(source, str | Path) else name
    graph = model.graph
    version = next(e.version for e in model.opset_import if e.domain in ("", "ai.onnx"))
    assert ARITHMETICS[arithmetic] in MODES
    ctx = Context(version, ARITHMETICS[arithmetic])
    _read_constants(ctx, graph, label)
    _read_inputs(ctx, graph, label)
    names = _node_names(graph)
    for name_read in (*(n for node in graph.node for n in node.input), *(o.name for o in graph.output)):
        ctx.uses[name_read] = ctx.uses.get(name_read, 0) + 1
    reasons: dict[str, str] = {}
    for node, node_name in zip(graph.node, names, strict=True):
        _check_scales(ctx, node, node_name, label)
        try:
            _visit(ctx, node, node_name, reasons)
        except ModelError as error:
            raise ModelError(f"{label}: node {node_name!r} ({node.op_type}): {error}") from error
    return partition(ctx, model, names, reasons, name, label, digest)


def _read_constants(ctx: Context, graph: onnx.GraphProto, label: str) -> None:
    for tensor in graph.initializer:
        try:
            array = numpy_helper.to_array(tensor)
        except (ValueError, TypeError, KeyError) as error:
            what = f"type {tensor.data_type} and shape {list(tensor.dims)}"
            raise ModelError(
                f"{label}: initializer {tensor.name!r} does not hold the data of its {what}; export the model again"
            ) from error
        ctx.values[tensor.name] = Constant(tensor.name, array)


def _read_inputs(ctx: Context, graph: onnx.GraphProto, label: str) -> None:
    known = {tensor.name for tensor in graph.initializer}
    for info in graph.input:
        if info.name in known:
            continue
        kind = info.type.tensor_type
        if not kind.HasField("shape") or not kind.elem_type:
            raise ModelError(f"{label}: input {info.name!r} has no type or shape; export the model with static shapes")
        shape = []
        for position, dim in enumerate(kind.shape.dim):
            if dim.HasField("dim_value") and dim.dim_value > 0:
                shape.append(dim.dim_value)
            elif position == 0:
                shape.append(1)  # a symbolic batch: images run one by one
            else:
                what = dim.dim_param or (dim.dim_value if dim.HasField("dim_value") else "unknown")
                raise ModelError(
                    f"{label}: input {info.name!r} has a symbolic size ({what}) at axis {position}; only the batch "
                    "may be symbolic: fix the others with onnx.tools.update_model_dims or at export"
                )
        dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)).name
        ctx.tensors[info.name] = Tensor(info.name, tuple(shape), dtype)
        ctx.values[info.name] = Code(info.name) if dtype in ("int8", "uint8") else Floating(info.name)


def _node_names(graph: onnx.GraphProto) -> list[str]:
    """Return unique names, the file's own where it has them."""
    names: list[str] = []
    seen: set[str] = set()
    counts: dict[str, int] = {}
    for node in graph.node:
        base = node.name or f"{node.op_type}_{next((o for o in node.output if o), '')}"
        name = base
        while name in seen:
            counts[base] = counts.get(base, 0) + 1
            name = f"{base}_{counts[base]}"
        seen.add(name)
        names.append(name)
    return names


def _check_scales(ctx: Context, node: onnx.NodeProto, name: str, label: str) -> None:
    if node.op_type not in ("QuantizeLinear", "DequantizeLinear") and not node.op_type.startswith("Q"):
        return
    if node.op_type == "QLinearConcat" and ("" in node.input or len(node.input) % 3 != 2):
        raise ModelError(
            f"{label}: node {name!r}: its inputs {list(node.input)} are not scale and zero point of the result, then "
            "tensor, scale and zero point of each part; export the model again"
        )
    data = "" if node.op_type == "QLinearConcat" else next(iter(node.input), "")
    for value_name in node.input:
        value = ctx.values.get(value_name)
        if not isinstance(value, Constant) or value_name == data:
            continue
        if not value.array.size:
            raise ModelError(f"{label}: node {name!r}: {value_name!r} holds no element; export the model again")
        if value.array.dtype.kind != "f":
            continue
        bad = value.array[~(np.isfinite(value.array) & (value.array > 0))]
        if bad.size:
            raise ModelError(
                f"{label}: node {name!r}: scale {value_name!r} holds {bad.reshape(-1)[0]}; "
                "scales are finite and above zero"
            )


def _visit(ctx: Context, node: onnx.NodeProto, name: str, reasons: dict[str, str]) -> None:
    if _fold(ctx, node):
        return
    operator = OPERATORS.get(node.op_type) if node.domain in ("", "ai.onnx", "com.microsoft") else None
    try:
        if operator is None:
            raise UnsupportedError(f"operator {node.op_type} is not one that the array runs")
        operator(ctx, node, name)
        for output in node.output:
            check_elements(getattr(ctx.values.get(output), "shape", ()), f"its output {output!r}")
    except (UnsupportedError, *MALFORMED) as error:
        reasons[name] = str(error) if isinstance(error, UnsupportedError) else _malformed(error)
        found = infer(ctx, node)
        for output, (shape, _) in found.items():
            check_elements(shape, f"{reasons[name]}; its output {output!r}")
        ctx.floats.update(found)
        for output in node.output:
            if output:
                ctx.values[output] = Floating(output)
        if node.op_type == "QuantizeLinear":
            _host_quantiser(ctx, node)


def _malformed(error: Exception) -> str:
    return f"its inputs and attributes do not fit together ({type(error).__name__}: {error})"


def _host_quantiser(ctx: Context, node: onnx.NodeProto) -> None:
    """Note the codes that a QuantizeLinear on the host makes: the array can take them."""
    from accel_sim.model.operators.pointwise import q_side

    try:
        side = q_side(ctx, node)
    except (UnsupportedError, *MALFORMED):
        return
    ctx.host_code(node.output[0], side)


def _fold(ctx: Context, node: onnx.NodeProto) -> bool:
    """Evaluate nodes whose inputs are all plain constants, and Shape of a known tensor."""
    if node.op_type == "Shape" and node.input[0] in ctx.tensors:
        shape = ctx.tensors[node.input[0]].shape
        start, end = attribute(node, "start", 0), attribute(node, "end")
        ctx.values[node.output[0]] = Constant(node.output[0], np.array(shape[start:end], np.int64))
        return True
    if node.domain not in ("", "ai.onnx") or node.op_type not in FOLDED:
        return False
    inputs = [ctx.values.get(name) for name in node.input if name]
    if not all(isinstance(value, Constant) for value in inputs):
        return False
    sizes = infer(ctx, node)
    for output in node.output:
        if output and output not in sizes and node.op_type != "Constant":
            return False  # a result of unknown size is left to the host
        if output in sizes:
            check_elements(sizes[output][0], f"its output {output!r}")
    results = evaluate(node, [v.array for v in inputs if isinstance(v, Constant)], ctx.opset)
    if results is None:
        return False
    for output, array in zip([o for o in node.output if o], results, strict=True):
        ctx.values[output] = Constant(output, np.asarray(array))
    return True


__all__ = ["ARITHMETICS", "import_onnx"]
