"""Single instructions with random fields on random memories: what no compiler would write is executed alike.

``ACCEL_SIM_RTL_INSTRUCTIONS`` sets how many of each kind (400 by default).
"""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest

from accel_sim.config import MemorySpec, memory_map, register_map
from accel_sim.config.memories import DDR_ROW_BYTES
from accel_sim.isa import (
    Alu,
    AluOp,
    Compute,
    Conv,
    End,
    IllegalInstructionError,
    Instruction,
    Load,
    Save,
    Transfer,
    decode,
    encode,
)
from accel_sim.isa.geometry import accesses, check
from accel_sim.machine import execute
from accel_sim.machine.memory import Memory
from accel_sim.machine.timing import schedule
from accel_sim.rtl.simulation import Simulation, Status
from tests.rtl.programs import TINY

COUNT = int(os.environ.get("ACCEL_SIM_RTL_INSTRUCTIONS", "400"))
DDR_ROWS = 256
MOST_CYCLES = 3000
pytestmark = pytest.mark.rtl


@cache
def simulation() -> Simulation:
    return Simulation(TINY, DDR_ROWS * DDR_ROW_BYTES, 8)


def reals(rng: np.random.Generator) -> int:
    """Return the bits of a float32: mostly a sensible scale, sometimes anything."""
    if rng.random() < 0.2:
        return int(rng.integers(1 << 32))
    return int(np.float32(rng.normal() * 2.0 ** rng.integers(-9, 2)).view(np.uint32))


def window(rng: np.random.Generator) -> dict[str, int]:
    """Random fields of :class:`Compute`: windows that stick out on all sides, views that skip rows."""
    height, width, groups = (int(rng.integers(1, n)) for n in (6, 8, 4))
    low, high = sorted(int(n) for n in rng.integers(256, size=2))

    def pick(low: int, high: int) -> int:
        return int(rng.integers(low, high))

    return {
        "in_base": pick(0, 600), "in_pitch_y": pick(0, 40), "in_pitch_x": pick(0, 6), "in_height": height,
        "in_width": width, "in_groups": groups, "tail": pick(1, 5), "kernel_y": pick(1, 4), "kernel_x": pick(1, 4),
        "stride_y": pick(1, 4), "stride_x": pick(1, 5), "dilation_y": pick(1, 4), "dilation_x": pick(1, 4),
        "pad_top": pick(0, 5), "pad_left": pick(0, 5), "out_base": pick(0, 600), "out_pitch_y": pick(4, 30),
        "out_pitch_x": pick(0, 6), "out_height": pick(1, 4), "out_width": pick(1, 7), "out_groups": pick(1, 4),
        "weight_base": pick(0, 60), "bias_base": pick(0, 30), "parameter_base": pick(0, 30), "x_zero": pick(0, 256),
        "mode": pick(0, 3), "zero": pick(0, 256), "low": low, "high": high,
        "shift": pick(0, 32) if rng.random() < 0.3 else 0,
    }  # fmt: skip


def conv(rng: np.random.Generator) -> Instruction:
    fields = window(rng)
    first, last = (int(rng.random() < 0.7) for _ in range(2))
    if not (first and last):
        fields |= {"out_height": 1, "out_groups": 1, "out_width": int(rng.integers(1, 3))}
    return Conv(**fields, first=first, last=last)


def alu(rng: np.random.Generator) -> Instruction:
    fields, op = window(rng), int(rng.integers(len(AluOp)))
    if op >= AluOp.TABLE:
        fields |= {"kernel_y": 1, "kernel_x": 1, "stride_y": 1, "stride_x": 1}
    if op == AluOp.TABLE:
        fields["weight_base"] = int(rng.integers(2))
    if op in (AluOp.ADD, AluOp.MULTIPLY):  # they read as many pixels as they write
        fields |= {"in_height": fields["out_height"], "in_width": fields["out_width"]}
    return Alu(
        **fields, op=op, second_base=int(rng.integers(600)), second_pitch_y=int(rng.integers(30)),
        second_pitch_x=int(rng.integers(6)), broadcast=int(rng.integers(2)), second_zero=int(rng.integers(256)),
        real_a=reals(rng), real_b=reals(rng), real_c=reals(rng),
    )  # fmt: skip


def transfer(rng: np.random.Generator) -> Instruction:
    kind = Load if rng.random() < 0.6 else Save
    memory = int(rng.integers(6)) if kind is Load else 0
    width, count = (4, 4, 4, 4, 8, 1)[memory], int(rng.integers(1, 5))
    valid = count * width - (int(rng.integers(width)) if memory != 4 else 0)
    return kind(
        memory=memory, address=int(rng.integers(2000)), ny=int(rng.integers(1, 4)), nx=int(rng.integers(1, 7)),
        nc=count, valid=valid, ddr_pitch_y=int(rng.integers(300)), ddr_pitch_x=int(rng.integers(60)),
        base=int(rng.integers(300)), pitch_y=int(rng.integers(30)), pitch_x=int(rng.integers(8)),
    )  # fmt: skip


KINDS: dict[str, Callable[[np.random.Generator], Instruction]] = {"conv": conv, "alu": alu, "transfer": transfer}


def legal(kind: str, rng: np.random.Generator) -> Instruction:
    while True:
        instruction = KINDS[kind](rng)
        try:
            check(instruction, TINY, DDR_ROWS * DDR_ROW_BYTES, 0)
        except IllegalInstructionError:
            continue
        if schedule([instruction, End()], TINY).cycles < MOST_CYCLES and not overlaps(instruction):
            return instruction


