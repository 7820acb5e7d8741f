"""A small quantised network for every operator that the importer knows, in the forms that the compiler tells apart."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from accel_sim.model import Graph, import_onnx

Array = NDArray[Any]
SCALE, ZERO = np.float32(0.05), 120
MICROSOFT = "com.microsoft"
POINTWISE: dict[str, dict[str, Any]] = {
    "Relu": {}, "Clip": {}, "LeakyRelu": {"alpha": 0.1}, "Sigmoid": {}, "HardSigmoid": {}, "HardSwish": {}, "Tanh": {},
    "Elu": {}, "Neg": {}, "Abs": {},
}  # fmt: skip
PAIRS = ("Add", "Sub", "Mul", "Div", "Max", "Min")


class Network:
    """A network of codes: one input of 8-bit codes, one output of codes."""

    def __init__(self, shape: Sequence[int]) -> None:
        self.shape, self.rng = tuple(shape), np.random.default_rng(1)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.side = [self.constant("scale", SCALE), self.constant("zero", np.uint8(ZERO))]

    def constant(self, name: str, value: Any) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def add(self, op: str, inputs: Sequence[str], outputs: Sequence[str], domain: str = "", **attributes: Any) -> None:
        self.nodes.append(helper.make_node(op, inputs, outputs, name=outputs[0], domain=domain, **attributes))

    def real(self, codes: str, name: str) -> str:
        self.add("DequantizeLinear", [codes, *self.side], [name])
        return name

    def stored(self, name: str, shape: Sequence[int]) -> str:
        """Dequantised int8 constants."""
        values = self.rng.integers(-90, 91, tuple(shape)).astype(np.int8)
        side = [self.constant(f"{name}_scale", np.float32(0.01)), self.constant(f"{name}_zero", np.int8(0))]
        self.add("DequantizeLinear", [self.constant(f"{name}_codes", values), *side], [name])
        return name

    def codes(self, real: str, name: str) -> str:
        self.add("QuantizeLinear", [real, *self.side], [name])
        return name

    def graph(self, outputs: Sequence[str], shape: Sequence[int] | None = None) -> Graph:
        """Import it; the shape of the outputs is inferred unless it is given."""
        first = helper.make_tensor_value_info("x", TensorProto.UINT8, self.shape)
        last = [helper.make_tensor_value_info(name, TensorProto.UINT8, shape) for name in outputs]
        made = helper.make_graph(self.nodes, "one", [first], last, self.constants)
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid(MICROSOFT, 1)]
        model = onnx.shape_inference.infer_shapes(helper.make_model(made, opset_imports=opsets, ir_version=9))
        return import_onnx(model)


def between_codes(
    op: str, shape: Sequence[int], inputs: Sequence[Any] = (), outputs: int = 1, **attributes: Any
) -> Graph:
    """A float operator between DequantizeLinear and QuantizeLinear; further inputs are constants, or more codes."""
    network = Network(shape)
    names = [network.real("x", "real")]
    for number, value in enumerate(inputs):
        if isinstance(value, tuple):
            names.append(network.stored(f"w{number}", value))
        else:
            names.append(value if isinstance(value, str) else network.constant(f"c{number}", value))
    results = [f"y{n}_real" for n in range(outputs)]
    network.add(op, names, results, **attributes)
    return network.graph([network.codes(name, name.removesuffix("_real")) for name in results])


def with_partner(op: str, *, constant: bool = False) -> Graph:
    """An operator with two operands: codes and what a table makes of them, or codes and a constant."""
    network = Network((1, 6, 5, 7))
    first = network.real("x", "a")
    if not constant:
        network.add("LeakyRelu", [first], ["b_raw"], alpha=0.3)
        second = network.real(network.codes("b_raw", "b_codes"), "b")
    else:
        second = network.stored("b", ())
    more: dict[str, Any] = {"axis": 1} if op == "Concat" else {}
    network.add(op, [first, second], ["y_real"], **more)
    return network.graph([network.codes("y_real", "y")])


def _behind_a_table(op: str, **attributes: Any) -> Graph:
    """An operator that the array does not have, behind one that it has."""
    network = Network((1, 10))
    network.add("LeakyRelu", [network.real("x", "a")], ["b"], alpha=0.3)
    network.add(op, [network.real(network.codes("b", "b_codes"), "c")], ["y_real"], **attributes)
    return network.graph([network.codes("y_real", "y")])


def qlinear(
    op: str, shape: Sequence[int], inputs: Sequence[str], result: Sequence[int], domain: str = MICROSOFT, **more: Any
) -> Graph:
    """An operator with its own scales and zero points; ``s`` stands for the scale and zero point of the codes."""
    network = Network(shape)
    made: list[str] = []
    for name in inputs:
        if name == "s":
            made += network.side
        elif name.startswith("w"):
            values = network.rng.integers(-90, 91, [int(n) for n in name[1:].split("x")]).astype(np.int8)
            made += [network.constant("w", values), network.constant("ws", np.float32(0.01))]
            made.append(network.constant("wz", np.int8(0)))
        else:
            made.append(name)
    network.add(op, made, ["y"], domain=domain, **more)
    return network.graph(["y"], result)


def _ints(*values: int) -> Array:
    return np.array(values, np.int64)


def _linear() -> dict[str, Graph]:
    map_ = (1, 6, 5, 7)
    return {
        "Conv": between_codes("Conv", map_, [(9, 6, 3, 3)], pads=[1, 1, 1, 1]),
        "Conv with groups": between_codes("Conv", map_, [(4, 3, 3, 3)], group=2, strides=[2, 2]),
        "Conv by channel": between_codes("Conv", map_, [(6, 1, 3, 3)], group=6, dilations=[1, 2]),
        "Conv of one dimension": between_codes("Conv", (1, 5, 11), [(3, 5, 4)], strides=[2]),
        "ConvTranspose": between_codes("ConvTranspose", map_, [(6, 5, 2, 2)], strides=[2, 2]),
        "Gemm": between_codes("Gemm", (1, 30), [(30, 10)]),
        "MatMul": between_codes("MatMul", (1, 30), [(30, 10)]),
        "QLinearConv": qlinear("QLinearConv", map_, ["x", "s", "w4x6x3x3", "s"], (1, 4, 3, 5), domain=""),
        "QLinearMatMul": qlinear("QLinearMatMul", (1, 20), ["x", "s", "w20x6", "s"], (1, 6), domain=""),
        "QGemm": qlinear("QGemm", (1, 20), ["x", "s", "w20x6", "", "s"], (1, 6)),
    }


def _pointwise() -> dict[str, Graph]:
    map_ = (1, 6, 5, 7)
    found = {op: between_codes(op, map_, **attributes) for op, attributes in POINTWISE.items()}
    found["PRelu"] = between_codes("PRelu", map_, [np.array([0.2], np.float32)])
    for op in PAIRS:
        found[op] = with_partner(op)
        found[f"{op} of a constant"] = with_partner(op, constant=True)
    return found | {
        "QLinearAdd": qlinear("QLinearAdd", map_, ["x", "s", "x", "s", "s"], map_),
        "QLinearMul": qlinear("QLinearMul", map_, ["x", "s", "x", "s", "s"], map_),
        "QLinearSigmoid": qlinear("QLinearSigmoid", map_, ["x", "s", "s"], map_),
        "QLinearLeakyRelu": qlinear("QLinearLeakyRelu", map_, ["x", "s", "s"], map_, alpha=0.2),
        "QuantizeLinear and DequantizeLinear": _from_real(),
    }


def _from_real() -> Graph:
    """Real values in, real values out: what converts them is work for the host."""
    network = Network((1, 6, 5, 7))
    real = network.real(network.codes("x", "x_codes"), "a")
    network.add("LeakyRelu", [real], ["b"], alpha=0.3)
    network.real(network.codes("b", "y_codes"), "y")
    first = helper.make_tensor_value_info("x", TensorProto.FLOAT, network.shape)
    made = helper.make_graph(network.nodes, "one", [first], [onnx.ValueInfoProto(name="y")], network.constants)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return import_onnx(onnx.shape_inference.infer_shapes(model))


def _windows() -> dict[str, Graph]:
    map_ = (1, 6, 8, 8)
    up = ["", np.array([1, 1, 2, 2], np.float32)]
    return {
        "MaxPool": between_codes("MaxPool", map_, kernel_shape=[2, 2], strides=[2, 2]),
        "AveragePool": between_codes("AveragePool", map_, kernel_shape=[2, 2], strides=[2, 2]),
        "GlobalAveragePool": between_codes("GlobalAveragePool", map_),
        "QLinearAveragePool": qlinear("QLinearAveragePool", map_, ["x", "s", "s"], (1, 6, 7, 7), kernel_shape=[2, 2]),
        "QLinearGlobalAveragePool": qlinear("QLinearGlobalAveragePool", map_, ["x", "s", "s"], (1, 6, 1, 1)),
        "Resize": between_codes(
            "Resize", map_, up, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"
        ),
        "Resize between pixels": between_codes("Resize", map_, up, mode="linear"),
    }


def _movers() -> dict[str, Graph]:
    map_ = (1, 8, 6, 6)
    return {
        "Reshape": between_codes("Reshape", map_, [_ints(1, 8, 9, 4)]),
        "Reshape across channels": between_codes("Reshape", map_, [_ints(1, 4, 12, 6)]),
        "Flatten": between_codes("Flatten", (1, 30, 1, 1)),
        "Flatten across channels": between_codes("Flatten", map_),
        "Transpose": between_codes("Transpose", map_, perm=[0, 2, 3, 1]),
        "Squeeze": between_codes("Squeeze", (1, 8, 1, 6), [_ints(2)]),
        "Unsqueeze": between_codes("Unsqueeze", (1, 8, 6), [_ints(2)]),
        "Slice": between_codes("Slice", map_, [_ints(1, 0), _ints(5, 7), _ints(2, 1), _ints(2, 1)]),
        "DepthToSpace": between_codes("DepthToSpace", map_, blocksize=2),
        "SpaceToDepth": between_codes("SpaceToDepth", map_, blocksize=2),
        "Identity": between_codes("Identity", map_),
        "Dropout": between_codes("Dropout", map_),
        "Gather": between_codes("Gather", map_, [_ints(5, 0, 3)], axis=1),
        "Pad": between_codes("Pad", map_, [_ints(0, 0, 1, 2, 0, 0, 1, 0), np.float32(0)]),
        "Split": between_codes("Split", map_, outputs=2, axis=1),
        "Concat": with_partner("Concat"),
        "QLinearConcat": qlinear("QLinearConcat", map_, ["s", "x", "s", "x", "s"], (1, 16, 6, 6), axis=1),
    }


@cache
def operator_graphs() -> dict[str, Graph]:
    """Networks by operator, with a word on the form where there are several."""
    return {**_linear(), **_pointwise(), **_windows(), **_movers(), "Softmax": _behind_a_table("Softmax", axis=1)}
