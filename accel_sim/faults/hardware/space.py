"""The faults of an accelerator: every live bit at every cycle, in strata of memory, layer and bit position."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from accel_sim.config import register_map
from accel_sim.errors import UsageError
from accel_sim.faults.hardware.fault import HARDWARE_SPACES, MEMORY, HardwareFault
from accel_sim.faults.hardware.life import Life, Place, memory_lives
from accel_sim.faults.hardware.register_life import register_lives
from accel_sim.faults.space import Stratum
from accel_sim.machine.occupancy import occupancy
from accel_sim.machine.timing import Schedule
from accel_sim.program import Program


@dataclass(frozen=True, eq=False)
class HardwareSpace:
    """Live bit-cycles of memories or registers.

    A fault is one bit at one cycle of one image's inference, and each has the same chance: a stratum counts with its
    live bits times cycles. Bits that nobody will read again are in no stratum: their share is known without a run, and
    the rate over all bits is the live share times the rate found here.

    Parameters
    ----------
    name
        ``memory`` or ``registers``.
    program
        The compiled model.
    lives
        Live bits by memory or class of registers.
    cycles
        Cycles of one inference.
    images
        Number of inferences.
    """

    name: str
    program: Program
    lives: Mapping[str, Life]
    cycles: int
    images: int

    @cached_property
    def _index(self) -> list[tuple[Life, int, int]]:
        found = []
        for life in self.lives.values():
            found += [(life, group, bit) for group in range(len(life.groups)) for bit in range(life.element_bits)]
        return [item for item in found if item[0].population(item[1], item[2])]

    @cached_property
    def strata(self) -> tuple[Stratum, ...]:
        """One stratum per memory, layer and bit position of a stored element; its size is in bit-cycles."""
        return tuple(Stratum(life.groups[g], b, life.population(g, b) * self.images) for life, g, b in self._index)

    def memory_of(self, stratum_index: int) -> str:
        """Name of the memory (or class of registers) of a stratum."""
        return self._index[stratum_index][0].name

    def fault(self, stratum_index: int, k: int) -> HardwareFault:
        """Return the k-th fault: image by image, interval by interval, cycle by cycle."""
        life, group, bit = self._index[stratum_index]
        population = self.strata[stratum_index].population
        if not 0 <= k < population:
            raise IndexError(f"fault {k} of stratum {life.groups[group]}:{bit}, which has {population}")
        image, rest = divmod(k, population // self.images)
        place = life.place(group, bit, rest)
        return HardwareFault(self.name, life.name, place.bank, place.row, (place.bit,), place.cycle, image)

    def is_live(self, fault: HardwareFault) -> bool:
        """Whether any of the fault's flips can matter; otherwise every output byte is the golden run's."""
        life = self.lives.get(fault.memory)
        return life is not None and any(
            life.is_live(Place(fault.bank, fault.row, bit, fault.cycle)) for bit in fault.bits
        )

    def describe(self) -> Mapping[str, Any]:
        """Return the JSON-able identity of the space."""
        return {
            "name": self.name, "images": self.images, "architecture": self.program.config.name,
            "memories": list(self.lives), "program": self.program.digest,
        }  # fmt: skip

    def check(self, fault: HardwareFault) -> None:
        """Raise :class:`InputError` unless the fault is one of this program; dead bits are faults, too."""
        fault.check(self.program, self.cycles, self.images)

    def bit_cycles(self, memory: str) -> int:
        """All bits of a memory times all cycles, live or not, of all images."""
        return self.lives[memory].bits * self.cycles * self.images


def hardware_space(
    name: str, program: Program, schedule: Schedule, images: int, memories: Sequence[str] | None = None
) -> HardwareSpace:
    """Return the fault space of a compiled model.

    Parameters
    ----------
    name
        ``memory`` or ``registers``.
    memories
        Only these; all by default.

    Raises
    ------
    UsageError
        There is no such space, or no such memory that the program uses.
    """
    if name not in HARDWARE_SPACES:
        raise UsageError(f"space {name!r} is not one of {', '.join(HARDWARE_SPACES)}")
    lives: dict[str, Life]
    if name == MEMORY:
        lives = dict(memory_lives(occupancy(program, schedule), schedule))
    else:
        lives = dict(register_lives(program, schedule))
    if memories is not None:
        known = program.memories if name == MEMORY else register_map(program.config)
        if unknown := [m for m in memories if m not in known]:
            raise UsageError(f"--memory {unknown[0]!r} is not in space {name}; use some of {', '.join(known)}")
        lives = {n: life for n, life in lives.items() if n in memories}
    return HardwareSpace(name, program, lives, schedule.cycles, images)
