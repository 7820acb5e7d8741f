"""Single-shot detectors (SSD, arXiv:1512.02325) on three backbones."""

import onnx

from onnx_models.zoo.inception import inception_v2_body, inception_v2_stem
from onnx_models.zoo.mobile import mobilenet_v1_body
from onnx_models.zoo.network import Feature, Network
from onnx_models.zoo.resnet import basic


def _boxes(net: Network, maps: list[Feature], kernel: int, classes: int) -> list[Feature]:
    ends = []
    for i, x in enumerate(maps):
        anchors = 3 if i == 0 else 6
        ends.append(net.conv(x, anchors * 4, kernel, act=None))
        ends.append(net.conv(x, anchors * classes, kernel, act=None))
    return ends


def _extras(net: Network, x: Feature, act: str) -> list[Feature]:
    maps = []
    for width in (512, 256, 256, 128):
        x = net.conv(net.conv(x, width // 2, 1, 1, act), width, 3, 2, act)
        maps.append(x)
    return maps


def ssd_mobilenet_v1(size: int = 300, classes: int = 91) -> onnx.ModelProto:
    """SSD on MobileNet version 1, as in TensorFlow's object detection models (ssd_mobilenet_v1_coco)."""
    net = Network("ssd_mobilenet_v1", 3, size, size)
    middle, last = mobilenet_v1_body(net, 1.0)
    return net.model(*_boxes(net, [middle, last, *_extras(net, last, "relu6")], 1, classes))


def ssd_inception_v2(size: int = 300, classes: int = 91) -> onnx.ModelProto:
    """SSD on Inception version 2, as in TensorFlow's object detection models (ssd_inception_v2_coco)."""
    net = Network("ssd_inception_v2", 3, size, size)
    middle, last = inception_v2_body(net, inception_v2_stem(net, separable=True))
    return net.model(*_boxes(net, [middle, last, *_extras(net, last, "relu6")], 3, classes))


def ssd_resnet34(size: int = 1200, classes: int = 81) -> onnx.ModelProto:
    """SSD on ResNet-34 as in MLPerf inference: third stage without stride, fourth left out, heads of stride three."""
    net = Network("ssd_resnet34", 3, size, size)
    x = net.pool(net.conv(net.input, 64, 7, 2, padding=3), 3, 2, 1)
    for width, repeats, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 1)):
        for i in range(repeats):
            x = basic(net, x, width, stride if i == 0 else 1)
    maps = [x]
    for inner, outer, stride, padding in (
        (256, 512, 2, 1),
        (256, 512, 2, 1),
        (128, 256, 2, 1),
        (128, 256, 2, 0),
        (128, 256, 1, 0),
    ):
        x = net.conv(net.conv(x, inner, 1), outer, 3, stride, padding=padding)
        maps.append(x)
    ends = []
    for x, anchors in zip(maps, (4, 6, 6, 6, 4, 4), strict=True):
        ends.append(net.conv(x, anchors * 4, 3, 3, act=None, padding=1))
        ends.append(net.conv(x, anchors * classes, 3, 3, act=None, padding=1))
    return net.model(*ends)
