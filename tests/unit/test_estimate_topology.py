"""What becomes a layer, what is folded, what goes to the host."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from accel_sim.errors import ModelError
from accel_sim.estimate import estimate_network, read_topology
from accel_sim.estimate.layer import Tensor
from onnx_models.zoo.network import Network
from tests.cli.tiny_models import save, segmentation


def kinds(model):
    return [layer.kind for layer in read_topology(model).layers]


def test_norm_and_relu_disappear_in_the_convolution():
    net = Network("n", 3, 8, 8)
    x = net.norm(net.conv(net.input, 4, 3, act=None), "relu6")
    assert kinds(net.model(x)) == ["conv"]


def test_a_norm_behind_an_activation_stays():
    net = Network("n", 3, 8, 8)
    assert kinds(net.model(net.norm(net.conv(net.input, 4, 3)))) == ["conv", "depthwise"]


def test_hard_sigmoid_is_a_pass_of_its_own():
    net = Network("n", 3, 8, 8)
    topology = read_topology(net.model(net.conv(net.input, 4, 3, act="hard_sigmoid")))
    assert [(layer.kind, layer.passes) for layer in topology.layers] == [("conv", 1), ("activation", 1)]


def test_hard_swish_passes_twice():
    net = Network("n", 3, 8, 8)
    topology = read_topology(net.model(net.conv(net.input, 4, 3, act="hard_swish")))
    assert topology.layers[1].passes == 2


def test_sigmoid_goes_to_the_host_with_a_reason():
    net = Network("n", 3, 8, 8)
    layer = read_topology(net.model(net.conv(net.input, 4, 3, act="sigmoid"))).layers[1]
    assert (layer.kind, layer.reason) == ("host", "the accelerator has no Sigmoid")


def test_an_activation_does_not_disappear_where_others_read_what_is_in_front():
    net = Network("n", 3, 8, 8)
    x = net.conv(net.input, 4, 3, act=None)
    assert kinds(net.model(net.add(net.act(x, "relu"), x))) == ["conv", "activation", "elementwise"]


def test_leaky_relu_behind_a_sum_is_a_pass_and_relu_is_not():
    for act, expected in (
        ("relu", ["conv", "conv", "elementwise"]),
        ("leaky", [*["conv"] * 2, "elementwise", "activation"]),
    ):
        net = Network("n", 3, 8, 8)
        a, b = (net.conv(net.input, 4, 1, act=None) for _ in range(2))
        assert kinds(net.model(net.add(a, b, act))) == expected


def test_concatenation_is_free_and_its_parts_are_read():
    net = Network("n", 3, 8, 8)
    a, b = net.conv(net.input, 4, 1), net.conv(net.input, 6, 1)
    topology = read_topology(net.model(net.conv(net.concat(a, b), 2, 1)))
    assert [t.channels for t in topology.layers[2].inputs] == [4, 6]
    assert topology.layers[2].reduction == 10


def test_depthwise_with_a_multiplier():
    net = Network("n", 3, 8, 8)
    layer = read_topology(net.model(net.conv(net.input, 24, 7, act=None, group=3))).layers[0]
    assert (layer.kind, layer.group, layer.output.channels, layer.macs) == ("depthwise", 3, 24, 24 * 49 * 64)


def test_transposed_convolution_counts_input_pixels():
    net = Network("n", 3, 8, 8)
    layer = read_topology(net.model(net.up_conv(net.input, 5))).layers[0]
    assert (layer.reduction, layer.output, layer.macs) == (3, Tensor(layer.output.name, 5, 16, 16), 3 * 5 * 4 * 64)


def test_weights_are_counted_with_biases():
    net = Network("n", 3, 8, 8)
    topology = read_topology(net.model(net.dense(net.conv(net.input, 4, 3), 10)))
    assert [layer.weight_bytes for layer in topology.layers] == [4 * 27 + 4, 256 * 10 + 10]


def test_scaling_by_constants_joins_the_weights():
    def make(op, a, b, out):
        return helper.make_node(op, [a, b], [out])

    const = [
        helper.make_tensor(n, TensorProto.FLOAT, dims, np.ones(dims, np.float32).ravel())
        for n, dims in (("w", (4, 3, 1, 1)), ("s", (1, 4, 1, 1)), ("t", (1,)))
    ]
    nodes = [
        make("Conv", "x", "w", "c"),
        make("Mul", "c", "s", "m"),
        make("Add", "m", "t", "a"),
        helper.make_node("Relu", ["a"], ["r"]),
        make("Mul", "r", "s", "y"),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        const,
    )
    assert kinds(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])) == ["conv", "elementwise"]


def test_a_quantised_model_has_the_layers_of_its_float_form(tmp_path):
    found = read_topology(save(segmentation(), tmp_path / "tiny.onnx"))
    assert "host" not in [layer.kind for layer in found.layers]
    assert found.gop > 0


def test_a_free_batch_is_one():
    net = Network("n", 3, 8, 8)
    model = net.model(net.conv(net.input, 4, 3))
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "batch"
    assert read_topology(model).layers[0].output.bytes == 4 * 64


def test_another_free_dimension_is_refused():
    net = Network("n", 3, 8, 8)
    model = net.model(net.conv(net.input, 4, 3))
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"
    with pytest.raises(ModelError, match=r"dimension 2 of input input is free \(height\); fix it"):
        read_topology(model)


def test_a_file_that_is_none(tmp_path):
    path = tmp_path / "x.onnx"
    path.write_text("no model")
    with pytest.raises(ModelError, match="not a readable ONNX file"):
        read_topology(path)
    with pytest.raises(ModelError, match="not a readable ONNX file"):
        read_topology(tmp_path / "missing.onnx")


def test_reading_leaves_the_model_alone():
    net = Network("n", 3, 8, 8)
    model = net.model(net.conv(net.input, 4, 3))
    before = model.SerializeToString(deterministic=True)
    read_topology(model)
    assert model.SerializeToString(deterministic=True) == before
    assert isinstance(model, onnx.ModelProto)


def test_nodes_may_stand_in_any_order():
    net = Network("n", 3, 8, 8)
    model = net.model(net.pool(net.conv(net.input, 4, 3), 2, 2))
    expected = read_topology(model)
    nodes = [onnx.NodeProto.FromString(n.SerializeToString()) for n in reversed(model.graph.node)]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    assert read_topology(model) == expected


def test_a_value_that_nothing_makes_is_named():
    net = Network("n", 3, 8, 8)
    model = net.model(net.pool(net.conv(net.input, 4, 3), 2, 2))
    model.graph.node[-1].input[0] = "ghost"
    with pytest.raises(ModelError, match="reads ghost, which nothing makes"):
        read_topology(model)


def test_part_of_a_tensor_is_read_alone():
    net = Network("n", 3, 8, 8)
    first, _ = net.split(net.conv(net.input, 16, 1), 4)
    layer = read_topology(net.model(net.conv(first, 8, 3))).layers[-1]
    assert (layer.input_bytes, layer.reduction) == (4 * 64, 4)


def test_products_of_two_data_and_volumes_go_to_the_host():
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4, 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    product = helper.make_graph([helper.make_node("MatMul", ["x", "x"], ["y"])], "g", [x], [y])
    assert read_topology(helper.make_model(product)).layers[0].reason == "its weights are computed"
    volume = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2, 4, 4, 4])
    weight = helper.make_tensor("w", TensorProto.FLOAT, (1, 2, 1, 1, 1), [1.0, 1.0])
    graph = helper.make_graph([helper.make_node("Conv", ["x", "w"], ["y"])], "g", [volume], [y], [weight])
    assert read_topology(helper.make_model(graph)).layers[0].reason == "its weights have 5 dimensions"


def test_a_network_of_the_host_alone_is_refused():
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph([helper.make_node("Softmax", ["x"], ["y"])], "g", [x], [y])
    with pytest.raises(
        ModelError, match=r"g: nothing of it runs on the accelerator \(the accelerator has no Softmax\)"
    ):
        estimate_network(helper.make_model(graph))
