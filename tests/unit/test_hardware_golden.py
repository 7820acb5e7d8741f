"""Fault-free inferences that are kept: views of buffers, rows between layers, and what is dropped to save memory."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.faults.hardware import HardwareFault, HardwareInjector
from accel_sim.faults.hardware.golden import Recorder, View
from accel_sim.faults.hardware.wrong_rows import differing
from accel_sim.model import import_onnx
from tests.conformance.hardware_faults import compare, injector, live_faults
from tests.generators import random_graph

ROWS, LANES, GROUPS = 24, 2, 2


@st.composite
def views(draw: st.DrawFn) -> View:
    """Rows that do not overlap, in a memory of two groups of two banks."""
    height, width, words = draw(st.integers(1, 3)), draw(st.integers(1, 5)), draw(st.integers(1, 2))
    pitch_x = words + draw(st.integers(0, 1))
    pitch_y = -(-width // LANES) * pitch_x + draw(st.integers(0, 2))
    return View("img", draw(st.integers(0, 12)), pitch_y, pitch_x, height, width, words, LANES)


@settings(deadline=None)  # the first call compiles
@given(view=views(), seed=st.integers(0, 99))
def test_a_view_finds_its_rows_and_no_others(view: View, seed: int) -> None:
    data = np.random.default_rng(seed).integers(0, 256, (GROUPS * LANES, ROWS, 4), np.uint8)
    expected = {}
    for y in range(view.height):
        for x in range(view.width):
            for word in range(view.words):
                line = view.base + y * view.pitch_y + x // LANES * view.pitch_x + word
                bank = line // ROWS * LANES + x % LANES
                expected[bank * ROWS + line % ROWS] = (y, x, word)
    every = np.arange(GROUPS * LANES * ROWS)
    inside, y, x, word = view.find(every, ROWS)
    found = {int(p): (int(y[p]), int(x[p]), int(word[p])) for p in every[inside]}
    assert found == expected
    places = np.array(sorted(expected))
    at = np.array([expected[p] for p in places.tolist()]).T
    assert np.array_equal(view.place(at[0], at[1], at[2], ROWS), places)
    values = view.read(data)
    flat = data.reshape(-1, 4)
    for place, (line, pixel, group) in expected.items():
        assert np.array_equal(values[line, pixel, 4 * group : 4 * group + 4], flat[place])
    before = data.copy()
    view.write(data, values ^ 0xFF)
    changed = np.flatnonzero((data != before).any(axis=2))
    assert set(changed.tolist()) == set(expected)
    low, high = min(expected), max(expected)
    if view.is_dense and high < LANES * ROWS:
        lines = {p % ROWS for p in expected}
        assert len(expected) == LANES * (max(lines) - min(lines) + 1), (low, high)


@given(a=st.binary(max_size=70), seed=st.integers(0, 50))
def test_places_that_differ(a: bytes, seed: int) -> None:
    first, rng = np.frombuffer(a, np.uint8), np.random.default_rng(seed)
    second = np.where(rng.random(first.size) < 0.2, rng.integers(0, 256, first.size, np.uint8), first)
    assert differing(first, second).tolist() == [n for n in range(first.size) if first[n] != second[n]]


@cache
def case() -> HardwareInjector:
    model, feeds = random_graph(12)
    return injector(import_onnx(model), feeds, "short", images=3)


def test_inferences_used_longest_ago_are_dropped_and_made_again() -> None:
    whole, lives = case(), case().replay.lives
    size = whole.replay.golden(0).size
    small = Recorder(whole.program, whole.injector.engine.run_node, whole.images, lives, budget_bytes=2 * size)
    first = small.golden(0)
    second = small.golden(1)
    assert small.golden(0) is first
    small.golden(2)
    assert small.golden(0) is first  # the second was used longest ago
    again = small.golden(1)
    assert again is not second
    assert np.array_equal(again.ddr, second.ddr)
    assert all(np.array_equal(again.made[n], second.made[n]) for n in second.made)


def test_faults_in_several_images_in_any_order() -> None:
    """What one image leaves in the memories does not reach the next."""
    rng = np.random.default_rng(1)
    for space in ("memory", "registers"):
        faults = list(live_faults(case().space(space), 60, rng))
        assert {f.image for f in faults} == {0, 1, 2}
        assert not compare(case(), faults).differing


def test_rows_between_layers_are_those_read_later() -> None:
    """Against the reads and writes of the instructions, one after the other."""
    from accel_sim.machine.occupancy import _touches

    recorder = case().replay
    program, count = case().program, len(case().program.instructions)
    for number in (0, count // 3, count // 2, count - 1):
        written, used = set[tuple[str, int]](), dict[tuple[str, int], int]()
        for later in range(number, count):
            for touch in _touches(program, later):
                rows = 0 if touch.memory == "ddr" else program.memories[touch.memory].rows
                keys = [(touch.memory, place) for place in (touch.bank * rows + touch.row).tolist()]
                if touch.write:
                    written.update(keys)
                else:
                    for key, size in zip(keys, touch.used.tolist(), strict=True):
                        if key not in written:
                            used[key] = max(size, used.get(key, 0))
        for name in recorder.chip:
            place, found = recorder.read_later(number, name)
            expected = {at: size for (memory, at), size in used.items() if memory == name and size}
            assert dict(zip(place.tolist(), found.tolist(), strict=True)) == expected


@pytest.mark.parametrize("cycle", [0, 1, 10])
def test_a_fault_that_no_instruction_meets_has_no_layer(cycle: int) -> None:
    replay = case().replay
    rows = case().program.memories["img"].rows
    unused = set(range(rows)) - {int(r) for r in replay.lives["img"].intervals.row}
    if unused:
        row = max(unused)
        assert replay.upset(HardwareFault("memory", "img", 0, row, (0,), cycle)) is None
