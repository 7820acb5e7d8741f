"""The memory around a toplevel under test, with this process as the host that fills and reads it."""

import mmap
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.config.memories import INSTRUCTION_BYTES
from accel_sim.errors import UsageError
from accel_sim.isa import Host
from accel_sim.machine.machine import HostRunner, Machine
from accel_sim.program import Program

PAGE_BYTES = 4096
FILLING = 0xA5  # what no program has written; a store that goes astray changes it


def _up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


class HostMemory(Machine):
    """What a program's DDR and instructions are to a bus model: one piece of bytes, a power of two long.

    Parameters
    ----------
    program, host
        As for :class:`accel_sim.machine.Machine`.
    ddr_base
        Address of the program's DDR in the memory, in bytes. One that is no multiple of 4096 puts page boundaries at
        other places of the program's tensors.

    Attributes
    ----------
    bytes
        The memory; bus models of cocotbext-axi take it as their ``mem``.
    ins_base
        Address of the first instruction in bytes, a multiple of 64.

    Raises
    ------
    UsageError
        A base that is no multiple of 64.
    """

    def __init__(self, program: Program, host: HostRunner, *, ddr_base: int = 0) -> None:
        super().__init__(program, host)
        if ddr_base % INSTRUCTION_BYTES:
            raise UsageError(f"ddr_base is {ddr_base}; give a multiple of {INSTRUCTION_BYTES}")
        ddr, ins = self.memories["ddr"].data, self.memories["ins"].data
        self.ddr_base = ddr_base
        self.ins_base = _up(ddr_base + ddr.size + PAGE_BYTES, INSTRUCTION_BYTES)
        needed = self.ins_base + ins.size + PAGE_BYTES
        self.bytes = mmap.mmap(-1, 1 << (needed - 1).bit_length())
        self._all = np.frombuffer(self.bytes, np.uint8)
        self._all[:] = FILLING
        for name, base in (("ddr", ddr_base), ("ins", self.ins_base)):
            old = self.memories[name].data
            place = self._all[base : base + old.size].reshape(old.shape)
            place[...] = 0
            self.memories[name].data = place
        self.reload()

    @property
    def ddr_bytes(self) -> int:
        """Bytes of the program's DDR."""
        return self._ddr_bytes

    def begin(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        """Write constants, instructions and the inputs of an inference."""
        self.reload()
        self._on_host = {}
        for name in self.program.inputs:
            self._write(name, np.asarray(inputs[name]))

    def serve(self, call: int) -> None:
        """Do the work of a HOST instruction."""
        self.step(Host(call=call), None, 0)

    def outputs(self) -> dict[str, NDArray[Any]]:
        """Return the graph's outputs as they stand in memory."""
        return {name: np.array(self._read(name)) for name in self.program.outputs}

    def strays(self) -> list[int]:
        """Return up to ten addresses outside the program's DDR and instructions that have been written."""
        mask = self._all != FILLING
        for name, base in (("ddr", self.ddr_base), ("ins", self.ins_base)):
            mask[base : base + self.memories[name].data.size] = False
        return [int(address) for address in np.flatnonzero(mask)[:10]]
