"""Split the walked graph into accelerator nodes and pieces for the host."""

from dataclasses import replace

import numpy as np
import onnx
from onnx import helper, numpy_helper

from accel_sim.errors import ModelError
from accel_sim.model.context import Context
from accel_sim.model.graph import Dequantise, Graph, Host, Node, Parameter, Tensor
from accel_sim.model.values import Constant, Expression, Real, StoredConstant

Found = dict[str, Node]


class Partition:
    """What the outputs need: accelerator nodes by the tensor that they write, ONNX nodes for the host by position."""

    def __init__(self, ctx: Context, graph: onnx.GraphProto, names: list[str], reasons: dict[str, str]) -> None:
        self.ctx, self.graph, self.names, self.reasons = ctx, graph, names, reasons
        self.makers = {output: i for i, node in enumerate(graph.node) for output in node.output if output}
        self.host: set[int] = set()
        self.array: Found = {}
        self.wanted: set[str] = set()

    def need(self, name: str, reader: str) -> None:
        """Mark what makes a value, and what that needs, iteratively (graphs can be deeper than Python's stack)."""
        pending = [(name, reader)]
        while pending:
            name, reader = pending.pop()
            node = self.ctx.emitted.get(name)
            if node is not None:
                if name not in self.array:
                    self.array[name] = node
                    pending.extend((n, node.name) for n in node.inputs)
                continue
            position = self.makers.get(name)
            value = self.ctx.values.get(name)
            if position is None or isinstance(value, Constant) or position in self.host:
                continue
            self.host.add(position)
            label = self.names[position]
            if label not in self.reasons:
                self.reasons[label] = self._why(name, reader, value)
            pending.extend((n, label) for n in self.graph.node[position].input if n)

    @staticmethod
    def _why(name: str, reader: str, value: object) -> str:
        if isinstance(value, Expression):
            return f"its real result {name!r} is read by {reader!r} without a QuantizeLinear"
        if isinstance(value, Real | StoredConstant):
            return f"feeds {reader!r}, which runs on the host"
        return f"needed by {reader!r}, which runs on the host"


def partition(
    ctx: Context, model: onnx.ModelProto, names: list[str], reasons: dict[str, str], name: str, label: str, digest: str
) -> Graph:
    """Build the Graph, or refuse the model with every node and reason."""
    graph = model.graph
    split = Partition(ctx, graph, names, reasons)
    final: list[Node] = []
    for info in graph.output:
        value = ctx.values.get(info.name)
        if isinstance(value, Real) and not value.curves:
            maker = names[split.makers[info.name]]
            ctx.tensors[info.name] = Tensor(info.name, value.shape, "float32")
            final.append(
                Node(maker, "DequantizeLinear", Dequantise(value.side), (value.tensor,), (info.name,), (maker,))
            )
            split.need(value.tensor, maker)
            split.wanted.add(value.tensor)
        else:
            if info.name not in split.makers or isinstance(value, Constant):
                what = "depends on no input" if info.name in split.makers else "is made by no node"
                raise ModelError(f"{label}: output {info.name!r} {what}; remove it from the model's outputs")
            split.need(info.name, "the graph's output")
    computing = [n for n in split.array.values() if not n.on_host]
    if not computing:
        listed = "; ".join(f"{n}: {r}" for n, r in list(reasons.items())) or "it only passes its inputs through"
        raise ModelError(
            f"{label}: no node can run on the accelerator; quantise it to int8 first (QDQ or QOperator). {listed}"
        )
    islands = _islands(split)
    nodes = [*split.array.values(), *(_host_node(split, model, island, label) for island in islands), *final]
    ordered = _sort(nodes, ctx)
    used = {n for node in ordered for n in (*node.inputs, *node.outputs)}
    parameters = _parameters(ctx, ordered)
    inputs = tuple(
        i.name for i in graph.input if i.name in ctx.tensors and i.name not in {t.name for t in graph.initializer}
    )
    tensors = {n: ctx.tensors[n] for n in (*inputs, *(o for node in ordered for o in node.outputs))}
    missing = used - tensors.keys()
    assert not missing, missing
    outputs = tuple(info.name for info in graph.output)
    return Graph(name, tensors, parameters, tuple(ordered), inputs, outputs, digest)


def _parameters(ctx: Context, nodes: list[Node]) -> dict[str, Parameter]:
    found: dict[str, Parameter] = {}
    for node in nodes:
        for view in node.views:
            stored = ctx.stored[view.parameter]
            values = stored.values if stored.values.ndim else stored.values.reshape(1)
            found.setdefault(view.parameter, replace(stored, values=np.ascontiguousarray(values)))
    return found


