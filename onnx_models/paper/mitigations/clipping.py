"""Range limits: what every layer puts out without faults bounds what it may put out with one.

The idea is that of the paper's reference [6] (Taheri et al., "Exploration of activation fault reliability in quantized
systolic array-based DNN accelerators", 2024): observe the extreme values of every activation, and replace what lies
outside by a bound. Here the limits stand behind every convolution and behind every activation function.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from onnx_models.paper.campaigns.float_runner import open_session

SATURATE: Final = "saturate"
LOWER: Final = "lower"
POLICIES: Final = (SATURATE, LOWER)
"""`SATURATE`: a value outside becomes the nearest bound; `LOWER`: it becomes the lower bound. NaN becomes the lower
bound in both."""
LIMITED: Final = ("Conv", "ConvTranspose", "Relu", "Sigmoid", "HardSigmoid")
F32 = NDArray[np.float32]


@dataclass(frozen=True)
class Limits:
    """Observed range of one tensor, over all pictures, pixels and channels."""

    low: float
    high: float


def observed_limits(model: onnx.ModelProto, images: F32) -> dict[str, Limits]:
    """Return the range of every convolution's and activation's output on some pictures.

    Parameters
    ----------
    model
        Float network.
    images
        float32 [N, bands, H, W]: calibration pictures, not those that faults are judged on.
    """
    names = [node.output[0] for node in model.graph.node if node.op_type in LIMITED]
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    known = {o.name for o in model.graph.output}
    for name in names:
        if name not in known:
            watched.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * 4))
    session = open_session(watched.SerializeToString())
    (source,) = (i.name for i in session.get_inputs())
    found = {name: Limits(np.inf, -np.inf) for name in names}
    for image in images:
        for name, value in zip(names, session.run(names, {source: image[None]}), strict=True):
            seen = found[name]
            found[name] = Limits(min(seen.low, float(value.min())), max(seen.high, float(value.max())))
    return found


def with_limits(model: onnx.ModelProto, limits: Mapping[str, Limits], policy: str) -> onnx.ModelProto:
    """Return the model with every named tensor kept within its limits for all its readers.

    Parameters
    ----------
    model
        Float network; not changed.
    limits
        Tensor to its range; a limited output of the graph keeps its name.
    policy
        One of `POLICIES`.

    Raises
    ------
    ValueError
        There is no such policy.
    """
    if policy not in POLICIES:
        raise ValueError(f"policy is {policy!r}; there are {', '.join(POLICIES)}")
    made = onnx.ModelProto()
    made.CopyFrom(model)
    nodes = list(made.graph.node)
    del made.graph.node[:]
    for node in nodes:
        made.graph.node.append(node)
        name = node.output[0]
        if name not in limits:
            continue
        raw = f"{name}.raw"
        made.graph.node[-1].output[0] = raw
        ends = _constants(made.graph, name, limits[name])
        made.graph.node.extend(_saturate(name, raw, *ends) if policy == SATURATE else _lower(name, raw, *ends))
    return made


def _constants(graph: onnx.GraphProto, name: str, limits: Limits) -> tuple[str, str]:
    names = (f"{name}.low", f"{name}.high")
    for constant, value in zip(names, (limits.low, limits.high), strict=True):
        graph.initializer.append(numpy_helper.from_array(np.array(value, np.float32), constant))
    return names


def _saturate(name: str, raw: str, low: str, high: str) -> list[onnx.NodeProto]:
    return [
        helper.make_node("IsNaN", [raw], [f"{name}.nan"]),
        helper.make_node("Clip", [raw, low, high], [f"{name}.clipped"]),
        helper.make_node("Where", [f"{name}.nan", low, f"{name}.clipped"], [name]),
    ]


def _lower(name: str, raw: str, low: str, high: str) -> list[onnx.NodeProto]:
    # A comparison with NaN is false, so NaN is not inside.
    return [
        helper.make_node("LessOrEqual", [raw, high], [f"{name}.below"]),
        helper.make_node("GreaterOrEqual", [raw, low], [f"{name}.above"]),
        helper.make_node("And", [f"{name}.below", f"{name}.above"], [f"{name}.inside"]),
        helper.make_node("Where", [f"{name}.inside", raw, low], [name]),
    ]
