"""The YOLO family, with leaky ReLU (the accelerator's slope) in the place of mish and SiLU."""

import math

import onnx

from onnx_models.zoo.network import Feature, Network

ACT = "leaky"


def _conv(net: Network, x: Feature, oc: int, kernel: int, stride: int = 1) -> Feature:
    return net.conv(x, oc, kernel, stride, ACT, padding=kernel // 2)


def yolo_v2(size: int = 448, classes: int = 20) -> onnx.ModelProto:
    """YOLO version 2 on Darknet-19 (Redmon and Farhadi, arXiv:1612.08242, table 6 and section 3)."""
    net = Network("yolo_v2", 3, size, size)
    x = net.pool(_conv(net, net.input, 32, 3), 2, 2, "valid")
    x = net.pool(_conv(net, x, 64, 3), 2, 2, "valid")
    for width in (128, 256):
        x = _conv(net, _conv(net, _conv(net, x, width, 3), width // 2, 1), width, 3)
        x = net.pool(x, 2, 2, "valid")
    for width in (512, 1024):
        for _ in range(2):
            x = _conv(net, _conv(net, x, width, 3), width // 2, 1)
        x = _conv(net, x, width, 3)
        if width == 512:
            passed = x
            x = net.pool(x, 2, 2, "valid")
    x = _conv(net, _conv(net, x, 1024, 3), 1024, 3)
    x = net.concat(net.focus(_conv(net, passed, 64, 1)), x)
    return net.model(net.conv(_conv(net, x, 1024, 3), 5 * (5 + classes), 1, act=None))


def _five(net: Network, x: Feature, width: int) -> Feature:
    for i in range(5):
        x = _conv(net, x, width if i % 2 == 0 else 2 * width, 1 if i % 2 == 0 else 3)
    return x


def yolo_v3(size: int = 416, classes: int = 80) -> onnx.ModelProto:
    """YOLO version 3 on Darknet-53 (Redmon and Farhadi, arXiv:1804.02767, table 1)."""
    net = Network("yolo_v3", 3, size, size)
    x = _conv(net, net.input, 32, 3)
    maps = []
    for width, repeats in ((64, 1), (128, 2), (256, 8), (512, 8), (1024, 4)):
        x = _conv(net, x, width, 3, 2)
        for _ in range(repeats):
            x = net.add(x, _conv(net, _conv(net, x, width // 2, 1), width, 3))
        maps.append(x)
    ends = []
    x = _five(net, maps[4], 512)
    ends.append(net.conv(_conv(net, x, 1024, 3), 3 * (5 + classes), 1, act=None))
    for width, skip in ((256, maps[3]), (128, maps[2])):
        x = net.concat(net.upsample(_conv(net, x, width, 1)), skip)
        x = _five(net, x, width)
        ends.append(net.conv(_conv(net, x, 2 * width, 3), 3 * (5 + classes), 1, act=None))
    return net.model(*ends)


def tiny_yolo_v3(size: int = 416, classes: int = 80) -> onnx.ModelProto:
    """Tiny YOLO version 3 (the darknet configuration yolov3-tiny.cfg)."""
    net = Network("tiny_yolo_v3", 3, size, size)
    x = net.input
    for width in (16, 32, 64, 128):
        x = net.pool(_conv(net, x, width, 3), 2, 2, "valid")
    skip = _conv(net, x, 256, 3)
    x = net.pool(_conv(net, net.pool(skip, 2, 2, "valid"), 512, 3), 2, 1)
    x = _conv(net, _conv(net, x, 1024, 3), 256, 1)
    large = net.conv(_conv(net, x, 512, 3), 3 * (5 + classes), 1, act=None)
    x = net.concat(net.upsample(_conv(net, x, 128, 1)), skip)
    return net.model(large, net.conv(_conv(net, x, 256, 3), 3 * (5 + classes), 1, act=None))


def _csp_stage(net: Network, x: Feature, width: int, repeats: int, wide: bool = False) -> Feature:
    x = _conv(net, x, width, 3, 2)
    inner = width if wide else width // 2
    skip = _conv(net, x, inner, 1)
    y = _conv(net, x, inner, 1)
    for _ in range(repeats):
        y = net.add(y, _conv(net, _conv(net, y, width // 2, 1), inner, 3))
    return _conv(net, net.concat(_conv(net, y, inner, 1), skip), width, 1)


def _pyramid_pool(net: Network, x: Feature) -> Feature:
    return net.concat(*[net.pool(x, k, 1) for k in (13, 9, 5)], x)


def yolo_v4(size: int = 416, classes: int = 80) -> onnx.ModelProto:
    """YOLO version 4 (Bochkovskiy et al., arXiv:2004.10934; the darknet configuration yolov4.cfg)."""
    net = Network("yolo_v4", 3, size, size)
    x = _conv(net, net.input, 32, 3)
    maps = []
    for width, repeats in ((64, 1), (128, 2), (256, 8), (512, 8), (1024, 4)):
        x = _csp_stage(net, x, width, repeats, wide=width == 64)
        maps.append(x)
    x = _conv(net, _conv(net, _conv(net, x, 512, 1), 1024, 3), 512, 1)
    x = _conv(net, _conv(net, _conv(net, _pyramid_pool(net, x), 512, 1), 1024, 3), 512, 1)
    large = x
    middle = _five(net, net.concat(_conv(net, maps[3], 256, 1), net.upsample(_conv(net, large, 256, 1))), 256)
    small = _five(net, net.concat(_conv(net, maps[2], 128, 1), net.upsample(_conv(net, middle, 128, 1))), 128)
    ends = [net.conv(_conv(net, small, 256, 3), 3 * (5 + classes), 1, act=None)]
    middle = _five(net, net.concat(_conv(net, small, 256, 3, 2), middle), 256)
    ends.append(net.conv(_conv(net, middle, 512, 3), 3 * (5 + classes), 1, act=None))
    large = _five(net, net.concat(_conv(net, middle, 512, 3, 2), large), 512)
    ends.append(net.conv(_conv(net, large, 1024, 3), 3 * (5 + classes), 1, act=None))
    return net.model(*ends)


def _bottlenecks(net: Network, x: Feature, width: int, repeats: int, shortcut: bool, light: bool = False) -> Feature:
    """Append the three-convolution CSP block of YOLO version 5 and YOLOX."""
    inner = width // 2
    y = _conv(net, x, inner, 1)
    skip = _conv(net, x, inner, 1)
    for _ in range(repeats):
        z = _conv(net, y, inner, 1)
        z = _light(net, z, inner) if light else _conv(net, z, inner, 3)
        y = net.add(y, z) if shortcut else z
    return _conv(net, net.concat(y, skip), width, 1)


def _light(net: Network, x: Feature, oc: int, stride: int = 1) -> Feature:
    return _conv(net, net.depthwise(x, 3, stride, ACT, padding=1), oc, 1)


V5_SCALES = {"n": (0.33, 0.25), "s": (0.33, 0.5), "m": (0.67, 0.75), "l": (1.0, 1.0)}


def _neck(net: Network, maps: list[Feature], depth: int, light: bool) -> list[Feature]:
    """Append the path-aggregation neck that YOLO version 5 and YOLOX share; returns strides 8, 16 and 32."""

    def down(x: Feature) -> Feature:
        return _light(net, x, x.channels, 2) if light else _conv(net, x, x.channels, 3, 2)

    three, four, five = maps
    top = _conv(net, five, four.channels, 1)
    x = _bottlenecks(net, net.concat(net.upsample(top), four), four.channels, depth, False, light)
    mid = _conv(net, x, three.channels, 1)
    small = _bottlenecks(net, net.concat(net.upsample(mid), three), three.channels, depth, False, light)
    middle = _bottlenecks(net, net.concat(down(small), mid), four.channels, depth, False, light)
    large = _bottlenecks(net, net.concat(down(middle), top), five.channels, depth, False, light)
    return [small, middle, large]


def _fast_pyramid(net: Network, x: Feature) -> Feature:
    x = _conv(net, x, x.channels // 2, 1)
    a = net.pool(x, 5, 1)
    b = net.pool(a, 5, 1)
    return _conv(net, net.concat(x, a, b, net.pool(b, 5, 1)), x.channels * 2, 1)


def yolo_v5(scale: str = "l", size: int = 640, classes: int = 80) -> onnx.ModelProto:
    """YOLO version 5, release 6 (ultralytics/yolov5, models/yolov5l.yaml and its scaled versions)."""
    depth_factor, width_factor = V5_SCALES[scale]
    net = Network(f"yolo_v5{scale}", 3, size, size)

    def width(channels: int) -> int:
        return math.ceil(channels * width_factor / 8) * 8

    def depth(repeats: int) -> int:
        return max(1, round(repeats * depth_factor))

    x = net.conv(net.input, width(64), 6, 2, ACT, padding=2)
    maps = []
    for channels, repeats in ((128, 3), (256, 6), (512, 9), (1024, 3)):
        x = _conv(net, x, width(channels), 3, 2)
        x = _bottlenecks(net, x, width(channels), depth(repeats), shortcut=True)
        maps.append(x)
    maps[3] = _fast_pyramid(net, x)
    ends = _neck(net, maps[1:], depth(3), light=False)
    return net.model(*[net.conv(x, 3 * (5 + classes), 1, act=None) for x in ends])


YOLOX_SCALES = {"nano": (0.33, 0.25, True), "s": (0.33, 0.5, False), "m": (0.67, 0.75, False)}


def yolo_x(scale: str = "m", size: int = 640, classes: int = 80) -> onnx.ModelProto:
    """YOLOX nano, s or m (Ge et al., arXiv:2107.08430): focus stem, decoupled heads, depthwise when nano."""
    depth_factor, width_factor, light = YOLOX_SCALES[scale]
    net = Network(f"yolo_x_{scale}", 3, size, size)
    base, depth = int(64 * width_factor), max(1, round(3 * depth_factor))
    x = _conv(net, net.focus(net.input), base, 3)
    maps = []
    for i, repeats in enumerate((depth, 3 * depth, 3 * depth, depth)):
        wide = base << (i + 1)
        x = _light(net, x, wide, 2) if light else _conv(net, x, wide, 3, 2)
        if i == 3:
            x = _conv(net, x, wide // 2, 1)
            x = _conv(net, net.concat(x, *[net.pool(x, k, 1) for k in (5, 9, 13)]), wide, 1)
        x = _bottlenecks(net, x, wide, repeats, shortcut=i < 3, light=light)
        maps.append(x)
    ends = []
    head = int(256 * width_factor)
    for x in _neck(net, maps[1:], depth, light):
        stem = _conv(net, x, head, 1)
        branches = []
        for _ in range(2):
            y = stem
            for _ in range(2):
                y = _light(net, y, head) if light else _conv(net, y, head, 3)
            branches.append(y)
        ends.append(net.conv(branches[0], classes, 1, act=None))
        ends.append(net.conv(branches[1], 4, 1, act=None))
        ends.append(net.conv(branches[1], 1, 1, act=None))
    return net.model(*ends)


def _csp_plain(net: Network, x: Feature, width: int, repeats: int) -> Feature:
    """Append the residual CSP block of the scaled version 4."""
    inner = width // 2
    y = _conv(net, x, inner, 1)
    for _ in range(repeats):
        y = net.add(y, _conv(net, _conv(net, y, inner, 1), inner, 3))
    y = net.conv(y, inner, 1, act=None)
    return _conv(net, net.act(net.concat(y, net.conv(x, inner, 1, act=None)), ACT), width, 1)


def _csp_neck(net: Network, x: Feature, width: int) -> Feature:
    """Append the CSP block without residuals of the scaled version 4's neck."""
    x = _conv(net, x, width, 1)
    y = x
    for _ in range(2):
        y = _conv(net, _conv(net, y, width, 1), width, 3)
    return _conv(net, net.act(net.concat(y, net.conv(x, width, 1, act=None)), ACT), width, 1)


def yolo_v4_csp(size: int = 640, classes: int = 80) -> onnx.ModelProto:
    """YOLO version 4 CSP (Wang et al., Scaled-YOLOv4, arXiv:2011.08036; its yolov4-csp.yaml)."""
    net = Network("yolo_v4_csp", 3, size, size)
    x = _conv(net, _conv(net, net.input, 32, 3), 64, 3, 2)
    x = net.add(x, _conv(net, _conv(net, x, 32, 1), 64, 3))
    maps = []
    for width, repeats in ((128, 2), (256, 8), (512, 8), (1024, 4)):
        x = _csp_plain(net, _conv(net, x, width, 3, 2), width, repeats)
        maps.append(x)
    skip = net.conv(x, 512, 1, act=None)
    y = _conv(net, _conv(net, _conv(net, x, 512, 1), 512, 3), 512, 1)
    y = _conv(net, _conv(net, _pyramid_pool(net, y), 512, 1), 512, 3)
    top = _conv(net, net.act(net.concat(y, skip), ACT), 512, 1)
    mid = _csp_neck(net, net.concat(_conv(net, maps[2], 256, 1), net.upsample(_conv(net, top, 256, 1))), 256)
    small = _csp_neck(net, net.concat(_conv(net, maps[1], 128, 1), net.upsample(_conv(net, mid, 128, 1))), 128)
    middle = _csp_neck(net, net.concat(_conv(net, small, 256, 3, 2), mid), 256)
    large = _csp_neck(net, net.concat(_conv(net, middle, 512, 3, 2), top), 512)
    ends = [_conv(net, x, 2 * x.channels, 3) for x in (small, middle, large)]
    return net.model(*[net.conv(x, 3 * (5 + classes), 1, act=None) for x in ends])
