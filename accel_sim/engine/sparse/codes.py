"""From an accumulator to a stored code, one output at a time, in every scheme."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"
import numpy as np

from accel_sim.engine.jit import jit
from accel_sim.engine.requant import FLOAT32, GEMMLOWP, ROUNDER, SHIFT, gemmlowp_code, shift_code, step_code
from accel_sim.engine.sparse import fields as F


@jit
def channel_code(node, ints, floats, channel, acc):
    """Requantise one accumulator of one output channel to a stored byte."""
    mode = node[F.MODE]
    low, high, zero = np.int32(node[F.LOW]), np.int32(node[F.HIGH]), np.int32(node[F.ZERO])
    if mode == FLOAT32:
        value = np.float32(acc) * floats[node[F.SCALE] + channel]
        value = min(max(value, np.float32(low - zero)), np.float32(high - zero))
        code = np.int32((value + ROUNDER) - ROUNDER) + zero
    elif mode == SHIFT:
        code = shift_code(acc, np.int64(ints[node[F.CHANNEL_INTS] + 2 * channel + 1]), low, high, zero)
    elif mode == GEMMLOWP:
        place = node[F.CHANNEL_INTS] + 2 * channel
        code = gemmlowp_code(acc, np.int64(ints[place]), np.int64(ints[place + 1]), low, high, zero)
    else:
        count = node[F.STEP_COUNT]
        place = node[F.STEP_PLACE] + channel * (2 * count + 1)
        code = step_code(acc, ints[place : place + count], ints[place + count : place + 2 * count + 1])
    return np.uint8(code + np.int32(node[F.BYTE]))
