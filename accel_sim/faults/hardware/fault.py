"""One upset of the accelerator itself: where, which bits, when; a frozen record with the public JSON form."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from accel_sim.config import register_map
from accel_sim.errors import InputError
from accel_sim.faults.fault import SPACES as TENSOR_SPACES
from accel_sim.faults.fault import Fault, read_bits, whole
from accel_sim.machine.memory import BitUpset, check_upset
from accel_sim.program import Program

MEMORY, REGISTERS = "memory", "registers"
HARDWARE_SPACES = (MEMORY, REGISTERS)
EXAMPLE = '{"space":"memory","memory":"wgt","bank":3,"row":117,"bit":42,"cycle":90211}'
FIELDS = ("memory", "bank", "row", "bit", "cycle")


@dataclass(frozen=True)
class HardwareFault:
    """Bits of one row of a memory, or of one register, that flip together.

    Attributes
    ----------
    space
        ``memory`` or ``registers``.
    memory
        Name of the memory or of the class of registers, as the configuration lists them.
    bank, row
        Which row; for registers a bank per lane and a row per register of the lane.
    bits
        Flipped bits; bit b of a row is bit ``b % 8`` of its byte ``b // 8``.
    cycle
        The flip acts after this clock edge of the inference and before the next.
    image
        Number of the image whose inference is struck.
    """

    space: str
    memory: str
    bank: int
    row: int
    bits: tuple[int, ...]
    cycle: int
    image: int = 0

    @property
    def upsets(self) -> tuple[BitUpset, ...]:
        """The flips as the machine takes them."""
        return tuple(BitUpset(self.memory, self.bank, self.row, bit, self.cycle) for bit in self.bits)

    def to_json(self) -> dict[str, Any]:
        """Return the public JSON form; `image` is left out when it is the first one."""
        bit = self.bits[0] if len(self.bits) == 1 else list(self.bits)
        record = {
            "space": self.space, "memory": self.memory, "bank": self.bank, "row": self.row, "bit": bit,
            "cycle": self.cycle,
        }  # fmt: skip
        return record | ({"image": self.image} if self.image else {})

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "HardwareFault":
        """Read the public JSON form; whether the bit exists is checked against a program later.

        Raises
        ------
        InputError
            A field is missing, unknown or of the wrong type.
        """
        known = {"space", *FIELDS, "image"}
        if unknown := sorted(set(record) - known, key=str):
            raise InputError(f"fault: unknown field {unknown[0]!r:.80}; the fields are {', '.join(sorted(known))}")
        if missing := sorted(set(FIELDS) - set(record)):
            raise InputError(f"fault: field {missing[0]!r} is missing; an example is {EXAMPLE}")
        if not isinstance(record["memory"], str):
            raise InputError(f"fault: memory {record['memory']!r:.80} is not a name")
        bank, row, cycle = (whole(name, record[name]) for name in ("bank", "row", "cycle"))
        image = whole("image", record.get("image", 0))
        return cls(record["space"], record["memory"], bank, row, read_bits(record["bit"]), cycle, image)

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
            The memory, the bit, the cycle or the image does not exist.
        """
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
