"""VGG, sphere-face, SqueezeNet, DenseNet and SuperPoint: plain stacks."""

import onnx

from onnx_models.zoo.network import Feature, Network

VGG_WIDTHS = (64, 128, 256, 512, 512)
VGG_DEPTHS = {16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}


def vgg(depth: int = 16, size: int = 224, classes: int = 1000) -> onnx.ModelProto:
    """VGG-16 or VGG-19 (Simonyan and Zisserman, arXiv:1409.1556, table 1, columns D and E)."""
    net = Network(f"vgg{depth}", 3, size, size)
    x = net.input
    for width, repeats in zip(VGG_WIDTHS, VGG_DEPTHS[depth], strict=True):
        for _ in range(repeats):
            x = net.conv(x, width, 3)
        x = net.pool(x, 2, 2, "valid")
    x = net.dense(x, 4096, "relu")
    x = net.dense(x, 4096, "relu")
    return net.model(net.dense(x, classes))


SPHEREFACE_REPEATS = (1, 2, 4, 1)


def sphereface20(height: int = 112, width: int = 96, features: int = 512) -> onnx.ModelProto:
    """Sphere-face 20 (Liu et al., arXiv:1704.08063, table 2), with ReLU in the place of PReLU."""
    net = Network("sphereface20", 3, height, width)
    x = net.input
    for channels, repeats in zip((64, 128, 256, 512), SPHEREFACE_REPEATS, strict=True):
        x = net.conv(x, channels, 3, 2)
        for _ in range(repeats):
            x = net.add(x, net.conv(net.conv(x, channels, 3), channels, 3))
    return net.model(net.dense(x, features))


def squeezenet(size: int = 227, classes: int = 1000) -> onnx.ModelProto:
    """Build SqueezeNet 1.1 (Iandola et al., arXiv:1602.07360, and the authors' later release 1.1)."""
    net = Network("squeezenet", 3, size, size)

    def fire(x: Feature, squeeze: int, expand: int) -> Feature:
        s = net.conv(x, squeeze, 1)
        return net.concat(net.conv(s, expand, 1), net.conv(s, expand, 3))

    x = net.pool(net.conv(net.input, 64, 3, 2, padding="valid"), 3, 2, "valid")
    for widths in (((16, 64), (16, 64)), ((32, 128), (32, 128))):
        for squeeze, expand in widths:
            x = fire(x, squeeze, expand)
        x = net.pool(x, 3, 2, "valid")
    for squeeze, expand in ((48, 192), (48, 192), (64, 256), (64, 256)):
        x = fire(x, squeeze, expand)
    return net.model(net.mean(net.conv(x, classes, 1)))


def densenet121(size: int = 224, classes: int = 1000) -> onnx.ModelProto:
    """Build DenseNet-121 (Huang et al., arXiv:1608.06993, table 1): its leading norms stay layers of their own."""
    net = Network("densenet121", 3, size, size)
    x = net.pool(net.conv(net.input, 64, 7, 2, padding=3), 3, 2, 1)
    for stage, layers in enumerate((6, 12, 24, 16)):
        for _ in range(layers):
            y = net.conv(net.norm(x), 128, 1)
            x = net.concat(x, net.conv(y, 32, 3, act=None))
        if stage < 3:
            x = net.pool(net.conv(net.norm(x), x.channels // 2, 1, act=None), 2, 2, "valid", mean=True)
    return net.model(net.dense(net.mean(net.norm(x)), classes))


def superpoint(height: int = 480, width: int = 640) -> onnx.ModelProto:
    """Build SuperPoint (DeTone et al., arXiv:1712.07629): VGG-style encoder, detector and descriptor heads."""
    net = Network("superpoint", 1, height, width)
    x = net.input
    for stage, channels in enumerate((64, 64, 128, 128)):
        x = net.conv(net.conv(x, channels, 3), channels, 3)
        if stage < 3:
            x = net.pool(x, 2, 2, "valid")
    detector = net.conv(net.conv(x, 256, 3), 65, 1, act=None)
    descriptor = net.conv(net.conv(x, 256, 3), 256, 1, act=None)
    return net.model(detector, descriptor)
