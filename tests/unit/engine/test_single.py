"""The common faulty run in one call: the verdict of the general path, and nothing left behind."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from accel_sim.engine import Engine
from accel_sim.engine.sparse import FaultRunner, fields, tables
from accel_sim.engine.sparse.entry import (
    run_propagate,
    run_strike_bias,
    run_strike_code,
    run_strike_weight,
    run_undo,
)
from accel_sim.engine.sparse.single import BIAS, CODE, HOST, WEIGHT, SingleFaults
from accel_sim.faults import Fault, Injector, choose_criterion, upset_of
from accel_sim.reference import host_runner
from accel_sim.session import load, random_inputs
from tests.conformance.fault_figures import shape_of
from tests.unit.engine.networks import network
from tests.unit.engine.test_incremental import NETWORKS, RANDOM, some_faults

BUNDLED = "hsi-unet-relu"  # up to 128 channels


def test_one_call_gives_the_verdict_and_restores_everything() -> None:
    """Tensors are undone as soon as their last reader has run: too soon changes verdicts, too late the next fault."""
    seen = Counter[str]()
    for name in (*NETWORKS, *RANDOM):
        graph, images = network(name)
        injector = Injector(Engine(graph, host_runner), images[:1], choose_criterion(graph))
        state = injector.runners[0].state
        for fault in some_faults(graph, name):
            if fault.space == "activations" and fault.image:
                continue
            quick = injector._evaluate_single(fault)
            assert np.array_equal(state[fields.WORK], state[fields.GOLDEN]), f"{name}, {fault}: codes are left behind"
            for left in (fields.FLAGS, fields.SPANS, fields.TOUCHED, fields.LISTED):
                assert not state[left].any(), f"{name}, {fault}: marks are left behind in array {left} of the state"
            if quick is not None:
                assert quick == injector.inject(fault).verdict, f"{name}, {fault}"
                seen[quick.outcome] += 1
    assert seen.total() > 250
    assert min(seen[outcome] for outcome in ("masked", "tolerable", "critical")) > 30


def wanted_codes(
    runner: FaultRunner, single: SingleFaults, fault: Fault, monkeypatch: pytest.MonkeyPatch, seen: Counter[str]
) -> bytes | None:
    """Codes of the tensor that is asked for after a run in one call, before they are undone; None: no such run."""
    taken: list[bytes] = []
    state, row = runner.state, runner.tables.tensors[single.output]

    def run(handles: Any, kind: int, number: int, *rest: int) -> int:
        first, second, ky, kx, difference, mask, portable, policy, output = rest[:9]
        if kind == WEIGHT:
            run_strike_weight(handles, number, first, second, ky, kx, difference)
        elif kind == BIAS:
            run_strike_bias(handles, number, first, difference)
        else:
            run_strike_code(handles, first, second, mask)
        nodes, begin = len(runner.tables.nodes), number if kind == CODE else number + 1
        reached = run_propagate(handles, begin, nodes, portable, policy, output)
        if reached < nodes:
            seen["through the host"] += 1
            return HOST - reached
        take()
        run_undo(handles)
        return 0

    def take(*_: object) -> int:
        taken.append(state[fields.WORK][row[fields.OFFSET] : row[fields.OFFSET] + row[fields.SIZE]].tobytes())
        return 0

    with monkeypatch.context() as patched:
        patched.setattr("accel_sim.engine.sparse.single.run_single", run)
        patched.setattr("accel_sim.engine.sparse.single.run_judge", take)
        found = single.run(fault.space, fault.tensor, fault.index, fault.mask)
    return None if found is None else taken[0]


def compare_tensors(name: str, tensors: int, faults: int, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Ask for tensors in turn; their codes must be those of the general path, which lists nothing."""
    if name == BUNDLED:
        graph = load(name).graph
        images = [dict(random_inputs(graph))]
    else:
        graph, images = network(name)
    injector = Injector(Engine(graph, host_runner), images[:1], choose_criterion(graph))
    runner, seen = injector.runners[0], Counter[str]()
    numbers, tally = runner.tables.numbers, runner.state[fields.TALLY]
    chosen = list(numbers)[:: max(1, len(numbers) // tensors)]
    singles = {tensor: SingleFaults(runner, tensor, 0) for tensor in chosen}
    for fault in [f for f in some_faults(graph, name) if f.space == "parameters" or not f.image][:faults]:
        with runner.struck(upset_of(fault, shape_of(graph, fault))):
            places = {tensor: runner.tables.tensors[numbers[tensor]] for tensor in chosen}
            expected = {
                tensor: runner.state[fields.WORK][r[fields.OFFSET] : r[fields.OFFSET] + r[fields.SIZE]].tobytes()
                for tensor, r in places.items()
            }
        for tensor, single in singles.items():
            before = int(tally[fields.LISTED_TENSORS])
            found = wanted_codes(runner, single, fault, monkeypatch, seen)
            seen["listed"] += int(tally[fields.LISTED_TENSORS]) - before
            if found is not None:
                assert found == expected[tensor], f"{name}, {fault}: {tensor}"
                seen["compared"] += 1
    for left in (fields.FLAGS, fields.SPANS, fields.TOUCHED, fields.LISTED):
        assert not runner.state[left].any(), f"{name}: marks are left behind in array {left} of the state"
    assert np.array_equal(runner.state[fields.WORK], runner.state[fields.GOLDEN]), name
    return seen


def test_every_tensor_may_be_the_one_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Changes of other tensors stand in lists that are never written: whatever reads them must see them all."""
    seen = Counter[str]()
    for name in (*NETWORKS, *RANDOM[:12]):
        seen += compare_tensors(name, 1000, 100, monkeypatch)
    assert seen["listed"] > 1000
    assert seen["compared"] > 1000
    assert seen["through the host"] > 100


def test_lists_that_are_full_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list may be full at any row, of a followed node, of a concatenation or of one of its inputs."""
    ample = compare_tensors(BUNDLED, 6, 24, monkeypatch)
    for room in (1, 40, 400):
        monkeypatch.setattr(tables, "MOST_LISTED", room)
        monkeypatch.setattr(tables, "ROOM_SHARE", 1 << 30)
        seen = compare_tensors(BUNDLED, 6, 24, monkeypatch)
        assert seen["compared"] == ample["compared"] > 50
        assert seen["listed"] < ample["listed"], "no list was ever full: not what this test is about"
