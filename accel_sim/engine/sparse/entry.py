"""What the interpreter calls: each function makes its views of the state and does one step of a faulty run."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"
import numpy as np

from accel_sim.engine.jit import jit
from accel_sim.engine.sparse import accumulate, propagate, reach, residual, slack, strike
from accel_sim.engine.sparse import fields as F
from accel_sim.engine.sparse.attach import attach

_accumulate, _accumulate_pool = accumulate.accumulate, accumulate.accumulate_pool
_measure_residuals, _measure_slack = residual.measure_residuals, slack.measure_slack
_propagate, _undo = propagate.propagate, propagate.undo
_changed_codes, _changed_decisions = propagate.changed_codes, propagate.changed_decisions
_any_changed_code = propagate.any_changed_code
_check_rows = reach.check_rows
_strike_bias, _strike_code, _strike_weight = strike.strike_bias, strike.strike_code, strike.strike_weight


@jit
def run_accumulate(handles, number):
    """See `accumulate.accumulate`."""
    _accumulate(attach(handles), number)


@jit
def run_accumulate_pool(handles, number):
    """See `accumulate.accumulate_pool`."""
    _accumulate_pool(attach(handles), number)


@jit
def run_measure_slack(handles, number):
    """See `residual.measure_residuals` and `slack.measure_slack`."""
    state = attach(handles)
    if state[F.NODES][number, F.RESIDUAL]:
        _measure_residuals(state, number)
    else:
        _measure_slack(state, number)


@jit
def run_propagate(handles, first, stop, portable, policy, wanted):
    """See `propagate.propagate`."""
    return _propagate(attach(handles), first, stop, portable, policy, wanted)


@jit
def run_undo(handles):
    """See `propagate.undo`."""
    _undo(attach(handles))


@jit
def count_changed_codes(handles, tensor):
    """See `propagate.changed_codes`."""
    return _changed_codes(attach(handles), tensor)


@jit
def find_changed_code(handles, tensor):
    """See `propagate.any_changed_code`."""
    return _any_changed_code(attach(handles), tensor)


@jit
def count_changed_decisions(handles, tensor, classes, limit):
    """See `propagate.changed_decisions`."""
    return _changed_decisions(attach(handles), tensor, classes, limit)


@jit
def run_check_rows(handles, tensor, first, last):
    """See `reach.check_rows`."""
    _check_rows(attach(handles), tensor, first, last)


@jit
def run_strike_bias(handles, number, channel, difference):
    """See `strike.strike_bias`."""
    _strike_bias(attach(handles), number, channel, difference)


@jit
def run_strike_code(handles, tensor, position, mask):
    """See `strike.strike_code`."""
    _strike_code(attach(handles), tensor, position, mask)


@jit
def run_strike_weight(handles, number, channel, source_channel, ky, kx, difference):
    """See `strike.strike_weight`."""
    _strike_weight(attach(handles), number, channel, source_channel, ky, kx, difference)


@jit
def _judge(state, output, classes, limit):
    """Count changed decisions, with 0 classes changed codes; -1 if the output is the golden one."""
    if not _any_changed_code(state, output):
        return np.int64(-1)
    return _changed_codes(state, output) if classes == 0 else _changed_decisions(state, output, classes, limit)


@jit
def run_judge(handles, output, classes, limit):
    """Judge a run that stands, as `run_single` does."""
    return _judge(attach(handles), output, classes, limit)


@jit
def run_single(
    handles, kind, number, first, second, ky, kx, difference, mask, portable, policy, output, classes, limit
):  # fmt: skip
    """Strike, propagate, judge and undo in one call.

    Parameters
    ----------
    kind
        0: a weight of node `number` (output channel, input channel, row, column); 1: its bias of channel `first`; 2:
        the code of tensor `first` at `second`, no node before `number` reads it.
    output, classes, limit
        See `propagate.changed_decisions`; with 0 classes every code is a decision.

    Returns
    -------
    int
        Changed decisions; -1 if the output is the golden one; ``-2 - n`` if node `n`, of the host, is reached: then
        nothing is judged, and nothing undone.
    """
    state = attach(handles)
    if kind == 0:
        _strike_weight(state, number, first, second, ky, kx, difference)
    elif kind == 1:
        _strike_bias(state, number, first, difference)
    else:
        _strike_code(state, first, second, mask)
    nodes = state[F.NODES].shape[0]
    at = _propagate(state, number if kind == 2 else number + 1, nodes, portable, policy, output)
    if at < nodes:
        return -2 - at
    found = _judge(state, output, classes, limit)
    _undo(state)
    return found
