"""The memories and registers of an accelerator, and how long what they hold is still to be read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from accel_sim.config import AcceleratorConfig, MemorySpec, memory_map, register_map
from accel_sim.faults.hardware.life import Life
from accel_sim.faults.hardware.parts import memories_of, memory_parts, registers_of
from accel_sim.machine import Schedule
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
    banks
        First bank, and the one after the last.
    """

    memory: str
    base: str
    kind: str
    bits: int
    live: Mapping[str, int]
    banks: tuple[int, int]


def holdings(program: Program, times: Schedule) -> list[Holding]:
    """Return every memory and class of registers of a compiled model.

    Live intervals of memories are exact. Those of registers count all lanes, also lanes without a pixel or a channel to
    compute: an upper bound.
    """
    whole, lives = memories_of(program), registers_of(program).lives
    assert whole.occupied is not None
    assert whole.times.cycles == times.cycles
    found = []
    for name in program.memories:
        for part in memory_parts(whole.occupied, times, name, whole.lives[name]):
            found.append(Holding(part.label, name, part.kind, part.bits, _by_layer(part.life), part.banks))
    for name, register in register_map(program.config).items():
        live = _by_layer(lives[name]) if name in lives else {}
        found.append(Holding(name, name, REGISTER, register.bits, live, (0, register.banks)))
    return found


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
        kinds = [
            kind for kind, banks in (("uram", spec.uram_banks), (spec.kind, spec.banks - spec.uram_banks)) if banks
        ]
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
