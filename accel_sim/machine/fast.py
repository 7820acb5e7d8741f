"""A whole CONV at once: operands out of the banks, the engine's product kernel, codes into the banks.

The bytes are those of :mod:`accel_sim.machine.literal`, which counts in slots; the tests compare all memories after
both.
"""

import numpy as np
from numpy.typing import NDArray

from accel_sim.config import AcceleratorConfig
from accel_sim.engine import linear
from accel_sim.engine.linear_steps import group_of
from accel_sim.engine.microkernel import portable
from accel_sim.isa import MODES, Conv
from accel_sim.machine.kernels import gather, scatter

ENTRY = np.dtype([("multiplier", "<u4"), ("exponent", "i1"), ("zero", "<i2"), ("unused", "u1")])
MOST_LITERAL_PRODUCTS = 1 << 15  # below, the slot by slot form costs less than preparing this one
LARGEST_EXPONENT = {"float32": 127, "shift": 62, "gemmlowp": 31}


def parameters(i: Conv, rqp: NDArray[np.uint8]) -> NDArray[np.void]:
    """Requantisation parameters of all channels in order."""
    rows = rqp[:, i.parameter_base : i.parameter_base + i.out_groups].transpose(1, 0, 2)
    return np.ascontiguousarray(rows).view(ENTRY).reshape(-1)


def suits(i: Conv, config: AcceleratorConfig, rqp: NDArray[np.uint8]) -> bool:
    """Whether :func:`convolve` may run an instruction: complete sums, sane parameters, enough work."""
    if not (i.first and i.last):
        return False
    products = i.out_height * i.out_width * i.out_groups * i.kernel_y * i.kernel_x * i.in_groups
    if products * config.word_bytes * config.output_channel_parallel < MOST_LITERAL_PRODUCTS:
        return False
    entries, mode = parameters(i, rqp), MODES[i.mode]
    if mode == "float32":
        return bool(np.isfinite(entries["multiplier"].view(np.float32)).all())
    return bool((entries["exponent"] <= LARGEST_EXPONENT[mode]).all())


def convolve(
    i: Conv,
    config: AcceleratorConfig,
    img: NDArray[np.uint8],
    wgt: NDArray[np.uint8],
    bias: NDArray[np.uint8],
    rqp: NDArray[np.uint8],
) -> None:
    """Run a CONV on the banks of the four memories, uint8 (banks, rows, bytes)."""
    width, lanes, window = config.word_bytes, config.output_channel_parallel, i.kernel_y * i.kernel_x
    channels = (i.in_groups - 1) * width + i.tail
    tile = np.empty((i.in_height, i.in_width, channels), np.uint8)
    gather(img, i.in_base, i.in_pitch_y, i.in_pitch_x, config.pixel_parallel, tile)
    rows = wgt[:, i.weight_base : i.weight_base + i.out_groups * window * i.in_groups]
    codes = rows.reshape(lanes, i.out_groups, window, -1)[..., :channels].view(np.int8)
    matrix = np.ascontiguousarray(codes.transpose(2, 3, 1, 0).reshape(window * channels, -1))
    words = bias[0, i.bias_base : i.bias_base + i.out_groups * config.bias_words].reshape(i.out_groups, -1)
    fixed = np.ascontiguousarray(words[:, : 4 * lanes]).view("<i4").reshape(-1)
    entries = parameters(i, rqp)
    zeros = entries["zero"].astype(np.int32)
    part = group_of(matrix, zeros, i.x_zero, fixed, i.shift)
    scale = np.ascontiguousarray(entries["multiplier"]).view(np.float32)
    significand = np.ascontiguousarray(entries["multiplier"]).astype(np.int64)
    nothing = np.zeros((zeros.size, 1), np.int32)
    out = np.empty((i.out_height * i.out_width, zeros.size), np.uint8)
    linear.conv_group(
        tile[None],
        (i.kernel_y, i.kernel_x, i.stride_y, i.stride_x, i.pad_top, i.pad_left, i.dilation_y, i.dilation_x),
        (i.out_height, i.out_width), 0, channels, np.uint8(i.x_zero), part.packed, part.depth, part.columns, zeros,
        part.fixed, i.shift, i.mode, scale, significand, entries["exponent"].astype(np.int64),
        np.array([i.low, i.high, i.zero, 0], np.int32), nothing, nothing, out, 0, portable(),
    )  # fmt: skip
    values = out.reshape(i.out_height, i.out_width, -1)
    scatter(img, i.out_base, i.out_pitch_y, i.out_pitch_x, config.pixel_parallel, values)
