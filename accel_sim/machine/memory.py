"""The only place where a bit is stored."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.config import MemorySpec, RegisterSpec
from accel_sim.errors import InputError


@dataclass(frozen=True)
class BitUpset:
    """One flipped bit.

    Attributes
    ----------
    memory
        Name of a memory or of a class of registers.
    bank, row, bit
        Bit 0 is the least significant bit of byte 0 of the row.
    cycle
        The flip acts after this clock edge and before the next.
    """

    memory: str
    bank: int
    row: int
    bit: int
    cycle: int


@dataclass(frozen=True)
class StuckBit:
    """One bit that keeps its value whatever is written; fields as in :class:`BitUpset`, `value` is 0 or 1."""

    memory: str
    bank: int
    row: int
    bit: int
    value: int


class Memory:
    """A named memory.

    Attributes
    ----------
    data
        uint8, (banks, rows, bytes).
    stuck
        Bits that keep their values.
    """

    def __init__(self, spec: MemorySpec) -> None:
        self.spec = spec
        self.data: NDArray[np.uint8] = np.zeros((spec.banks, spec.rows, spec.row_bytes), np.uint8)
        self.stuck: tuple[StuckBit, ...] = ()

    def hold(self) -> None:
        """Give the stuck bits their values; to be called after every write."""
        for bit in self.stuck:
            mask = np.uint8(1 << bit.bit % 8)
            self.data[bit.bank, bit.row, bit.bit // 8] &= ~mask
            if bit.value:
                self.data[bit.bank, bit.row, bit.bit // 8] |= mask

    def flip(self, upset: BitUpset) -> None:
        """Flip a bit, and make sure that it flipped."""
        before = self.data[upset.bank, upset.row, upset.bit // 8]
        self.data[upset.bank, upset.row, upset.bit // 8] ^= np.uint8(1 << upset.bit % 8)
        assert self.data[upset.bank, upset.row, upset.bit // 8] != before


def check_upset(
    upset: BitUpset, memories: Mapping[str, MemorySpec], registers: Mapping[str, RegisterSpec], cycles: int
) -> None:
    """Make sure that a bit exists and that the cycle is one of the run.

    Raises
    ------
    InputError
        It does not.
    """
    name = upset.memory
    if name in memories:
        spec = memories[name]
        sizes = spec.banks, spec.rows, spec.row_bytes * 8
    elif name in registers:
        sizes = registers[name].banks, registers[name].rows, registers[name].row_bits
    else:
        raise InputError(f"memory {name!r} does not exist; use one of {', '.join([*memories, *registers])}")
    places = ("bank", "row", "bit", "cycle")
    for field, value, size in zip(
        places, (upset.bank, upset.row, upset.bit, upset.cycle), (*sizes, cycles), strict=True
    ):
        if not 0 <= value < size:
            raise InputError(f"{field} {value} of memory {name!r} is outside 0 .. {size - 1}; choose one that exists")
