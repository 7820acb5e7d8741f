"""What the estimate needs to know of the accelerator, by the names that a full configuration has too."""

from dataclasses import dataclass
from typing import Protocol


class Array(Protocol):
    """Attributes read from a configuration; `ArrayShape` and any richer configuration have them."""

    @property
    def pixel_parallel(self) -> int:
        """Output rows computed at once (PP)."""

    @property
    def input_channel_parallel(self) -> int:
        """Input channels summed at once (ICP)."""

    @property
    def output_channel_parallel(self) -> int:
        """Output channels computed at once (OCP)."""

    @property
    def alu_pixel_parallel(self) -> int:
        """Rows that the ALU works on at once."""

    @property
    def image_rows(self) -> int:
        """Words of a feature-map bank."""

    @property
    def weight_rows(self) -> int:
        """Words of a weight bank."""

    @property
    def clock_mhz(self) -> int | float:
        """Clock of the array in MHz."""


@dataclass(frozen=True)
class ArrayShape:
    """A DPU-like array; the default is B4096 at 300 MHz, the accelerator of the KV260 measurements.

    Parameters
    ----------
    pixel_parallel, input_channel_parallel, output_channel_parallel, alu_pixel_parallel, image_rows, weight_rows : int
        As in `Array`; sizes of the presets: AMD PG338 and the Vitis AI target files.
    clock_mhz : float
        Clock in MHz.
    """

    pixel_parallel: int = 8
    input_channel_parallel: int = 16
    output_channel_parallel: int = 16
    alu_pixel_parallel: int = 4
    image_rows: int = 2048
    weight_rows: int = 2048
    clock_mhz: float = 300.0


def peak_ops_per_cycle(array: Array) -> int:
    """Return operations per cycle, two a multiply-accumulate."""
    return 2 * array.pixel_parallel * array.input_channel_parallel * array.output_channel_parallel


def group_bytes(array: Array) -> int:
    """Return bytes of one group of feature-map banks: PP banks of words of ICP bytes."""
    return array.pixel_parallel * array.input_channel_parallel * array.image_rows


def weight_buffer_bytes(array: Array) -> int:
    """Return bytes of the weight banks: OCP banks of words of ICP bytes."""
    return array.output_channel_parallel * array.input_channel_parallel * array.weight_rows
