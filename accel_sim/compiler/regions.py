"""Tensors as the accelerator sees them: four dimensions, channels last, in DDR or resident in image memory."""

from dataclasses import dataclass

from accel_sim.model import Tensor

Extent = tuple[int, int, int, int]


def extent_of(tensor: Tensor) -> Extent:
    """Return ``(n, h, w, c)`` of the stored form; tensors of other ranks become one line of pixels."""
    shape = tensor.shape
    if len(shape) == 4:
        n, c, h, w = shape
        return n, h, w, c
    if len(shape) == 3:
        n, c, w = shape
        return n, 1, w, c
    if not shape:
        return 1, 1, 1, 1
    lead = 1
    for size in shape[:-1] if len(shape) <= 2 else (shape[0], *shape[2:]):
        lead *= size
    return 1, 1, lead, shape[-1] if len(shape) <= 2 else shape[1]


def dense_pitches(extent: Extent) -> tuple[int, int, int]:
    """Bytes from one image, line and pixel to the next without gaps."""
    _, h, w, c = extent
    return h * w * c, w * c, c


@dataclass(frozen=True)
class Region:
    """Where a tensor or a constant operand is.

    Attributes
    ----------
    name
        ONNX name.
    extent
        ``(n, h, w, c)``.
    address, pitches
        DDR byte of the first element and bytes from one image, line and pixel to the next; None without a place in
        DDR.
    resident
        ``(base, pitch_y, pitch_x)`` in image memory, or None.
    """

    name: str
    extent: Extent
    address: int | None
    pitches: tuple[int, int, int]
    resident: tuple[int, int, int] | None = None

    def byte(self, n: int, y: int, x: int, c: int) -> int:
        """DDR address of an element."""
        assert self.address is not None, self.name
        return self.address + n * self.pitches[0] + y * self.pitches[1] + x * self.pitches[2] + c

    @property
    def is_dense(self) -> bool:
        """Whether the elements follow each other without gaps."""
        return self.pitches == dense_pitches(self.extent)
