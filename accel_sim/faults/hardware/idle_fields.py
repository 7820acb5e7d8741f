"""Fields that an instruction does not use: a pitch of a loop with a single turn, the second operand of one with none.

A flip in such a field changes neither what an instruction does, nor when, nor whether it is legal.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from accel_sim.config import AcceleratorConfig
from accel_sim.isa import Alu, Compute, IllegalInstructionError, Instruction, Transfer, decode
from accel_sim.isa.geometry import MEMORY_NAMES, lanes_of
from accel_sim.isa.instructions import TWO_OPERANDS
from accel_sim.machine import BitUpset
from accel_sim.program import Program


def without_idle_fields(i: Instruction, config: AcceleratorConfig) -> Instruction:
    """Return an instruction with the fields that it does not use set to zero: equal ones do the same."""
    idle: list[str] = []
    if isinstance(i, Transfer):
        name = MEMORY_NAMES.get(i.memory)
        idle += ["pitch_y", "ddr_pitch_y"] if i.ny == 1 else []
        idle += ["ddr_pitch_x"] if i.nx == 1 else []
        idle += ["pitch_x"] if name is not None and i.nx <= lanes_of(name, config) else []
    elif isinstance(i, Compute):
        pairs = isinstance(i, Alu) and i.op in TWO_OPERANDS
        # The first of two operands is read along the output; its bounds alone decide whether it is legal.
        height = max(i.in_height, i.out_height) if pairs else i.in_height
        width = max(i.in_width, i.out_width) if pairs else i.in_width
        idle += ["in_pitch_y"] if height == 1 else []
        idle += ["in_pitch_x"] if width <= config.pixel_parallel else []
        idle += ["out_pitch_y"] if i.out_height == 1 else []
        idle += ["out_pitch_x"] if i.out_width <= config.pixel_parallel else []
        idle += [f"dilation_{axis}" for axis, size in (("y", i.kernel_y), ("x", i.kernel_x)) if size == 1]
        if isinstance(i, Alu) and not pairs:
            idle += ["second_base", "second_pitch_y", "second_pitch_x", "broadcast", "second_zero"]
            idle += ["real_a", "real_b", "real_c"]
    return replace(i, **dict.fromkeys(idle, 0)) if idle else i


def changes_nothing(program: Program, upsets: Iterable[BitUpset]) -> bool:
    """Whether flips of instruction memory are all in fields that their instructions do not use."""
    words: dict[int, NDArray[np.uint8]] = {}
    for upset in upsets:
        words.setdefault(upset.row, program.words[upset.row].copy())[upset.bit // 8] ^= np.uint8(1 << upset.bit % 8)
    try:
        struck = {row: decode(word.tobytes()) for row, word in words.items()}
    except IllegalInstructionError:
        return False
    own, config = program.instructions, program.config
    return all(without_idle_fields(i, config) == without_idle_fields(own[row], config) for row, i in struck.items())
