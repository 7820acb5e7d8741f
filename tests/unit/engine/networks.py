"""Networks that the engine's tests run whole, and a dense way to inject: prepare the model anew with the fault in
it."""

from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from accel_sim.engine import Engine
from accel_sim.faults import Fault
from accel_sim.model import Graph, import_onnx
from accel_sim.reference import host_runner
from tests.conformance.fault_oracle import flipped
from tests.conformance.qdq_network import QdqNetwork, integer_network, sharing_network
from tests.generators import random_graph

Array = NDArray[Any]


def u_net(seed: int = 3) -> QdqNetwork:
    """Two levels with a skip connection, a transposed convolution, grouped and plain, and a stored operand."""
    net = QdqNetwork(seed, "int8", "int8", power_of_two=True)
    x = net.input([1, 3, 8, 8])
    skip = net.conv(x, 8, pads=[1, 1, 1, 1])
    deep = net.conv(net.max_pool(skip), 12, pads=[1, 1, 1, 1])
    up = net.conv_transpose(deep, 8, (2, 2), strides=[2, 2])
    wide = net.conv_transpose(up, 8, (3, 3), group=2, pads=[1, 1, 1, 1])
    joined = net.concat(net.times_constant(wide, [1, 8, 1, 1]), skip)
    net.outputs = (net.conv(joined, 5, (1, 1)),)
    return net


def network(name: str) -> tuple[Graph, list[dict[str, Array]]]:
    """A graph and two images by name: ``integer-*``, ``u-net``, ``sharing`` or ``random-<seed>``."""
    if name.startswith("random-"):
        model, feeds = random_graph(int(name.removeprefix("random-")))
        images = [{n: a[:1] if _is_symbolic(model) else a for n, a in feeds.items()}]
        return import_onnx(model), images
    if name.startswith("integer-"):
        _, dtype, weight_dtype = name.split("-")
        net = integer_network(dtype, weight_dtype)
    else:
        net = {"u-net": u_net, "sharing": sharing_network}[name]()
    return import_onnx(net.model()), [net.feeds(1), net.feeds(2)]


def _is_symbolic(model: Any) -> bool:
    return any(i.type.tensor_type.shape.dim[0].dim_param for i in model.graph.input)


def dense_run(graph: Graph, image: dict[str, Array], fault: Fault) -> dict[str, Array]:
    """Outputs of a run that begins at the beginning, in a model that holds the fault from the start.

    A parameter is stored with its bits flipped. A tensor is flipped by a node of its own, which moves every code to
    its place through the fault: the writer writes under another name.
    """
    if fault.space == "parameters":
        parameter = graph.parameters[fault.tensor]
        upset = replace(parameter, values=flipped(parameter.values, fault.index, fault.bits))
        struck = replace(graph, parameters={**graph.parameters, fault.tensor: upset})
        engine = Engine(struck, host_runner)
        return engine.outputs(engine.run(image))
    if fault.tensor in graph.inputs:
        engine = Engine(graph, host_runner)
        codes = flipped(image[fault.tensor], fault.index, fault.bits)
        return engine.outputs(engine.run({**image, fault.tensor: codes}))
    return _with_flipped_tensor(graph, image, fault)


def _with_flipped_tensor(graph: Graph, image: dict[str, Array], fault: Fault) -> dict[str, Array]:
    """Run up to the writer of the tensor, flip, run the rest; node by node, in ONNX order."""
    engine = Engine(graph, host_runner)
    values = dict(image)
    for position, node in enumerate(graph.nodes):
        values.update(engine.run_node(position, {n: values[n] for n in node.inputs}))
        if fault.tensor in node.outputs:
            values[fault.tensor] = flipped(values[fault.tensor], fault.index, fault.bits)
    return {name: values[name] for name in graph.outputs}
