"""Size of a possibly pruned U-Net by counting, from the channels of its layers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from onnx_models.hsi.bands import BANDS, CLASSES
from onnx_models.paper.models.topology import layer_names, walk

PAPER_BYTES_PER_PARAMETER: Final = 8
"""Table II states 249.04 MB for 31.13 M parameters, and 8 bytes per parameter in the other columns too."""
PAPER_PIXELS: Final = 192 * 384


@dataclass(frozen=True)
class Size:
    """Counts of one network.

    Attributes
    ----------
    kernels, biases, normalisation
        Values in kernels, in biases, and the four per channel of every batch normalisation.
    operations
        Multiplications and additions of the convolutions for one picture (2 per multiply-accumulate).
    """

    kernels: int
    biases: int
    normalisation: int
    operations: int

    @property
    def parameters(self) -> int:
        """All values, as in the paper's Table II."""
        return self.kernels + self.biases + self.normalisation

    @property
    def bytes_float32(self) -> int:
        """Bytes of the float32 parameters before batch normalisation is folded."""
        return 4 * self.parameters

    @property
    def bytes_int8_int32(self) -> int:
        """Bytes with int8 kernels and int32 biases, batch normalisation folded (the TFLite-like scheme)."""
        return self.kernels + 4 * self.biases

    @property
    def bytes_int8(self) -> int:
        """Bytes with int8 kernels and int8 biases, batch normalisation folded (the DPU-like scheme)."""
        return self.kernels + self.biases

    @property
    def bytes_paper(self) -> int:
        """Bytes as the paper's Table II counts them: 8 per parameter."""
        return PAPER_BYTES_PER_PARAMETER * self.parameters


class _Counter:
    """Steps on (channels, pixels)."""

    def __init__(self, widths: Mapping[str, int]) -> None:
        self.widths, self.kernels, self.biases, self.normalisation, self.products = widths, 0, 0, 0, 0

    def _layer(self, channels: int, x: tuple[int, int], taps: int) -> tuple[int, int]:
        incoming, pixels = x
        self.kernels += taps * incoming * channels
        self.biases += channels
        self.products += taps * incoming * channels * pixels
        return channels, pixels

    def block(self, name: str, x: tuple[int, int]) -> tuple[int, int]:
        self.normalisation += 4 * self.widths[name]
        return self._layer(self.widths[name], x, 9)

    def pool(self, name: str, x: tuple[int, int]) -> tuple[int, int]:
        return x[0], x[1] // 4

    def up(self, name: str, x: tuple[int, int]) -> tuple[int, int]:
        # Every input pixel makes 2 x 2 output pixels, one tap each.
        channels, pixels = self._layer(self.widths[name], x, 4)
        return channels, 4 * pixels

    def join(self, name: str, skip: tuple[int, int], x: tuple[int, int]) -> tuple[int, int]:
        return skip[0] + x[0], x[1]

    def head(self, name: str, x: tuple[int, int]) -> tuple[int, int]:
        return self._layer(len(CLASSES), x, 1)


def count(levels: int, widths: Mapping[str, int], pixels: int) -> Size:
    """Count a network.

    Parameters
    ----------
    levels
        Encoder levels.
    widths
        Output channels of every layer but the head, by name (see `topology.layer_names`).
    pixels
        Pixels of a picture.

    Returns
    -------
    `Size`.
    """
    counter = _Counter(widths)
    walk(levels, counter, (BANDS, pixels))
    return Size(counter.kernels, counter.biases, counter.normalisation, 2 * counter.products)


def original_widths(filters: int, levels: int) -> dict[str, int]:
    """Return the output channels of the layers of an unpruned network: doubling at every level."""

    def depth(name: str) -> int:
        stage = name.split(".")[0]
        return levels if stage == "base" else int(stage[3:]) - 1

    return {name: filters * 2 ** depth(name) for name in layer_names(levels) if name != "head"}
