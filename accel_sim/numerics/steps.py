"""Any function of an accumulator with 8-bit results, as a step function.

A curve that follows a convolution without a quantiser in between (Conv, Sigmoid, QuantizeLinear) maps an int32
accumulator to a code. Where the curve is monotone the map has at most 255 steps, so 255 thresholds per channel
describe it exactly and no floating point is left in the datapath. Curves with a turning point are cut there first.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

INT32 = np.iinfo(np.int32)


@dataclass(frozen=True, eq=False)
class Steps:
    """A step function per channel.

    Attributes
    ----------
    thresholds
        int32, shape (channels, n), ascending: a step lies between ``threshold - 1`` and ``threshold``. Rows that need
        fewer are padded at the end with the largest int32, whose step repeats the code before it.
    codes
        int32, shape (channels, n + 1): ``codes[c, k]`` holds where exactly ``k`` thresholds are at or below the
        accumulator.
    """

    thresholds: NDArray[np.int32]
    codes: NDArray[np.int32]

    def __call__(self, acc: NDArray[np.int32], channel: int) -> NDArray[np.int32]:
        """Evaluate one channel on accumulators of any shape."""
        return np.asarray(self.codes[channel][np.searchsorted(self.thresholds[channel], acc, side="right")])


def _crossings(
    function: Callable[[NDArray[np.int64]], NDArray[np.int32]], start: int, stop: int
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Find all steps of a monotone function on the integers [start, stop], all levels bisected together."""
    first, last = (int(v) for v in function(np.array([start, stop])))
    direction = 1 if last >= first else -1
    levels = np.arange(first + direction, last + direction, direction) if last != first else np.empty(0, np.int64)
    low, high = np.full(levels.size, start, np.int64), np.full(levels.size, stop, np.int64)
    while np.any(high - low > 1):
        middle = (low + high) // 2
        reached = (function(middle).astype(np.int64) - levels) * direction >= 0
        high, low = np.where(reached, middle, high), np.where(reached, low, middle)
    positions = np.unique(high)
    return positions, function(positions)


def step_function(
    functions: list[Callable[[NDArray[np.int64]], NDArray[np.int32]]], turning_points: list[list[int]]
) -> Steps:
    """Build the step function of each channel.

    Parameters
    ----------
    functions
        One vectorised map from accumulators to codes per channel.
    turning_points
        Per channel the accumulators at which the map stops being monotone (each belongs to the piece on its left).
    """
    rows: list[tuple[NDArray[np.int64], NDArray[np.int32]]] = []
    for function, turns in zip(functions, turning_points, strict=True):
        cuts = [INT32.min, *(t for t in sorted(set(turns)) if INT32.min < t < INT32.max), INT32.max]
        positions, codes = [np.empty(0, np.int64)], [function(np.array([INT32.min]))]
        for start, stop in pairwise(cuts):
            at, values = _crossings(function, start, stop)
            positions.append(at)
            codes.append(values)
        rows.append((np.concatenate(positions), np.concatenate(codes)))
    width = max(at.size for at, _ in rows)
    thresholds = np.full((len(rows), width), INT32.max, np.int32)
    codes_out = np.empty((len(rows), width + 1), np.int32)
    for c, (at, values) in enumerate(rows):
        thresholds[c, : at.size] = at
        codes_out[c, : values.size] = values
        codes_out[c, values.size :] = values[-1]
    return Steps(thresholds, codes_out)
