"""Model files that cannot be used: one line that names the file, the node, the value and the way out."""

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto

from tests.cli.broken_models import (
    NAME,
    Maker,
    attributes,
    branches,
    changed,
    constant,
    data_type,
    dims,
    external,
    folder,
    input_shape,
    made_constant,
    narrow_codes,
    no_output,
    operator,
    opset,
    pipe,
    reads,
    renamed_output,
    single,
    value_info,
    without_quantisers,
    written,
)
from tests.cli.conftest import Files
from tests.cli.refusal import refused
from tests.cli.tiny_models import qoperator, segmentation

LIMIT = "the limit is 134217728 elements a tensor"
SCALES = "scales are finite and above zero"
RULES = f"{NAME}: breaks the ONNX rules: "
NO_PROTOBUF = f"{NAME}: not an ONNX model (the protobuf cannot be decoded); is the file complete?"
F32 = np.float32

Cases = dict[str, tuple[Maker, tuple[str, ...]]]

FILES: Cases = {
    "missing": (
        lambda folder: NAME,
        (f"{NAME}: no such file; give the path of an ONNX file or a name listed by `accel-sim models`",),
    ),
    "folder": (folder, (f"{NAME}: is a folder; give the path of an ONNX file",)),
    "pipe": (pipe, (f"{NAME}: is a device or a pipe; give the path of an ONNX file",)),
    "empty": (written(b""), (f"{NAME}: not an ONNX model, or one without any node; is the file complete?",)),
    "text": (written(b"hello, I am a text file, not a model\n"), (NO_PROTOBUF,)),
    "web_page": (written(b"<html><body>404: not found</body></html>"), (NO_PROTOBUF,)),
    "zeros": (written(bytes(64)), (NO_PROTOBUF,)),
    "half_a_file": (written(segmentation().SerializeToString()[:700]), (NO_PROTOBUF,)),
}

TENSORS: Cases = {
    "initializer_too_large": (
        changed(dims("w1_codes", 2**31)),
        (f"{NAME}: tensor 'w1_codes' has shape 2147483648; {LIMIT}",),
    ),
    "value_too_large": (
        changed(value_info(65536, 65536)),
        (f"{NAME}: value 'c1' has shape 65536x65536; {LIMIT}",),
    ),
    "input_too_large": (
        changed(input_shape(1, 2, 65536, 32768)),
        (f"{NAME}: value 'x' has shape 1x2x65536x32768; {LIMIT}",),
    ),
    "negative_dimension": (
        changed(dims("w1_codes", 4, -2, 3, 3)),
        ("tensor 'w1_codes' has shape 4x-2x3x3; sizes are 0 or more: export the model again",),
    ),
    "initializer_too_short": (changed(dims("w1_codes", 4, 2, 3, 5)), (RULES, "w1_codes", "72 bytes", "120 bytes")),
    "unknown_initializer_type": (changed(data_type("w1_codes", 99)), ("initializer 'w1_codes'", "type 99")),
    "unknown_value_type": (
        changed(value_info(1, kind=103)),
        (f"{NAME}: value 'c1' has the unknown element type 103; export it again",),
    ),
    "symbolic_height": (
        changed(input_shape(1, 2, "height", 8)),
        ("input 'x' has a symbolic size (height) at axis 2; only the batch may be symbolic: fix the others with",),
    ),
    "symbolic_by_minus_one": (changed(input_shape(1, 2, -1, 8)), ("input 'x'", "(-1) at axis 2", "at export")),
}

