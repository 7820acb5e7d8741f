"""Many bit flips in one program on the simulated RTL: from saved states of the fault-free run, and back to them.

A flip at cycle k changes nothing before the edge after k, so that a run may start from the last state that was saved at
or before k + 1 edges. Where the whole state of a struck run is, byte for byte, the one that was saved at the same edge
of the fault-free run, everything after it is the same as well. Both are exact; nothing is taken over on a likeness.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.machine import BitUpset, MachineResult
from accel_sim.machine.machine import Array
from accel_sim.rtl.accelerator import RtlAccelerator
from accel_sim.rtl.simulation import Status

EVERY_CYCLES = 64


@dataclass(frozen=True, eq=False)
class Point:
    """A state of the fault-free run.

    Attributes
    ----------
    cycle
        Edges that have passed.
    state
        All variables of the simulated design.
    on_host
        Tensors that the host keeps.
    """

    cycle: int
    state: NDArray[np.uint8]
    on_host: Mapping[str, Array]


class RtlInjector:
    """Strikes one inference again and again.

    Parameters
    ----------
    rtl
        A compact one, best: states are copied whole.
    image
        Inputs of the inference; all memories and registers are zero before it.
    every_cycles
        Distance of saved states.

    Attributes
    ----------
    golden
        Result of the fault-free run.
    early
        How many injections ended at a saved state.
    """

    def __init__(self, rtl: RtlAccelerator, image: Mapping[str, Array], every_cycles: int = EVERY_CYCLES) -> None:
        self.rtl, self.early = rtl, 0
        rtl.clear()
        rtl.begin(image)
        self._points = [self._point(0)]
        while rtl.advance(self._points[-1].cycle + every_cycles) is Status.CYCLE:
            self._points.append(self._point(rtl.simulation.cycles))
        self._cycles = [point.cycle for point in self._points]
        self.golden = rtl.finish(())
        assert self.golden.status == "ok", self.golden

    def _point(self, cycle: int) -> Point:
        return Point(cycle, self.rtl.simulation.save(), dict(self.rtl.on_host))

    def inject(self, upsets: Sequence[BitUpset]) -> MachineResult:
        """Run the inference with flips, each of which is read back: what :meth:`RtlAccelerator.run` returns."""
        ordered = sorted(upsets, key=lambda upset: upset.cycle)
        start = self._points[bisect_right(self._cycles, ordered[0].cycle + 1) - 1]
        self.rtl.simulation.restore(start.state)
        self.rtl.on_host = dict(start.on_host)
        later = self._points[bisect_left(self._cycles, ordered[-1].cycle + 2) :]
        return self.rtl.finish(ordered, lambda: self._reached(later))

    def _reached(self, later: Sequence[Point]) -> MachineResult | None:
        """Step from saved state to saved state; the golden result where one is met."""
        for point in later:
            if self.rtl.advance(point.cycle) is not Status.CYCLE:
                return None
            if self.rtl.simulation.same(point.state) and same_tensors(self.rtl.on_host, point.on_host):
                self.early += 1
                return self.golden
        return None


def same_tensors(first: Mapping[str, Array], second: Mapping[str, Array]) -> bool:
    """Whether two sets of tensors are the same, byte for byte."""
    return first.keys() == second.keys() and all(
        first[name] is second[name] or first[name].tobytes() == second[name].tobytes() for name in first
    )
