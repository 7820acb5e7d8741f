"""What the cocotb tests of the single modules share: a clock, a reset, and random pauses.

Everything happens at the falling edge: signals are set there, read when they have settled, and count for the rising
edge that follows. That has no races in any simulator.
"""

from random import Random
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, ReadOnly

# Share of edges in which the side that offers pauses, and in which the side that takes is not ready.
PAUSES = ((0.0, 0.0), (0.0, 0.5), (0.5, 0.0), (0.3, 0.3), (0.1, 0.9), (0.9, 0.1))
INPUTS = {
    "queue": ("push", "pop", "push_data"),
    "issue": ("clear", "push", "word", "busy", "done"),
    "fetch": ("start", "ins_valid", "push_ready", "idle", "host_done"),
    "transfer": ("start", "request_ready", "answer"),
    "sequencer": ("start",),
    "parameters": ("bias_read", "parameter_read"),
    "operands": ("slot",),
    "buffers": ("load", "img_read", "img_write", "wgt_read", "dwt_read", "bias_read", "rqp_read"),
}


class Instance:
    """Signals of one instance by their names behind the module's.

    Parameters
    ----------
    dut
        The bench.
    module
        What the names of its signals begin with.
    number
        Of the instance.
    """

    def __init__(self, dut: Any, module: str, number: int) -> None:
        self.dut, self.module, self.number = dut, module, number
        self.random = Random(f"{cocotb.RANDOM_SEED} {module} {number}")
        self._handles: dict[str, Any] = {}

    def _handle(self, name: str) -> Any:
        if name not in self._handles:
            self._handles[name] = getattr(self.dut, f"{self.module}_{name}")[self.number]
        return self._handles[name]

    def set(self, **values: int) -> None:
        """Set signals; at a falling edge."""
        for name, value in values.items():
            self._handle(name).value = int(value)

    def get(self, name: str) -> int:
        """Read a signal that has settled."""
        return int(self._handle(name).value)

    def pause(self, share: float) -> bool:
        """Draw whether to pause."""
        return self.random.random() < share

    async def settled(self) -> None:
        """Wait until what was set has its effect."""
        await ReadOnly()

    async def edge(self) -> None:
        """Let the rising edge pass."""
        await FallingEdge(self.dut.clk_i)

    def expect(self, edge: object, **values: int) -> None:
        """Compare signals.

        Raises
        ------
        AssertionError
            One of them is another than expected.
        """
        for name, value in values.items():
            found = self.get(name)
            assert found == value, f"{self.module} {self.number}, {edge}: {name} is {found:#x} instead of {value:#x}"


async def reset(dut: Any, module: str, instances: int) -> list[Instance]:
    """Start the clock, set all inputs of a module to zero, reset, and return its instances."""
    found = [Instance(dut, module, number) for number in range(instances)]
    for instance in found:
        instance.set(**dict.fromkeys(INPUTS[module], 0))
    dut.rst_ni.value = 0
    Clock(dut.clk_i, 10, unit="ns").start()
    for _ in range(2):
        await FallingEdge(dut.clk_i)
    dut.rst_ni.value = 1
    return found
