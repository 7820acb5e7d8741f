"""Size of a U-Net by counting: parameters and operations, without building the network."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Complexity:
    """Counts of one network.

    Attributes
    ----------
    parameters
        Trained and running values: kernels, biases and the four values per channel of each batch normalisation.
    folded_parameters
        Kernels and biases once batch normalisation is folded into the convolutions, as in the ONNX files.
    operations
        Multiplications and additions of the convolutions in one inference of one image (2 per multiply-accumulate).
    """

    parameters: int
    folded_parameters: int
    operations: int

    @property
    def gop(self) -> float:
        """Operations in units of 10^9."""
        return self.operations / 1e9


def unet_complexity(
    *, bands: int = 25, classes: int = 5, filters: int = 32, levels: int = 5, height: int = 192, width: int = 384
) -> Complexity:
    """Count a U-Net of two 3x3 convolutions per level.

    The encoder's level l (0 is the finest) has `filters` x 2^l channels and is followed by 2x2 max-pooling; the base
    below it has `filters` x 2^levels; each decoder level starts with a 2x2 transposed convolution and a
    concatenation; the head is 1x1. With the defaults this is the network of the HSI-Drive v2.0 studies: 31.13 M
    parameters and 34.5 GOP for a 192 x 384 image.

    Parameters
    ----------
    bands, classes
        Channels in and out.
    filters
        Channels of the finest level.
    levels
        Number of encoder levels (and of decoder levels); the base is not counted.
    height, width
        Image size in pixels, each a multiple of 2^levels.

    Returns
    -------
    `Complexity`.

    Raises
    ------
    ValueError
        If a number is not positive, or the image cannot be halved `levels` times.
    """
    if min(bands, classes, filters, levels, height, width) < 1:
        raise ValueError("bands, classes, filters, levels, height and width must be 1 or more")
    if height % 2**levels or width % 2**levels:
        raise ValueError(
            f"an image of {height} x {width} cannot be halved {levels} times; use multiples of {2**levels}"
        )
    normalised, plain, multiplications = 0, 0, 0
    for level in range(levels + 1):
        channels, pixels = filters * 2**level, height * width // 4**level
        incoming = bands if level == 0 else channels // 2
        kernels = 9 * channels * (incoming + channels)
        passes = [kernels]
        if level < levels:
            passes.append(9 * channels * (2 * channels + channels))  # decoder: the concatenation has twice the channels
            up = 4 * (2 * channels) * channels
            plain += up + channels
            multiplications += up * pixels // 4  # every input pixel makes 2 x 2 output pixels
        normalised += 2 * channels * len(passes)
        plain += sum(passes) + 2 * channels * len(passes)
        multiplications += sum(passes) * pixels
    head = filters * classes
    plain += head + classes
    multiplications += head * height * width
    return Complexity(plain + 4 * normalised, plain, 2 * multiplications)
