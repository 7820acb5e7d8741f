"""One layer again, with upsets: only what can differ is computed, the rest is taken from the fault-free inference.

The rows that may be wrong are known at every moment (:mod:`accel_sim.faults.hardware.wrong_rows`), so that instructions
which touch none of them and are not struck can be passed over.
"""

from bisect import bisect_left
from collections.abc import Mapping

from accel_sim.faults.hardware.layer_state import LayerState
from accel_sim.faults.hardware.recompute import compute_again
from accel_sim.faults.hardware.retransfer import load_again, save_again
from accel_sim.isa import Compute, Load, Save
from accel_sim.machine.upsets import Strike


def run_layer(state: LayerState, strikes: Mapping[int, Strike]) -> None:
    """Run a layer with upsets.

    Parameters
    ----------
    state
        The layer before its first instruction.
    strikes
        Upsets by place of the instruction in the layer; those at the number of its instructions come after all of them.
    """
    recorder, first, end = state.recorder, state.recorder.first[state.layer], state.recorder.end[state.layer]
    stops = sorted({*(first + place for place in strikes), *recorder.partial[state.layer], end})
    number = first
    while True:
        stop = stops[bisect_left(stops, number)]
        met = state.wrong.next_met(number, min(stop, end))
        state.waiting += [n for n in range(number, met) if recorder.waits[n]]
        if met == end:
            break
        _step(state, met, strikes.get(met - first, Strike()))
        number = met + 1
    for upset in strikes.get(end - first, Strike()).before:
        state.flip(upset)


def _step(state: LayerState, number: int, strike: Strike) -> None:
    """Take an instruction that is struck or may touch something wrong."""
    i, partial = state.recorder.program.instructions[number], number in state.recorder.partial[state.layer]
    for upset in strike.before:
        state.flip(upset)
    if isinstance(i, Compute | Load):
        again = bool(strike.inside) or partial or state.wrong.met_by(number, reads=True)
        if again and isinstance(i, Compute):
            compute_again(state, number, i, strike.inside, whole=partial)
        elif again and isinstance(i, Load):
            load_again(state, number, i, strike.inside)
        else:
            state.later(number)
    elif isinstance(i, Save) and (strike.inside or state.wrong.met_by(number)):
        save_again(state, number, i, strike.inside)
