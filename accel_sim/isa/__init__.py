"""The instruction set: instructions, their bit fields, and the closed forms of what they touch and when."""

from accel_sim.isa.encoding import IllegalInstructionError, decode, encode, layout
from accel_sim.isa.instructions import (
    ALU_OPS,
    ENGINE_OF,
    MODES,
    OPCODES,
    Alu,
    AluOp,
    Compute,
    Conv,
    End,
    Host,
    Instruction,
    Load,
    Save,
    Transfer,
)

__all__ = [
    "ALU_OPS",
    "ENGINE_OF",
    "MODES",
    "OPCODES",
    "Alu",
    "AluOp",
    "Compute",
    "Conv",
    "End",
    "Host",
    "IllegalInstructionError",
    "Instruction",
    "Load",
    "Save",
    "Transfer",
    "decode",
    "encode",
    "layout",
]
