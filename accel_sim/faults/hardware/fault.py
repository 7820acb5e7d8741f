"""One fault of the accelerator itself: where, which bits, when, for how long; a record with a public JSON form."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from accel_sim.config import register_map
from accel_sim.errors import InputError
from accel_sim.faults.fault import SPACES as TENSOR_SPACES
from accel_sim.faults.fault import Fault, read_bits, whole
from accel_sim.machine.memory import BitUpset, StuckBit, check_upset
from accel_sim.program import Program

MEMORY, REGISTERS = "memory", "registers"
HARDWARE_SPACES = (MEMORY, REGISTERS)
EXAMPLE = '{"space":"memory","memory":"wgt","bank":3,"row":117,"bit":42,"cycle":90211}'
FIELDS = ("memory", "bank", "row", "bit", "cycle")
OPTIONAL = ("image", "cells", "stuck", "persistent")
LASTING = ("ddr", "ins")  # memories that only the host writes between two inferences


@dataclass(frozen=True)
class HardwareFault:
    """Bits of a memory, or of registers, that flip together or are stuck.

    Attributes
    ----------
    space
        ``memory`` or ``registers``.
    memory
        Name of the memory or of the class of registers, as the configuration lists them.
    bank, row
        Which row; for registers a bank per lane and a row per register of the lane.
    bits
        Wrong bits; bit b of a row is bit ``b % 8`` of its byte ``b // 8``.
    cycle
        The flip acts after this clock edge of the inference and before the next; 0 where `stuck` is set.
    image
        Number of the image whose inference is struck first; 0 where `stuck` is set.
    cells
        Bits of other rows of the same bank that are wrong as well: (row, bit) each.
    stuck
        The value, 0 or 1, that the bits keep in all inferences whatever is written; None for a flip.
    persistent
        The flip is still there in the inferences that follow: the host does not reload DDR in between. Only for
        ``ddr`` and ``ins``.
    """

    space: str
    memory: str
    bank: int
    row: int
    bits: tuple[int, ...]
    cycle: int
    image: int = 0
    cells: tuple[tuple[int, int], ...] = ()
    stuck: int | None = None
    persistent: bool = False

    @cached_property
    def upsets(self) -> tuple[BitUpset, ...]:
        """The bits as the machine takes them, each as a flip."""
        places = (*((self.row, bit) for bit in self.bits), *self.cells)
        return tuple(BitUpset(self.memory, self.bank, row, bit, self.cycle) for row, bit in places)

    @property
    def stuck_bits(self) -> tuple[StuckBit, ...]:
        """The bits as the machine takes them where they are stuck; none for a flip."""
        if self.stuck is None:
            return ()
        return tuple(StuckBit(u.memory, u.bank, u.row, u.bit, self.stuck) for u in self.upsets)

    def to_json(self) -> dict[str, Any]:
        """Return the public JSON form; fields that say nothing are left out."""
        bit = self.bits[0] if len(self.bits) == 1 else list(self.bits)
        record: dict[str, Any] = {
            "space": self.space, "memory": self.memory, "bank": self.bank, "row": self.row, "bit": bit,
        }  # fmt: skip
        if self.stuck is None:
            record["cycle"] = self.cycle
        record |= {"image": self.image} if self.image else {}
        record |= {"cells": [list(cell) for cell in self.cells]} if self.cells else {}
        record |= {"stuck": self.stuck} if self.stuck is not None else {}
        return record | ({"persistent": True} if self.persistent else {})

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "HardwareFault":
        """Read the public JSON form; whether the bit exists is checked against a program later.

        Raises
        ------
        InputError
            A field is missing, unknown, of the wrong type or at odds with another.
        """
        known = {"space", *FIELDS, *OPTIONAL}
        if unknown := sorted(set(record) - known, key=str):
            raise InputError(f"fault: unknown field {unknown[0]!r:.80}; the fields are {', '.join(sorted(known))}")
        stuck = record.get("stuck")
        if stuck is not None and (isinstance(stuck, bool) or stuck not in (0, 1)):
            raise InputError(f"fault: stuck {stuck!r:.80} is not 0 or 1")
        needed = set(FIELDS) - ({"cycle"} if stuck is not None else set())
        if missing := sorted(needed - set(record)):
            raise InputError(f"fault: field {missing[0]!r} is missing; an example is {EXAMPLE}")
        if not isinstance(record["memory"], str):
            raise InputError(f"fault: memory {record['memory']!r:.80} is not a name")
        persistent = record.get("persistent", False)
        if not isinstance(persistent, bool):
            raise InputError(f"fault: persistent {persistent!r:.80} is not true or false")
        bank, row = (whole(name, record[name]) for name in ("bank", "row"))
        cycle, image = (whole(name, record.get(name, 0)) for name in ("cycle", "image"))
        bits, cells = read_bits(record["bit"]), read_cells(record.get("cells", []))
        found = cls(record["space"], record["memory"], bank, row, bits, cycle, image, cells, stuck, persistent)
        found.check_model()
        return found

    def check_model(self) -> None:
        """Make sure that the fields fit each other.

        Raises
        ------
        InputError
            A stuck bit with a time, a persistent flip where nothing persists, or a bit that is named twice.
        """
        if self.stuck is not None:
            for name in ("cycle", "image", "persistent"):
                if getattr(self, name):
                    value = getattr(self, name)
                    raise InputError(f"fault: {name} {value} does not go with stuck, which is always; leave it out")
        if self.persistent and (self.space != MEMORY or self.memory not in LASTING):
            raise InputError(
                f"fault: persistent is for {' and '.join(LASTING)}, which the host writes; {self.memory!r:.80} is "
                "written again in every inference"
            )
        places = [(u.row, u.bit) for u in self.upsets]
        if len(set(places)) != len(places):
            raise InputError(f"fault: cells {list(map(list, self.cells))!r:.80} name a bit twice")

    def check(self, program: Program, cycles: int, images: int) -> None:
        """Make sure that the fault is one of a compiled model.

        Parameters
        ----------
        program
            The compiled model.
        cycles
            Cycles of one inference.
        images
            Number of inferences.

        Raises
        ------
        InputError
            The memory, the bit, the cycle or the image does not exist, or the fields do not fit each other.
        """
        self.check_model()
        memories, registers = program.memories, register_map(program.config)
        own, other = (memories, registers) if self.space == MEMORY else (registers, memories)
        if self.memory not in own:
            hint = f"use one of {', '.join(own)}"
            if self.memory in other:
                hint = f'it is in space "{REGISTERS if self.space == MEMORY else MEMORY}"'
            raise InputError(f"fault: space {self.space!r} has no {self.memory!r:.80} on {program.config.name}; {hint}")
        for upset in self.upsets:
            check_upset(upset, memories, registers, cycles)
        if self.image >= images:
            raise InputError(f"fault: image {self.image} of {images}; images count from 0")


def read_cells(raw: object) -> tuple[tuple[int, int], ...]:
    """Read bits of other rows, ``[[row, bit], ...]``."""
    if not isinstance(raw, list | tuple) or not all(isinstance(c, list | tuple) and len(c) == 2 for c in raw):
        raise InputError(f"fault: cells {raw!r:.80} is not a list of [row, bit]")
    return tuple((whole("row of cells", row), whole("bit of cells", bit)) for row, bit in raw)


AnyFault = Fault | HardwareFault


def fault_from_json(record: Mapping[str, Any]) -> AnyFault:
    """Read a fault of any space from its public JSON form.

    Raises
    ------
    InputError
        A field is missing, unknown or of the wrong type.
    """
    if not isinstance(record, Mapping) or record.get("space") in TENSOR_SPACES:
        return Fault.from_json(record)
    space = record.get("space")
    if space not in HARDWARE_SPACES:
        known = ", ".join((*TENSOR_SPACES, *HARDWARE_SPACES))
        raise InputError(f"fault: space {space!r:.80} is not one of {known}")
    return HardwareFault.from_json(record)
