"""Addresses of what one linear node reads and writes.

Inner loops take them instead of the state: handing its arrays to a function costs about as much as a pixel.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"
from typing import NamedTuple

import numpy as np

from accel_sim.engine.jit import jit
from accel_sim.engine.sparse import fields as F


class Places(NamedTuple):
    """Addresses, in bytes.

    Attributes
    ----------
    flags, before, after
        Of the input: flags of its pixels, golden codes, codes of the current run.
    entries, starts, listed
        What of the input is listed, see `entries`.
    weights
        Of the node, as int16.
    touched
        Marks of the output pixels within reach of a change.
    accumulators, slack, units
        Golden accumulators, how far each may move, and the unit of that per channel (see `slack`); or their residuals.
    margin, reach, step
        Of residuals, per channel: see `residual`.
    golden, work, changed
        Of the output: golden codes, codes of the current run, flags of its pixels.
    new_entries, new_starts, new_listed
        The output's own list.
    scale, sums, crossing
        Scales of the requantisation; scratch for sums and for the columns whose codes may change.
    """

    flags: int
    before: int
    after: int
    entries: int
    starts: int
    listed: int
    weights: int
    touched: int
    accumulators: int
    slack: int
    units: int
    margin: int
    reach: int
    step: int
    golden: int
    work: int
    changed: int
    new_entries: int
    new_starts: int
    new_listed: int
    scale: int
    sums: int
    crossing: int


@jit
def address(array):
    """Return an array's address as a signed number: mixed with unsigned ones, sums become floats."""
    return np.int64(array.ctypes.data)


@jit
def places_of(state, number):
    """Collect the addresses for a linear node."""
    node = state[F.NODES][number]
    source, target = state[F.TENSORS][node[F.IN]], state[F.TENSORS][node[F.OUT]]
    own = state[F.SPANS][node[F.IN], F.STANDING] != F.WRITTEN
    entry, start, mark = (source[F.ENTRY], source[F.START], source[F.MARK]) if own else (0, 0, 0)
    flags, golden, work = address(state[F.FLAGS]), address(state[F.GOLDEN]), address(state[F.WORK])
    return Places(
        flags + source[F.PIXELS],
        golden + source[F.OFFSET],
        work + source[F.OFFSET],
        address(state[F.ENTRIES]) + 8 * entry,
        address(state[F.STARTS]) + 4 * start,
        address(state[F.LISTED]) + mark,
        address(state[F.WEIGHTS]) + 2 * node[F.WEIGHT],
        address(state[F.TOUCHED]),
        address(state[F.ACCUMULATORS]) + 4 * node[F.ACC],
        address(state[F.SLACK]) + 2 * node[F.ACC],
        address(state[F.INTS]) + 4 * node[F.UNIT],
        address(state[F.WEIGHTS]) + 2 * node[F.MARGIN],
        address(state[F.WEIGHTS]) + 2 * node[F.REACH],
        address(state[F.FLOATS]) + 4 * node[F.STEP],
        golden + target[F.OFFSET],
        work + target[F.OFFSET],
        flags + target[F.PIXELS],
        address(state[F.ENTRIES]) + 8 * target[F.ENTRY],
        address(state[F.STARTS]) + 4 * target[F.START],
        address(state[F.LISTED]) + target[F.MARK],
        address(state[F.FLOATS]) + 4 * node[F.SCALE],
        address(state[F.SUMS]),
        address(state[F.CROSSING]),
    )
