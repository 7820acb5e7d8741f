"""One faulty run: node by node from the fault to the outputs, by the cheaper strategy each time, and back again."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg,assignment,var-annotated"
import numpy as np

from accel_sim.engine.bytewise import copy_short
from accel_sim.engine.jit import inlined, jit
from accel_sim.engine.requant import FLOAT32
from accel_sim.engine.sparse import fields as F
from accel_sim.engine.sparse.changes import forget_list, may_list, stop_listing, write_codes
from accel_sim.engine.sparse.cost import entries_reaching, whole_is_cheaper
from accel_sim.engine.sparse.dense import recompute
from accel_sim.engine.sparse.follow import follow_rows
from accel_sim.engine.sparse.grouped import recompute_grouped
from accel_sim.engine.sparse.joins import join_lists
from accel_sim.engine.sparse.local import average_pool, global_pool, join, lookup, max_pool, move, pair
from accel_sim.engine.sparse.reach import clear_flags, differs, flagged, reach
from accel_sim.engine.sparse.tiles import update_tiles
from accel_sim.engine.sparse.vector import lowest_bit, poke_byte, prefetch


@jit
def has_change(state, node):
    """Whether any input of a node changed."""
    spans = state[F.SPANS]
    kind = node[F.KIND]
    if kind == F.OUTPUT:
        return False
    if kind == F.JOIN or kind == F.FOREIGN:
        for part in range(node[F.COUNT]):
            if spans[state[F.INTS][node[F.INDEX] + F.PART * part], 1] > 0:
                return True
        return False
    return spans[node[F.IN], 1] > 0 or (node[F.IN2] >= 0 and spans[node[F.IN2], 1] > 0)


@jit
def update_rows(state, number, first, last, dense, portable):
    """Recompute rows ``first .. last`` of a linear node (at least those), or follow the differences into them."""
    if first == last:
        return
    if dense:
        write_codes(state, state[F.NODES][number, F.IN])
        stop_listing(state, state[F.NODES][number, F.OUT])
        width = state[F.NODES][number, F.OW]
        recompute(state, number, first, last, portable)
        state[F.TOUCHED][first * width : last * width] = 0
    else:
        span = (np.int64(0), state[F.NODES][number, F.IW])
        nothing = np.zeros((last - first, 1), np.uint8)
        follow_rows(state, number, first, last, span, np.int64(0), nothing, state[F.NODES][number, F.OW])


@jit
def linear(state, number, portable, policy, wanted):
    """Bring a linear node up to date by the cheaper strategy for every part of it.

    A node without golden accumulators is always recomputed. Changes are listed where all of them are followed.
    """
    node, touched = state[F.NODES][number], state[F.TOUCHED]
    first, last = reach(state, number)
    if last == 0:
        return
    if node[F.ACC] < 0:
        policy = 2
    if node[F.GROUP] > 1:
        write_codes(state, node[F.IN])
        recompute_grouped(state, number, first, last)
        return
    if policy != 2 and node[F.MODE] == FLOAT32 and may_list(state, node[F.OUT], wanted):
        state[F.SPANS][node[F.OUT], F.STANDING] = F.AS_LIST
    if node[F.DIRECT] and node[F.KIND] == F.LINEAR:
        update_tiles(state, number, first, last, portable, policy)
        return
    entries = 0.0
    if policy == 0:
        entries = entries_reaching(state, number, first, last)
    # A direct transposed convolution makes `SH` rows of every input row; other kernels run the whole node.
    step = node[F.SH] if node[F.DIRECT] else last - first
    start, dense = first, False
    line = first
    while line < last:
        stop = min((line // step + 1) * step, last) if node[F.DIRECT] else last
        wanted = policy == 2
        if policy == 0:
            wanted = whole_is_cheaper(node, touched.ctypes.data, line, stop, entries)
        if wanted != dense:
            update_rows(state, number, start, line, dense, portable)
            start, dense = line, wanted
        line = stop
    update_rows(state, number, start, last, dense, portable)


@jit
def propagate(state, first, stop, portable, policy, wanted):
    """Run nodes ``first .. stop`` on the changes noted so far.

    Parameters
    ----------
    policy
        0: by the cost model; 1: differences only; 2: recompute every linear node that a change reaches.
    wanted
        Tensor whose changes are asked for in the end. Those of every other are undone as soon as its last reader has
        run, while they are still in the caches, and need not be written at all. -1: all are asked for.

    Returns
    -------
    int
        Number of a node that compiled code does not run and whose inputs changed, or `stop`.
    """
    for number in range(first, stop):
        node = state[F.NODES][number]
        if not has_change(state, node):
            continue
        kind = node[F.KIND]
        if kind == F.FOREIGN:
            for part in range(node[F.COUNT]):
                write_codes(state, state[F.INTS][node[F.INDEX] + F.PART * part])
            return number
        if kind == F.LINEAR or kind == F.TRANSPOSED:
            linear(state, number, portable, policy, wanted)
            if state[F.SPANS][node[F.OUT], F.LAST] == 0:
                forget_list(state, node[F.OUT])
        else:
            state[F.TALLY][F.LOCAL_NODES] += 1
            if kind != F.JOIN:
                write_codes(state, node[F.IN])
                if node[F.IN2] >= 0:
                    write_codes(state, node[F.IN2])
        if kind == F.LOOKUP:
            lookup(state, number)
        elif kind == F.PAIR:
            pair(state, number)
        elif kind == F.MAXPOOL:
            max_pool(state, number)
        elif kind == F.AVERAGE:
            average_pool(state, number)
        elif kind == F.GLOBAL:
            global_pool(state, number)
        elif kind == F.JOIN:
            if not join_lists(state, number, wanted):
                join(state, number)
        elif kind == F.MOVE:
            move(state, number)
        if wanted >= 0:
            state[F.TALLY][F.LISTED_TENSORS] += state[F.SPANS][node[F.OUT], F.STANDING] == F.AS_LIST
            for place in range(node[F.DONE], node[F.DONE] + node[F.DONE_COUNT]):
                tensor = np.int64(state[F.INTS][place])
                if tensor != wanted:
                    undo_tensor(state, tensor)
    return stop


@jit
def undo(state):
    """Restore the golden codes of every pixel that has a flag, and clear the flags."""
    for tensor in range(state[F.SPANS].shape[0]):
        undo_tensor(state, tensor)


@inlined
def undo_tensor(state, tensor):
    """Restore one tensor."""
    spans, row = state[F.SPANS], state[F.TENSORS][tensor]
    last, width, size = spans[tensor, 1], row[F.WIDTH], row[F.CHANNELS]
    flags = state[F.FLAGS].ctypes.data + row[F.PIXELS]
    golden, work = state[F.GOLDEN].ctypes.data + row[F.OFFSET], state[F.WORK].ctypes.data + row[F.OFFSET]
    for line in range(spans[tensor, 0], last):
        if spans[tensor, F.STANDING] == F.AS_LIST:
            clear_flags(flags + line * width, width)
        else:
            restore_row(flags, golden, work, line * width, width, size, line + 1 < last)
    spans[tensor, F.FIRST], spans[tensor, F.LAST] = 0, 0
    forget_list(state, tensor)


@inlined
def restore_row(flags, golden, work, start, width, size, ahead):
    """Restore the flagged pixels of a row of `width` that begins at pixel `start`, and ask for those of the next."""
    for x in range(0, width, 64):
        if ahead:
            coming = flagged(flags + start + width, x, width)
            while coming:
                place = (start + width + x + lowest_bit(coming)) * size
                coming &= coming - 1
                prefetch(golden + place)
                prefetch(work + place)
        mask = flagged(flags + start, x, width)
        while mask:
            pixel = start + x + lowest_bit(mask)
            mask &= mask - 1
            poke_byte(flags + pixel, np.uint8(0))
            for c in range(0, size, 64):
                copy_short(work + pixel * size + c, golden + pixel * size + c, min(size - c, 64))


@jit
def changed_codes(state, tensor):
    """Count the codes of a tensor that differ from the golden run."""
    golden, work, row = state[F.GOLDEN], state[F.WORK], state[F.TENSORS][tensor]
    line = row[F.WIDTH] * row[F.CHANNELS]
    first, last = state[F.SPANS][tensor, 0] * line, state[F.SPANS][tensor, 1] * line
    total = 0
    for place in range(row[F.OFFSET] + first, row[F.OFFSET] + last):
        total += golden[place] != work[place]
    return total


@jit
def any_changed_code(state, tensor):
    """Whether any code of a tensor differs from the golden run."""
    row = state[F.TENSORS][tensor]
    line = row[F.WIDTH] * row[F.CHANNELS]
    golden, work = state[F.GOLDEN].ctypes.data + row[F.OFFSET], state[F.WORK].ctypes.data + row[F.OFFSET]
    for number in range(state[F.SPANS][tensor, 0], state[F.SPANS][tensor, 1]):
        if differs(golden + number * line, work + number * line, line):
            return True
    return False


@jit
def changed_decisions(state, tensor, classes, limit):
    """Count the pixels whose largest class changed; `limit` is the number of golden decisions.

    The tensor is channels last; on equal codes the first class wins.
    """
    golden, work, row = state[F.GOLDEN], state[F.WORK], state[F.TENSORS][tensor]
    flags, total = state[F.FLAGS].ctypes.data + row[F.PIXELS], 0
    begin, end = state[F.SPANS][tensor, 0] * row[F.WIDTH], state[F.SPANS][tensor, 1] * row[F.WIDTH]
    for x in range(begin, end, 64):
        mask = flagged(flags, x, end)
        while mask:
            first = row[F.OFFSET] + (x + lowest_bit(mask)) * classes
            mask &= mask - 1
            before, after = 0, 0
            for c in range(1, classes):
                if golden[first + c] > golden[first + before]:
                    before = c
                if work[first + c] > work[first + after]:
                    after = c
            total += before != after
    return min(total, limit)
