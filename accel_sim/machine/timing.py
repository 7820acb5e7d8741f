"""When each instruction runs: fetch, queues, engines that overlap, tokens. Every time is a clock edge, counted from 0.

Rules
-----
* Instruction n is read from instruction memory at ``fetch[n]``, `fetch_cycles` after the one before it at the earliest,
  and not before that one has gone to its queue.
* It enters its engine's queue at ``dispatch[n]``, at the earliest one edge later, when fewer than `queue_depth`
  instructions wait there.
* It starts at ``start[n]``, at the earliest one edge later, when the engine is free and every token that it waits for
  has been put out; it ends at ``end[n] = start[n] + duration``, when its own tokens are out and the engine is free.
* HOST and END are dispatched when all engines are idle; HOST takes one cycle here, its time on the host is another
  matter.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.config import AcceleratorConfig
from accel_sim.config.accelerator import ENGINES
from accel_sim.isa import ENGINE_OF, Host, Instruction
from accel_sim.isa.geometry import duration

UNKNOWN = -1


@dataclass(frozen=True, eq=False)
class Schedule:
    """Edges of every instruction, int64; -1 for what is never reached.

    Attributes
    ----------
    cycles
        Cycles of the whole program; 0 if it hangs.
    stuck
        Number of the instruction that is never dispatched or never starts, or None.
    """

    fetch: NDArray[np.int64]
    dispatch: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    cycles: int
    stuck: int | None


class _Engines:
    """Queues, tokens and the times so far."""

    def __init__(self, instructions: Sequence[Instruction], config: AcceleratorConfig, count: int) -> None:
        self.instructions, self.config = instructions, config
        self.dispatch, self.start, self.end = (np.full(count, UNKNOWN, np.int64) for _ in range(3))
        self.waiting: list[deque[int]] = [deque() for _ in ENGINES]
        self.started: list[list[int]] = [[] for _ in ENGINES]
        self.free = [0] * len(ENGINES)
        self.tokens: list[list[deque[int]]] = [[deque() for _ in ENGINES] for _ in ENGINES]

    def settle(self) -> None:
        """Start everything whose tokens are known."""
        progress = True
        while progress:
            progress = False
            for engine in range(len(ENGINES)):
                while self.waiting[engine] and self._try(engine):
                    progress = True

    def _try(self, engine: int) -> bool:
        number = self.waiting[engine][0]
        instruction = self.instructions[number]
        sources = [e for e in range(len(ENGINES)) if instruction.wait >> e & 1]
        if any(not self.tokens[e][engine] for e in sources):
            return False
        times = [self.tokens[e][engine].popleft() for e in sources]
        self.waiting[engine].popleft()
        self.start[number] = max(self.dispatch[number] + 1, self.free[engine], *times, 0)
        self.end[number] = self.free[engine] = int(self.start[number]) + duration(instruction, self.config)
        self.started[engine].append(number)
        for target in range(len(ENGINES)):
            if instruction.signal >> target & 1:
                self.tokens[engine][target].append(int(self.end[number]))
        return True

    def slot(self, engine: int) -> int | None:
        """Edge at which the queue has room, or None while that is not known."""
        depth = self.config.queue_depth
        behind = len(self.started[engine]) + len(self.waiting[engine]) - depth
        if behind < 0:
            return 0
        return int(self.start[self.started[engine][behind]]) if behind < len(self.started[engine]) else None


def schedule(instructions: Sequence[Instruction], config: AcceleratorConfig) -> Schedule:
    """Time a program.

    Parameters
    ----------
    instructions
        In program order, up to and including END; what follows END is never fetched.
    """
    count = len(instructions)
    fetch = np.full(count, UNKNOWN, np.int64)
    engines = _Engines(instructions, config, count)
    last_fetch, last_dispatch, cycles, stuck = -config.fetch_cycles, -1, 0, None
    for number, instruction in enumerate(instructions):
        fetch[number] = last_fetch = max(last_fetch + config.fetch_cycles, last_dispatch + 1)
        engine = ENGINE_OF.get(type(instruction))
        if engine is None:
            stuck = next((queue[0] for queue in engines.waiting if queue), None)
            if stuck is not None:
                break
            last_dispatch = max(last_fetch + 1, *engines.free)
            engines.dispatch[number] = engines.start[number] = last_dispatch
            engines.end[number] = last_dispatch + 1
            if not isinstance(instruction, Host):
                cycles = last_dispatch + 1
                break
            continue
        room = engines.slot(engine)
        if room is None:
            stuck = number
            break
        engines.dispatch[number] = last_dispatch = max(last_fetch + 1, room)
        engines.waiting[engine].append(number)
        engines.settle()
    else:
        stuck = count  # no END
    return Schedule(fetch, engines.dispatch, engines.start, engines.end, cycles, stuck)
