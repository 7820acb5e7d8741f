"""Instructions and their fields. A field's width in bits is declared with the field; nothing else defines it.

Numbers are unsigned. Image coordinates are local to the tile that an instruction works on. A *view* of image memory is
``(base, pitch_y, pitch_x)`` in linear rows (group ``g``, row ``r``: ``g * image_rows + r``, PP words wide): the word
of pixel (y, x) and channel group c lies in lane ``x mod PP`` of linear row
``base + y * pitch_y + (x div PP) * pitch_x + c``.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any


def bits(width: int, default: int | None = None) -> Any:
    """Declare an instruction field of `width` bits."""
    if default is None:
        return field(metadata={"bits": width})
    return field(default=default, metadata={"bits": width})


MODES = ("float32", "shift", "gemmlowp")


class AluOp(IntEnum):
    """What the ALU does with the bytes under its window."""

    DEPTHWISE = 0  # acc += (x - x_zero) * (w - w_zero), then requantise
    SUM = 1  # acc += x - x_zero, then requantise
    MAX = 2  # acc = max(acc, x)
    TABLE = 3  # result = table[x]
    ADD = 4  # result = round(fma(a - a_offset, A, fma(b - b_offset, B, C)))
    MULTIPLY = 5  # result = round(f32(f32((a - a_zero) * (b - b_zero)) * A) + C)


ALU_OPS = tuple(AluOp)
USES_PARAMETERS = (AluOp.DEPTHWISE, AluOp.SUM)
TWO_OPERANDS = (AluOp.ADD, AluOp.MULTIPLY)


@dataclass(frozen=True, kw_only=True)
class Instruction:
    """What all instructions have.

    Attributes
    ----------
    wait
        Bit e: take a token that engine e (LOAD, SAVE, CONV, ALU) has put out for this engine; wait for it.
    signal
        Bit e: put out a token for engine e when done.
    layer
        Number of the layer, for reports only.
    """

    wait: int = bits(4, 0)
    signal: int = bits(4, 0)
    layer: int = bits(12, 0)


@dataclass(frozen=True, kw_only=True)
class Transfer(Instruction):
    """Words between DDR and a buffer: ``for y < ny: for x < nx: for c < nc``.

    Attributes
    ----------
    memory
        Identifier of the buffer (:data:`accel_sim.config.memories.MEMORY_IDS`).
    address
        DDR byte address of the first byte.
    ny, nx, nc
        Loop bounds.
    valid
        Bytes of a run of nc words that exist in DDR, the last word's rest being absent: LOAD writes zeros there, SAVE
        leaves it out.
    ddr_pitch_y, ddr_pitch_x
        DDR bytes from a line to the next, from a pixel to the next. Words of a run are adjacent.
    base, pitch_y, pitch_x
        View of the buffer. Its lanes are PP image banks, OCP weight or parameter banks, or one bank; for tables the
        word (one byte) is written to all banks.
    """

    memory: int = bits(3)
    address: int = bits(32)
    ny: int = bits(14)
    nx: int = bits(14)
    nc: int = bits(14)
    valid: int = bits(17)
    ddr_pitch_y: int = bits(27, 0)
    ddr_pitch_x: int = bits(24, 0)
    base: int = bits(16)
    pitch_y: int = bits(16, 0)
    pitch_x: int = bits(16, 0)


@dataclass(frozen=True, kw_only=True)
class Load(Transfer):
    """DDR to a buffer."""


@dataclass(frozen=True, kw_only=True)
class Save(Transfer):
    """Image memory to DDR."""


@dataclass(frozen=True, kw_only=True)
class Compute(Instruction):
    """A window that slides over a tile of image memory and makes a tile of image memory.

    Loops, outermost first: channel group of the output, output line, block of output pixels, window line, window
    column, and (CONV) channel group of the input. Input position of output (y, x) under window (ky, kx):
    ``(y * stride_y - pad_top + ky * dilation_y, x * stride_x - pad_left + kx * dilation_x)``; outside of the tile lies
    padding.

    Attributes
    ----------
    in_base, in_pitch_y, in_pitch_x, in_height, in_width
        View and extent of the input tile.
    in_groups, tail
        Channel groups of the input, and channels in the last of them; CONV takes the others of that word for
        `x_zero`.
    out_base, out_pitch_y, out_pitch_x, out_height, out_width, out_groups
        View and extent of the output tile.
    weight_base
        Row of the first weights: CONV row ``((o * kh + ky) * kw + kx) * in_groups + i`` in the bank of the output
        channel's lane, ALU row ``(o * kh + ky) * kw + kx``. A table operation has the table's number here.
    bias_base, parameter_base
        Rows of the first group's biases and requantisation parameters.
    x_zero
        Byte of real zero in the input.
    mode
        Requantisation, an index of :data:`MODES`.
    zero, low, high
        Byte of real zero and smallest and largest byte of the output.
    shift
        Places by which the sum of products moves left before the bias is added.
    """

    in_base: int = bits(16)
    in_pitch_y: int = bits(16)
    in_pitch_x: int = bits(16)
    in_height: int = bits(13)
    in_width: int = bits(13)
    in_groups: int = bits(12)
    tail: int = bits(6)
    kernel_y: int = bits(9, 1)
    kernel_x: int = bits(9, 1)
    stride_y: int = bits(9, 1)
    stride_x: int = bits(9, 1)
    dilation_y: int = bits(8, 1)
    dilation_x: int = bits(8, 1)
    pad_top: int = bits(9, 0)
    pad_left: int = bits(9, 0)
    out_base: int = bits(16)
    out_pitch_y: int = bits(16)
    out_pitch_x: int = bits(16)
    out_height: int = bits(13)
    out_width: int = bits(13)
    out_groups: int = bits(12)
    weight_base: int = bits(14, 0)
    bias_base: int = bits(14, 0)
    parameter_base: int = bits(14, 0)
    x_zero: int = bits(8, 0)
    mode: int = bits(2, 0)
    zero: int = bits(8, 0)
    low: int = bits(8, 0)
    high: int = bits(8, 255)
    shift: int = bits(5, 0)


@dataclass(frozen=True, kw_only=True)
class Conv(Compute):
    """Convolution on the array.

    Attributes
    ----------
    first
        Start the accumulators; otherwise go on with those that the instruction before left.
    last
        Requantise and store; otherwise leave the accumulators. Without one of the two flags the output is a single
        block of one channel group.
    """

    first: int = bits(1, 1)
    last: int = bits(1, 1)


@dataclass(frozen=True, kw_only=True)
class Alu(Compute):
    """Everything else that the array's neighbour computes; see :class:`AluOp`.

    Attributes
    ----------
    second_base, second_pitch_y, second_pitch_x
        View of the second operand.
    broadcast
        The second operand is one pixel for all.
    second_zero
        Byte of zero (MULTIPLY) or byte offset (ADD) of the second operand; `x_zero` is the first one's.
    real_a, real_b, real_c
        float32 constants as bits.
    """

    op: int = bits(3)
    second_base: int = bits(16, 0)
    second_pitch_y: int = bits(16, 0)
    second_pitch_x: int = bits(16, 0)
    broadcast: int = bits(1, 0)
    second_zero: int = bits(8, 0)
    real_a: int = bits(32, 0)
    real_b: int = bits(32, 0)
    real_c: int = bits(32, 0)


@dataclass(frozen=True, kw_only=True)
class Host(Instruction):
    """A node for the processor beside the array: all engines have to be idle; `call` numbers the program's calls."""

    call: int = bits(12)


@dataclass(frozen=True, kw_only=True)
class End(Instruction):
    """The end of the program."""


OPCODES: dict[int, type[Instruction]] = {1: Load, 2: Save, 3: Conv, 4: Alu, 5: Host, 6: End}
# Engine that runs an instruction: a bit position of `wait` and `signal`; Host and End are the dispatcher's own.
ENGINE_OF: dict[type[Instruction], int] = {Load: 0, Save: 1, Conv: 2, Alu: 3}