QUANTISATION: Cases = {
    "nan_scale": (
        changed(constant("x_scale", F32(np.nan))),
        (f"{NAME}: node 'x_q:QuantizeLinear': scale 'x_scale' holds nan; {SCALES}",),
    ),
    "zero_scale": (changed(constant("r1_scale", F32(0))), ("scale 'r1_scale' holds 0.0", SCALES)),
    "negative_scale": (changed(constant("c2_scale", F32(-1))), ("scale 'c2_scale' holds -1.0", SCALES)),
    "infinite_scale": (changed(constant("x_scale", F32(np.inf))), ("scale 'x_scale' holds inf", SCALES)),
    "nan_in_one_channel": (
        changed(constant("w1_scale", np.array([1, np.nan, 1, 1], F32))),
        ("node 'w1:DequantizeLinear'", "scale 'w1_scale' holds nan", SCALES),
    ),
    "negative_bias_scale": (
        changed(constant("b2_scale", np.array([1, -2, 1], F32))),
        ("node 'b2:DequantizeLinear'", "scale 'b2_scale' holds -2.0", SCALES),
    ),
    "qlinear_nan_scale": (
        changed(constant("y_scale", F32(np.nan)), qoperator),
        ("node 'y:QLinearConv'", "scale 'y_scale' holds nan", SCALES),
    ),
    "qlinear_negative_channel": (
        changed(constant("w_scale", np.array([1, -1, 1], F32)), qoperator),
        ("node 'y:QLinearConv'", "scale 'w_scale' holds -1.0", SCALES),
    ),
    "qlinear_concat_zero_scale": (
        changed(constant("z_scale", F32(0)), qoperator),
        ("node 'z:QLinearConcat'", "scale 'z_scale' holds 0.0", SCALES),
    ),
    "weight_axis": (
        changed(attributes("w1", axis=7)),
        (
            f"{NAME}: node 'w1:DequantizeLinear' (DequantizeLinear): 4 scales or zero points do not fit axis 7 of "
            "'w1_codes', shape (4, 2, 3, 3): one is needed for each index along an axis that exists",
        ),
    ),
    "negative_weight_axis": (changed(attributes("w1", axis=-5)), ("axis -5 of 'w1_codes'",)),
    "bias_axis": (changed(attributes("b1", axis=1)), ("axis 1 of 'b1_codes', shape (4,)",)),
    "number_of_scales": (
        changed(constant("w1_scale", np.ones(3, F32))),
        ("3 scales or zero points do not fit axis 0 of 'w1_codes', shape (4, 2, 3, 3)",),
    ),
    "qlinear_number_of_scales": (
        changed(constant("w_scale", np.ones(2, F32)), qoperator),
        ("node 'y:QLinearConv'", "2 scales or zero points do not fit axis 0 of 'w'"),
    ),
    "codes_of_16_bits": (
        changed(narrow_codes(TensorProto.INT16)),
        ("no node can run on the accelerator", "x_q:QuantizeLinear: type int16 is not 8 bits wide"),
    ),
    "codes_of_4_bits": (
        changed(narrow_codes(TensorProto.UINT4)),
        ("no node can run on the accelerator", "x_q:QuantizeLinear: type uint4 is not 8 bits wide"),
    ),
    "float_model": (
        changed(without_quantisers),
        (
            f"{NAME}: no node can run on the accelerator; quantise it to int8 first (QDQ or QOperator). "
            "first: input 'x' is not quantised",
            "; second: input 'c1' is not quantised; third: input 'r1' is not quantised",
        ),
    ),
}

