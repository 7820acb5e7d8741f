"""What a run must have left: compared with the Machine, byte by byte."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.machine import Machine
from accel_sim.machine.machine import HostRunner, MachineResult
from accel_sim.program import Program
from accel_sim.rtl.cocotb_memory import HostMemory


class ProgramChecker:
    """The same program on the Machine, inference after inference.

    Parameters
    ----------
    program, host
        As for :class:`accel_sim.machine.Machine`.

    Attributes
    ----------
    machine
        The model; :attr:`golden` is its last result.
    """

    def __init__(self, program: Program, host: HostRunner) -> None:
        self.machine = Machine(program, host)
        self.golden: MachineResult | None = None

    def check(self, found: MachineResult, memory: HostMemory, inputs: Mapping[str, NDArray[Any]]) -> None:
        """Run the machine on the same inputs and compare status, outputs and memory.

        Raises
        ------
        AssertionError
            With the first difference: the output or address, the byte found and the byte expected.
        """
        golden = self.golden = self.machine.run(inputs)
        assert found.status == golden.status, f"status {found.status} ({found.detail}) instead of {golden.status}"
        for name, expected in golden.outputs.items():
            assert name in found.outputs, f"output {name} is missing"
            _compare(f"output {name}, byte", found.outputs[name], expected)
        for name in ("ddr", "ins"):
            _compare(f"{name}, byte", memory.memories[name].data, self.machine.memories[name].data)
        strays = memory.strays()
        assert not strays, f"written outside of the program's memory, from address {strays[0]:#x} on"


def _compare(what: str, found: NDArray[Any], expected: NDArray[Any]) -> None:
    assert found.dtype == expected.dtype, f"{what}: type {found.dtype} instead of {expected.dtype}"
    ours, theirs = (np.frombuffer(np.ascontiguousarray(a).tobytes(), np.uint8) for a in (found, expected))
    assert ours.size == theirs.size, f"{what}: {ours.size} bytes instead of {theirs.size}"
    wrong = np.flatnonzero(ours != theirs)
    assert not wrong.size, (
        f"{what} {int(wrong[0])}: {int(ours[wrong[0]])} instead of {int(theirs[wrong[0]])}; {wrong.size} of "
        f"{ours.size} bytes differ"
    )
