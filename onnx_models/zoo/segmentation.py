"""U-Nets of any width: the networks of segmentation studies."""

import onnx

from onnx_models.zoo.network import Network


def unet(
    height: int = 208,
    width: int = 400,
    bands: int = 25,
    filters: tuple[int, ...] = (32, 64, 128, 256, 512),
    classes: int = 5,
    act: str = "relu",
) -> onnx.ModelProto:
    """U-Net with two 3x3 convolutions a level and 2x2 transposed convolutions (Ronneberger et al., arXiv:1505.04597).

    Parameters
    ----------
    height, width, bands : int
        Shape of the input cube; height and width must be multiples of ``2 ** (len(filters) - 1)``.
    filters : tuple of int
        Channels per level, from the first to the bottom; any number, as after pruning.
    classes : int
        Channels of the output.
    act : str
        relu, sigmoid or hard_sigmoid, behind every 3x3 convolution.

    Raises
    ------
    ValueError
        When height or width cannot be halved once a level.
    """
    step = 1 << (len(filters) - 1)
    if height % step or width % step:
        raise ValueError(
            f"an image of {height}x{width} cannot be halved {len(filters) - 1} times; use multiples of {step}"
        )
    net = Network("unet", bands, height, width)
    x = net.input
    skips = []
    for level, channels in enumerate(filters):
        x = net.conv(net.conv(x, channels, 3, act=act), channels, 3, act=act)
        if level < len(filters) - 1:
            skips.append(x)
            x = net.pool(x, 2, 2, "valid")
    for channels, skip in zip(reversed(filters[:-1]), reversed(skips), strict=True):
        x = net.concat(net.up_conv(x, channels), skip)
        x = net.conv(net.conv(x, channels, 3, act=act), channels, 3, act=act)
    return net.model(net.conv(x, classes, 1, act=None))


def unet_hsi(act: str = "relu", filters: tuple[int, ...] = (32, 64, 128, 256, 512, 1024)) -> onnx.ModelProto:
    """U-Net of 34.5 GOP and 31.1 million parameters for images of 192x384 pixels and 25 bands.

    Workload and parameters are those of the original network in Gutierrez-Zaballa et al., "Designing DNNs for a
    trade-off between robustness and processing performance in embedded devices", table II (34.59 GOP, 31.13 million
    with the norms); its widths are not printed there.
    """
    return unet(192, 384, 25, filters, act=act)
