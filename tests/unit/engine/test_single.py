"""The common faulty run in one call: the verdict of the general path, and nothing left behind."""

from collections import Counter

import numpy as np

from accel_sim.engine import Engine
from accel_sim.engine.sparse import fields
from accel_sim.faults import Injector, choose_criterion
from accel_sim.reference import host_runner
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