STRUCTURE: Cases = {
    "cycle": (changed(reads("c1", 0, "r1_dq")), (RULES, "topologically sorted", "'r1_dq'", "repair it or export it")),
    "undefined_input": (changed(reads("c1", 0, "nowhere")), (RULES, "'nowhere'")),
    "value_made_twice": (changed(renamed_output("c1", "x_q")), (RULES, "'x_q'", "multiple times")),
    "input_declared_twice": (changed(lambda m: m.graph.input.append(m.graph.input[0])), (RULES, "'x'")),
    "initializer_twice": (changed(lambda m: m.graph.initializer.append(m.graph.initializer[0])), (RULES, "x_scale")),
    "no_output": (changed(no_output), (f"{NAME}: the graph declares no output; export the model again",)),
    "output_of_no_node": (changed(lambda m: setattr(m.graph.output[0], "name", "zzz")), ("'zzz'",)),
    "constant_output": (
        changed(lambda m: setattr(m.graph.output[0], "name", "w1_codes")),
        (f"{NAME}: output 'w1_codes' is made by no node; remove it from the model's outputs",),
    ),
    "no_opset": (
        changed(opset(None)),
        (f"{NAME}: no opset of the ONNX domain is declared; export the model with opset 13 or newer",),
    ),
    "old_opset": (changed(opset(7)), (f"{NAME}: opset 7 is outside 10..", "onnx.version_converter")),
    "future_opset": (changed(opset(999)), ("opset 999 is outside", "onnx.version_converter")),
    "unknown_operator": (changed(operator("r1", "Frobnicate")), (RULES, "Frobnicate", "r1:Relu")),
    "unknown_domain": (
        changed(operator("r1", "Frobnicate", "com.acme")),
        (
            f"{NAME}: nodes that cannot be run: 'r1:Relu' (Frobnicate) is of the unknown domain 'com.acme'; "
            "unroll or replace them and export the model again",
        ),
    ),
    "choice": (changed(branches("If")), ("'choice' (If) is control flow; unroll or replace them",)),
    "loop": (changed(branches("Loop")), ("'endless' (Loop) is control flow; unroll or replace them",)),
}

EXTERNAL: Cases = {
    "parent_folder": (
        external("../outside.bin", None),
        (
            f"model/{NAME}: tensor 'w1_codes' keeps its data in '../outside.bin', outside the model's folder; "
            "move the data beside the model",
        ),
    ),
    "windows_parent": (external("..\\outside.bin", None), ("outside the model's folder",)),
    "absolute": (external("{folder}/outside.bin", None), ("outside.bin', outside the model's folder",)),
    "link": (external("w.bin", None, "outside.bin"), ("'w.bin' is a link out of the model's folder; copy it there",)),
    "missing": (external("w.bin", None), ("its data file 'w.bin' is missing; put it beside the model",)),
    "short": (external("w.bin", b"abc"), ("wants 72 bytes from 0 of w.bin, which has 3; is the file complete?",)),
    "negative": (external("w.bin", bytes(72), length=-5), ("wants -5 bytes from 0 of w.bin",)),
}

