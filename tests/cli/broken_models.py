"""Model files that must be refused: every maker writes one into a folder and returns its name."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.cli.tiny_models import Builder, save, segmentation

Maker = Callable[[Path], str]
Change = Callable[[onnx.ModelProto], object]
NAME = "bad.onnx"


def changed(change: Change, base: Callable[[], onnx.ModelProto] = segmentation) -> Maker:
    """A valid model, changed in one place."""

    def make(folder: Path) -> str:
        model = base()
        change(model)
        save(model, folder / NAME)
        return NAME

    return make


def written(data: bytes) -> Maker:
    """Any bytes."""

    def make(folder: Path) -> str:
        (folder / NAME).write_bytes(data)
        return NAME

    return make


def constant(name: str, value: Any) -> Change:
    """Give an initializer another value."""

    def change(model: onnx.ModelProto) -> None:
        found = next(t for t in model.graph.initializer if t.name == name)
        found.CopyFrom(numpy_helper.from_array(np.asarray(value), name))

    return change


def attributes(output: str, **values: Any) -> Change:
    """Set attributes of the node that makes a value."""

    def change(model: onnx.ModelProto) -> None:
        node = maker(model, output)
        kept = [a for a in node.attribute if a.name not in values]
        del node.attribute[:]
        node.attribute.extend([*kept, *(helper.make_attribute(name, value) for name, value in values.items())])

    return change


def maker(model: onnx.ModelProto, output: str) -> onnx.NodeProto:
    found: onnx.NodeProto = next(n for n in model.graph.node if output in n.output)
    return found


def dims(name: str, *sizes: int) -> Change:
    """Declare an initializer of another shape, with the data of the old one."""

    def change(model: onnx.ModelProto) -> None:
        found = next(t for t in model.graph.initializer if t.name == name)
        del found.dims[:]
        found.dims.extend(sizes)

    return change


def input_shape(*sizes: int | str) -> Change:
    def change(model: onnx.ModelProto) -> None:
        old = model.graph.input[0]
        old.CopyFrom(helper.make_tensor_value_info(old.name, old.type.tensor_type.elem_type, sizes))

    return change


def value_info(*sizes: int, kind: int = TensorProto.FLOAT) -> Change:
    def change(model: onnx.ModelProto) -> None:
        model.graph.value_info.append(helper.make_tensor_value_info("c1", TensorProto.FLOAT, sizes))
        model.graph.value_info[-1].type.tensor_type.elem_type = kind

    return change


def data_type(name: str, kind: int) -> Change:
    def change(model: onnx.ModelProto) -> None:
        next(t for t in model.graph.initializer if t.name == name).data_type = kind

    return change


def opset(version: int | None) -> Change:
    def change(model: onnx.ModelProto) -> None:
        del model.opset_import[:]
        if version is not None:
            model.opset_import.append(helper.make_opsetid("", version))

    return change


def operator(output: str, op: str, domain: str = "") -> Change:
    def change(model: onnx.ModelProto) -> None:
        node = maker(model, output)
        node.op_type, node.domain = op, domain
        if domain:
            model.opset_import.append(helper.make_opsetid(domain, 1))

    return change


def reads(output: str, position: int, name: str) -> Change:
    """Let a node read another value."""

    def change(model: onnx.ModelProto) -> None:
        maker(model, output).input[position] = name

    return change


def renamed_output(old: str, new: str) -> Change:
    def change(model: onnx.ModelProto) -> None:
        maker(model, old).output[0] = new

    return change


def made_constant(op: str, *values: Any) -> Change:
    """Let a node make a constant from small ones, and the first convolution read it as its bias."""

    def change(model: onnx.ModelProto) -> None:
        names = [f"huge_{i}" for i in range(len(values))]
        for name, value in zip(names, values, strict=True):
            model.graph.initializer.append(numpy_helper.from_array(value, name))
        model.graph.node.insert(0, helper.make_node(op, names, ["huge"], name=f"huge:{op}"))
        maker(model, "c1").input[2] = "huge"

    return change


def no_output(model: onnx.ModelProto) -> None:
    del model.graph.output[:]


def without_quantisers(model: onnx.ModelProto) -> None:
    """The same network in floating point."""
    constants = {"w1": (4, 2, 3, 3), "w2": (3, 4, 1, 1)}
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(numpy_helper.from_array(np.ones(s, np.float32), n) for n, s in constants.items())
    model.graph.node.extend(
        [
            helper.make_node("Conv", ["x", "w1"], ["c1"], name="first", pads=[1, 1, 1, 1]),
            helper.make_node("Relu", ["c1"], ["r1"], name="second"),
            helper.make_node("Conv", ["r1", "w2"], ["y"], name="third"),
        ]
    )


def narrow_codes(kind: int) -> Change:
    """Activations of 16 or 4 bits, as opset 21 allows them."""

    def change(model: onnx.ModelProto) -> None:
        opset(21)(model)
        for name in ("x_zero", "r1_zero", "c2_zero"):
            found = next(t for t in model.graph.initializer if t.name == name)
            found.CopyFrom(helper.make_tensor(name, kind, [], [0]))

    return change


def branches(op: str) -> Change:
    """A node that chooses or repeats pieces of the graph."""

    def change(model: onnx.ModelProto) -> None:
        def body(name: str, inputs: list[Any] = [], extra: list[Any] = []) -> onnx.GraphProto:  # noqa: B006
            out = helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 6, 8])
            node = helper.make_node("Identity", ["c2_real"], [name])
            return helper.make_graph([*extra, node], name, inputs, [out])

        renamed_output("y", "c2_real")(model)
        numpy_bool = numpy_helper.from_array(np.array(True), "yes")
        model.graph.initializer.append(numpy_bool)
        if op == "If":
            node = helper.make_node(op, ["yes"], ["y"], name="choice", then_branch=body("a"), else_branch=body("b"))
        else:
            model.graph.initializer.append(numpy_helper.from_array(np.array(2**62), "trips"))
            loop = helper.make_graph(
                [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Identity", ["v"], ["w"])],
                "body",
                [
                    helper.make_tensor_value_info("i", TensorProto.INT64, []),
                    helper.make_tensor_value_info("go", TensorProto.BOOL, []),
                    helper.make_tensor_value_info("v", TensorProto.FLOAT, [1, 3, 6, 8]),
                ],
                [
                    helper.make_tensor_value_info("on", TensorProto.BOOL, []),
                    helper.make_tensor_value_info("w", TensorProto.FLOAT, [1, 3, 6, 8]),
                ],
            )
            node = helper.make_node(op, ["trips", "yes", "c2_real"], ["y"], name="endless", body=loop)
        model.graph.node.append(node)

    return change


def external(location: str, data: bytes | None, link_to: str | None = None, length: int = 72) -> Maker:
    """The first weights in a file of their own, which is written, linked or absent."""

    def make(folder: Path) -> str:
        model = segmentation()
        found = next(t for t in model.graph.initializer if t.name == "w1_codes")
        found.ClearField("raw_data")
        found.data_location = TensorProto.EXTERNAL
        for key, value in {"location": location.format(folder=folder), "offset": "0", "length": str(length)}.items():
            found.external_data.add(key=key, value=value)
        inner = folder / "model"
        inner.mkdir()
        (folder / "outside.bin").write_bytes(bytes(72))
        if data is not None:
            (inner / location).write_bytes(data)
        if link_to is not None:
            (inner / location).symlink_to(folder / link_to)
        save(model, inner / NAME)
        return f"model/{NAME}"

    return make


def pipe(folder: Path) -> str:
    os.mkfifo(folder / NAME)
    return NAME


def folder(folder: Path) -> str:
    (folder / NAME).mkdir()
    return NAME


def single(op: str, shape: tuple[int, ...], constants: dict[str, Any], **options: Any) -> Maker:
    """An 8-bit input, one operator between Q and DQ, and an output."""

    def make(where: Path) -> str:
        b = Builder()
        b.quantise("x", 0.02, 128)
        names = [b.constant(name, value) if name else "" for name, value in constants.items()]
        b.node(op, ["x_dq", *names], "c", **options)
        b.quantise("c", 0.02, 128)
        model = b.model({"x": list(shape)}, {"c_dq": ["a", "b", "c", "d"]}, "single")
        save(model, where / NAME)
        return NAME

    return make
