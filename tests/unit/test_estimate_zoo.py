"""Every builder gives a checked model of the published workload."""

import numpy as np
import onnx
import pytest

from accel_sim.estimate import read_topology
from accel_sim.estimate.published import frame_rates
from onnx_models import zoo

# Workloads in 10^9 operations that are published elsewhere than in the frame-rate table: Vitis AI model zoo
# (names of the models, release 2.5) or, for 101, 152 and DenseNet, twice the papers' multiply-accumulates.
ELSEWHERE = {
    "inception_v1": 3.16,
    "inception_v4": 24.5,
    "yolo_v3": 65.42,
    "mobilenet_v2": 0.6,
    "tiny_yolo_v3": 5.46,
    "densenet121": 5.7,
    "resnet34": 7.3,
    "resnet101": 15.2,
    "resnet152": 22.6,
    "vgg19": 39.3,
    "unet_hsi": 34.59,
}


@pytest.mark.parametrize("name", zoo.NAMES)
def test_models_are_valid_and_small(name):
    model = zoo.build(name)
    onnx.checker.check_model(model, full_check=True)
    assert model.ByteSize() < 250_000


@pytest.mark.parametrize("row", frame_rates(), ids=lambda row: row.zoo_name)
def test_workload_is_the_published_one(row):
    found = read_topology(zoo.build(row.network)).gop
    # Published figures have two or three digits; YOLOv5n and YOLOX-nano are given as 4.6 and 1.
    tolerance = 0.05 if row.network in ("yolo_x_nano", "yolo_v5n", "resnet18_176x80") else 0.012
    assert found == pytest.approx(row.gop, rel=tolerance)


@pytest.mark.parametrize(("name", "gop"), ELSEWHERE.items())
def test_workload_elsewhere(name, gop):
    assert read_topology(zoo.build(name)).gop == pytest.approx(gop, rel=0.025)


def test_parameters_of_known_networks():
    # torchvision: 25,557,032, 11,689,512 and 138,357,544 parameters, less the norms' own scale and shift.
    assert read_topology(zoo.build("resnet50_v1.5")).weight_bytes == 25_557_032 - 53_120 + 26_560
    assert read_topology(zoo.build("resnet18")).weight_bytes == 11_689_512 - 9_600 + 4_800
    assert read_topology(zoo.build("vgg16")).weight_bytes == 138_357_544


def test_same_padding_is_tensorflows():
    from onnx_models.zoo.network import Network

    assert Network.extent(224, 3, 2, 1, "same", 0) == (112, 0, 1)
    assert Network.extent(224, 7, 2, 1, 3, 0) == (112, 3, 3)
    assert Network.extent(10, 3, 1, 3, "valid", 0) == (4, 0, 0)
    assert Network.extent(10, 3, 1, 1, (0, 1), 1) == (10, 1, 1)


def test_a_model_runs():
    import onnxruntime

    model = zoo.unet(16, 32, 3, (4, 8), classes=2, act="hard_sigmoid")
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (out,) = session.run(None, {"input": np.zeros((1, 3, 16, 32), np.float32)})
    assert out.shape == (1, 2, 16, 32)


def test_an_image_that_cannot_be_halved_is_refused():
    with pytest.raises(ValueError, match="208x400 cannot be halved 5 times; use multiples of 32"):
        zoo.unet(208, 400, 25, (2, 2, 2, 2, 2, 2))


def test_an_unknown_name_lists_the_known():
    with pytest.raises(KeyError, match=r"resnet50_v1\.5"):
        zoo.build("resnet51")
