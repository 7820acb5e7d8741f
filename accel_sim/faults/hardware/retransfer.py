"""A LOAD or SAVE again, with wrong bytes under it or an upset inside of it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from accel_sim.faults.hardware.golden import written
from accel_sim.faults.hardware.layer_state import LayerState
from accel_sim.isa import Load, Save
from accel_sim.machine import execute
from accel_sim.machine.memory import BitUpset
from accel_sim.machine.upsets import repeat_late_words

Stretch = tuple[int, int]


def load_again(state: LayerState, number: int, i: Load, inside: Sequence[BitUpset]) -> None:
    """Run a LOAD with intact bytes first, and then the lines that hold wrong ones; find out which rows come out wrong.

    Parameters
    ----------
    number, i
        The instruction.
    inside
        Upsets while it runs.
    """
    state.prepare(number)
    view, start = state.recorder.writes[number], int(state.recorder.schedule.start[number])
    assert view is not None
    wrong = [(low, high, state.ddr[low:high].copy()) for low, high in _wrong_bytes(state, number)]
    for low, high, _ in wrong:
        state.ddr[low:high] = state.golden.ddr[low:high]
    execute.transfer(i, state.config, state.memories)
    piece = _lines_with(i, [(low, high) for low, high, _ in wrong]) if not inside else i
    small = written(piece, state.config)
    assert small is not None
    intact = small.read(state.memories[view.memory].data)
    state.wrong.clean(view)
    for low, high, now in wrong:
        state.ddr[low:high] = now
    if wrong:
        execute.transfer(piece, state.config, state.memories)
    for upset in inside:
        state.flip(upset)
        repeat_late_words(i, state.config, state.memories, upset, start)
    state.wrong.compare(small, intact, intact.shape[2])


def _wrong_bytes(state: LayerState, number: int) -> list[Stretch]:
    """Intervals of DDR that may be wrong and that a LOAD may read; they do not overlap."""
    (read,) = (a for a in state.recorder.accesses[number] if a.memory == "ddr")
    found: list[Stretch] = []
    for low, high in sorted(state.wrong.ddr()):
        if low < read.high and read.low < high:
            if found and low < found[-1][1]:
                found[-1] = found[-1][0], max(high, found[-1][1])
            else:
                found.append((low, high))
    return found


def _lines_with(i: Load, wrong: Sequence[Stretch]) -> Load:
    """Return the part of a LOAD whose lines hold bytes of DDR: where lines follow each other in DDR."""
    if not wrong or i.ddr_pitch_y < (i.nx - 1) * i.ddr_pitch_x + i.valid:
        return i
    first = max(0, (wrong[0][0] - i.address) // i.ddr_pitch_y)
    last = min(i.ny - 1, (wrong[-1][1] - 1 - i.address) // i.ddr_pitch_y)
    base, address = i.base + first * i.pitch_y, i.address + first * i.ddr_pitch_y
    return replace(i, base=base, address=address, ny=max(1, last - first + 1))


def save_again(state: LayerState, number: int, i: Save, inside: Sequence[BitUpset]) -> None:
    """Run a SAVE, and find out whether the bytes that it may write are wrong; parameters as for :func:`load_again`."""
    state.prepare(number)
    execute.transfer(i, state.config, state.memories)
    for upset in inside:
        state.flip(upset)
        repeat_late_words(i, state.config, state.memories, upset, int(state.recorder.schedule.start[number]))
    (to,) = (a for a in state.recorder.accesses[number] if a.memory == "ddr")
    if not np.array_equal(state.ddr[to.low : to.high], state.golden.ddr[to.low : to.high]):
        state.wrong.mark_saved(to.low, to.high)
