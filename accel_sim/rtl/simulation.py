"""The simulated accelerator as an object: its memories as arrays, and steps of the clock."""

import ctypes
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from accel_sim.config import AcceleratorConfig
from accel_sim.rtl.build import PUBLIC, library
from accel_sim.rtl.parameters import Array, arrays, bench_parameters, power_of_two
from accel_sim.rtl.toolchain import SOURCES

# Simulated memory of a compact model: small enough that its whole state is copied in microseconds.
COMPACT_DDR_BYTES = 1 << 14
COMPACT_INSTRUCTIONS = 1 << 8


class Status(IntEnum):
    """Why the simulation paused."""

    CYCLE = 0
    HOST = 1
    ENDED = 2
    TRAPPED = 3


class Simulation:
    """A Verilated ``accel_bench``.

    Parameters
    ----------
    config
        Sizes of the accelerator.
    ddr_bytes, instructions
        What the simulated memory has to hold at least.
    block_ram
        See :func:`accel_sim.rtl.parameters.module_parameters`.
    folder
        Hardware description.
    compact
        Simulated memory only as large as asked for, in place of a size that most programs share.
    more, public
        Other variables of the design that :attr:`banks` shall have, and the control file that makes them accessible.

    Attributes
    ----------
    banks
        Memory or register class to one uint8 array (rows, bytes) per bank: the simulator's own storage. What is
        written there acts from the next edge on.
    """

    def __init__(
        self,
        config: AcceleratorConfig,
        ddr_bytes: int,
        instructions: int,
        *,
        block_ram: bool = False,
        folder: Path = SOURCES,
        compact: bool = False,
        more: Sequence[Array] = (),
        public: str = PUBLIC,
    ) -> None:
        parameters = bench_parameters(config, ddr_bytes, instructions, block_ram=block_ram)
        if compact:
            parameters |= compact_memory(ddr_bytes, instructions)
        places = [*arrays(config, parameters), *more]
        self._library = ctypes.CDLL(str(library(parameters, places, folder, public)))
        results: dict[str, type] = {"make": ctypes.c_void_p, "locate": ctypes.c_void_p}
        results |= {"cycles": ctypes.c_uint64, "state_bytes": ctypes.c_uint64}
        for name, result in results.items():
            getattr(self._library, f"accel_{name}").restype = result
        self._handle = ctypes.c_void_p(self._library.accel_make())
        self.banks: dict[str, list[NDArray[np.uint8]]] = {}
        for number, place in enumerate(places):
            address = self._library.accel_locate(self._handle, number)
            raw = (ctypes.c_uint8 * (place.rows * place.stride_bytes)).from_address(address)
            view = np.ctypeslib.as_array(raw).reshape(place.rows, place.stride_bytes)[:, : place.row_bytes]
            self.banks.setdefault(place.memory, []).append(view)

    def close(self) -> None:
        """Free the model; its arrays must not be used any more."""
        if self._handle:
            self.banks = {}
            self._library.accel_free(self._handle)
            self._handle = ctypes.c_void_p()

    def clear(self) -> None:
        """Zero all memories and registers that :attr:`banks` has."""
        for banks in self.banks.values():
            for bank in banks:
                bank[...] = 0

    def start(self, count: int, ddr_bytes: int, calls: int) -> None:
        """Reset, and start a program of `count` instructions; no edge of it has passed yet."""
        self._library.accel_start(self._handle, count, ddr_bytes, calls)

    def run(self, cycles: int) -> Status:
        """Step until `cycles` edges of the program have passed, the host is wanted, or the program is over."""
        return Status(self._library.accel_run(self._handle, ctypes.c_uint64(cycles)))

    def resume(self) -> None:
        """Tell the accelerator that the host has done its part."""
        self._library.accel_resume(self._handle)

    def save(self) -> NDArray[np.uint8]:
        """Return a copy of the whole state, registers of the control included; for this model only."""
        state = np.empty(int(self._library.accel_state_bytes(self._handle)), np.uint8)
        self._library.accel_save(self._handle, ctypes.c_void_p(state.ctypes.data))
        return state

    def restore(self, state: NDArray[np.uint8]) -> None:
        """Go back to what :meth:`save` has returned."""
        self._library.accel_restore(self._handle, ctypes.c_void_p(state.ctypes.data))

    def same(self, state: NDArray[np.uint8]) -> bool:
        """Whether the state is, byte for byte, one that :meth:`save` has returned: then so is all that follows."""
        return bool(self._library.accel_same(self._handle, ctypes.c_void_p(state.ctypes.data)))

    @property
    def cycles(self) -> int:
        """Edges of the program that have passed."""
        return int(self._library.accel_cycles(self._handle))

    @property
    def call(self) -> int:
        """Number of the host call that the accelerator waits for."""
        return int(self._library.accel_call(self._handle))

    @property
    def trap(self) -> int:
        """Number of the instruction that was illegal."""
        return int(self._library.accel_trap(self._handle))


def compact_memory(ddr_bytes: int, instructions: int) -> dict[str, int]:
    """Return the parameters of a simulated memory that is no larger than asked for, rounded up to a power of two."""
    return {
        "DdrBytes": power_of_two(COMPACT_DDR_BYTES, ddr_bytes),
        "Instructions": power_of_two(COMPACT_INSTRUCTIONS, instructions),
    }
