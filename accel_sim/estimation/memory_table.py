"""The memories and registers of an accelerator, and how long what they hold is still to be read."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from accel_sim.config import AcceleratorConfig, MemorySpec, memory_map, register_map
from accel_sim.faults.hardware.life import Life, memory_lives
from accel_sim.faults.hardware.register_life import register_lives
from accel_sim.machine import Schedule
from accel_sim.machine.occupancy import Intervals, Occupancy, occupancy
from accel_sim.program import Program

REGISTER = "register"


@dataclass(frozen=True, eq=False)
class Holding:
    """Bits of one technology of a memory, and how long a layer's data stay in them.

    Attributes
    ----------
    memory
        Name of the memory; with the technology in brackets where its banks are of two.
    base
        Name of the memory without it.
    kind
        ``bram``, ``uram``, ``lutram``, ``ddr`` or ``register``.
    bits
        Of all its banks of this technology.
    live
        Live bit-cycles by layer.
    """

    memory: str
    base: str
    kind: str
    bits: int
    live: Mapping[str, int]


def holdings(program: Program, times: Schedule) -> list[Holding]:
    """Return every memory and class of registers of a compiled model.

    Live intervals of memories are exact. Those of registers count all lanes, also lanes without a pixel or a channel to
    compute: an upper bound.
    """
    occupied = occupancy(program, times)
    found = []
    for name, spec in program.memories.items():
        parts = [(f"{name} ({kind})" if 0 < spec.uram_banks < spec.banks else name, kind, low, high)
                 for kind, low, high in _technologies(spec)]  # fmt: skip
        for label, kind, low, high in parts:
            life = memory_lives(_cut(occupied, name, low, high), times)[name]
            found.append(Holding(label, name, kind, spec.bits // spec.banks * (high - low), _by_layer(life)))
    lives = register_lives(program, times)
    for name, register in register_map(program.config).items():
        live = _by_layer(lives[name]) if name in lives else {}
        found.append(Holding(name, name, REGISTER, register.bits, live))
    return found


def _technologies(spec: MemorySpec) -> list[tuple[str, int, int]]:
    cuts = [("uram", 0, spec.uram_banks), (spec.kind, spec.uram_banks, spec.banks)]
    return [(kind, low, high) for kind, low, high in cuts if low < high]


def _cut(occupied: Occupancy, name: str, low: int, high: int) -> Occupancy:
    """Keep one memory's intervals in banks ``low .. high``."""
    if name not in occupied.memories:
        return replace(occupied, memories={})
    intervals = occupied.memories[name]
    keep = (low <= intervals.bank) & (intervals.bank < high)
    kept = Intervals(*(getattr(intervals, field)[keep] for field in Intervals.__dataclass_fields__))
    return replace(occupied, memories={name: kept})


def _by_layer(life: Life) -> dict[str, int]:
    return {
        label.split(":", 1)[1]: sum(life.population(group, bit) for bit in range(life.element_bits))
        for group, label in enumerate(life.groups)
    }


def memory_table(program: Program, held: list[Holding], cycles: int) -> dict[str, dict[str, Any]]:
    """Return the public JSON form of all memories of a compiled model, by name."""
    table = _sizes(program.memories, program.config)
    for name, entry in table.items():
        live = sum(sum(h.live.values()) for h in held if h.base == name)
        entry["live_fraction"] = live / (entry["bits"] * cycles)
        layers: dict[str, float] = {}
        for holding in held:
            if holding.base == name:
                for layer, bit_cycles in holding.live.items():
                    layers[layer] = layers.get(layer, 0.0) + bit_cycles / (entry["bits"] * cycles)
        entry["layers"] = {layer: share for layer, share in layers.items() if share}
    return table


def empty_table(config: AcceleratorConfig) -> dict[str, dict[str, Any]]:
    """Return the on-chip memories of an accelerator without a program: how long they are live is not known."""
    table = _sizes(memory_map(config), config)
    for entry in table.values():
        entry |= {"live_fraction": None, "layers": {}}
    return table


def _sizes(memories: Mapping[str, MemorySpec], config: AcceleratorConfig) -> dict[str, dict[str, Any]]:
    table: dict[str, dict[str, Any]] = {}
    for name, spec in memories.items():
        kinds = [kind for kind, _, _ in _technologies(spec)]
        table[name] = {
            "banks": spec.banks, "rows": spec.rows, "row_bits": 8 * spec.row_bytes, "kind": "+".join(kinds),
            "bits": spec.bits, "uram_banks": spec.uram_banks, "ecc": spec.ecc, "content": spec.content,
        }  # fmt: skip
    for name, register in register_map(config).items():
        table[name] = {
            "banks": register.banks, "rows": register.rows, "row_bits": register.row_bits, "kind": REGISTER,
            "bits": register.bits, "uram_banks": 0, "ecc": False, "content": register.content,
        }  # fmt: skip
    return table
