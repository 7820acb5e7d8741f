import hashlib
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, numpy_helper

from onnx_models import UnknownModelError, bundled, bundled_path
from onnx_models.hsi.bands import CLASSES
from onnx_models.metrics import confusion, iou_table

NAMES = ["hsi-unet-relu", "hsi-unet-sigmoid", "hsi-unet-hardsigmoid"]
every_model = pytest.mark.parametrize("entry", bundled(), ids=lambda entry: entry["name"])


def _initialisers(entry):
    model = onnx.load(bundled_path(entry["name"]))
    return model, {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def test_names_and_order():
    assert [entry["name"] for entry in bundled()] == NAMES


def test_callers_cannot_change_each_others_manifest():
    bundled()[0]["name"] = "changed"
    assert bundled()[0]["name"] == NAMES[0]


def test_import_loads_nothing_heavy():
    code = "import sys, onnx_models; onnx_models.bundled(); print(*sorted({'numpy','onnx','torch'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_unknown_name_lists_those_there_are():
    with pytest.raises(UnknownModelError, match=r"^no bundled model 'unet'; there are hsi-unet-relu, hsi-unet-sigmoid"):
        bundled_path("unet")


@every_model
def test_checksum_and_size(entry):
    content = bundled_path(entry["name"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == entry["sha256"]
    assert len(content) < 1_000_000


@every_model
def test_manifest_says_what_was_made(entry):
    assert entry["task"] == "segmentation"
    assert entry["classes"] == list(CLASSES)
    assert "no pixel of HSI-Drive" in entry["synthetic"]
    recipe = entry["recipe"]
    assert recipe["command"] == f"python -m onnx_models.train --activation {recipe['activation']}"
    assert recipe["train_seed"] != recipe["test_seed"]
    assert set(recipe["packages"]) >= {"torch", "numpy", "onnx", "onnxruntime", "earthlib", "pvlib"}


@every_model
def test_marks_and_others_are_the_weak_classes(entry):
    for scores in (entry["iou_float"], entry["iou_int8"]):
        weak = max(scores["Marks"], scores["Others"])
        assert min(scores["Marks"], scores["Others"]) > 50.0
        assert weak < min(scores["Road"], scores["Vegetation"])
        assert scores["Road"] > 95.0
        assert scores["weighted"] < scores["global"]


@every_model
def test_int8_keeps_the_accuracy(entry):
    for measure in ("global", "weighted"):
        assert abs(entry["iou_float"][measure] - entry["iou_int8"][measure]) < 1.5


@every_model
def test_interface_of_the_file(entry):
    model, _ = _initialisers(entry)
    assert model.opset_import[0].version >= 17
    (given,), (made,) = model.graph.input, model.graph.output
    shapes = [[d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in (given, made)]
    assert (given.name, shapes[0]) == ("input", ["batch", 25, 96, 192])
    assert (made.name, shapes[1]) == ("logits", ["batch", 5, 96, 192])
    assert given.type.tensor_type.elem_type == made.type.tensor_type.elem_type == TensorProto.FLOAT


@every_model
def test_quantisation_scheme(entry):
    model, values = _initialisers(entry)
    kinds = {"QuantizeLinear": np.uint8, "DequantizeLinear": None}
    for node in model.graph.node:
        if node.op_type not in kinds:
            continue
        scale, zero = values[node.input[1]], values[node.input[2]]
        assert scale.size == 1
        if node.op_type == "QuantizeLinear":
            assert zero.dtype == np.uint8, node.name
        elif node.input[0] in values:
            assert zero.item() == 0, node.name
            assert values[node.input[0]].dtype == (np.int8 if values[node.input[0]].ndim > 1 else np.int32)
    floats = [name for name, value in values.items() if value.dtype == np.float32 and value.size > 1]
    assert floats == []


@every_model
def test_input_codes_are_the_converters(entry):
    _, values = _initialisers(entry)
    assert values["input_scale"].item() == 1 / 128
    assert values["input_zero_point"].item() == 128


@every_model
def test_parameters_are_those_in_the_file(entry):
    _, values = _initialisers(entry)
    stored = sum(v.size for name, v in values.items() if name.endswith(("weight_quantized", "bias_quantized")))
    assert stored == entry["parameters"]


@every_model
def test_activation_operator(entry):
    model, _ = _initialisers(entry)
    used = {node.op_type for node in model.graph.node}
    # A ReLU before an unsigned quantiser with zero point 0 is the saturation at 0.
    expected = {"relu": set(), "sigmoid": {"Sigmoid"}, "hardsigmoid": {"HardSigmoid"}}[entry["recipe"]["activation"]]
    assert used & {"Relu", "Sigmoid", "HardSigmoid"} == expected
    assert used >= {"Conv", "ConvTranspose", "MaxPool", "Concat"}


def test_scenes_lie_on_the_converters_grid():
    with np.load(bundled_path("hsi-scenes.npz")) as stored, np.load(bundled_path("hsi-scenes-labels.npz")) as truth:
        scenes, labels = stored["input"], truth["labels"]
    assert scenes.shape == (4, 25, 96, 192)
    assert scenes.dtype == np.float32
    codes = scenes * 128 + 128
    np.testing.assert_array_equal(codes, np.rint(codes))
    assert codes.min() >= 0
    assert codes.max() <= 255
    assert labels.shape == (4, 96, 192)
    assert labels.dtype == np.uint8
    assert np.bincount(labels.ravel(), minlength=5).min() > 500


@every_model
def test_bundled_scenes_are_understood_by_onnxruntime(entry):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.qdqisint8allowed", "1")
    runner = ort.InferenceSession(
        str(bundled_path(entry["name"])), options, disabled_optimizers=["WeightBiasQuantization"]
    )
    with np.load(bundled_path(entry["inputs"])) as stored, np.load(bundled_path(entry["labels"])) as truth:
        (logits,) = runner.run(None, {"input": stored["input"]})
        table = iou_table(confusion(truth["labels"], np.asarray(logits).argmax(axis=1), 5), CLASSES)
    assert table["Road"] > 90.0
    assert table["global"] > 80.0
    assert min(table[name] for name in CLASSES) > 35.0
