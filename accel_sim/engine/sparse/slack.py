"""How far golden accumulators may move before their codes change, where they have no `residual`.

Of every accumulator two bytes are kept: it may rise by ``up << unit`` and fall by ``down << unit``, and to everything
between, without a change of its code. The unit is a channel's, about a 512th of a step from one code to the next.
Requantisation is monotone in the accumulator, so that two equal codes at the ends prove all between; a function of
steps need not be, there the nearest steps are taken.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg,assignment,var-annotated"
import numpy as np

from accel_sim.engine.jit import inlined, jit
from accel_sim.engine.requant import STEPS
from accel_sim.engine.sparse import fields as F
from accel_sim.engine.sparse.codes import channel_code

MOST = 255  # units that a byte holds
MOST_UNIT = 22  # as a power of two: twice the largest slack stays within an int32
FARTHEST = np.int64(1) << 31


@inlined
def quiet(node, ints, floats, channel, acc, code, move):
    """Whether an accumulator that moves so far still has its code."""
    if acc + move < -FARTHEST or acc + move >= FARTHEST:
        return False
    return channel_code(node, ints, floats, channel, np.int32(acc + move)) == code


@jit
def searched(node, ints, floats, channel, acc, code, unit):
    """Find the largest slack in the direction of `unit`, by halving."""
    low, high = 0, MOST + 1
    while high - low > 1:
        middle = (low + high) // 2
        if quiet(node, ints, floats, channel, acc, code, middle * unit):
            low = middle
        else:
            high = middle
    return np.int64(low)


@jit
def between_steps(node, ints, channel, acc, unit):
    """Slack upwards and downwards from the nearest thresholds of a function of steps, and from where int32 wraps."""
    count = node[F.STEP_COUNT]
    first = node[F.STEP_PLACE] + channel * (2 * count + 1)
    up, down = min(np.int64(MOST), (FARTHEST - 1 - acc) // unit), min(np.int64(MOST), (FARTHEST + acc) // unit)
    for place in range(first, first + count):
        threshold = np.int64(ints[place])
        if threshold <= acc:
            down = min(down, (acc - threshold) // unit)
        else:
            up = min(up, (threshold - 1 - acc) // unit)
    return up, down


@jit
def measure_slack(state, number):
    """Fill the slack of a linear node from its golden accumulators and codes, in place."""
    node, accumulators, slack = state[F.NODES][number], state[F.ACCUMULATORS], state[F.SLACK]
    ints, floats, golden = state[F.INTS], state[F.FLOATS], state[F.GOLDEN]
    oc, row, place = node[F.OC], node[F.ROW], state[F.TENSORS][node[F.OUT], F.OFFSET]
    for pixel in range(node[F.UNITS]):
        first = node[F.ACC] + pixel * row
        for channel in range(oc):
            acc, unit = np.int64(accumulators[first + channel]), np.int64(1) << np.int64(ints[node[F.UNIT] + channel])
            code = golden[place + pixel * oc + channel]
            if node[F.MODE] == STEPS:
                up, down = between_steps(node, ints, channel, acc, unit)
            else:
                up = searched(node, ints, floats, channel, acc, code, unit)
                down = searched(node, ints, floats, channel, acc, code, -unit)
            at = 2 * (node[F.ACC] + pixel * row) + channel
            slack[at], slack[at + row] = np.uint8(up), np.uint8(down)
