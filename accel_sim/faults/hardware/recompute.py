"""A compute instruction again, with wrong rows under it or an upset inside of it: only what can differ is computed."""

from collections.abc import Sequence

import numpy as np

from accel_sim.faults.hardware.golden import written
from accel_sim.faults.hardware.layer_state import LayerState
from accel_sim.faults.hardware.reach import Piece, upset_pieces
from accel_sim.isa import Compute
from accel_sim.machine.crop import crop, start_of
from accel_sim.machine.memory import BitUpset
from accel_sim.machine.upsets import Strike


def compute_again(state: LayerState, number: int, i: Compute, inside: Sequence[BitUpset], *, whole: bool) -> None:
    """Run an instruction, or those pieces of it that can differ, and find out which rows come out wrong.

    Parameters
    ----------
    number, i
        The instruction.
    inside
        Upsets while it runs.
    whole
        Run all of it in any case.
    """
    recorder, config = state.recorder, state.config
    state.prepare(number)
    start, view = int(recorder.schedule.start[number]), recorder.writes[number]
    channels = recorder.program.origins[number].channels
    wrong = Piece(state.wrong.part(i), struck=False)
    pieces = _upset_pieces(state, number, i, inside, wrong) if inside else [wrong]
    for upset in inside:
        if upset.memory in state.memories:
            state.note(upset)
    events = Strike(inside=list(inside)).events(i, config)
    if view is None or whole or pieces is None or recorder.in_place[number]:
        recorder.step(i, events, start)
        if view is not None:
            state.wrong.compare(view, state.golden.made[number], channels)
        return
    made, data = state.golden.made[number], state.memories["img"].data
    width = data.shape[2]
    view.write(data, made)
    state.wrong.clean(view)
    for part, struck in pieces:
        if not part.size:
            continue
        piece = crop(i, part, config)
        if struck:
            recorder.step(piece, events, start_of(i, part, start, config))
        else:
            _back(state, inside)
            recorder.step(piece, None, 0)
        _back(state, inside)
        intact = np.ascontiguousarray(made[part.top : part.bottom, :, part.low * width : part.high * width])
        small = written(piece, config)
        assert small is not None
        state.wrong.compare(small, intact, channels - part.low * width)
    _back(state, inside)


def _back(state: LayerState, inside: Sequence[BitUpset]) -> None:
    """Flip the struck rows: every piece of an instruction finds them as the first one did, or flipped."""
    for upset in inside:
        if upset.memory in state.memories:
            state.recorder.flip(upset)


def _upset_pieces(
    state: LayerState, number: int, i: Compute, inside: Sequence[BitUpset], wrong: Piece
) -> list[Piece] | None:
    """Return the pieces that an upset can change; None where the whole instruction has to run."""
    if len(inside) > 1 or wrong.part.size:
        return None
    (upset,) = inside
    if upset.memory == "img":
        line = upset.bank // state.config.pixel_parallel * state.config.image_rows + upset.row
        if any(memory == "img" and low <= line < high for memory, low, high in state.recorder.writes_of[number]):
            return None
    return upset_pieces(i, upset, int(state.recorder.schedule.start[number]), state.config)