def overlaps(instruction: Instruction) -> bool:
    """Whether rows are read and written: the machine stores a block at once, the hardware four edges later."""
    img = [a for a in accesses(instruction, TINY) if a.memory == "img"]
    written = [a for a in img if a.write]
    return any(a.low < w.high and w.low < a.high for a in img for w in written if not a.write)


def memories(rng: np.random.Generator) -> dict[str, Memory]:
    """Random contents; a quarter of the requantisation parameters may be any bits."""
    specs = {**memory_map(TINY), "ddr": MemorySpec("ddr", 1, DDR_ROWS, DDR_ROW_BYTES, "ddr", "")}
    found = {name: Memory(spec) for name, spec in specs.items()}
    for memory in found.values():
        memory.data[...] = rng.integers(256, size=memory.data.shape)
    entries = found["rqp"].data
    sane = rng.random(entries.shape[:2]) < 0.75
    scales = np.float32(2.0) ** rng.uniform(-18, -4, entries.shape[:2]).astype(np.float32)
    entries[..., :4][sane] = scales.view(np.uint8).reshape(*entries.shape[:2], 4)[sane]
    entries[..., 4][sane] = rng.integers(-2, 20, entries.shape[:2]).astype(np.int8).view(np.uint8)[sane]
    entries[..., 6][sane] = 0
    return found


def run_both(instructions: Sequence[Instruction], content: dict[str, Memory]) -> None:
    """Run on both; compare all memories, accumulators and cycles."""
    rtl = simulation()
    for name, memory in content.items():
        if name != "ddr":
            for bank, rows in zip(rtl.banks[name], memory.data, strict=True):
                bank[...] = rows
    size = DDR_ROWS * DDR_ROW_BYTES
    rtl.banks["ddr"][0][:size, 0] = content["ddr"].data.reshape(-1)
    program = [*instructions, End()]
    for row, instruction in enumerate(program):
        rtl.banks["ins"][0][row] = np.frombuffer(encode(instruction), np.uint8)
    rtl.start(len(program), size, 0)
    times = schedule(program, TINY)
    assert rtl.run(times.cycles + 1) is Status.ENDED, instructions
    assert rtl.cycles == times.cycles, instructions
    accumulators = {
        spec.engine: np.zeros((spec.banks, spec.rows), np.int32)
        for name, spec in register_map(TINY).items()
        if name.endswith("_acc")
    }
    for instruction in instructions:
        if isinstance(instruction, Compute):
            execute.compute(instruction, TINY, content, accumulators, 0, execute.NO_EVENTS)
        else:
            assert isinstance(instruction, Transfer)
            execute.transfer(instruction, TINY, content)
    for name, memory in content.items():
        if name != "ddr":
            assert np.array_equal(np.stack(rtl.banks[name]), memory.data), (name, instructions)
    assert np.array_equal(rtl.banks["ddr"][0][:size, 0], content["ddr"].data.reshape(-1)), instructions
    for name, engine in (("pe_acc", "CONV"), ("alu_acc", "ALU")):
        words = np.stack(rtl.banks[name]).view(np.int32)[..., 0]
        assert np.array_equal(words, accumulators[engine]), (name, instructions)


@pytest.mark.parametrize("kind", KINDS)
def test_random_instructions(kind: str) -> None:
    rng, seen = np.random.default_rng([7, len(kind)]), Counter[Any]()
    for _ in range(COUNT):
        instruction = legal(kind, rng)
        run_both([instruction], memories(rng))
        seen[getattr(instruction, "op", getattr(instruction, "memory", None)), getattr(instruction, "mode", 0)] += 1
    wanted = {"conv": 3, "alu": 18, "transfer": 6}[kind]
    assert len(seen) == wanted, seen


def test_sums_go_on_from_instruction_to_instruction() -> None:
    rng = np.random.default_rng(11)
    for _ in range(COUNT // 10):
        chain = []
        for position in range(3):
            fields = window(rng) | {"out_height": 1, "out_groups": 1, "out_width": 2, "kernel_y": 1, "in_height": 1}
            chain.append(Conv(**fields, first=int(position == 0), last=int(position == 2)))
        try:
            for instruction in chain:
                check(instruction, TINY, DDR_ROWS * DDR_ROW_BYTES, 0)
        except IllegalInstructionError:
            continue
        if any(map(overlaps, chain)):
            continue
        run_both(chain, memories(rng))


def test_words_that_are_no_instructions_trap() -> None:
    """Every single-bit change of random instructions: legal in Python, or a trap in the hardware, never both."""
    rng, rtl, seen = np.random.default_rng(5), simulation(), Counter[bool]()
    size = DDR_ROWS * DDR_ROW_BYTES
    for number in range(COUNT):
        word = bytearray(encode(legal(list(KINDS)[number % 3], rng)))
        bit = int(rng.integers(512))
        word[bit // 8] ^= 1 << bit % 8
        try:
            instruction = decode(bytes(word))
            check(instruction, TINY, size, 0)
            fine = True
        except IllegalInstructionError:
            fine = False
        rtl.banks["ins"][0][0] = np.frombuffer(bytes(word), np.uint8)
        rtl.banks["ins"][0][1] = np.frombuffer(encode(End()), np.uint8)
        rtl.start(2, size, 0)
        assert (rtl.run(3) is Status.TRAPPED) == (not fine), (bit, bytes(word))
        seen[fine] += 1
    assert min(seen[True], seen[False]) > COUNT // 20
