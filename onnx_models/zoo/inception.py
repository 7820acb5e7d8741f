"""The Inception family, from version 1 to Inception-ResNet version 2."""

import onnx

from onnx_models.zoo.network import Feature, Network


def _v1_block(net: Network, x: Feature, widths: tuple[int, ...]) -> Feature:
    one, three_in, three, five_in, five, pooled = widths
    return net.concat(
        net.conv(x, one, 1),
        net.conv(net.conv(x, three_in, 1), three, 3),
        net.conv(net.conv(x, five_in, 1), five, 5),
        net.conv(net.pool(x, 3, 1), pooled, 1),
    )


def inception_v1(size: int = 224, classes: int = 1000) -> onnx.ModelProto:
    """GoogLeNet (Szegedy et al., arXiv:1409.4842, table 1)."""
    net = Network("inception_v1", 3, size, size)
    x = net.pool(net.conv(net.input, 64, 7, 2), 3, 2)
    x = net.pool(net.conv(net.conv(x, 64, 1), 192, 3), 3, 2)
    x = _v1_block(net, x, (64, 96, 128, 16, 32, 32))
    x = net.pool(_v1_block(net, x, (128, 128, 192, 32, 96, 64)), 3, 2)
    for widths in (
        (192, 96, 208, 16, 48, 64),
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
    ):
        x = _v1_block(net, x, widths)
    x = net.pool(x, 3, 2)
    x = _v1_block(net, x, (256, 160, 320, 32, 128, 128))
    x = _v1_block(net, x, (384, 192, 384, 48, 128, 128))
    return net.model(net.dense(net.mean(x), classes))


def _v2_block(net: Network, x: Feature, widths: tuple[int, ...], mean: bool = True) -> Feature:
    one, three_in, three, double_in, double, pooled = widths
    y = net.conv(net.conv(net.conv(x, double_in, 1), double, 3), double, 3)
    return net.concat(
        net.conv(x, one, 1),
        net.conv(net.conv(x, three_in, 1), three, 3),
        y,
        net.conv(net.pool(x, 3, 1, mean=mean), pooled, 1),
    )


def _v2_reduction(net: Network, x: Feature, widths: tuple[int, ...]) -> Feature:
    three_in, three, double_in, double = widths
    y = net.conv(net.conv(net.conv(x, double_in, 1), double, 3), double, 3, 2)
    return net.concat(net.conv(net.conv(x, three_in, 1), three, 3, 2), y, net.pool(x, 3, 2))


V2_BLOCKS: tuple[tuple[int, ...], ...] = (
    (64, 64, 64, 64, 96, 32),
    (64, 64, 96, 64, 96, 64),
    (128, 160, 64, 96),
    (224, 64, 96, 96, 128, 128),
    (192, 96, 128, 96, 128, 128),
    (160, 128, 160, 128, 160, 96),
    (96, 128, 192, 160, 192, 96),
    (128, 192, 192, 256),
    (352, 192, 320, 160, 224, 128),
    (352, 192, 320, 192, 224, 128),
)


def inception_v2_stem(net: Network, separable: bool) -> Feature:
    """Append the layers in front of the first block; slim's first layer is a 7x7 depthwise of multiplier eight."""
    if separable:
        x = net.conv(net.input, net.input.channels * 8, 7, 2, act=None, group=net.input.channels)
        x = net.conv(x, 64, 1)
    else:
        x = net.conv(net.input, 64, 7, 2)
    x = net.pool(x, 3, 2)
    return net.pool(net.conv(net.conv(x, 64, 1), 192, 3), 3, 2)


def inception_v2_body(net: Network, x: Feature) -> tuple[Feature, Feature]:
    """Append all blocks; returns the last feature map of stride 16 and the last one."""
    middle = x
    for i, widths in enumerate(V2_BLOCKS):
        if len(widths) == 4:
            middle = x
            x = _v2_reduction(net, x, widths)
        else:
            x = _v2_block(net, x, widths, mean=i < len(V2_BLOCKS) - 1)
    return middle, x


