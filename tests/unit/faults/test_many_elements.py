"""Upsets of many elements: whole nodes give what the incremental run gives."""

import numpy as np
import pytest

from accel_sim.engine import Engine, Upset
from accel_sim.faults import Injector, choose_criterion, many_elements
from accel_sim.faults.many_elements import has_many, run_whole
from accel_sim.inputs import split_images
from accel_sim.model import import_onnx
from accel_sim.reference import host_runner
from tests.generators import random_graph


def injector(seed: int, criterion: str | None = None) -> Injector:
    made, feeds = random_graph(seed)
    graph = import_onnx(made)
    items = split_images(graph, feeds, "inputs").items[:1]
    return Injector(Engine(graph, host_runner), items, choose_criterion(graph, criterion))


def upsets(case: Injector, rng: np.random.Generator) -> list[Upset]:
    """Of every tensor of codes a part of its elements, and of two tensors at once."""
    made = {}
    for name, tensor in case.graph.tensors.items():
        if tensor.is_code and name in case.runners[0].tables.numbers:
            size = int(np.prod(tensor.shape))
            places = np.sort(rng.choice(size, int(rng.integers(1, size + 1)), replace=False)).astype(np.int64)
            made[name] = places, rng.integers(1, 256, places.size).astype(np.int64)
    first, last = next(iter(made)), list(made)[-1]
    return [*(Upset({}, {name: patch}) for name, patch in made.items()), Upset({}, {n: made[n] for n in (first, last)})]


@pytest.mark.parametrize("criterion", [None, "any"])
@pytest.mark.parametrize("seed", [1, 2, 9, 12, 17, 25, 34])
def test_whole_nodes_change_what_the_incremental_run_changes(
    seed: int, criterion: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, changed = injector(seed, criterion), 0
    for upset in upsets(case, np.random.default_rng(seed)):
        monkeypatch.setattr(many_elements, "MANY", 1 << 30)
        assert not has_many(upset)
        expected = case.judge(0, upset), case.faulty_outputs(0, upset)
        monkeypatch.setattr(many_elements, "MANY", 1)
        assert has_many(upset)
        assert case.judge(0, upset) == expected[0]
        found = case.faulty_outputs(0, upset)
        assert all(found[n].tobytes() == value.tobytes() for n, value in expected[1].items())
        slow = case.engine.run_faulty(case.runners[0].golden, upset)
        quick = run_whole(case.engine, case.runners[0].golden, upset)
        assert slow.keys() == quick.keys()
        assert all(slow[n].tobytes() == quick[n].tobytes() for n in slow)
        changed += expected[0][0]
    assert changed


def test_upsets_of_parameters_and_of_few_elements_take_the_incremental_way() -> None:
    one = np.zeros(1, np.int64), np.ones(1, np.int64)
    many = np.arange(many_elements.MANY), np.ones(many_elements.MANY, np.int64)
    assert not has_many(Upset({}, {"x": one}))
    assert has_many(Upset({}, {"x": many}))
    assert has_many(Upset({}, {"x": (many[0][1:], many[1][1:]), "y": one}))
    assert not has_many(Upset({"w": many}, {}))
    assert not has_many(Upset({"w": one}, {"x": many}))


def test_another_number_of_bits_than_planned_is_noticed() -> None:
    case = injector(9)
    name = next(n for n in case.graph.inputs if n in case.runners[0].tables.numbers)
    twice = np.zeros(2, np.int64), np.ones(2, np.int64)  # the same bit: nothing would be flipped
    with pytest.raises(AssertionError, match="0 bits differ after an injection of 2"):
        run_whole(case.engine, case.runners[0].golden, Upset({}, {name: twice}))
