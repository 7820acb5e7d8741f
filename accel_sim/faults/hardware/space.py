"""The faults of an accelerator: every live bit at every cycle, in strata of memory, layer and bit position."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

from accel_sim.config import register_map
from accel_sim.devices import UpsetRates
from accel_sim.errors import UsageError
from accel_sim.faults.hardware.fault import HARDWARE_SPACES, MEMORY, HardwareFault
from accel_sim.faults.hardware.life import Life, Place
from accel_sim.faults.hardware.parts import FLIP_FLOP, Lives, Part, memories_of, memory_parts, registers_of, weighed
from accel_sim.faults.space import Stratum
from accel_sim.machine.timing import Schedule
from accel_sim.program import Program


@dataclass(frozen=True, eq=False)
class HardwareSpace:
    """Live bit-cycles of memories or registers.

    A fault is one bit at one cycle of one image's inference. Without rates each has the same chance: a stratum counts
    with its live bits times cycles. With rates it counts with bits times cycles times the weight of its technology, so
    that a draw strikes as the environment does. Bits that nobody will read again are in no stratum: their share is
    known without a run, and the rate over all bits is the live share times the rate found here.

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
    parts
        The same by technology, with weights.
    rates
        Where the weights come from; None for equal ones.
    """

    name: str
    program: Program
    lives: Mapping[str, Life]
    cycles: int
    images: int
    parts: tuple[Part, ...]
    rates: UpsetRates | None = None

    @cached_property
    def _index(self) -> list[tuple[Part, int, int]]:
        found = []
        for part in self.parts:
            life = part.life
            found += [(part, group, bit) for group in range(len(life.groups)) for bit in range(life.element_bits)]
        return [(part, g, b) for part, g, b in found if part.weight and part.life.population(g, b)]

    @cached_property
    def strata(self) -> tuple[Stratum, ...]:
        """One stratum per part of a memory, layer and bit position of a stored element.

        Its size is in bit-cycles, each counted as often as the part's weight says.
        """
        return tuple(
            Stratum(stratum_name(p, g), b, p.life.population(g, b) * p.weight * self.images) for p, g, b in self._index
        )

    def memory_of(self, stratum_index: int) -> str:
        """Name of the memory (or class of registers) of a stratum."""
        return self._index[stratum_index][0].memory

    def fault(self, stratum_index: int, k: int) -> HardwareFault:
        """Return the k-th fault: image by image, interval by interval, cycle by cycle, as often as its weight says."""
        part, group, bit = self._index[stratum_index]
        population = self.strata[stratum_index].population
        if not 0 <= k < population:
            raise IndexError(f"fault {k} of stratum {stratum_name(part, group)}:{bit}, which has {population}")
        image, rest = divmod(k, population // self.images)
        place = part.life.place(group, bit, rest // part.weight)
        return HardwareFault(self.name, part.memory, place.bank, place.row, (place.bit,), place.cycle, image)

    def is_live(self, fault: HardwareFault) -> bool:
        """Whether any of the fault's flips can matter; otherwise every output byte is the golden run's."""
        life = self.lives.get(fault.memory)
        return life is not None and any(
            life.is_live(Place(fault.bank, fault.row, bit, fault.cycle)) for bit in fault.bits
        )

    def describe(self) -> Mapping[str, Any]:
        """Return the JSON-able identity of the space; of rates only what decides the draw, the weights."""
        found = {
            "name": self.name, "images": self.images, "architecture": self.program.config.name,
            "memories": list(self.lives), "program": run_digest(self.program),
        }  # fmt: skip
        return found if self.rates is None else found | {"weights": {part.label: part.weight for part in self.parts}}

    def check(self, fault: HardwareFault) -> None:
        """Raise :class:`InputError` unless the fault is one of this program; dead bits are faults, too."""
        fault.check(self.program, self.cycles, self.images)

    def bit_cycles(self, part: Part) -> int:
        """All bits of a part times all cycles, live or not, of all images."""
        return part.bits * self.cycles * self.images


def stratum_name(part: Part, group: int) -> str:
    """Return the name of the strata of a layer: part of the memory, colon, layer."""
    return f"{part.label}:{part.life.groups[group].split(':', 1)[1]}"


@lru_cache(maxsize=4)
def run_digest(program: Program) -> str:
    """SHA-256 of what decides a run: the program without the names and the technology of its memories.

    Where a bank is placed and whether ECC guards it changes how often it is struck, not what an upset does, so that one
    campaign serves all placements.
    """
    return replace(program, config=replace(program.config, name="-", uram_banks={}, ecc=())).digest


def hardware_space(
    name: str,
    program: Program,
    schedule: Schedule,
    images: int,
    memories: Sequence[str] | None = None,
    rates: UpsetRates | None = None,
) -> HardwareSpace:
    """Return the fault space of a compiled model.

    Parameters
    ----------
    name
        ``memory`` or ``registers``.
    memories
        Only these; all by default.
    rates
        Upset rates that weigh the technologies, placed as the program's configuration says. Memories with ECC are then
        out of the draw: single upsets are corrected there. Without rates every live bit-cycle has the same chance.

    Raises
    ------
    UsageError
        There is no such space, or no such memory that the program uses, or a technology without a rate.
    """
    if name not in HARDWARE_SPACES:
        raise UsageError(f"space {name!r} is not one of {', '.join(HARDWARE_SPACES)}")
    if memories is not None:
        known = program.memories if name == MEMORY else register_map(program.config)
        if unknown := [m for m in memories if m not in known]:
            raise UsageError(f"--memory {unknown[0]!r} is not in space {name}; use some of {', '.join(known)}")

    found = registers_of(program) if name != MEMORY else memories_of(program)
    lives = {n: life for n, life in found.lives.items() if memories is None or n in memories}
    assert found.times.cycles == schedule.cycles
    parts = [part for n, life in lives.items() for part in _parts(found, n, life, split=rates is not None)]
    return HardwareSpace(name, program, lives, schedule.cycles, images, weighed(parts, program, rates), rates)


def _parts(found: Lives, name: str, life: Life, *, split: bool) -> tuple[Part, ...]:
    if found.occupied is not None:
        return memory_parts(found.occupied, found.times, name, life, split=split)
    spec = register_map(found.program.config)[name]
    return (Part(name, name, FLIP_FLOP, (0, spec.banks), life.bits, life),)