X = (1, 2, 6, 8)
EMPTY = np.zeros(0, F32)
IMMENSE: Cases = {
    "pads": (
        changed(attributes("c1", pads=[10**9] * 4)),
        ("node 'c1:Conv' (Conv): needs 2.9e+20 products for one inference; the limit is 1.1e+12: make it smaller",),
    ),
    "pads_of_63_bits": (changed(attributes("c1", pads=[2**62] * 4)), ("'c1:Conv' (Conv) has pads 46116860184273",)),
    "strides": (changed(attributes("c1", strides=[0, 1])), ("'c1:Conv' (Conv) has strides 0, outside 1..1073741824",)),
    "dilations": (changed(attributes("c1", dilations=[10**9] * 2)), ("node 'c1:Conv'", "does not fit the padded")),
    "kernel_shape": (changed(attributes("c1", kernel_shape=[10**6] * 2)), ("kernel_shape [1000000, 1000000]",)),
    "groups": (changed(attributes("c1", group=3)), (f"{NAME}: onnxruntime cannot run the model", "c1:Conv")),
    "max_pool": (
        single("MaxPool", X, {}, kernel_shape=[10**6] * 2, pads=[10**6 - 1] * 4, strides=[10**6] * 2),
        ("node 'c:MaxPool' (MaxPool): needs 8.0e+12 positions under its window for one inference",),
    ),
    "average_pool": (
        single("AveragePool", X, {}, kernel_shape=[10**6] * 2, pads=[10**6 - 1] * 4),
        ("node 'c:AveragePool'", "positions under its window"),
    ),
    "resize_nearest": (
        single("Resize", X, {"": None, "scales": EMPTY, "sizes": np.array([1, 2, 10**6, 10**6])}, mode="nearest"),
        ("node 'c:Resize' (Resize): its output has shape 1x2x1000000x1000000", LIMIT),
    ),
    "resize_linear": (
        single("Resize", X, {"": None, "scales": np.array([1, 1, 1e9, 1e9], F32)}, mode="linear"),
        ("node 'c:Resize'", "1x2x6000000000x8000000000", LIMIT),
    ),
    "pad": (
        single("Pad", X, {"pads": np.array([0, 0, 10**9, 0, 0, 0, 0, 0])}),
        ("node 'c:Pad' (Pad): its output has shape 1x2x1000000006x8", LIMIT),
    ),
    "reshape": (single("Reshape", X, {"shape": np.array([10**9, 10**9])}), ("1000000000x1000000000", LIMIT)),
    "gather": (single("Gather", X, {"indices": np.zeros(3 * 10**6, np.int32)}, axis=1), ("48x3000000", LIMIT)),
    "tile": (single("Tile", X, {"repeats": np.array([10**6, 10, 1, 1])}), ("1000000x20x6x8", LIMIT)),
    "constant_of_shape": (
        changed(made_constant("ConstantOfShape", np.array([10**10]))),
        ("node 'huge:ConstantOfShape' (ConstantOfShape): its output 'huge' has shape 10000000000", LIMIT),
    ),
    "range": (
        changed(made_constant("Range", np.array(0), np.array(10**10), np.array(1))),
        ("node 'huge:Range' (Range): its output 'huge' has shape 10000000000", LIMIT),
    ),
    "split": (single("Split", X, {"split": np.ones(10**6, np.int64)}, axis=1), ("Split of 2 into 1000000 pieces",)),
    "conv_transpose": (
        single("ConvTranspose", X, {"w": np.ones((2, 2, 3, 3), F32)}, strides=[10**9] * 2),
        ("node 'c:ConvTranspose'", LIMIT),
    ),
}

ALL = {
    f"{group}-{name}": case
    for group, cases in {
        "file": FILES,
        "tensor": TENSORS,
        "quantisation": QUANTISATION,
        "structure": STRUCTURE,
        "external": EXTERNAL,
        "immense": IMMENSE,
    }.items()
    for name, case in cases.items()
}


@pytest.mark.parametrize("name", ALL)
def test_model_is_refused(name: str, here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    maker, fragments = ALL[name]
    model = maker(here)
    refused(capfd, here, ["run", model, "--inputs", files.inputs, "--outputs", "out.npz"], *fragments)


@pytest.mark.parametrize("name", ["file-text", "quantisation-nan_scale", "structure-choice", "immense-pad"])
@pytest.mark.parametrize("command", ["verify", "inject", "campaign"])
def test_every_command_refuses(
    command: str, name: str, here: Path, files: Files, capfd: pytest.CaptureFixture[str]
) -> None:
    """The other commands that take a model say the same, and leave no results file behind."""
    maker, fragments = ALL[name]
    fault = '{"space":"parameters","tensor":"w1_codes","index":[0,0,0,0],"bit":0}'
    more = {"verify": [], "inject": ["--fault", fault], "campaign": ["--results", "r.sqlite"]}[command]
    refused(capfd, here, [command, maker(here), "--inputs", files.inputs, "--json", *more], *fragments)


def test_a_name_that_is_neither_a_file_nor_a_bundled_model(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    line = refused(capfd, here, ["verify", "hsi-unet-rely"])
    assert line.startswith("hsi-unet-rely: neither a file nor a bundled model; bundled are ")
    assert "hsi-unet-relu" in line


def test_names_too_long_for_the_file_system(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    name = "n" * 5000
    refused(capfd, here, ["run", name], "neither a file nor a bundled model")
    refused(capfd, here, ["run", f"{name}.onnx"], "no such file")
    refused(capfd, here, ["run", files.segmentation, "--inputs", name], "no such file")
