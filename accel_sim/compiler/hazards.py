"""Which instruction has to wait for which: tokens between the engines.

Two instructions of different engines need an order when one writes rows that the other touches, or when both use the
same port of a bank: an image bank group serves one reader and one writer at a time, bias and parameter memory one
reader. Tokens are counted, not named: the k-th one taken is the k-th one given, because on both engines their order is
the program's.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from accel_sim.config import AcceleratorConfig, memory_map
from accel_sim.config.accelerator import ENGINES
from accel_sim.isa.geometry import Access, accesses
from accel_sim.isa.instructions import ENGINE_OF, Instruction

DDR_LINE = 64
NEVER = -1


class Hazards:
    """Remembers who touched what last, and gives every new instruction its tokens."""

    def __init__(self, config: AcceleratorConfig, ddr_bytes: int) -> None:
        self.config = config
        rows = {name: spec.rows for name, spec in memory_map(config).items()}
        rows |= {"img": config.image_lines, "ddr": -(-ddr_bytes // DDR_LINE)}
        rows |= {"img.read": config.image_groups, "img.write": config.image_groups, "bias.read": 1, "rqp.read": 1}
        self.last: dict[str, NDArray[np.int32]] = {  # (read or write, engine, row)
            name: np.full((2, len(ENGINES), count), NEVER, np.int32) for name, count in rows.items()
        }
        self.known = np.full((len(ENGINES), len(ENGINES)), NEVER)  # [e][f]: last instruction of e that f waited for

    def _touched(self, instruction: Instruction) -> list[Access]:
        found = []
        for access in accesses(instruction, self.config):
            if access.memory == "ddr":
                found.append(Access("ddr", access.low // DDR_LINE, -(-access.high // DDR_LINE), access.write))
                continue
            found.append(access)
            if access.memory == "img":
                rows = self.config.image_rows
                port = "img.write" if access.write else "img.read"
                found.append(Access(port, access.low // rows, -(-access.high // rows), True))
            elif access.memory in ("bias", "rqp") and not access.write:
                found.append(Access(f"{access.memory}.read", 0, 1, True))
        return found

    def needs(self, number: int, instruction: Instruction) -> dict[int, int]:
        """Record an instruction; return for each other engine the instruction whose token it has to take."""
        engine = ENGINE_OF[type(instruction)]
        latest = np.full(len(ENGINES), NEVER)
        touched = self._touched(instruction)
        for access in touched:
            rows = self.last[access.memory][0 if access.write else 1 :, :, access.low : access.high]
            latest = np.maximum(latest, rows.max(axis=(0, 2)))
        for access in touched:
            self.last[access.memory][int(access.write), engine, access.low : access.high] = number
        found = {}
        for other in range(len(ENGINES)):
            if other != engine and latest[other] > self.known[other][engine]:
                found[other] = int(latest[other])
                self.known[other][engine] = latest[other]
        return found

    def barrier(self, number: int) -> None:
        """All instructions before `number` are complete."""
        self.known[:] = number - 1


def with_tokens(instructions: list[Instruction], config: AcceleratorConfig, ddr_bytes: int) -> tuple[Instruction, ...]:
    """Set `wait` and `signal` of all instructions."""
    hazards = Hazards(config, ddr_bytes)
    wait, signal = [0] * len(instructions), [0] * len(instructions)
    for number, instruction in enumerate(instructions):
        engine = ENGINE_OF.get(type(instruction))
        if engine is None:
            hazards.barrier(number)
            continue
        for other, source in hazards.needs(number, instruction).items():
            wait[number] |= 1 << other
            signal[source] |= 1 << engine
    return tuple(replace(i, wait=w, signal=s) for i, w, s in zip(instructions, wait, signal, strict=True))
