"""One faulty run: node by node from the fault to the outputs, by the cheaper strategy each time, and back again."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg,assignment,var-annotated"
import numpy as np

from accel_sim.engine.jit import jit
from accel_sim.engine.sparse import fields as F
from accel_sim.engine.sparse.dense import recompute
from accel_sim.engine.sparse.local import average_pool, global_pool, join, lookup, max_pool, move, pair
from accel_sim.engine.sparse.scatter import scatter_changes, settle_rows

# The cost model, in nanoseconds on the machine of docs/performance.md: only the ratio of the two sides matters.
PER_CHANGE, PER_TAP, PER_PRODUCT, PER_ROW, PER_OUTPUT = 10.0, 2.0, 0.5, 16.0, 1.0


@jit
def sparse_cost(node, changed):
    """Estimate the cost of following `changed` codes through a linear node, in nanoseconds."""
    taps = node[F.KH] * node[F.KW]
    reached = taps if node[F.KIND] == F.TRANSPOSED else max(taps // (node[F.SH] * node[F.SW]), 1)
    products = changed * (PER_CHANGE + reached * (PER_TAP + PER_PRODUCT * node[F.ROW]))
    rows = min(node[F.UNITS], changed * min(reached, 2))  # neighbouring changes reach the same rows
    return products + rows * (PER_ROW + PER_OUTPUT * node[F.OCG])


@jit
def has_change(state, node):
    """Whether any input of a node changed."""
    counts = state[F.COUNTS]
    kind = node[F.KIND]
    if kind == F.OUTPUT:
        return False
    if kind == F.JOIN or kind == F.FOREIGN:
        for part in range(node[F.COUNT]):
            if counts[state[F.INTS][node[F.INDEX] + 5 * part]] > 0:
                return True
        return False
    return counts[node[F.IN]] > 0 or (node[F.IN2] >= 0 and counts[node[F.IN2]] > 0)


@jit
def propagate(state, first, stop, portable, policy):
    """Run nodes ``first .. stop`` on the changes noted so far.

    Parameters
    ----------
    policy
        0: by the cost model; 1: differences only; 2: recompute every linear node that a change reaches.

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
            return number
        if kind == F.LINEAR or kind == F.TRANSPOSED:
            cost = sparse_cost(node, state[F.COUNTS][node[F.IN]])
            if policy == 2 or (policy == 0 and cost > node[F.DENSE_NS]):
                state[F.TALLY][F.DENSE_NODES] += 1
                if node[F.PACKED] < 0:
                    return number
                recompute(state, number, portable)
            else:
                state[F.TALLY][F.SPARSE_NODES] += 1
                settle_rows(state, number, scatter_changes(state, number))
            continue
        state[F.TALLY][F.LOCAL_NODES] += 1
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
            join(state, number)
        else:
            move(state, number)
    return stop


@jit
def undo(state):
    """Restore the golden codes of everything that changed; costs what changed."""
    golden, work, changes, counts, tensors = (
        state[F.GOLDEN],
        state[F.WORK],
        state[F.CHANGES],
        state[F.COUNTS],
        state[F.TENSORS],
    )
    for tensor in range(counts.size):
        offset = tensors[tensor, F.OFFSET]
        for i in range(counts[tensor]):
            place = offset + changes[offset + i]
            work[place] = golden[place]
        counts[tensor] = 0


@jit
def changed_decisions(state, tensor, classes, limit):
    """Count the pixels whose largest class changed; `limit` is the number of golden decisions.

    The tensor is channels last; on equal codes the first class wins. A pixel with several changed codes counts once.
    """
    golden, work, mark = state[F.GOLDEN], state[F.WORK], state[F.MARK]
    offset = state[F.TENSORS][tensor, F.OFFSET]
    total = 0
    for i in range(state[F.COUNTS][tensor]):
        pixel = np.int64(state[F.CHANGES][offset + i]) // classes
        if mark[pixel]:
            continue
        mark[pixel] = 1
        first = offset + pixel * classes
        before, after = 0, 0
        for c in range(1, classes):
            if golden[first + c] > golden[first + before]:
                before = c
            if work[first + c] > work[first + after]:
                after = c
        total += before != after
    for i in range(state[F.COUNTS][tensor]):
        mark[np.int64(state[F.CHANGES][offset + i]) // classes] = 0
    return min(total, limit)
