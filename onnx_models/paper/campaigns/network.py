"""A float ONNX network cut into pieces, one per layer with parameters, so that a run can begin at any of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from accel_sim.errors import ModelError

SETS: Final = ("kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance")
"""The paper's kinds of parameters, named as in Keras; the last part of an initializer's name is one of them."""
HEADS: Final = ("Conv", "ConvTranspose")
NORM: Final = "BatchNormalization"
F32 = NDArray[np.float32]


@dataclass(frozen=True)
class Variable:
    """One tensor of parameters.

    Attributes
    ----------
    name
        The initializer's name.
    set
        Its kind, one of `SETS`.
    layer
        Number of the convolution that it belongs to, from 0, in order of execution.
    block
        Name of that convolution.
    shape
        Shape; the elements are float32.
    """

    name: str
    set: str
    layer: int
    block: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))


@dataclass(frozen=True)
class Piece:
    """One convolution and what follows it up to the next one.

    Attributes
    ----------
    model
        ONNX bytes; every parameter is also an input, so a run may replace it.
    inputs, outputs
        Names of the tensors that come in and go out.
    parameters
        Names of its parameters.
    """

    model: bytes
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    parameters: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Network:
    """A network in pieces.

    Attributes
    ----------
    source
        The whole model.
    input, output
        Names of the image and of the logits.
    pieces
        In order of execution.
    variables
        All parameters, layer by layer, inside a layer in the order of `SETS`.
    values
        Name to float32 array.
    """

    source: onnx.ModelProto
    input: str
    output: str
    pieces: tuple[Piece, ...]
    variables: tuple[Variable, ...]
    values: Mapping[str, F32]


def read_network(model: onnx.ModelProto, label: str = "model") -> Network:
    """Cut a float U-Net whose batch normalisation is not folded.

    Parameters
    ----------
    model
        One image input, one output of logits; Conv and ConvTranspose start a piece, every other node goes to the latest
        piece that it reads from.
    label
        How errors name the model.

    Raises
    ------
    ModelError
        When there is not one input and one output, a node comes before the first convolution, or an initializer of a
        convolution or batch normalisation is not float32 or not named after one of `SETS`.
    """
    graph = model.graph
    stored = {t.name: t for t in graph.initializer}
    values = {name: _array(t, label) for name, t in stored.items() if name in _parameters(graph)}
    fixed = {name: t for name, t in stored.items() if name not in values}
    images = [i.name for i in graph.input if i.name not in stored]
    if len(images) != 1 or len(graph.output) != 1:
        raise ModelError(f"{label} has {len(images)} inputs and {len(graph.output)} outputs; one of each is wanted")
    owner: dict[str, int] = {}
    groups: list[list[onnx.NodeProto]] = []
    for node in graph.node:
        if node.op_type in HEADS:
            groups.append([node])
        else:
            made = [owner[name] for name in node.input if name in owner]
            if not made:
                raise ModelError(f"{label}: node {node.name} ({node.op_type}) comes before the first convolution")
            groups[max(made)].append(node)
        number = len(groups) - 1 if node.op_type in HEADS else max(made)
        owner |= dict.fromkeys(node.output, number)
    pieces = tuple(_piece(model, group, groups, values, fixed) for group in groups)
    variables = tuple(_variables(groups, values))
    return Network(model, images[0], graph.output[0].name, pieces, variables, values)


def _parameters(graph: onnx.GraphProto) -> set[str]:
    """Return the names of everything that convolutions and batch normalisations read beside their data."""
    return {name for node in graph.node if node.op_type in (*HEADS, NORM) for name in node.input[1:] if name}


def _array(tensor: onnx.TensorProto, label: str) -> F32:
    if tensor.data_type != TensorProto.FLOAT or tensor.name.rsplit(".", 1)[-1] not in SETS:
        raise ModelError(f"{label}: initializer {tensor.name} is not a float32 tensor named after {', '.join(SETS)}")
    return np.array(numpy_helper.to_array(tensor), np.float32)  # a copy: bits are flipped in place


def _variables(groups: list[list[onnx.NodeProto]], values: Mapping[str, F32]) -> Iterator[Variable]:
    for layer, group in enumerate(groups):
        block = group[0].name or group[0].output[0]
        own = [name for node in group for name in node.input if name in values]
        for name in sorted(own, key=lambda n: SETS.index(n.rsplit(".", 1)[-1])):
            yield Variable(name, name.rsplit(".", 1)[-1], layer, block, values[name].shape)


def _piece(
    model: onnx.ModelProto,
    group: list[onnx.NodeProto],
    groups: list[list[onnx.NodeProto]],
    values: Mapping[str, F32],
    fixed: Mapping[str, onnx.TensorProto],
) -> Piece:
    made = {name for node in group for name in node.output}
    parameters = tuple(dict.fromkeys(n for node in group for n in node.input if n in values))
    constants = [fixed[n] for n in dict.fromkeys(n for node in group for n in node.input if n in fixed)]
    known = made | values.keys() | fixed.keys()
    inputs = tuple(dict.fromkeys(n for node in group for n in node.input if n and n not in known))
    elsewhere = {n for other in groups if other is not group for node in other for n in node.input}
    elsewhere |= {o.name for o in model.graph.output}
    outputs = tuple(name for node in group for name in node.output if name in elsewhere)
    own = [helper.make_tensor_value_info(n, TensorProto.FLOAT, list(values[n].shape)) for n in parameters]
    graph = helper.make_graph(
        group,
        group[0].name or "piece",
        [_image(n) for n in inputs] + own,
        [_image(n) for n in outputs],
        [numpy_helper.from_array(values[n], n) for n in parameters] + constants,
    )
    made_model = helper.make_model(graph, opset_imports=list(model.opset_import), ir_version=model.ir_version)
    return Piece(made_model.SerializeToString(), inputs, outputs, parameters)


def _image(name: str) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * 4)
