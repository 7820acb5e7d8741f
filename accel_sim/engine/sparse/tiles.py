"""Direct convolutions in tiles: a register tile is recomputed where enough of it is touched, and followed elsewhere."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg,assignment,var-annotated"
import numpy as np

from accel_sim.engine.direct import finish_run, frame, padded
from accel_sim.engine.jit import jit
from accel_sim.engine.linear import BLOCK
from accel_sim.engine.microkernel import ROWS, runs_times_matrix
from accel_sim.engine.requant import FLOAT32
from accel_sim.engine.sparse import fields as F
from accel_sim.engine.sparse.changes import stop_listing, write_codes
from accel_sim.engine.sparse.cost import (
    ALWAYS,
    CERTAIN,
    NEVER,
    entries_reaching,
    follow_cost,
    nowhere_dense,
    tile_cost,
    touched_limit,
)
from accel_sim.engine.sparse.dense import requantisation
from accel_sim.engine.sparse.entries import entries_between, list_rows, window_columns, window_rows
from accel_sim.engine.sparse.follow import follow_rows
from accel_sim.engine.sparse.places import places_of
from accel_sim.engine.sparse.reach import check_line, flagged, widen
from accel_sim.engine.sparse.vector import count_bits


@jit
def sort_tiles(state, number, first, last, size, policy, entries, chosen):
    """Mark the tiles of rows ``first .. last`` that are recomputed for certain (1) and those to be weighed (2).

    `chosen` is (rows, tiles); a tile is `size` pixels of a row; `entries` reach each pixel on average. Returns
    the columns that span those to be weighed.
    """
    node, touched = state[F.NODES][number], state[F.TOUCHED].ctypes.data
    width = node[F.OW]
    left, right = int(width), 0
    limit = np.int64(ALWAYS if policy == 2 else NEVER)
    if policy == 0:
        limit = touched_limit(node, size, entries / CERTAIN)
    for line in range(first, last):
        for tile in range(chosen.shape[1]):
            x = tile * size
            count = count_bits(flagged(touched + line * width, x, min(width, x + size)))
            chosen[line - first, tile] = 0
            if count > limit:
                chosen[line - first, tile] = 1
            elif count > 0:
                chosen[line - first, tile] = 2
                left, right = min(left, x), max(right, min(x + size, width))
    return left, right


@jit
def weigh_tiles(state, number, first, last, size, span, chosen):
    """List what reaches the tiles marked 2 and decide about each of them; returns how many entries are listed."""
    node, places = state[F.NODES][number], places_of(state, number)
    width, filled, cost_of_tile = node[F.OW], np.int64(0), tile_cost(node, size)
    for line in range(first, last):
        some = False
        for tile in range(chosen.shape[1]):
            some |= chosen[line - first, tile] == 2
        if not some:
            continue
        begin, end = window_rows(node, line)
        filled = list_rows(places, node, begin, end, span, filled)
        # Most rows are reached by so little that no tile of them is worth recomputing.
        every = follow_cost(node, size, entries_between(node, places.starts, line, np.int64(0), width)) <= cost_of_tile
        for tile in range(chosen.shape[1]):
            if chosen[line - first, tile] != 2:
                continue
            if every:
                chosen[line - first, tile] = 0
                continue
            x = tile * size
            stop = min(width, x + size)
            count = count_bits(flagged(places.touched + line * width, x, stop))
            cost = follow_cost(node, count, entries_between(node, places.starts, line, x, stop))
            chosen[line - first, tile] = cost > cost_of_tile
    return filled


@jit
def spanned(chosen, first):
    """Return the rows, and the first and last tile of any row, that span the chosen tiles."""
    begin, end, left, right = np.int64(1 << 60), np.int64(0), np.int64(1 << 60), np.int64(0)
    for line in range(chosen.shape[0]):
        for tile in range(chosen.shape[1]):
            if chosen[line, tile]:
                begin, end = min(begin, first + line), first + line + 1
                left, right = min(left, np.int64(tile)), max(right, np.int64(tile + 1))
    return begin, end, left, right


@jit
def recompute_tiles(state, number, first, begin, end, left, right, size, chosen, portable):
    """Recompute the chosen tiles of rows ``begin .. end`` of one image, flag what differs and clear their marks.

    `left` and `right` are the first and last tile of any row: only the part of the input that they read is framed.
    """
    node, tensors, ints = state[F.NODES][number], state[F.TENSORS], state[F.INTS]
    source, target = tensors[node[F.IN]], tensors[node[F.OUT]]
    ih, iw, ic, oh, ow, oc, kh = node[F.IH], node[F.IW], node[F.IC], node[F.OH], node[F.OW], node[F.OC], node[F.KH]
    pads = (node[F.TOP], node[F.LEFT], node[F.BOTTOM], node[F.RIGHT])
    image, origin = begin // oh, left * size
    pitch = min(right * size, ow) - origin + node[F.KW] - 1
    images = source[F.SIZE] // (ih * iw * ic)
    work, golden, touched = state[F.WORK], state[F.GOLDEN].ctypes.data, state[F.TOUCHED]
    x = work[source[F.OFFSET] : source[F.OFFSET] + source[F.SIZE]].reshape((images, ih, iw, ic))
    out = work[target[F.OFFSET] : target[F.OFFSET] + target[F.SIZE]].reshape((images * oh * ow, oc))
    packed = state[F.PACKED_WEIGHTS][node[F.PACKED] : node[F.PACKED] + node[F.PACKED_SIZE]]
    fixed, shift = ints[node[F.FIXED] : node[F.FIXED] + oc], np.int32(node[F.ACC_SHIFT])
    mode, scale, significand, exponent, limits, thresholds, codes = requantisation(state, node)
    if mode == FLOAT32 and shift == 0:
        fixed, scale = padded(fixed), padded(scale)
    framed = np.empty(((end - begin + kh - 1) * pitch + BLOCK + 2 * ROWS + 2) * ic + 64, np.uint8)
    rows = (begin - image * oh, end - image * oh + kh - 1)
    frame(x, image, rows, (origin, origin + pitch), pads, np.uint8(node[F.X_ZERO]), framed)
    pixels = size // ROWS
    products = np.empty((BLOCK // pixels, node[F.COLUMNS]), np.int32)
    acc = products.reshape((BLOCK, node[F.COLUMNS] // pixels))
    computed = np.int64(0)
    for line in range(begin, end):
        found, column = False, origin
        while column < min(right * size, ow):
            if not chosen[line - first, column // size]:
                column += size
                continue
            stop = column + size
            while stop < ow and stop - column < BLOCK and chosen[line - first, stop // size]:
                stop += size
            count = min(stop, ow) - column
            runs_times_matrix(
                framed, ((line - begin) * pitch + column - origin) * ic, pixels * ic, kh, pitch * ic, packed,
                node[F.DEPTH], products[: (stop - column) // pixels], portable,
            )  # fmt: skip
            pixel = line * ow + column
            finish_run(
                acc, 0, count, shift, fixed, mode, scale, significand, exponent, limits, thresholds, codes, out, pixel
            )
            place = target[F.OFFSET] + pixel * oc
            flags = state[F.FLAGS].ctypes.data + target[F.PIXELS] + pixel
            found |= check_line(golden + place, work.ctypes.data + place, flags, count, oc)
            touched[pixel : pixel + count] = 0
            computed += count
            column = stop
        if found:
            widen(state[F.SPANS], node[F.OUT], line)
    state[F.TALLY][F.RECOMPUTED] += computed
    state[F.TALLY][F.DENSE_PRODUCTS] += computed * oc * ic * kh * node[F.KW]


@jit
def update_tiles(state, number, first, last, portable, policy):
    """Bring rows ``first .. last`` of a direct convolution up to date."""
    node = state[F.NODES][number]
    oh = node[F.OH]
    size = ROWS * (2 if node[F.OC] <= node[F.COLUMNS] // 2 else 1)
    chosen = np.zeros((last - first, -(-node[F.OW] // size)), np.uint8)
    entries = entries_reaching(state, number, first, last) if policy == 0 else 0.0
    if policy == 1 or (policy == 0 and nowhere_dense(node, size, entries)):
        span = (np.int64(0), node[F.IW])
        follow_rows(state, number, first, last, span, np.int64(0), chosen, size)
        return
    left, right = sort_tiles(state, number, first, last, size, policy, entries, chosen)
    filled, span = np.int64(0), (np.int64(0), np.int64(0))
    if left < right:
        span = window_columns(node, left, right)
    if policy == 0:
        filled = weigh_tiles(state, number, first, last, size, span, chosen)
    begin, end, leftmost, rightmost = spanned(chosen, first)
    if begin < end:  # tiles read and write codes
        write_codes(state, node[F.IN])
        stop_listing(state, node[F.OUT])
    while begin < end:
        stop = min(end, (begin // oh + 1) * oh)
        recompute_tiles(state, number, first, begin, stop, leftmost, rightmost, size, chosen, portable)
        begin = stop
    if policy != 2:
        follow_rows(state, number, first, last, span, filled, chosen, size)