def inception_v2(size: int = 224, classes: int = 1001, separable: bool = True) -> onnx.ModelProto:
    """Inception with batch normalisation (Ioffe and Szegedy, arXiv:1502.03167) in the widths of TensorFlow-slim."""
    net = Network("inception_v2", 3, size, size)
    _, x = inception_v2_body(net, inception_v2_stem(net, separable))
    return net.model(net.conv(net.mean(x), classes, 1, act=None))


def _v3_stem(net: Network) -> Feature:
    x = net.conv(net.input, 32, 3, 2, padding="valid")
    x = net.conv(net.conv(x, 32, 3, padding="valid"), 64, 3)
    x = net.conv(net.pool(x, 3, 2, "valid"), 80, 1)
    return net.pool(net.conv(x, 192, 3, padding="valid"), 3, 2, "valid")


def inception_v3(size: int = 299, classes: int = 1001) -> onnx.ModelProto:
    """Inception version 3 (Szegedy et al., arXiv:1512.00567), as in TensorFlow-slim and torchvision."""
    net = Network("inception_v3", 3, size, size)
    x = _v3_stem(net)
    for pooled in (32, 64, 64):
        double = net.conv(net.conv(net.conv(x, 64, 1), 96, 3), 96, 3)
        x = net.concat(
            net.conv(x, 64, 1),
            net.conv(net.conv(x, 48, 1), 64, 5),
            double,
            net.conv(net.pool(x, 3, 1, mean=True), pooled, 1),
        )
    double = net.conv(net.conv(net.conv(x, 64, 1), 96, 3), 96, 3, 2, padding="valid")
    x = net.concat(net.conv(x, 384, 3, 2, padding="valid"), double, net.pool(x, 3, 2, "valid"))
    for width in (128, 160, 160, 192):
        seven = net.conv(net.conv(net.conv(x, width, 1), width, (1, 7)), 192, (7, 1))
        double = net.conv(net.conv(net.conv(x, width, 1), width, (7, 1)), width, (1, 7))
        double = net.conv(net.conv(double, width, (7, 1)), 192, (1, 7))
        x = net.concat(net.conv(x, 192, 1), seven, double, net.conv(net.pool(x, 3, 1, mean=True), 192, 1))
    three = net.conv(net.conv(x, 192, 1), 320, 3, 2, padding="valid")
    seven = net.conv(net.conv(net.conv(x, 192, 1), 192, (1, 7)), 192, (7, 1))
    x = net.concat(three, net.conv(seven, 192, 3, 2, padding="valid"), net.pool(x, 3, 2, "valid"))
    for i in range(2):
        a = net.conv(x, 384, 1)
        b = net.conv(net.conv(x, 448, 1), 384, 3)
        last = net.pool(x, 3, 1, mean=i == 0)
        x = net.concat(
            net.conv(x, 320, 1),
            net.concat(net.conv(a, 384, (1, 3)), net.conv(a, 384, (3, 1))),
            net.concat(net.conv(b, 384, (1, 3)), net.conv(b, 384, (3, 1))),
            net.conv(last, 192, 1),
        )
    return net.model(net.dense(net.mean(x), classes))


def _v4_stem(net: Network) -> Feature:
    x = net.conv(net.input, 32, 3, 2, padding="valid")
    x = net.conv(net.conv(x, 32, 3, padding="valid"), 64, 3)
    x = net.concat(net.pool(x, 3, 2, "valid"), net.conv(x, 96, 3, 2, padding="valid"))
    left = net.conv(net.conv(x, 64, 1), 96, 3, padding="valid")
    right = net.conv(net.conv(net.conv(x, 64, 1), 64, (1, 7)), 64, (7, 1))
    x = net.concat(left, net.conv(right, 96, 3, padding="valid"))
    return net.concat(net.conv(x, 192, 3, 2, padding="valid"), net.pool(x, 3, 2, "valid"))


