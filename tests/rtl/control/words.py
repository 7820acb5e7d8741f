"""Instruction words for the tests: legal ones with random fields, with a field at a corner, and spoilt ones."""

from dataclasses import fields, replace

import numpy as np

from accel_sim.isa import (
    Conv,
    End,
    Host,
    IllegalInstructionError,
    Instruction,
    Load,
    Save,
    Transfer,
    decode,
    encode,
)
from accel_sim.isa.geometry import check
from tests.rtl.programs import TINY
from tests.rtl.test_instructions import KINDS

DDR_BYTES, CALLS = 4096, 3
WORD_BITS = 512
ENGINES = {Load: 0, Save: 1, Conv: 2}
HOST, END, TRAP = "host", "end", "trap"


def meaning(word: int) -> int | str:
    """What the machine makes of a word: the engine's number, HOST, END, or TRAP."""
    try:
        instruction = decode(word.to_bytes(WORD_BITS // 8, "little"))
        check(instruction, TINY, DDR_BYTES, CALLS)
    except IllegalInstructionError:
        return TRAP
    if isinstance(instruction, Host | End):
        return HOST if isinstance(instruction, Host) else END
    return ENGINES.get(type(instruction), 3)


def number(instruction: Instruction) -> int:
    """Return the word."""
    return int.from_bytes(encode(instruction), "little")


def any_instruction(rng: np.random.Generator) -> Instruction:
    """Random fields, mostly legal; masks and layer are any."""
    kind = ("conv", "alu", "transfer", "host")[int(rng.integers(4))]
    made = Host(call=int(rng.integers(CALLS + 1))) if kind == "host" else KINDS[kind](rng)
    masks = {"wait": int(rng.integers(16)), "signal": int(rng.integers(16)), "layer": int(rng.integers(1 << 12))}
    return replace(made, **masks)


def corner(instruction: Instruction, rng: np.random.Generator) -> Instruction:
    """Set one field to nothing, to one, to its most, to a neighbour, or so that its memory is just full."""
    names = [f for f in fields(instruction) if f.name not in ("wait", "signal", "layer")]
    one = names[int(rng.integers(len(names)))]
    value, most = getattr(instruction, one.name), (1 << one.metadata["bits"]) - 1
    chosen = int(rng.choice([0, 1, most, most // 2, value - 1, value + 1, 2 * value]))
    return replace(instruction, **{one.name: min(max(chosen, 0), most)})


def at_the_end(instruction: Instruction, rng: np.random.Generator) -> Instruction:
    """Move the instruction so that the last row it touches is the last of its memory, or the first behind it."""
    if not isinstance(instruction, Transfer):
        return instruction
    extra, legal = int(rng.integers(2)), instruction
    for step in (1 << n for n in reversed(range(16))):
        further = replace(legal, base=min(legal.base + step, (1 << 16) - 1))
        if meaning(number(further)) != TRAP:
            legal = further
    return replace(legal, base=legal.base + extra)


def any_word(rng: np.random.Generator) -> int:
    """Return a word: legal, at a corner, with a flipped bit, or of random bits."""
    draw = rng.random()
    if draw < 0.03:
        return int.from_bytes(rng.bytes(WORD_BITS // 8), "little")
    if draw < 0.05:
        return number(End()) | int(rng.random() < 0.5) << int(rng.integers(24, WORD_BITS))
    made = any_instruction(rng)
    if draw < 0.45:
        made = corner(made, rng)
    elif draw < 0.6:
        made = at_the_end(made, rng)
    return number(made) ^ (1 << int(rng.integers(WORD_BITS)) if draw > 0.85 else 0)


def legal_word(rng: np.random.Generator) -> int:
    """Return a word for one of the engines, or HOST."""
    while True:
        word = number(any_instruction(rng))
        if meaning(word) not in (TRAP, END):
            return word
