"""Programs for toplevels behind a bus: generated graphs with their checker, and raw instructions."""

from dataclasses import dataclass
from random import Random

import numpy as np

from accel_sim.compiler import compile_graph
from accel_sim.config import PRESETS
from accel_sim.engine import Engine
from accel_sim.inputs import split_images
from accel_sim.isa import End, IllegalInstructionError, Instruction, Load, Save, encode
from accel_sim.isa.geometry import check
from accel_sim.machine import execute
from accel_sim.machine.machine import Array
from accel_sim.machine.memory import Memory
from accel_sim.model import import_onnx
from accel_sim.program import Program
from accel_sim.reference import host_runner
from accel_sim.rtl.cocotb_checker import ProgramChecker
from accel_sim.rtl.cocotb_memory import HostMemory
from tests.generators import random_graph

TINY = PRESETS["tiny"]


@dataclass(frozen=True, eq=False)
class Case:
    """A program in memory, an image, and who knows the answer."""

    program: Program
    memory: HostMemory
    image: dict[str, Array]
    checker: ProgramChecker


def case(seed: int, ddr_base: int) -> Case:
    """Compile a generated graph and put it at an address."""
    model, feeds = random_graph(seed)
    graph = import_onnx(model)
    engine, program = Engine(graph, host_runner), compile_graph(graph, TINY)
    image = dict(split_images(graph, feeds, "inputs").items[0])
    memory = HostMemory(program, engine.run_node, ddr_base=ddr_base)
    return Case(program, memory, image, ProgramChecker(program, engine.run_node))


def copies(memory: HostMemory, random: Random, count: int) -> list[Instruction]:
    """Return LOADs of image words and SAVEs of them elsewhere in DDR, each pair across a page boundary."""
    size, found = memory.ddr_bytes, list[Instruction]()
    edges = [edge - memory.ddr_base for edge in range(4096, memory.ddr_base + size, 4096) if edge > memory.ddr_base]
    while len(found) < 2 * count:
        words, valid = random.randint(1, 6), 0
        valid = 4 * words - random.randint(0, 3)
        shape = {"ny": random.randint(1, 3), "nx": random.randint(1, 6), "nc": words, "valid": valid, "memory": 0}
        rows = {"base": random.randint(0, 200), "pitch_y": 40, "pitch_x": words}
        pair = [
            kind(
                **shape, **rows, address=max(random.choice(edges) - random.randint(0, 40), 0),
                ddr_pitch_y=random.choice((0, 100, 333)), ddr_pitch_x=random.choice((valid, valid, valid + 5)),
                wait=wait, signal=signal,
            )
            for kind, wait, signal in ((Load, 0b0010 if found else 0, 0b0010), (Save, 0b0001, 0b0001))
        ]  # fmt: skip
        try:
            for instruction in pair:
                check(instruction, TINY, size, 0)
        except IllegalInstructionError:
            continue
        found += pair
    return found


def place(memory: HostMemory, instructions: list[Instruction]) -> dict[str, Memory]:
    """Replace a program by other instructions and DDR by random bytes; return what the machine makes of it."""
    words = np.frombuffer(b"".join(encode(i) for i in [*instructions, End()]), np.uint8).reshape(-1, 64)
    assert len(words) == len(memory.program.instructions), "as many as there is room for"
    memory.memories["ins"].data[0] = words
    ddr = memory.memories["ddr"].data
    ddr[...] = np.random.default_rng(3).integers(256, size=ddr.shape)
    expected = {name: Memory(m.spec) for name, m in memory.memories.items()}
    expected["ddr"].data[...] = ddr
    for instruction in instructions:
        execute.transfer(instruction, TINY, expected)
    return expected