def inception_v4(size: int = 299, classes: int = 1001) -> onnx.ModelProto:
    """Inception version 4 (Szegedy et al., arXiv:1602.07261, figures 3 to 9)."""
    net = Network("inception_v4", 3, size, size)
    x = _v4_stem(net)
    for _ in range(4):
        double = net.conv(net.conv(net.conv(x, 64, 1), 96, 3), 96, 3)
        x = net.concat(
            net.conv(x, 96, 1),
            net.conv(net.conv(x, 64, 1), 96, 3),
            double,
            net.conv(net.pool(x, 3, 1, mean=True), 96, 1),
        )
    double = net.conv(net.conv(net.conv(x, 192, 1), 224, 3), 256, 3, 2, padding="valid")
    x = net.concat(net.conv(x, 384, 3, 2, padding="valid"), double, net.pool(x, 3, 2, "valid"))
    for _ in range(7):
        seven = net.conv(net.conv(net.conv(x, 192, 1), 224, (1, 7)), 256, (7, 1))
        double = net.conv(net.conv(net.conv(x, 192, 1), 192, (7, 1)), 224, (1, 7))
        double = net.conv(net.conv(double, 224, (7, 1)), 256, (1, 7))
        x = net.concat(net.conv(x, 384, 1), seven, double, net.conv(net.pool(x, 3, 1, mean=True), 128, 1))
    three = net.conv(net.conv(x, 192, 1), 192, 3, 2, padding="valid")
    seven = net.conv(net.conv(net.conv(x, 256, 1), 256, (1, 7)), 320, (7, 1))
    x = net.concat(three, net.conv(seven, 320, 3, 2, padding="valid"), net.pool(x, 3, 2, "valid"))
    for _ in range(3):
        a = net.conv(x, 384, 1)
        b = net.conv(net.conv(net.conv(x, 384, 1), 448, (3, 1)), 512, (1, 3))
        x = net.concat(
            net.conv(x, 256, 1),
            net.conv(a, 256, (1, 3)),
            net.conv(a, 256, (3, 1)),
            net.conv(b, 256, (1, 3)),
            net.conv(b, 256, (3, 1)),
            net.conv(net.pool(x, 3, 1, mean=True), 256, 1),
        )
    return net.model(net.dense(net.mean(x), classes))


def inception_resnet_v2(size: int = 299, classes: int = 1001) -> onnx.ModelProto:
    """Inception-ResNet version 2 (Szegedy et al., arXiv:1602.07261) in the widths of TensorFlow-slim."""
    net = Network("inception_resnet_v2", 3, size, size)
    x = _v3_stem(net)
    double = net.conv(net.conv(net.conv(x, 64, 1), 96, 3), 96, 3)
    x = net.concat(
        net.conv(x, 96, 1),
        net.conv(net.conv(x, 48, 1), 64, 5),
        double,
        net.conv(net.pool(x, 3, 1, mean=True), 64, 1),
    )
    for _ in range(10):
        triple = net.conv(net.conv(net.conv(x, 32, 1), 48, 3), 64, 3)
        mixed = net.concat(net.conv(x, 32, 1), net.conv(net.conv(x, 32, 1), 32, 3), triple)
        x = net.add(x, net.conv(mixed, 320, 1, act=None), "relu")
    double = net.conv(net.conv(net.conv(x, 256, 1), 256, 3), 384, 3, 2, padding="valid")
    x = net.concat(net.conv(x, 384, 3, 2, padding="valid"), double, net.pool(x, 3, 2, "valid"))
    for _ in range(20):
        seven = net.conv(net.conv(net.conv(x, 128, 1), 160, (1, 7)), 192, (7, 1))
        x = net.add(x, net.conv(net.concat(net.conv(x, 192, 1), seven), 1088, 1, act=None), "relu")
    a = net.conv(net.conv(x, 256, 1), 384, 3, 2, padding="valid")
    b = net.conv(net.conv(x, 256, 1), 288, 3, 2, padding="valid")
    c = net.conv(net.conv(net.conv(x, 256, 1), 288, 3), 320, 3, 2, padding="valid")
    x = net.concat(a, b, c, net.pool(x, 3, 2, "valid"))
    for i in range(10):
        three = net.conv(net.conv(net.conv(x, 192, 1), 224, (1, 3)), 256, (3, 1))
        y = net.conv(net.concat(net.conv(x, 192, 1), three), 2080, 1, act=None)
        x = net.add(x, y, "relu" if i < 9 else None)
    x = net.conv(x, 1536, 1)
    return net.model(net.dense(net.mean(x), classes))
