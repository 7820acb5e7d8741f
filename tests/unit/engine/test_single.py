"""The common faulty run in one call: the verdict of the general path, and nothing left behind."""

from collections import Counter

import numpy as np

from accel_sim.engine import Engine
from accel_sim.engine.sparse import fields
from accel_sim.engine.sparse.single import SingleFaults
from accel_sim.faults import Injector, choose_criterion, upset_of
from accel_sim.reference import host_runner
from tests.conformance.fault_figures import shape_of
from tests.unit.engine.networks import network
from tests.unit.engine.test_incremental import NETWORKS, RANDOM, some_faults


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


def test_every_tensor_may_be_the_one_that_is_asked_for() -> None:
    """Changes of other tensors stand in lists that are never written: whatever reads them must see them all."""
    listed = 0
    for name in (*NETWORKS, *RANDOM[:12]):
        graph, images = network(name)
        injector = Injector(Engine(graph, host_runner), images[:1], choose_criterion(graph))
        runner = injector.runners[0]
        faults = [f for f in some_faults(graph, name)[:40] if f.space == "parameters" or not f.image]
        for tensor in runner.tables.numbers:
            single = SingleFaults(runner, tensor, 0)
            for fault in faults:
                before = int(runner.state[fields.TALLY][fields.LISTED_TENSORS])
                found = single.run(fault.space, fault.tensor, fault.index, fault.mask)
                listed += int(runner.state[fields.TALLY][fields.LISTED_TENSORS]) - before
                if found is None:
                    continue
                with runner.struck(upset_of(fault, shape_of(graph, fault))):
                    expected = runner.count(tensor)
                assert max(found, 0) == expected, f"{name}, {fault}: {tensor}"
        assert np.array_equal(runner.state[fields.WORK], runner.state[fields.GOLDEN]), name
    assert listed > 1000
