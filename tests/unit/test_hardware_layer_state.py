"""Memories on the way through a layer: what waits sees what it would have seen in its turn."""

from functools import cache

import numpy as np
import pytest

from accel_sim.faults.hardware.layer_state import LayerState
from accel_sim.faults.hardware.replay import LayerReplay
from accel_sim.isa import Load
from accel_sim.machine import BitUpset, execute
from accel_sim.model import import_onnx
from tests.conformance.hardware_faults import injector
from tests.generators import random_graph


@cache
def replay(seed: int, arch: str) -> LayerReplay:
    model, feeds = random_graph(seed)
    return injector(import_onnx(model), feeds, arch).replay


def loads(recorder: LayerReplay) -> list[int]:
    return [n for n, i in enumerate(recorder.program.instructions) if isinstance(i, Load)]


@pytest.mark.parametrize("arch", ["tiny", "short", "b512"])
@pytest.mark.parametrize("seed", [2, 9, 17])
def test_a_load_that_waits_reads_the_byte_as_it_was_before_it_was_struck(seed: int, arch: str) -> None:
    recorder = replay(seed, arch)
    golden = recorder.golden(0)
    for number in loads(recorder):
        i, view = recorder.program.instructions[number], recorder.writes[number]
        assert isinstance(i, Load)
        assert view is not None
        state = LayerState(recorder, golden, i.layer)
        data = recorder.memories[view.memory].data
        execute.transfer(i, recorder.config, recorder.memories)
        intact = view.read(data)
        data.fill(0)
        state.waiting = [number]
        state.flip(BitUpset("ddr", 0, i.address // 16, i.address % 16 * 8 + 7, 0))
        state.prepare(number)
        assert np.array_equal(view.read(data), intact)
        state.leave()
        assert np.array_equal(state.ddr, golden.ddr)


def test_a_struck_row_holds_what_waits_and_is_known_for_wrong() -> None:
    recorder = replay(9, "tiny")
    golden, number = recorder.golden(0), loads(recorder)[0]
    i, view = recorder.program.instructions[number], recorder.writes[number]
    assert isinstance(i, Load)
    assert view is not None
    execute.transfer(i, recorder.config, recorder.memories)
    intact = recorder.memories[view.memory].data.copy()
    recorder.memories[view.memory].data.fill(0)
    state = LayerState(recorder, golden, i.layer)
    state.waiting = [number]
    state.flip(BitUpset(view.memory, 0, i.base, 3, 0))
    assert recorder.memories[view.memory].data[0, i.base, 0] == intact[0, i.base, 0] ^ 8
    places, before = state.wrong.chip[view.memory]
    assert places.tolist() == [i.base]
    assert np.array_equal(before[0], intact[0, i.base])
    assert state.wrong.next_met(number, number + 1) == number
    state.later(number)  # written again as it always is: nothing is wrong any more
    assert not state.wrong.chip[view.memory][0].size
    assert recorder.memories[view.memory].data[0, i.base, 0] == intact[0, i.base, 0]
    state.leave()
