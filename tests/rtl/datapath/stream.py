"""Driver, monitor and checker of a stream with valid and ready, for pipelines of known depth.

Everything happens at the falling edge: signals are set there, read when they have settled, and count for the rising
edge that follows. That has no races in any simulator.
"""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from cocotb.triggers import FallingEdge, ReadOnly

PAUSES = ((0.0, 0.0), (0.0, 0.5), (0.5, 0.0), (0.3, 0.3), (0.1, 0.9), (0.9, 0.1))


class Pipeline:
    """What a chain of registers with valid and ready holds: the checker's model of latency and back-pressure."""

    def __init__(self, depth: int) -> None:
        self.stages: list[int | None] = [None] * depth

    def in_ready(self, out_ready: bool) -> bool:
        """Whether a word is taken at the next edge: the last one leaves, or some stage is empty."""
        return out_ready or None in self.stages

    def output(self, offered: int | None) -> int | None:
        """Word at the output."""
        return self.stages[-1] if self.stages else offered

    def step(self, offered: int | None, out_ready: bool) -> None:
        """One rising edge: words move on into empty stages."""
        free = out_ready
        for k in reversed(range(len(self.stages))):
            free = free or self.stages[k] is None
            if free:
                self.stages[k] = self.stages[k - 1] if k else offered


class Driver:
    """Offers items one after the other, with pauses; an item stays until it has been taken."""

    def __init__(self, dut: Any, prefix: str, instance: int, random: Random, pause: float) -> None:
        self._valid = getattr(dut, f"{prefix}_in_valid")[instance]
        self._dut, self._prefix, self._instance = dut, prefix, instance
        self._random, self._pause, self._next, self._offering = random, pause, 0, False

    def drive(self, items: Mapping[str, Sequence[int]], count: int) -> int | None:
        """Set valid and operands; return the number of the item on offer."""
        if not self._offering and self._next < count and self._random.random() >= self._pause:
            self._offering = True
            for port, values in items.items():
                signal = getattr(self._dut, f"{self._prefix}_{port.removesuffix('_i')}")[self._instance]
                signal.value = int(values[self._next])
        self._valid.value = int(self._offering)
        return self._next if self._offering else None

    def taken(self) -> None:
        """Go on to the next item."""
        self._offering, self._next = False, self._next + 1


class Monitor:
    """Sets ready at random and reads the outputs."""

    def __init__(self, dut: Any, prefix: str, instance: int, random: Random, pause: float) -> None:
        self._ready = getattr(dut, f"{prefix}_out_ready")[instance]
        self._in_ready = getattr(dut, f"{prefix}_in_ready")[instance]
        self._out_valid = getattr(dut, f"{prefix}_out_valid")[instance]
        self._code = getattr(dut, f"{prefix}_code")[instance]
        self._random, self._pause = random, pause

    def drive(self) -> bool:
        """Set ready."""
        ready = self._random.random() >= self._pause
        self._ready.value = int(ready)
        return ready

    def sample(self) -> tuple[bool, bool, int]:
        """Return what the module says: ready at the input, valid and code at the output."""
        return bool(int(self._in_ready.value)), bool(int(self._out_valid.value)), int(self._code.value)


async def check_stream(
    dut: Any,
    prefix: str,
    depth: int,
    items: Mapping[str, Sequence[int]],
    expected: Sequence[int],
    random: Random,
    pauses: tuple[float, float],
) -> int:
    """Send all items through and compare every signal at every edge; return the cycles that it took.

    Parameters
    ----------
    depth
        Stages of the pipeline, also the number of the instance.
    pauses
        Share of cycles in which the input pauses, and in which the output is not ready.
    """
    count, received, cycles = len(expected), 0, 0
    driver = Driver(dut, prefix, depth, random, pauses[0])
    monitor = Monitor(dut, prefix, depth, random, pauses[1])
    pipeline = Pipeline(depth)
    while received < count:
        await FallingEdge(dut.clk_i)
        offered, out_ready = driver.drive(items, count), monitor.drive()
        await ReadOnly()
        in_ready, out_valid, code = monitor.sample()
        output = pipeline.output(offered)
        where = f"{prefix} with {depth} stages, cycle {cycles}"
        assert in_ready == pipeline.in_ready(out_ready), f"{where}: in_ready {in_ready}"
        assert out_valid == (output is not None), f"{where}: out_valid {out_valid}"
        if output is not None:
            operands = {port: int(values[output]) for port, values in items.items()}
            assert code == expected[output], f"{where}: code {code} instead of {expected[output]} of {operands}"
            received += out_ready
        if offered is not None and in_ready:
            driver.taken()
        pipeline.step(offered if in_ready else None, out_ready)
        cycles += 1
    await FallingEdge(dut.clk_i)
    getattr(dut, f"{prefix}_in_valid")[depth].value = 0
    return cycles
