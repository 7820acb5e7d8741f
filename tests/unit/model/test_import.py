"""Forms in which the same network can be written, and what goes to the host."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from accel_sim.engine import Engine
from accel_sim.errors import ModelError
from accel_sim.model import Conv, Dequantise, Graph, Host, Quantise, import_onnx
from accel_sim.reference import host_runner, session
from tests.conformance.qdq_network import QdqNetwork

Change = Callable[[onnx.ModelProto], None]


def one_conv(seed: int = 4, *, zero: int | None = None) -> QdqNetwork:
    net = QdqNetwork(seed, "uint8", "int8")
    if zero is not None:
        net.zero = lambda: zero  # type: ignore[method-assign]
    net.outputs = (net.conv(net.input([1, 3, 6, 6]), 4, per_channel=False),)
    return net


def run(graph: Graph, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    engine = Engine(graph, host_runner)
    return engine.outputs(engine.run(feeds))


def initializer(model: onnx.ModelProto, name: str) -> onnx.TensorProto:
    found: onnx.TensorProto
    (found,) = [t for t in model.graph.initializer if t.name == name]
    return found


def scales_of_shape_one(model: onnx.ModelProto) -> None:
    for tensor in model.graph.initializer:
        if tensor.name.endswith(("_scale", "_zero")) and not tensor.dims:
            tensor.dims.append(1)


def without_zero_points(model: onnx.ModelProto) -> None:
    """Weights and bias; where a zero point is 0 it may be left out."""
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0].startswith(("weight", "bias")):
            del node.input[2:]


def symbolic_batch(model: onnx.ModelProto) -> None:
    for info in (*model.graph.input, *model.graph.output):
        info.type.tensor_type.shape.dim[0].dim_param = "batch"


def newest_opset(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 21
    model.ir_version = 10


def listed_initializers(model: onnx.ModelProto) -> None:
    """Initializers that are inputs as well, as old exporters write them."""
    for tensor in model.graph.initializer:
        model.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))


def constant_nodes(model: onnx.ModelProto) -> None:
    """Scales and zero points made by Constant nodes."""
    moved = [t for t in model.graph.initializer if t.name.endswith(("_scale", "_zero"))]
    nodes = list(model.graph.node)
    del model.graph.node[:]
    for tensor in moved:
        model.graph.initializer.remove(tensor)
        model.graph.node.append(
            helper.make_node("Constant", [], [tensor.name], name=f"make_{tensor.name}", value=tensor)
        )
    model.graph.node.extend(nodes)


@pytest.mark.parametrize(
    "change",
    [scales_of_shape_one, without_zero_points, symbolic_batch, newest_opset, listed_initializers, constant_nodes],
    ids=lambda change: change.__name__,
)
def test_ways_of_writing_the_same_network(change: Change) -> None:
    net = one_conv()
    plain, written = net.model(), net.model()
    change(written)
    feeds = net.feeds()
    expected, found = run(import_onnx(plain), feeds), run(import_onnx(written), feeds)
    (name,) = expected
    assert np.array_equal(found[name], expected[name])
    peer = session(written.SerializeToString()).run([name], feeds)[0]
    assert np.array_equal(found[name], peer)
    assert len(np.unique(peer)) > 20


def test_float_bias_is_rounded_to_accumulator_units() -> None:
    net = one_conv()
    model, feeds = net.model(), net.feeds()
    bias = next(n for n in model.graph.node if n.op_type == "DequantizeLinear" and n.input[0].startswith("bias"))
    scale = numpy_helper.to_array(initializer(model, bias.input[1]))
    real = (numpy_helper.to_array(initializer(model, bias.input[0])) * scale * 1.0003).astype(np.float32)
    model.graph.node.remove(bias)
    model.graph.initializer.append(numpy_helper.from_array(real, bias.output[0]))
    graph = import_onnx(model)
    (name,) = graph.outputs
    assert np.array_equal(run(graph, feeds)[name], session(model.SerializeToString()).run([name], feeds)[0])
    stored = graph.parameters[bias.output[0]]
    assert stored.role == "bias"
    assert stored.values.dtype == np.int32


def test_relu_disappears_into_saturation_where_the_zero_point_is_the_smallest_code() -> None:
    net = one_conv(zero=0)
    model = net.model()
    conv = next(n for n in model.graph.node if n.op_type == "Conv")
    position = list(model.graph.node).index(conv)
    model.graph.node.insert(position + 1, helper.make_node("Relu", [conv.output[0]], ["relu"], name="relu"))
    model.graph.node[position + 2].input[0] = "relu"
    graph = import_onnx(model)
    (node,) = graph.nodes
    assert isinstance(node.operation, Conv)
    assert "relu" in node.sources
    feeds = net.feeds()
    (name,) = graph.outputs
    assert np.array_equal(run(graph, feeds)[name], session(model.SerializeToString()).run([name], feeds)[0])


def with_host_node(op: str) -> tuple[onnx.ModelProto, QdqNetwork]:
    net = one_conv()
    real = net.real(net.outputs[0])
    net.outputs = (net.close(net.operator(op, [real]), net.outputs[0].shape, 0.02, 3),)
    return net.model(), net


def test_what_the_array_cannot_run_goes_to_the_host_with_a_reason() -> None:
    model, net = with_host_node("Softplus")
    graph = import_onnx(model)
    (host,) = [n for n in graph.nodes if n.on_host]
    assert isinstance(host.operation, Host)
    assert "Softplus is not one that the array runs" in host.reason
    assert [n.onnx_op for n in graph.nodes if not n.on_host] == ["Conv"]
    feeds = net.feeds()
    (name,) = graph.outputs
    assert np.array_equal(run(graph, feeds)[name], session(model.SerializeToString()).run([name], feeds)[0])


def test_real_inputs_and_outputs_are_quantised_on_the_host() -> None:
    net = one_conv()
    (info,) = net.inputs
    model = net.model()
    real = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [1, 3, 6, 6])
    first = helper.make_node(
        "QuantizeLinear", ["pixels", f"{info.name}_scale", f"{info.name}_zero"], [info.name], name="in"
    )
    out = net.outputs[0].name
    last = helper.make_node("DequantizeLinear", [out, f"{out}_scale", f"{out}_zero"], ["answer"], name="out")
    model.graph.node.insert(0, first)
    model.graph.node.append(last)
    del model.graph.input[:], model.graph.output[:]
    model.graph.input.append(real)
    model.graph.output.append(helper.make_tensor_value_info("answer", TensorProto.FLOAT, list(net.outputs[0].shape)))
    graph = import_onnx(model)
    kinds = [type(n.operation) for n in graph.nodes]
    assert kinds == [Quantise, Conv, Dequantise]
    feeds = {"pixels": np.random.default_rng(1).normal(0, 3, (1, 3, 6, 6)).astype(np.float32)}
    assert np.array_equal(run(graph, feeds)["answer"], session(model.SerializeToString()).run(None, feeds)[0])


def test_a_network_without_quantised_operators_is_refused_with_every_reason() -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], name="first"),
        helper.make_node("Relu", ["a"], ["b"], name="second"),
    ]
    value = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", [1, 2, 4, 4]), ("b", [1, 3, 4, 4]))
    ]
    weight = numpy_helper.from_array(np.zeros((3, 2, 1, 1), np.float32), "w")
    graph = helper.make_graph(nodes, "float", value[:1], value[1:], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    with pytest.raises(ModelError, match=r"no node can run on the accelerator.*first.*second"):
        import_onnx(model)


@pytest.mark.parametrize("value", [0.0, -0.5, np.nan, np.inf])
def test_impossible_scales_are_named(value: float) -> None:
    net = one_conv()
    model = net.model()
    name = f"{net.outputs[0].name}_scale"
    initializer(model, name).CopyFrom(numpy_helper.from_array(np.array(value, np.float32), name))
    with pytest.raises(ModelError, match=name):
        import_onnx(model)


def test_arithmetic_is_one_of_three() -> None:
    with pytest.raises(ModelError, match="'exact' is not one of onnxruntime, dpu, gemmlowp"):
        import_onnx(one_conv().model(), arithmetic="exact")


@pytest.mark.parametrize("arithmetic", ["dpu", "gemmlowp"])
def test_other_arithmetics_differ_by_roundings_only(arithmetic: str) -> None:
    net = QdqNetwork(4, "int8", "int8", power_of_two=True)
    net.outputs = (net.conv(net.input([1, 3, 20, 20]), 4, (1, 1)),)  # few products: many ties
    model, feeds = net.model(), net.feeds()
    (ours,) = run(import_onnx(model, arithmetic=arithmetic), feeds).values()
    (reference,) = run(import_onnx(model), feeds).values()
    difference = ours.astype(int) - reference.astype(int)
    # Ties: to the even code in the reference, upwards in the DPU, away from zero in gemmlowp.
    assert 0 < np.abs(difference).max() <= 1
    assert arithmetic != "dpu" or difference.min() >= 0


def test_dpu_arithmetic_wants_powers_of_two() -> None:
    with pytest.raises(ModelError, match="power-of-two"):
        import_onnx(one_conv().model(), arithmetic="dpu")
