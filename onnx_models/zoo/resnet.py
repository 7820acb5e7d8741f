"""Residual networks in the four spellings that the published tables mix."""

import onnx

from onnx_models.zoo.network import Feature, Network

REPEATS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}


def basic(net: Network, x: Feature, width: int, stride: int) -> Feature:
    """Append a block of two 3x3 convolutions (He et al., arXiv:1512.03385, figure 5, left)."""
    short = x
    if stride != 1 or x.channels != width:
        short = net.conv(x, width, 1, stride, act=None, padding=0)
    y = net.conv(x, width, 3, stride, padding=1)
    return net.add(net.conv(y, width, 3, act=None, padding=1), short, "relu")


def bottleneck(net: Network, x: Feature, width: int, stride: int, late: bool) -> Feature:
    """Append a 1x1, 3x3, 1x1 block (same figure, right); the stride is on the 3x3 when `late`, else in front."""
    short = x
    if x.channels != 4 * width:
        short = net.conv(x, 4 * width, 1, stride, act=None, padding=0)
    elif stride != 1:
        short = net.pool(x, 1, stride, "valid")
    y = net.conv(x, width, 1, 1 if late else stride, padding=0)
    y = net.conv(y, width, 3, stride if late else 1, padding=1)
    return net.add(net.conv(y, 4 * width, 1, act=None), short, "relu")


def resnet(
    depth: int = 50,
    height: int = 224,
    width: int = 224,
    late_stride: bool = False,
    classes: int = 1000,
) -> onnx.ModelProto:
    """ResNet-18/34/50/101/152; `late_stride` gives version 1.5 (stride on the 3x3), otherwise the original."""
    net = Network(f"resnet{depth}", 3, height, width)
    x = net.pool(net.conv(net.input, 64, 7, 2, padding=3), 3, 2, 1)
    for stage, repeats in enumerate(REPEATS[depth]):
        for i in range(repeats):
            stride = 2 if stage > 0 and i == 0 else 1
            if depth < 50:
                x = basic(net, x, 64 << stage, stride)
            else:
                x = bottleneck(net, x, 64 << stage, stride, late_stride)
    x = net.mean(x)
    return net.model(net.dense(x, classes) if classes else x)


def slim_resnet50(size: int = 224, classes: int = 1000) -> onnx.ModelProto:
    """Build ResNet-50 as TensorFlow-slim has it: the stride stands in the last block of the first three stages."""
    net = Network("slim_resnet50_v1", 3, size, size)
    x = net.pool(net.conv(net.input, 64, 7, 2), 3, 2)
    for stage, repeats in enumerate(REPEATS[50]):
        for i in range(repeats):
            x = bottleneck(net, x, 64 << stage, 2 if stage < 3 and i == repeats - 1 else 1, late=True)
    return net.model(net.conv(net.mean(x), classes, 1, act=None))


def slim_resnet50_v2(size: int = 299, classes: int = 1001) -> onnx.ModelProto:
    """Build ResNet-50 version 2 of TensorFlow-slim: norm and ReLU in front of each block (arXiv:1603.05027)."""
    net = Network("slim_resnet50_v2", 3, size, size)
    x = net.pool(net.conv(net.input, 64, 7, 2, act=None), 3, 2)
    for stage, repeats in enumerate(REPEATS[50]):
        width = 64 << stage
        for i in range(repeats):
            stride = 2 if stage < 3 and i == repeats - 1 else 1
            before = net.norm(x)
            if x.channels != 4 * width:
                short = net.conv(before, 4 * width, 1, stride, act=None)
            else:
                short = net.pool(x, 1, stride, "valid") if stride != 1 else x
            y = net.conv(net.conv(before, width, 1), width, 3, stride, padding=1)
            x = net.add(net.conv(y, 4 * width, 1, act=None), short)
    return net.model(net.conv(net.mean(net.norm(x)), classes, 1, act=None))
