"""Memories by technology: what upset rates and placement are about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from accel_sim.devices import UpsetRates
from accel_sim.errors import UsageError
from accel_sim.faults.hardware.life import Life, memory_lives
from accel_sim.faults.hardware.register_life import register_lives
from accel_sim.machine.occupancy import Intervals, Occupancy, occupancy
from accel_sim.machine.timing import Schedule, schedule
from accel_sim.program import Program

FLIP_FLOP = "ff"


@dataclass(frozen=True, eq=False)
class Lives:
    """Live bits of all memories, or of all registers, of a program.

    Attributes
    ----------
    program, times
        The program and its schedule.
    occupied
        Live intervals; None for registers.
    lives
        The same by memory or class of registers, ready for drawing.
    """

    program: Program
    times: Schedule
    occupied: Occupancy | None
    lives: Mapping[str, Life]


# Finding live intervals takes longer than many a fault; space, injector and estimate of a program ask for the same.
@lru_cache(maxsize=1)
def memories_of(program: Program) -> Lives:
    """Find the live bits of all memories of a program, the instructions' included."""
    times = schedule(program.instructions, program.config)
    occupied = occupancy(program, times)
    return Lives(program, times, occupied, memory_lives(occupied, times))


@lru_cache(maxsize=1)
def registers_of(program: Program) -> Lives:
    """Find the live bits of all registers that a program uses."""
    times = schedule(program.instructions, program.config)
    return Lives(program, times, None, register_lives(program, times))


@dataclass(frozen=True, eq=False)
class Part:
    """Bits of one technology of a memory, or a class of registers.

    Attributes
    ----------
    label
        Name of the memory, with the technology in brackets where its banks are of two.
    memory, kind
        Name of the memory, and its technology (``bram``, ``uram``, ``lutram``, ``ddr``, ``ff``).
    banks
        First bank, and the one after the last.
    bits
        All its bits.
    life
        Its live bits.
    weight
        How often each live bit-cycle counts: whole numbers in the ratio of the upset rates, 1 without rates, 0 where
        ECC corrects single upsets.
    """

    label: str
    memory: str
    kind: str
    banks: tuple[int, int]
    bits: int
    life: Life
    weight: int = 1


def memory_parts(
    occupied: Occupancy, schedule: Schedule, memory: str, whole: Life, *, split: bool = True
) -> tuple[Part, ...]:
    """Return a memory by technology.

    Parameters
    ----------
    occupied, schedule
        Live intervals, and the schedule that they follow from.
    memory
        Its name.
    whole
        Live bits of the whole memory.
    split
        Whether banks of two technologies become two parts.
    """
    spec = occupied.program.memories[memory]
    cuts = [("uram", 0, spec.uram_banks), (spec.kind, spec.uram_banks, spec.banks)]
    cuts = [cut for cut in cuts if cut[1] < cut[2]]
    if len(cuts) == 1 or not split:
        kind = cuts[0][0] if len(cuts) == 1 else "+".join(cut[0] for cut in cuts)
        return (Part(memory, memory, kind, (0, spec.banks), whole.bits, whole),)
    return tuple(
        Part(
            f"{memory} ({kind})", memory, kind, (low, high), spec.bits // spec.banks * (high - low),
            memory_lives(_cut(occupied, memory, low, high), schedule)[memory],
        )
        for kind, low, high in cuts
    )  # fmt: skip


def _cut(occupied: Occupancy, name: str, low: int, high: int) -> Occupancy:
    """Keep one memory's intervals in banks ``low .. high``."""
    intervals = occupied.memories[name]
    keep = (low <= intervals.bank) & (intervals.bank < high)
    kept = Intervals(*(getattr(intervals, field)[keep] for field in Intervals.__dataclass_fields__))
    return replace(occupied, memories={name: kept})


def weighed(parts: Sequence[Part], program: Program, rates: UpsetRates | None) -> tuple[Part, ...]:
    """Give every part its weight.

    Only parts that hold something live need a rate; those with ECC weigh nothing.

    Raises
    ------
    UsageError
        A technology has no rate, or nothing is left.
    """
    if rates is None:
        return tuple(parts)
    guarded = {p.label for p in parts if p.memory in program.memories and program.memories[p.memory].ecc}
    struck = {p.label: p.kind for p in parts if p.life.groups and p.label not in guarded}
    if not struck:
        raise UsageError(
            f"configuration {program.config.name!r} leaves nothing to strike: every memory that was asked for is "
            "guarded by ECC or unused; take a memory without ECC, or draw without --device"
        )
    weights = rates.weights(struck)
    return tuple(replace(part, weight=weights.get(part.label, 0)) for part in parts)
