"""Which strategy was taken, how often, at what cost. The only place of the benchmark that looks inside the engine."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.engine.sparse import DENSE, DIFFERENCES, MODEL, FaultRunner
from accel_sim.engine.sparse import fields as F  # noqa: N812
from accel_sim.engine.sparse.entry import run_propagate
from accel_sim.engine.sparse.runner import ALL
from accel_sim.faults import Fault, Injector, upset_of

POLICIES = {"mixed": MODEL, "follow": DIFFERENCES, "recompute": DENSE}
_COUNTERS = (
    "FOLLOWED", "RECOMPUTED", "GROUPED", "LOCAL_NODES", "LISTED_ENTRIES", "PRODUCTS", "REQUANTISED", "DENSE_PRODUCTS",
    "LISTED_TENSORS",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class NodeWork:
    """What one node with products did in one faulty run.

    Attributes
    ----------
    number
        Place of the node in the graph.
    nanoseconds
        Time of the thread.
    tally
        What each counter of `fields` grew by.
    """

    number: int
    nanoseconds: int
    tally: NDArray[np.int64]

    def followed(self) -> int:
        """Output pixels whose differences were followed."""
        return int(self.tally[F.FOLLOWED])

    def recomputed(self) -> int:
        """Output pixels that were computed again, untouched neighbours in their tiles included."""
        return int(self.tally[F.RECOMPUTED] + self.tally[F.GROUPED])


def reset(injector: Injector) -> None:
    """Start counting anew."""
    injector.runners[0].state[F.TALLY][:] = 0


def counts(injector: Injector) -> dict[str, int]:
    """Return every counter by its lower-case name."""
    tally = injector.runners[0].state[F.TALLY]
    assert len(_COUNTERS) == F.TALLY_FIELDS, "a counter has no name here"
    return {name.lower(): int(tally[getattr(F, name)]) for name in _COUNTERS}


def upset(injector: Injector, fault: Fault) -> Any:
    """Translate a fault into flipped bits of the injector's model."""
    graph = injector.graph
    named = graph.parameters[fault.tensor].values if fault.space == "parameters" else graph.tensors[fault.tensor]
    return upset_of(fault, named.shape)


def product_nodes(injector: Injector) -> list[int]:
    """Numbers of the nodes that choose a strategy: ungrouped products with a compiled form."""
    rows = injector.runners[0].tables.nodes
    return [i for i, row in enumerate(rows) if row[F.KIND] in (F.LINEAR, F.TRANSPOSED) and row[F.GROUP] == 1]


def again(runner: FaultRunner, numbers: Iterable[int], policy: int) -> Iterator[NodeWork]:
    """Bring nodes up to date once more, in order, while a fault is struck.

    Their inputs are what the fault has made of them, and they write what stands there already: the state stays as it
    is, whatever the policy. Nodes that no change reaches are left out.
    """
    tally = runner.state[F.TALLY]
    for number in numbers:
        before = tally.copy()
        begin = time.thread_time_ns()
        run_propagate(runner.handles, number, number + 1, runner.portable, policy, ALL)
        nanoseconds = time.thread_time_ns() - begin
        work = NodeWork(number, nanoseconds, tally - before)
        if work.followed() or work.recomputed():
            yield work


def seconds_per_fault(injector: Injector, upsets: list[Any], policy: int) -> float:
    """Mean thread time of a faulty run and its undoing, without judging it."""
    runner = injector.runners[0]
    usual, runner.policy = runner.policy, policy
    begin = time.thread_time_ns()
    for some in upsets:
        with runner.struck(some):
            pass
    runner.policy = usual
    return (time.thread_time_ns() - begin) * 1e-9 / len(upsets)
