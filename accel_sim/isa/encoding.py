"""Instructions to 512-bit words and back; the layout follows from the fields' declared widths."""

from dataclasses import fields

from accel_sim.config.memories import INSTRUCTION_BYTES
from accel_sim.isa.instructions import OPCODES, Instruction

OPCODE_BITS = 4
_OPCODE_OF = {kind: number for number, kind in OPCODES.items()}


class IllegalInstructionError(ValueError):
    """A word that is no instruction."""


def _layout(kind: type[Instruction]) -> tuple[tuple[str, int, int], ...]:
    found, position = [("opcode", 0, OPCODE_BITS)], OPCODE_BITS
    for item in fields(kind):
        width = int(item.metadata["bits"])
        found.append((item.name, position, width))
        position += width
    if position > 8 * INSTRUCTION_BYTES:
        raise AssertionError(f"{kind.__name__} takes {position} bits of {8 * INSTRUCTION_BYTES}")
    return tuple(found)


_LAYOUTS = {kind: _layout(kind) for kind in OPCODES.values()}


def layout(kind: type[Instruction]) -> tuple[tuple[str, int, int], ...]:
    """Return the fields of an instruction as (name, lowest bit, width), the opcode first; other bits are zero."""
    return _LAYOUTS[kind]


def encode(instruction: Instruction) -> bytes:
    """Return the instruction's word, least significant byte first.

    Raises
    ------
    IllegalInstructionError
        A value does not fit its field.
    """
    word = _OPCODE_OF[type(instruction)]
    for name, position, width in layout(type(instruction))[1:]:
        value = int(getattr(instruction, name))
        if not 0 <= value < 1 << width:
            raise IllegalInstructionError(f"{type(instruction).__name__}.{name} is {value}: no {width}-bit number")
        word |= value << position
    return word.to_bytes(INSTRUCTION_BYTES, "little")


def decode(word: bytes) -> Instruction:
    """Return the instruction of a word.

    Raises
    ------
    IllegalInstructionError
        The opcode is unknown, or a bit outside the fields is set.
    """
    value = int.from_bytes(word, "little")
    kind = OPCODES.get(value & ((1 << OPCODE_BITS) - 1))
    if kind is None:
        raise IllegalInstructionError(f"opcode {value & ((1 << OPCODE_BITS) - 1)} is unknown")
    fields_of = layout(kind)
    _, position, width = fields_of[-1]
    if value >> (position + width):
        raise IllegalInstructionError(f"a bit outside the fields of {kind.__name__} is set")
    return kind(**{name: (value >> position) & ((1 << width) - 1) for name, position, width in fields_of[1:]})
