"""Every row that an instruction reads or writes, with the edge of its write or last read: closed forms in bulk."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.config import AcceleratorConfig
from accel_sim.isa import Alu, AluOp, Compute, Conv, Instruction, Save, Transfer
from accel_sim.isa.geometry import (
    MEMORY_NAMES,
    STORE,
    Walk,
    has_parameters,
    lanes_of,
    transfer_rate,
    walk,
    word_bytes,
)
from accel_sim.isa.instructions import TWO_OPERANDS

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Touch:
    """Rows of one memory that are read, or written; arrays of one length.

    Attributes
    ----------
    bank, row
        For ``ddr`` the bank is 0 and the row a byte.
    edge
        After the start: of the write, or of the last read.
    used
        Bytes of the row, from byte 0, that matter to the reader (or that are written).
    """

    memory: str
    write: bool
    bank: Ints
    row: Ints
    edge: Ints
    used: Ints


def touches(instruction: Instruction, channels: int, config: AcceleratorConfig) -> Iterator[Touch]:
    """List reads before writes.

    Parameters
    ----------
    channels
        Channels that the instruction makes: lanes beyond them read and write what nobody uses.
    """
    if isinstance(instruction, Transfer):
        yield from _transfer(instruction, config)
    elif isinstance(instruction, Compute):
        yield from _compute(instruction, channels, config)


def _grid(*sizes: int) -> list[Ints]:
    return [axis.reshape(-1).astype(np.int64) for axis in np.indices(sizes)]


def _place(memory: str, line: Ints, x: Ints, config: AcceleratorConfig) -> tuple[Ints, Ints]:
    lanes = lanes_of(memory, config)
    if memory == "img":
        return line // config.image_rows * lanes + x % lanes, line % config.image_rows
    return x % lanes, line


def _transfer(i: Transfer, config: AcceleratorConfig) -> Iterator[Touch]:
    name = MEMORY_NAMES[i.memory]
    width = word_bytes(name, config)
    y, x, c = _grid(i.ny, i.nx, i.nc)
    pixel = y * i.nx + x
    count = np.minimum(width, i.valid - c * width)
    through = pixel * i.valid + np.minimum((c + 1) * width, i.valid)
    word = (pixel * i.nc + c) // transfer_rate(name, config) + 1
    early = np.maximum(-(-through * 1024 // config.ddr_bytes_per_1024_cycles), word)
    late = early + config.ddr_latency_cycles
    line = i.base + y * i.pitch_y + x // lanes_of(name, config) * i.pitch_x + c
    bank, row = _place(name, line, x, config)
    storing = isinstance(i, Save)
    address = i.address + y * i.ddr_pitch_y + x * i.ddr_pitch_x + c * width
    byte = np.repeat(address, count) + (np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count))
    ones = np.ones(byte.size, np.int64)
    ddr = Touch("ddr", storing, 0 * byte, byte, np.repeat(late if storing else early, count), ones)
    if name == "tab":
        banks = config.banks("tab")
        spread = np.repeat(np.arange(banks), row.size)
        found = Touch(name, True, spread, np.tile(row, banks), np.tile(late, banks), np.tile(count, banks))
    else:
        used = count if storing else np.full(row.size, width)
        found = Touch(name, not storing, bank, row, early if storing else late, used)
    yield from (found, ddr) if storing else (ddr, found)


def _last_hits(size: int, outputs: int, window: tuple[int, int, int, int], lanes: int) -> tuple[Ints, Ints, Ints]:
    """Last block, window position and lane that read each of `size` input positions; block -1 where none does."""
    kernel, stride, dilation, pad = window
    out, k = _grid(outputs, kernel)
    at = out * stride - pad + k * dilation
    inside = (at >= 0) & (at < size)
    rank = out // lanes * kernel + k  # blocks first, window positions inside of a block
    best = np.full(size, -1, np.int64)
    np.maximum.at(best, at[inside], rank[inside])
    block, tap = np.where(best < 0, -1, best // kernel), best % kernel
    positions = np.arange(size)
    lane = np.where(best < 0, 0, (positions + pad - tap * dilation) // stride - block * lanes)
    return block, tap, lane


def _window(i: Compute, w: Walk, channels: int, config: AcceleratorConfig) -> Touch:
    """Image rows under a sliding window."""
    y_block, y_tap, _ = _last_hits(i.in_height, i.out_height, (i.kernel_y, i.stride_y, i.dilation_y, i.pad_top), 1)
    x_block, x_tap, lane = _last_hits(
        i.in_width, i.out_width, (i.kernel_x, i.stride_x, i.dilation_x, i.pad_left), w.lanes
    )
    is_conv = isinstance(i, Conv)
    y, x, c = _grid(i.in_height, i.in_width, i.in_groups if is_conv else i.out_groups)
    tap = y_tap[y] * i.kernel_x + x_tap[x]
    tap, group = (tap * i.in_groups + c, i.out_groups - 1) if is_conv else (tap, c)
    slot = (y_block[y] * w.across + x_block[x]) * w.taps + tap
    phase = lane[x] * w.phases // w.lanes
    edge = 1 + group * w.group_cycles + w.prelude + slot * w.phases + phase
    width = config.word_bytes
    used = np.where(c == i.in_groups - 1, i.tail, width) if is_conv else np.clip(channels - c * width, 0, width)
    keep = (y_block[y] >= 0) & (x_block[x] >= 0) & (used > 0)
    line = i.in_base + y * i.in_pitch_y + x // config.pixel_parallel * i.in_pitch_x + c
    bank, row = _place("img", line, x, config)
    return Touch("img", False, bank[keep], row[keep], edge[keep], used[keep])


def _operands(i: Alu, w: Walk, channels: int, config: AcceleratorConfig) -> Iterator[Touch]:
    """Image rows of the two operands of an elementwise operation."""
    width = config.word_bytes
    for tap, (base, pitch_y, pitch_x) in enumerate(
        ((i.in_base, i.in_pitch_y, i.in_pitch_x), (i.second_base, i.second_pitch_y, i.second_pitch_x))
    ):
        single = tap == 1 and i.broadcast
        y, x, c = _grid(1 if single else i.out_height, 1 if single else i.out_width, i.out_groups)
        block = np.full(y.size, w.blocks - 1) if single else y * w.across + x // w.lanes
        edge = 1 + c * w.group_cycles + block * w.taps + tap
        line = base + y * pitch_y + x // config.pixel_parallel * pitch_x + c
        bank, row = _place("img", line, x, config)
        yield Touch("img", False, bank, row, edge, np.clip(channels - c * width, 0, width))


def _compute(i: Compute, channels: int, config: AcceleratorConfig) -> Iterator[Touch]:
    w, width, lanes = walk(i, config), config.word_bytes, config.output_channel_parallel
    if isinstance(i, Alu) and i.op in TWO_OPERANDS:
        yield from _operands(i, w, channels, config)
    else:
        yield _window(i, w, channels, config)
    last_block = w.prelude + (w.blocks - 1) * w.taps * w.phases
    if isinstance(i, Conv):
        o, tap, lane = _grid(w.groups, w.taps, lanes)
        keep = o * lanes + lane < channels
        used = np.where(tap % i.in_groups == i.in_groups - 1, i.tail, width)
        edge, row = 1 + o * w.group_cycles + last_block + tap * w.phases, i.weight_base + o * w.taps + tap
        yield Touch("wgt", False, lane[keep], row[keep], edge[keep], used[keep])
    elif isinstance(i, Alu) and i.op == AluOp.DEPTHWISE:
        o, tap = _grid(w.groups, w.taps)
        edge, row = 1 + o * w.group_cycles + last_block + tap * w.phases, i.weight_base + o * w.taps + tap
        yield Touch("dwt", False, 0 * o, row, edge, np.clip(channels - o * width, 0, width))
    elif isinstance(i, Alu) and i.op == AluOp.TABLE:
        bank, entry = _grid(config.banks("tab"), 256)
        edge = np.full(bank.size, w.write_edge(w.groups - 1, w.blocks - 1) - 1)
        keep = bank % width < channels
        yield Touch(
            "tab", False, bank[keep], 256 * i.weight_base + entry[keep], edge[keep], np.ones(int(keep.sum()), np.int64)
        )
    if has_parameters(i):
        yield from _parameters(i, w, channels, config)
    if isinstance(i, Conv) and not i.last:
        return
    o, y, x = _grid(i.out_groups, i.out_height, i.out_width)
    slot = (y * w.across + x // w.lanes + 1) * w.taps * w.phases
    edge = o * w.group_cycles + w.prelude + slot + STORE
    line = i.out_base + y * i.out_pitch_y + x // config.pixel_parallel * i.out_pitch_x + o
    bank, row = _place("img", line, x, config)
    yield Touch("img", True, bank, row, edge, np.full(o.size, width))


def _parameters(i: Any, w: Walk, channels: int, config: AcceleratorConfig) -> Iterator[Touch]:
    """Biases and requantisation parameters of the lanes in use."""
    width, lanes = config.word_bytes, config.output_channel_parallel
    o, j = _grid(w.groups, w.prelude)
    used = np.clip(4 * np.minimum(channels - o * lanes, lanes) - j * width, 0, width)
    keep = used > 0
    row = i.bias_base + o * w.prelude + j
    yield Touch("bias", False, 0 * o[keep], row[keep], (1 + o * w.group_cycles + j)[keep], used[keep])
    o, lane = _grid(w.groups, lanes)
    keep = o * lanes + lane < channels
    edge = 1 + o * w.group_cycles + w.prelude - 1
    seven = np.full(int(keep.sum()), 7)  # the eighth byte of an entry is unused
    yield Touch("rqp", False, lane[keep], (i.parameter_base + o)[keep], edge[keep], seven)
