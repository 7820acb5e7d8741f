"""The cost model: when following differences is cheaper than recomputing.

Picoseconds, set by hand near what ``python -m tests.bench.costs`` measures (docs/performance.md). Only ratios matter,
the optimum is flat, and a wrong ratio costs time, never a bit.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg,assignment,var-annotated"
from typing import Final

import numpy as np

from accel_sim.engine.jit import inlined, jit
from accel_sim.engine.sparse import fields as F
from accel_sim.engine.sparse.entries import pixel_entries
from accel_sim.engine.sparse.reach import flagged
from accel_sim.engine.sparse.vector import count_bits, peek_byte

# Following: per touched pixel, per vector of its outputs, per entry and row of windows, per product with a vector.
PER_PIXEL, PER_VECTOR, PER_ENTRY, PER_PRODUCT = 12_000, 6_000, 1_500, 700
# Recomputing: per vector product, per gathered byte, per vector of outputs, per pixel, per row.
PER_DOT, PER_GATHERED, PER_REQUANTISED, PER_CHECKED, PER_ROW = 280, 150, 1_500, 1_500, 60_000
SAMPLES = 8  # pixels whose entries are counted
ALWAYS, NEVER = 0, 1 << 40
CERTAIN = 2.0  # a tile is not weighed if recomputing wins even with so many times fewer entries than estimated
BEHIND = 2.4  # times its own cost: what recomputing means for later nodes. Codes are written, listed again and undone
DENSEST = 1.5  # times the mean number of entries that reach a pixel: tiles are weighed where that may be too many
VECTOR: Final = 16


def dense_pixel(dots: float, gathered: float, pixels: int, outputs: int) -> float:
    """Cost of recomputing a pixel: `dots` vector products and `gathered` bytes give `pixels` pixels of `outputs`."""
    return (dots * PER_DOT + gathered * PER_GATHERED) / pixels + -(-outputs // 8) * PER_REQUANTISED + PER_CHECKED


@inlined
def count_touched(touched, width):
    """Count the marks of a row at an address."""
    pixels = np.int64(0)
    for x in range(0, width, 64):
        pixels += count_bits(flagged(touched, x, width))
    return pixels


@jit
def entries_reaching(state, number, first, last):
    """Estimate how many entries reach a touched pixel of rows ``first .. last``.

    Every flagged input pixel reaches as many output pixels as the window has taps; how many entries it has is known
    where they are listed, else measured on a few of them. ENTRIES is used as scratch.
    """
    node = state[F.NODES][number]
    row, spans, taps = state[F.TENSORS][node[F.IN]], state[F.SPANS], node[F.KH] * node[F.KW]
    golden, work = state[F.GOLDEN].ctypes.data + row[F.OFFSET], state[F.WORK].ctypes.data + row[F.OFFSET]
    flags, width, channels = state[F.FLAGS].ctypes.data + row[F.PIXELS], row[F.WIDTH], row[F.CHANNELS]
    begin, end = spans[node[F.IN], 0], spans[node[F.IN], 1]
    step = max((end - begin) // SAMPLES, 1)
    touched = count_touched(state[F.TOUCHED].ctypes.data + first * node[F.OW], (last - first) * node[F.OW])
    if node[F.KIND] != F.TRANSPOSED:
        taps = max(taps // (node[F.SH] * node[F.SW]), 1)
    if spans[node[F.IN], F.STANDING] != F.WRITTEN:
        return np.float64(spans[node[F.IN], F.FILLED] * taps) / np.float64(max(touched, 1))
    flagged_pixels, entries, sampled = np.int64(0), np.int64(0), np.int64(0)
    for line in range(begin, end):
        count = count_touched(flags + line * width, width)
        flagged_pixels += count
        if count and (line - begin) % step == 0:
            wanted, x = count // 2, np.int64(0)
            while wanted or peek_byte(flags + line * width + x) == 0:
                wanted -= peek_byte(flags + line * width + x)
                x += 1
            place = (line * width + x) * channels
            entries += pixel_entries(golden + place, work + place, channels, 0, state[F.ENTRIES].ctypes.data)
            sampled += 1
    return np.float64(entries * taps * flagged_pixels) / np.float64(max(sampled, 1) * max(touched, 1))


@inlined
def follow_cost(node, pixels, entries):
    """Estimate what following differences into `pixels` outputs costs, when `entries` reach their rows of windows."""
    vectors = -(-node[F.OC] // VECTOR)
    return pixels * (PER_PIXEL + PER_VECTOR * vectors) + entries * (PER_ENTRY + PER_PRODUCT * node[F.KW] * vectors)


@inlined
def touched_limit(node, size, entries):
    """Touched pixels of a tile of `size` pixels up to which following them is cheaper than recomputing it.

    `entries` reach each pixel, each of them as many pixels as the window is wide.
    """
    return np.int64(tile_cost(node, size) / follow_cost(node, 1, entries / node[F.KW]))


@inlined
def nowhere_dense(node, size, entries):
    """Whether following a whole tile is cheaper than recomputing it even where changes are denser than on average."""
    return follow_cost(node, size, DENSEST * entries * size / node[F.KW]) < tile_cost(node, size)


@inlined
def tile_cost(node, size):
    """Estimate what recomputing `size` pixels of a row costs, with what follows from it."""
    return BEHIND * size * (node[F.DENSE_PS] / node[F.OW])


@jit
def whole_is_cheaper(node, touched, first, last, entries):
    """Whether recomputing (all rows, where the kernel cannot leave any out) costs less than following differences."""
    pixels = count_touched(touched + first * node[F.OW], (last - first) * node[F.OW])
    rows = last - first if node[F.DIRECT] else node[F.UNITS] // node[F.OW]
    return follow_cost(node, pixels, entries * pixels / node[F.KW]) > BEHIND * rows * node[F.DENSE_PS]
