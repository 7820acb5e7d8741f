"""Golden accumulators as distances from the middle of their codes, two bytes each.

Of requantisation by a constant factor, every code is made from about as many accumulators, a *step*. The *middle* of a
code is a formula of it, the *residual* the accumulator minus the middle. As long as a residual stays within the
*margin* of its channel the code stays, so that two bytes tell whether a difference changes anything, and together with
the code they are the accumulator. Margins are tried out with the requantisation itself: nothing is assumed but that it
is monotone.

A residual farther from its middle than any code reaches belongs to a saturated code. Those that two bytes do not hold
are clipped to their ends.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg,assignment,var-annotated"
import numpy as np

from accel_sim.engine.jit import inlined, jit
from accel_sim.engine.requant import STEPS
from accel_sim.engine.sparse import fields as F
from accel_sim.engine.sparse.codes import channel_code

MOST = (1 << 15) - 1  # that is not clipped: less than this
UNKNOWN = -(1 << 15)  # an accumulator so large that differences may wrap
FARTHEST = 1 << 29  # that an accumulator which is not unknown is from zero, and that one of a saturated code may go
SMALLEST_STEP, LARGEST_STEP = 1.0, 60_000.0


@inlined
def middle(node, floats, channel, code):
    """Middle of a stored code: the formula of `requantise._totals`."""
    level = np.int32(code) - np.int32(node[F.ZERO]) - np.int32(node[F.BYTE])
    return np.int64(np.int32(np.float32(level) * floats[node[F.STEP] + channel]))


@jit
def room(node, ints, floats, channel, code, start, direction):
    """How far an accumulator may go from `start` in a direction until it has another code."""
    far = np.int64(floats[node[F.STEP] + channel] / 2) + 2
    while far > 0 and channel_code(node, ints, floats, channel, np.int32(start + direction * far)) != code:
        far -= 1
    while channel_code(node, ints, floats, channel, np.int32(start + direction * (far + 1))) == code:
        far += 1
    return far


@jit
def measure_margins(node, ints, floats, halves):
    """Write the margins and the longest reach of all channels of a node to `halves`; returns whether residuals suit it.

    The lowest code is left upwards only and the highest downwards only.
    """
    if node[F.MODE] == STEPS:
        return False
    low, high = node[F.LOW] + node[F.BYTE], node[F.HIGH] + node[F.BYTE]
    for channel in range(node[F.OC]):
        step = floats[node[F.STEP] + channel]
        if not SMALLEST_STEP <= step <= LARGEST_STEP or low >= high:
            return False
        margin, reach = np.int64(MOST), np.int64(0)
        for code in range(low, high + 1):
            start = middle(node, floats, channel, code)
            if channel_code(node, ints, floats, channel, np.int32(start)) != code:
                return False
            if code < high:
                far = room(node, ints, floats, channel, code, start, 1)
                margin, reach = min(margin, far), max(reach, far)
            if code > low:
                far = room(node, ints, floats, channel, code, start, -1)
                margin, reach = min(margin, far), max(reach, far)
        if reach >= MOST:
            return False
        halves[node[F.MARGIN] + channel], halves[node[F.REACH] + channel] = margin, reach
    return True


@inlined
def residual_of(slack, place):
    """Read the residual of accumulator `place`."""
    return np.int64(np.int16(np.int64(slack[2 * place]) | np.int64(slack[2 * place + 1]) << 8))


@jit
def measure_residuals(state, number):
    """Fill the residuals of a linear node from its golden accumulators and codes, in place."""
    node, accumulators, slack = state[F.NODES][number], state[F.ACCUMULATORS], state[F.SLACK]
    floats, golden, place = state[F.FLOATS], state[F.GOLDEN], state[F.TENSORS][node[F.OUT], F.OFFSET]
    for pixel in range(node[F.UNITS]):
        for channel in range(node[F.OC]):
            at = node[F.ACC] + pixel * node[F.ROW] + channel
            acc = np.int64(accumulators[at])
            distance = acc - middle(node, floats, channel, golden[place + pixel * node[F.OC] + channel])
            residual = min(max(distance, -MOST), MOST) if abs(acc) <= FARTHEST else np.int64(UNKNOWN)
            slack[2 * at], slack[2 * at + 1] = np.uint8(residual & 0xFF), np.uint8(residual >> 8 & 0xFF)


@inlined
def may_leave(margin, reach, residual, change):
    """Whether a difference may change the code of an accumulator with this residual."""
    below = FARTHEST if residual < -reach else margin
    above = FARTHEST if residual > reach else margin
    return residual == UNKNOWN or residual + change < -below or residual + change > above
