"""Means in power-of-two arithmetic: a depthwise convolution with one constant weight.

The DPU divides by a multiplication with ``m / 2**s``. On the array that is a sum of products with the stored weight `m`
and a shift, exact in integers, where onnxruntime's mean is a chain of float32 sums.
"""

from typing import Final

import numpy as np

from accel_sim.model.context import Context
from accel_sim.model.fusion import epilogue
from accel_sim.model.graph import Conv, Shape, View, Window
from accel_sim.model.values import Real, Target, UnsupportedError

F32 = np.float32
# (m, s) by kernel: constants of AMD's Vitis AI quantiser (vai_q_onnx, simulation of the DPU's average pooling).
PUBLISHED: Final = {(3, 3): (7, 6), (5, 5): (10, 8), (6, 6): (7, 8), (7, 7): (21, 10), (14, 14): (21, 12)}
LARGEST: Final = 127  # that an int8 weight holds
MOST_BITS: Final = 22  # of a shift: of a mean over up to 2**22 positions no sum of 8-bit inputs leaves 32 bits


def mean_factor(kernel: tuple[int, int]) -> tuple[int, int]:
    """Return (m, s) with ``m / 2**s`` in place of one over the number of positions.

    The published constants where there are some, else the nearest; of equally near ones that of the smallest `m`.

    Raises
    ------
    UnsupportedError
        So many positions that the sum could wrap.
    """
    if kernel in PUBLISHED:
        return PUBLISHED[kernel]
    count = kernel[0] * kernel[1]
    if count > 1 << MOST_BITS:
        raise UnsupportedError(f"a mean over {count} positions; in power-of-two arithmetic {1 << MOST_BITS} at most")
    pairs = [(min(max(round(2**s / count), 1), LARGEST), s) for s in range(MOST_BITS + 1)]
    return min(pairs, key=lambda pair: (abs(pair[0] * count / 2 ** pair[1] - 1), pair[0]))


def power_of_two(x: Real, target: Target) -> bool:
    """Whether the scales of input and output differ by a power of two."""
    return bool(np.frexp(float(F32(x.side[0]) / F32(target.side[0])))[0] == 0.5)


def mean(ctx: Context, name: str, x: Real, target: Target, window: Window) -> Conv:
    """Build the convolution; padding counts as zeros, in the sum and in the number of positions."""
    factor, shift = mean_factor(window.kernel)
    shape: Shape = (x.shape[1], 1, *window.kernel)
    parameter = ctx.keep(f"{name}.mean", np.full(shape, factor, np.int8), "weight")
    view = View(parameter, None, shape, np.zeros(1, np.int32))
    unit = np.array([F32(x.side[0]) * F32(2.0**-shift)], F32)
    target_scale = F32(target.side[0])
    return Conv(view, None, x.side[1], window, x.shape[1], epilogue(unit, unit / target_scale, target, ctx.mode))