def _islands(split: Partition) -> list[list[int]]:
    """Group host nodes that touch each other with no accelerator node in between on any path."""
    depth: dict[str, int] = {}

    def of(name: str) -> int:
        return depth.get(name, 0)

    ctx, graph = split.ctx, split.graph
    array_at: dict[int, list[Node]] = {}
    for output, node in split.array.items():
        ends = [split.makers[s] for s in (output,) if s in split.makers]
        position = ends[0] if ends else min((i for i, n in enumerate(split.names) if n in node.sources), default=0)
        array_at.setdefault(position, []).append(node)
    level: dict[int, int] = {}
    constant: list[int] = []
    on_array: set[str] = set(split.array)
    for position, onnx_node in enumerate(graph.node):
        for node in array_at.get(position, []):
            depth[node.outputs[0]] = max((of(n) for n in node.inputs), default=0)
        if position in split.host:
            found = [of(n) + (1 if n in on_array else 0) for n in onnx_node.input if n]
            level[position] = max(found, default=0)
            if not any(n in on_array or n in depth or n in ctx.tensors for n in onnx_node.input):
                constant.append(position)  # a constant's DequantizeLinear joins its first reader
            for output in onnx_node.output:
                depth[output] = level[position]
    for position in constant:
        outputs = set(graph.node[position].output)
        readers = [level[i] for i in level if i not in constant and outputs & set(graph.node[i].input)]
        level[position] = min(readers, default=0)
    group = {position: position for position in level}

    def root(i: int) -> int:
        while group[i] != i:
            i = group[i]
        return i

    for position in sorted(level):
        for name in graph.node[position].input:
            maker = split.makers.get(name)
            if maker in level and level[maker] == level[position]:
                first, second = sorted((root(maker), root(position)))
                group[second] = first
    islands: dict[int, list[int]] = {}
    for position in sorted(level):
        islands.setdefault(root(position), []).append(position)
    return list(islands.values())


def _host_node(split: Partition, model: onnx.ModelProto, island: list[int], label: str) -> Node:
    ctx, graph = split.ctx, split.graph
    members = [graph.node[i] for i in island]
    made = {o for node in members for o in node.output if o}
    outside = {n for i, node in enumerate(graph.node) if i in split.host and i not in island for n in node.input}
    outside |= {n for node in split.array.values() for n in node.inputs} | {o.name for o in graph.output} | split.wanted
    read = list(dict.fromkeys(n for node in members for n in node.input if n and n not in made))
    constants = [n for n in read if isinstance(ctx.values.get(n), Constant)]
    inputs = [n for n in read if n not in constants]
    outputs = [o for node in members for o in node.output if o and o in outside]
    for name in (*inputs, *outputs):
        if name in ctx.tensors:
            continue
        known = ctx.shape_and_type(name)
        if known is None:
            maker = split.names[split.makers[name]] if name in split.makers else "an input"
            raise ModelError(
                f"{label}: the shape of {name!r}, made by {maker!r} on the host, cannot be inferred; "
                "export the model with static shapes and consistent types"
            )
        ctx.tensors[name] = Tensor(name, known[0], known[1])
    piece = helper.make_graph(
        members,
        "host",
        [_info(ctx.tensors[n]) for n in inputs],
        [_info(ctx.tensors[n]) for n in outputs],
        [numpy_helper.from_array(np.asarray(_constant(ctx, n), order="C"), n) for n in constants],
    )
    part = helper.make_model(piece, opset_imports=model.opset_import, ir_version=model.ir_version)
    part.functions.extend(model.functions)
    labels = tuple(split.names[i] for i in island)
    core = next((i for i in island if graph.node[i].op_type not in ("QuantizeLinear", "DequantizeLinear")), island[0])
    reasons = "; ".join(
        f"{split.names[i]}: {split.reasons[split.names[i]]}"
        for i in island
        if graph.node[i].op_type != "DequantizeLinear"
    )
    operation = Host(part.SerializeToString(deterministic=True))
    return Node(
        split.names[core], graph.node[core].op_type, operation, tuple(inputs), tuple(outputs), labels,
        reasons or split.reasons[split.names[core]],
    )  # fmt: skip


def _constant(ctx: Context, name: str) -> np.ndarray:
    value = ctx.values[name]
    assert isinstance(value, Constant)
    return value.array


def _info(tensor: Tensor) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(
        tensor.name, helper.np_dtype_to_tensor_dtype(np.dtype(tensor.dtype)), tensor.shape
    )


def _sort(nodes: list[Node], ctx: Context) -> list[Node]:
    """Topological order that keeps the given order where it can."""
    writers = {o: i for i, node in enumerate(nodes) for o in node.outputs}
    waiting = [len({writers[n] for n in node.inputs if n in writers}) for node in nodes]
    readers: dict[int, set[int]] = {i: set() for i in range(len(nodes))}
    for i, node in enumerate(nodes):
        for n in node.inputs:
            if n in writers:
                readers[writers[n]].add(i)
    order = {output: i for i, output in enumerate(ctx.emitted)}
    ready = sorted(
        (i for i, count in enumerate(waiting) if not count), key=lambda i: -order.get(nodes[i].outputs[0], -1)
    )
    result: list[Node] = []
    while ready:
        i = ready.pop()
        result.append(nodes[i])
        for j in sorted(readers[i], key=lambda j: -order.get(nodes[j].outputs[0], -1)):
            waiting[j] -= 1
            if not waiting[j]:
                ready.append(j)
    assert len(result) == len(nodes)
    return result
