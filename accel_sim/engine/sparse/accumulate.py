"""Golden accumulators, computed once per image."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg,assignment,var-annotated"
import numpy as np

from accel_sim.engine.jit import jit
from accel_sim.engine.sparse import fields as F
from accel_sim.engine.sparse.entries import SPARE, list_row
from accel_sim.engine.sparse.places import places_of
from accel_sim.engine.sparse.plain import bias_of, grouped_sums
from accel_sim.engine.sparse.scatter import scatter, slot_size, slots


@jit
def accumulate(state, number):
    """Fill the accumulators of a linear node from the golden codes, bias included, in place.

    An ungrouped node is followed as if every pixel had changed from the zero point.
    """
    node, sums = state[F.NODES][number], state[F.SUMS]
    row, ic, width = state[F.TENSORS][node[F.IN]], node[F.IC], node[F.OW]
    places, grouped = places_of(state, number), node[F.GROUP] > 1
    size = slot_size(node[F.OC])
    step, margin = slots(node, 0)[1:]
    if not grouped:
        list_everything(places.before, row, ic, node[F.X_ZERO], places.entries, places.starts)
    for line in range(node[F.UNITS] // width):
        if not grouped:
            state[F.TOUCHED][line * width : (line + 1) * width] = 1
            scatter(places, node, line, 0, width)
            state[F.TOUCHED][line * width : (line + 1) * width] = 0
        for x in range(width):
            place = 0
            if grouped:
                grouped_sums(node, state[F.GOLDEN], row[F.OFFSET], state[F.WEIGHTS], line, x, sums)
            else:
                place = (margin + x * step) * size
            add_constants(node, state[F.INTS], sums, place, state[F.ACCUMULATORS], line * width + x)


@jit
def list_everything(golden, row, channels, zero, entries, starts):
    """List the entries of a whole tensor, at an address, as if all codes had been `zero`."""
    width, filled = row[F.WIDTH], np.int64(0)
    ones, blank = np.ones(width + 64, np.uint8), np.full(width * channels + 64, zero, np.uint8)
    for line in range(row[F.ROWS]):
        filled = list_row(
            ones.ctypes.data, blank.ctypes.data, golden + line * width * channels, width, channels, (0, width), entries,
            filled, starts + 4 * line * (width + SPARE),
        )  # fmt: skip


@jit
def add_constants(node, ints, sums, place, accumulators, unit):
    """Write a pixel's accumulators: its sums, shifted, and the bias."""
    first, shift = node[F.ACC] + unit * node[F.ROW], np.int32(node[F.ACC_SHIFT])
    for channel in range(node[F.OC]):
        accumulators[first + channel] = (sums[place + channel] << shift) + bias_of(node, ints, channel)


@jit
def accumulate_pool(state, number):
    """Fill the golden sums of a global pool."""
    node, golden, acc = state[F.NODES][number], state[F.GOLDEN], state[F.ACCUMULATORS]
    tensors = state[F.TENSORS]
    offset, size, ic = tensors[node[F.IN], F.OFFSET], tensors[node[F.IN], F.SIZE], node[F.IC]
    pixels = node[F.IH] * node[F.IW]
    acc[node[F.ACC] : node[F.ACC] + size // pixels] = 0
    for position in range(size):
        unit = position // (pixels * ic) * ic + position % ic
        acc[node[F.ACC] + unit] += np.int32(golden[offset + position]) - np.int32(node[F.X_ZERO])
