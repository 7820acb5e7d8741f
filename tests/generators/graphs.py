"""Random quantised graphs: the same seed gives the same model and the same inputs, byte for byte."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
from onnx import TensorProto, helper

from tests.generators import elementwise, movers, products
from tests.generators.qoperator import to_qoperator
from tests.generators.sketch import F32, ONNX_TYPE, Array, Code, Sketch, code_limits

STEPS: list[tuple[Callable[[Sketch], bool], int]] = [
    (products.conv, 10),
    (products.conv_transpose, 2),
    (products.gemm, 6),
    (products.matmul, 4),
    (elementwise.unary, 5),
    (elementwise.binary, 7),
    (elementwise.concat, 3),
    (elementwise.max_pool, 3),
    (elementwise.average_pool, 3),
    (elementwise.global_average_pool, 1),
    (elementwise.resize, 3),
    (movers.reshape, 1),
    (movers.flatten, 2),
    (movers.transpose, 1),
    (movers.slice_, 1),
    (movers.split, 1),
    (movers.squeeze, 2),
    (movers.unsqueeze, 1),
    (movers.depth_to_space, 2),
    (movers.space_to_depth, 2),
    (movers.identity, 1),
    (movers.pad, 1),
]
LATEST_OPSET = 25
OPERATORS = (
    "Conv",
    "ConvTranspose",
    "Gemm",
    "MatMul",
    "MaxPool",
    "AveragePool",
    "GlobalAveragePool",
    "Add",
    "Mul",
    "Concat",
    "Resize",
    "Relu",
    "Clip",
    "LeakyRelu",
    "PRelu",
    "Sigmoid",
    "HardSigmoid",
    "HardSwish",
    "Tanh",
    "Pad",
    "Reshape",
    "Flatten",
    "Transpose",
    "Slice",
    "Split",
    "Squeeze",
    "Unsqueeze",
    "DepthToSpace",
    "SpaceToDepth",
    "Identity",
    "QLinearConv",
    "QLinearMatMul",
    "QGemm",
    "QLinearAdd",
    "QLinearMul",
    "QLinearAveragePool",
    "QLinearGlobalAveragePool",
    "QLinearConcat",
    "QLinearSigmoid",
    "QLinearLeakyRelu",
)
FEATURES = (
    "conv_1d",
    "conv_2d",
    "group",
    "depthwise",
    "dilation",
    "stride",
    "pad_asymmetric",
    "pad_SAME_UPPER",
    "pad_SAME_LOWER",
    "pad_VALID",
    "transA",
    "transB",
    "alpha",
    "beta",
    "per_channel",
    "weight_zero_point",
    "weight_scale_shape_1",
    "scale_shape_1",
    "bias_none",
    "bias_int32",
    "bias_float",
    "bias_int8",
    "bias_int32_huge",
    "bias_int32_near",
    "zero_odd",
    "zero_omitted",
    "constant_zero_omitted",
    "scale_decimal",
    "scale_power_of_two",
    "scale_random",
    "uint8_int8",
    "uint8_uint8",
    "int8_int8",
    "symbolic_batch",
    "input_float",
    "input_codes",
    "input_nhwc",
    "saturating",
    "broadcast",
    "two_tensors",
    "same_operand",
    "constant_operand",
    "operand_codes",
    "operand_quantised",
    "operand_float",
    "concat_axis_1",
    "concat_axis_2",
    "concat_axis_3",
    "ceil_mode",
    "count_include_pad",
    "pool_dilation",
    "pool_pads",
    "pool_auto_pad",
    "resize_sizes",
    "skip_connection",
    "shared_dequantise",
    "sum_Relu",
    "sum_Clip",
    "sum_LeakyRelu",
    "sum_Sigmoid",
    "sum_HardSigmoid",
    "sum_HardSwish",
    "sum_Tanh",
    "sum_PRelu",
    "mover_new_parameters",
    "mover_then_relu",
    "matmul_plus_bias",
    "DCR",
    "CRD",
    "pad_mode_edge",
    "pad_mode_value",
    "form_qdq",
    "form_qoperator",
)


def feed_values(sketch: Sketch, code: Code) -> Array:
    """Reals that use the whole code range and a little more."""
    low, high = code_limits(code.dtype)
    codes = sketch.rng.uniform(low - 10 - code.zero, high + 10 - code.zero, code.shape)
    if sketch.chance(0.3):
        codes = np.round(codes * 2) / 2  # exact halves: ties of the input quantiser
    result: Array = (codes * code.scale).astype(F32)
    return result


def input_shape(sketch: Sketch) -> list[int]:
    batch = sketch.choose([1, 1, 2, 3])
    rank = sketch.choose([4, 4, 4, 4, 3, 2])
    if rank == 2:
        return [batch, sketch.between(1, 40)]
    return [batch, sketch.between(1, 12), *(sketch.between(1, 12) for _ in range(rank - 2))]


def add_input(sketch: Sketch) -> None:
    """One graph input: float with a QuantizeLinear, or codes; channels first, or last with a Transpose."""
    shape = input_shape(sketch)
    if sketch.codes and sketch.chance(0.7):
        shape = list(sketch.codes[0].shape)  # a partner for Add, Mul and Concat
    elif sketch.codes:
        shape[0] = sketch.codes[0].shape[0]
    scale = sketch.pick_scale(float(sketch.rng.uniform(0.005, 0.1)))
    name = f"input{len(sketch.inputs)}"
    is_float, is_nhwc = sketch.chance(0.5), len(shape) == 4 and sketch.chance(0.15)
    zero = sketch.pick_zero(sketch.dtype)
    stored = Code(name, tuple(shape), sketch.dtype, scale, zero, vector=sketch.vector_scales)
    outer = [shape[0], *shape[2:], shape[1]] if is_nhwc else shape
    values = feed_values(sketch, stored) if is_float else sketch.random_codes(shape, sketch.dtype)
    sketch.feeds[name] = np.ascontiguousarray(np.moveaxis(values, 1, -1)) if is_nhwc else values
    kind = TensorProto.FLOAT if is_float else ONNX_TYPE[sketch.dtype]
    declared: list[int | str | None] = ["N", *outer[1:]] if sketch.symbolic_batch else [*outer]
    sketch.inputs.append(helper.make_tensor_value_info(name, kind, declared))
    sketch.tags |= {"input_float" if is_float else "input_codes"} | ({"input_nhwc"} if is_nhwc else set())
    tensor = sketch.node("Transpose", [name], perm=[0, 3, 1, 2]) if is_nhwc else name
    if is_float:
        code = replace(stored, name=sketch.fresh("code"))
        sketch.codes.append(code)
        sketch.nodes.append(
            helper.make_node(
                "QuantizeLinear", [tensor, *sketch.parameters(code)], [code.name], name=sketch.fresh("QuantizeLinear")
            )
        )
        return
    if tensor == name:
        # Graph inputs are read as codes under their own name; the suffix only serves the naming rule of the sketch.
        tensor = sketch.node("Identity", [name])
    sketch.codes.append(replace(stored, name=tensor))


def finish_outputs(sketch: Sketch) -> list[str]:
    """Everything unread becomes a graph output, as codes or dequantised; so does a tensor in the middle, sometimes."""
    outputs = []
    for code in sketch.codes:
        unread = code.name not in sketch.used
        if not unread and not sketch.chance(0.04):
            continue
        if sketch.chance(0.5):
            outputs.append(sketch.node("DequantizeLinear", [code.name, *sketch.parameters(code)]))
        else:
            outputs.append(code.name)
        sketch.tags.add("output_codes" if outputs[-1] == code.name else "output_float")
    return outputs


def with_typed_outputs(sketch: Sketch, outputs: list[str], tags: set[str]) -> onnx.ModelProto:
    model = sketch.model(outputs, {"coverage": ",".join(sorted(tags))})
    typed = onnx.shape_inference.infer_shapes(model, strict_mode=False)
    del typed.graph.value_info[:]
    for output in typed.graph.output:
        value = sketch.measure(output.name)
        kind = helper.np_dtype_to_tensor_dtype(value.dtype)
        shape: list[int | str | None] = ["N" if sketch.symbolic_batch else value.shape[0], *value.shape[1:]]
        output.CopyFrom(helper.make_tensor_value_info(output.name, kind, shape))
    return typed


def random_graph(seed: int) -> tuple[onnx.ModelProto, dict[str, Array]]:
    """A random quantised model and one set of inputs.

    Parameters
    ----------
    seed
        Any non-negative integer. The result depends on nothing else.

    Returns
    -------
    model
        2 to 12 operators in QDQ or QOperator form; its metadata entry ``coverage`` lists what it exercises.
    feeds
        Input name to array.
    """
    rng = np.random.default_rng([seed, 20240])
    sketch = Sketch(rng, int(rng.integers(13, LATEST_OPSET + 1)), str(rng.choice(["uint8", "int8"])))
    sketch.symbolic_batch = sketch.chance(0.25)
    # All scales of a graph have one shape: onnxruntime shares equal constants, whether of shape [] or [1].
    sketch.vector_scales = sketch.chance(0.15)
    for _ in range(sketch.choose([1, 1, 1, 2])):
        add_input(sketch)
    steps = [step for step, weight in STEPS for _ in range(weight)]
    wanted, tries = sketch.between(2, 12), 0
    while wanted and tries < 60:
        tries += 1
        wanted -= bool(sketch.choose(steps)(sketch))
    readers = [name for node in sketch.nodes if node.op_type == "DequantizeLinear" for name in node.input[:1]]
    if any(readers.count(code.name) > 1 for code in sketch.codes):
        sketch.tags.add("skip_connection")
    outputs = finish_outputs(sketch)
    sketch.tags |= {"symbolic_batch"} if sketch.symbolic_batch else set()
    model = with_typed_outputs(sketch, outputs, sketch.tags)
    if sketch.chance(0.35):
        tags = sketch.tags | {"form_qoperator", f"opset_{sketch.opset}"}
        model = to_qoperator(model, tags)
    else:
        tags = sketch.tags | {"form_qdq", f"opset_{sketch.opset}"}
    helper.set_model_props(model, {"coverage": ",".join(sorted(tags))})
    return model, sketch.feeds


def coverage(model: onnx.ModelProto) -> set[str]:
    """The tags of a model made by :func:`random_graph`."""
    return {tag for entry in model.metadata_props if entry.key == "coverage" for tag in entry.value.split(",")}
