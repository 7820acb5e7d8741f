"""A Program on any toplevel: what a driver has to be able to do, and a run with this process as the host."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from numpy.typing import NDArray

from accel_sim.machine.machine import MachineResult
from accel_sim.rtl.cocotb_memory import HostMemory

# A toplevel behind a bus with stalls needs more cycles than the machine counts; beyond this it hangs.
SLOWEST, LEAST_CYCLES = 20, 20_000


class Event(Enum):
    """What a toplevel waits for, or how it ended."""

    HOST = "host"
    ENDED = "ended"
    TRAPPED = "trapped"
    NOTHING = "nothing"  # within the cycles that were given


@dataclass(frozen=True)
class Report:
    """What a driver saw.

    Attributes
    ----------
    event
        What came.
    number
        Call of a HOST instruction, or instruction of a trap.
    cycles
        What the hardware's counter says.
    cause
        Why it trapped, in the driver's words.
    """

    event: Event
    number: int = 0
    cycles: int = 0
    cause: str = ""


class Top(Protocol):
    """A driver: the only thing that a test of another toplevel has to bring."""

    async def reset(self) -> None:
        """Start the clock, reset, and attach `memory`; once per simulation."""

    async def start(self, memory: HostMemory) -> None:
        """Start the program that lies in `memory`."""

    async def wait(self, cycles: int) -> Report:
        """Wait for an event, at most so many clock cycles."""

    async def resume(self) -> None:
        """Tell the toplevel that the host has done its part."""

    async def abort(self) -> None:
        """End a run that hangs, so that the next one can start."""


async def run_program(
    top: Top, memory: HostMemory, inputs: Mapping[str, NDArray[Any]], *, budget: int | None = None
) -> MachineResult:
    """Run one inference.

    Parameters
    ----------
    top
        Driver of a toplevel that has been reset.
    memory
        The program and what it works on; the driver's bus model must use its bytes.
    inputs
        As for :meth:`accel_sim.machine.Machine.run`.
    budget
        Clock cycles without an event after which the toplevel counts as hanging; by default 20 times those of the
        whole program on the machine, and 20,000.

    Returns
    -------
    MachineResult
        As the machine gives it; `cycles` are those of the hardware's counter.
    """
    left = SLOWEST * memory.schedule.cycles + LEAST_CYCLES if budget is None else budget
    memory.begin(inputs)
    await top.start(memory)
    for _ in range(len(memory.program.instructions) + 1):
        report = await top.wait(left)
        if report.event is Event.HOST:
            memory.serve(report.number)
            await top.resume()
        elif report.event is Event.ENDED:
            return MachineResult(memory.outputs(), report.cycles)
        elif report.event is Event.TRAPPED:
            return MachineResult({}, report.cycles, "trap", f"{report.cause} at instruction {report.number}")
        else:
            await top.abort()
            return MachineResult({}, report.cycles, "hang", f"no end within {left} cycles")
    await top.abort()
    return MachineResult({}, report.cycles, "hang", "more calls of the host than instructions")
