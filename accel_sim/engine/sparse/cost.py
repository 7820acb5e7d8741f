"""The cost model: when following differences is cheaper than recomputing.

Picoseconds, fitted by ``python -m tests.bench.costs`` on the machine of docs/performance.md. Only ratios matter, and a
wrong ratio costs time, never a bit.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg,assignment,var-annotated"
from typing import Final

import numpy as np

from accel_sim.engine.jit import jit
from accel_sim.engine.sparse import fields as F
from accel_sim.engine.sparse.reach import flagged
from accel_sim.engine.sparse.vector import count_bits

# Following: per touched pixel, per vector of its outputs, per entry of its window, per entry and vector of outputs.
PER_PIXEL, PER_VECTOR, PER_ENTRY, PER_PRODUCT = 40_000, 4_000, 2_500, 700
# Recomputing: per vector product, per gathered byte, per vector of outputs, per pixel, per row.
PER_DOT, PER_GATHERED, PER_REQUANTISED, PER_CHECKED, PER_ROW = 280, 150, 1_500, 1_500, 60_000
USUAL_SHARE = 16  # one in so many channels of a changed pixel has changed
ALWAYS, NEVER = 0, 1 << 40
VECTOR: Final = 16


def dense_pixel(dots: float, gathered: float, pixels: int, outputs: int) -> float:
    """Cost of recomputing a pixel: `dots` vector products and `gathered` bytes give `pixels` pixels of `outputs`."""
    return (dots * PER_DOT + gathered * PER_GATHERED) / pixels + -(-outputs // 8) * PER_REQUANTISED + PER_CHECKED


@jit
def count_touched(touched, width):
    """Count the marks of a row at an address."""
    pixels = np.int64(0)
    for x in range(0, width, 64):
        pixels += count_bits(flagged(touched, x, width))
    return pixels


@jit
def follow_pixel(node):
    """Estimate what following the differences into one output pixel costs, with a usual number of changed channels."""
    vectors, taps = -(-node[F.OC] // VECTOR), node[F.KH] * node[F.KW]
    if node[F.KIND] == F.TRANSPOSED:
        taps = max(taps // (node[F.SH] * node[F.SW]), 1)
    entries = taps * (1 + node[F.ICG] // USUAL_SHARE)
    return PER_PIXEL + PER_VECTOR * vectors + entries * (PER_ENTRY + PER_PRODUCT * vectors)


@jit
def touched_limit(node, size):
    """Touched pixels of a tile of `size` pixels up to which following them is cheaper than recomputing it."""
    return size * (node[F.DENSE_PS] // node[F.OW]) // follow_pixel(node)


@jit
def whole_is_cheaper(node, touched, first, last):
    """Whether recomputing (all rows, where the kernel cannot leave any out) costs less than following differences."""
    pixels = count_touched(touched + first * node[F.OW], (last - first) * node[F.OW])
    rows = last - first if node[F.DIRECT] else node[F.UNITS] // node[F.OW]
    return pixels * follow_pixel(node) > rows * node[F.DENSE_PS]
