"""MobileNets and EfficientNets: depthwise and inverted-residual networks."""

import math

import onnx

from onnx_models.zoo.network import Feature, Network


def eighths(channels: float) -> int:
    """Round a width to a multiple of eight, never down by more than a tenth (the MobileNet rule)."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


V1_BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))


def mobilenet_v1_body(net: Network, alpha: float) -> tuple[Feature, Feature]:
    """Append all layers in front of the classifier; returns the last map of stride 16 and the last one."""
    x = net.conv(net.input, int(32 * alpha), 3, 2, "relu6")
    middle = x
    for width, stride in V1_BLOCKS:
        if stride == 2:
            middle = x
        x = net.conv(net.depthwise(x, 3, stride, "relu6"), int(width * alpha), 1, 1, "relu6")
    return middle, x


def mobilenet_v1(alpha: float = 1.0, size: int = 224, classes: int = 1001) -> onnx.ModelProto:
    """Build MobileNet version 1 (Howard et al., arXiv:1704.04861, table 1)."""
    net = Network("mobilenet_v1", 3, size, size)
    _, x = mobilenet_v1_body(net, alpha)
    return net.model(net.conv(net.mean(x), classes, 1, act=None))


def inverted(
    net: Network, x: Feature, oc: int, kernel: int, stride: int, expand: float, act: str, fused: bool, residual: bool
) -> Feature:
    """Append an inverted residual: expand, filter per channel (or both in one when `fused`), project."""
    hidden = eighths(x.channels * expand)
    if fused:
        y = net.conv(x, hidden, kernel, stride, act) if expand != 1 else x
    else:
        y = net.conv(x, hidden, 1, 1, act) if expand != 1 else x
        y = net.depthwise(y, kernel, stride, act)
    y = net.conv(y, oc, 1, act=None)
    return net.add(x, y) if residual and stride == 1 and x.channels == oc else y


V2_STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


def mobilenet_v2(alpha: float = 1.0, size: int = 224, classes: int = 1000) -> onnx.ModelProto:
    """Build MobileNet version 2 (Sandler et al., arXiv:1801.04381, table 2)."""
    net = Network("mobilenet_v2", 3, size, size)
    x = net.conv(net.input, eighths(32 * alpha), 3, 2, "relu6")
    for expand, width, repeats, stride in V2_STAGES:
        for i in range(repeats):
            oc = eighths(width * alpha)
            x = inverted(net, x, oc, 3, stride if i == 0 else 1, expand, "relu6", fused=False, residual=True)
    x = net.conv(x, eighths(1280 * max(1.0, alpha)), 1, 1, "relu6")
    return net.model(net.conv(net.mean(x), classes, 1, act=None))


# kernel, stride, expansion, width, fused, residual allowed
EDGE_BLOCKS = (
    (1, 1, 1, 16, True, True),  # expansion one: slim leaves the 3x3 out
    (3, 2, 8, 32, True, True),
    *[(3, 1, 4, 32, True, True)] * 3,
    (3, 2, 8, 48, True, True),
    *[(3, 1, 4, 48, True, True)] * 3,
    (3, 2, 8, 96, False, True),
    *[(3, 1, 4, 96, False, True)] * 3,
    (3, 1, 8, 96, False, False),
    *[(3, 1, 4, 96, False, True)] * 3,
    (5, 2, 8, 160, False, True),
    *[(5, 1, 4, 160, False, True)] * 3,
    (3, 1, 8, 192, False, True),
)


def mobilenet_edge(alpha: float = 1.0, size: int = 224, classes: int = 1001) -> onnx.ModelProto:
    """MobileNet-EdgeTPU, after the table in TensorFlow-slim's mobilenet_v3.py (V3_EDGETPU)."""
    net = Network("mobilenet_edge", 3, size, size)
    x = net.conv(net.input, eighths(32 * alpha), 3, 2)
    for kernel, stride, expand, width, fused, residual in EDGE_BLOCKS:
        x = inverted(net, x, eighths(width * alpha), kernel, stride, expand, "relu", fused, residual)
    x = net.conv(x, 1280, 1)
    return net.model(net.conv(net.mean(x), classes, 1, act=None))


# repeats, kernel, stride, expansion, width, fused
EDGE_EFFICIENT = (
    (1, 3, 1, 4, 24, True),
    (2, 3, 2, 8, 32, True),
    (4, 3, 2, 8, 48, True),
    (5, 5, 2, 8, 96, False),
    (4, 5, 1, 8, 144, False),
    (2, 5, 2, 8, 192, False),
)


def _late_stride(net: Network, x: Feature, oc: int, hidden: int, stride: int, skip: bool) -> Feature:
    """Append a fused block: 3x3 to the hidden width at full resolution, then the 1x1 that carries the stride."""
    y = net.conv(net.conv(x, hidden, 3), oc, 1, stride, act=None)
    return net.add(x, y) if skip and stride == 1 and x.channels == oc else y


EDGE_SCALES = {"s": (1.0, 1.0, 224), "m": (1.0, 1.1, 240), "l": (1.2, 1.4, 300)}


def efficientnet_edge(variant: str = "s", classes: int = 1001) -> onnx.ModelProto:
    """EfficientNet-EdgeTPU s, m or l, after the block strings of tensorflow/tpu's efficientnet_edgetpu_builder.py."""
    width_factor, depth_factor, size = EDGE_SCALES[variant]
    net = Network(f"efficientnet_edge_{variant}", 3, size, size)
    x = net.conv(net.input, eighths(32 * width_factor), 3, 2)
    for stage, (repeats, kernel, stride, expand, width, fused) in enumerate(EDGE_EFFICIENT):
        oc = eighths(width * width_factor)
        for i in range(math.ceil(repeats * depth_factor)):
            step = stride if i == 0 else 1
            if fused:
                x = _late_stride(net, x, oc, (x.channels if stage else oc) * expand, step, skip=stage > 0)
            else:
                x = inverted(net, x, oc, kernel, step, expand, "relu", fused=False, residual=True)
    x = net.conv(x, eighths(1280 * width_factor), 1)
    return net.model(net.conv(net.mean(x), classes, 1, act=None))


EFFICIENT_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


def efficientnet_lite0(size: int = 224, classes: int = 1000) -> onnx.ModelProto:
    """EfficientNet-Lite0: EfficientNet-B0 (Tan and Le, arXiv:1905.11946, table 1) without squeeze-and-excite."""
    net = Network("efficientnet_lite0", 3, size, size)
    x = net.conv(net.input, 32, 3, 2, "relu6")
    for repeats, kernel, stride, expand, width in EFFICIENT_STAGES:
        for i in range(repeats):
            x = inverted(net, x, width, kernel, stride if i == 0 else 1, expand, "relu6", fused=False, residual=True)
    return net.model(net.conv(net.mean(net.conv(x, 1280, 1, 1, "relu6")), classes, 1, act=None))
