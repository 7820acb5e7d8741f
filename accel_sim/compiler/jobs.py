"""Jobs: what a node asks of an engine, before it is known where tensors lie and how tiles are cut."""

from dataclasses import dataclass, field

from accel_sim.isa import Alu, Conv


@dataclass(frozen=True)
class Constants:
    """DDR addresses of what a job loads besides tensors; None for what it does not need.

    Attributes
    ----------
    weights, bias, parameters, table
        First bytes, for output channel 0 of the job.
    names
        Constant names for the listing.
    """

    weights: int | None = None
    bias: int | None = None
    parameters: int | None = None
    table: int | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """Channels ``start .. start + count`` of a tensor."""

    tensor: str
    start: int
    count: int


@dataclass(frozen=True)
class Job:
    """A window over a tensor.

    Attributes
    ----------
    template
        The instruction with everything filled in that does not depend on tiles; None copies.
    source, second, target
        Channels that are read and written.
    size
        ``(h, w)`` of the job's output.
    pads
        Top and left padding; negative when the window starts inside.
    out_start, out_step
        First line and pixel of the output in the target, and the distance to the next (transposed convolutions write
        every second one, say).
    broadcast
        Whether the second operand is one pixel.
    constants
        What it loads.
    parts
        For a sum over more input channels than the weight banks hold: how many channels each instruction takes, and
        its constants; the template's `in_groups` is that of the largest part.
    """

    template: Conv | Alu | None
    source: Part
    target: Part
    size: tuple[int, int]
    pads: tuple[int, int] = (0, 0)
    out_start: tuple[int, int] = (0, 0)
    out_step: tuple[int, int] = (1, 1)
    second: Part | None = None
    broadcast: bool = False
    constants: Constants = field(default_factory=Constants)
    parts: tuple[tuple[int, Constants], ...] = ()

    @property
    def is_conv(self) -> bool:
        """Whether the array runs it."""
        return isinstance(self.template, Conv)

    @property
    def reads_residents(self) -> bool:
        """Whether source and second operand may be resident: whole words, read from the tensor's left edge."""
        return self.source.start == 0 and self.pads[1] >= 0 and (self.second is None or self.second.start == 0)

    @property
    def writes_residents(self) -> bool:
        """Whether the output may be resident: whole words, every pixel."""
        return self.target.start == 0 and self.out_start == (0, 0) and self.out_step == (1, 1)


@dataclass(frozen=True)
class Piece:
    """A rectangle of codes that only changes place: source DDR offsets are affine in (y, x), channels adjacent.

    Attributes
    ----------
    source, target
        Byte offset inside the source region (image 0) and ``(n, y, x, c)`` of the first element in the target.
    size
        ``(h, w, c)``.
    source_pitches
        Bytes from one line and pixel to the next.
    step
        Distance of lines and pixels in the target.
    fill
        Address of constants instead of a source, or None.
    """

    source: int
    target: tuple[int, int, int, int]
    size: tuple[int, int, int]
    source_pitches: tuple[int, int]
    step: tuple[int, int] = (1, 1)
    fill: int | None = None
