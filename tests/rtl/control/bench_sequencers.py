"""cocotb tests of the sequencers: every output at every edge of random instructions, one after the other."""

# mypy: disable-error-code="untyped-decorator"
from collections import Counter
from dataclasses import replace
from typing import Any

import cocotb
import numpy as np

from accel_sim.config import AcceleratorConfig
from accel_sim.isa import Alu, Compute, Conv, IllegalInstructionError, encode
from accel_sim.isa.geometry import check, duration, walk
from tests.rtl.control.driving import Instance, reset
from tests.rtl.control.sequencer_model import FLAGS, Sequence, unpack
from tests.rtl.programs import TINY
from tests.rtl.test_instructions import alu, conv

# As in control_bench.sv.
KINDS = (conv, conv, alu, alu)
LANES, PIXELS = (2, 4, 1, 2), (2, 4, 2, 4)
LATENCIES = ((0, 0), (1, 2), (0, 0), (1, 0))
COMMON_BITS, COMPUTE_BITS = 24, 329
DDR_BYTES, MOST_CYCLES, INSTRUCTIONS = 4096, 500, 80


def config_of(number: int) -> AcceleratorConfig:
    """Configuration of an instance."""
    sizes: dict[str, Any] = {"pixel_parallel": PIXELS[number], "alu_pixel_parallel": LANES[number] if number > 1 else 1}
    return replace(TINY, name="other", image_groups=4 // PIXELS[number], **sizes)


def draw(number: int, rng: np.random.Generator) -> Compute:
    """A legal instruction, not too long; its output may be wider than a turn of all banks."""
    config = config_of(number)
    while True:
        made = KINDS[number](rng)
        assert isinstance(made, Compute)
        if made.out_height > 1 and rng.random() < 0.5:
            made = replace(made, out_width=int(rng.integers(1, 14)))
        try:
            check(made, config, DDR_BYTES, 0)
        except IllegalInstructionError:
            continue
        if duration(made, config) < MOST_CYCLES:
            return made


def words(i: Compute) -> dict[str, int]:
    """The structures at a sequencer's input."""
    word = int.from_bytes(encode(i), "little") >> COMMON_BITS
    above = word >> COMPUTE_BITS
    rest = {"conv": above & 3} if isinstance(i, Conv) else {"alu": above & (1 << 156) - 1}
    return {"compute": word & (1 << COMPUTE_BITS) - 1, **rest}


async def check_sequencer(sequencer: Instance, seen: Counter[Any]) -> None:
    """Random instructions; the next one starts when the last one's last store has passed, or some edges later."""
    rng = np.random.default_rng(sequencer.random.getrandbits(64))
    config, late = config_of(sequencer.number), LATENCIES[sequencer.number]
    for _ in range(INSTRUCTIONS):
        instruction = draw(sequencer.number, rng)
        known = Sequence(instruction, config, *late)
        edges = known.edges()
        for edge in range(-int(rng.integers(3)), known.last_edge + 1):
            # Only at the edge of the start does the instruction stand at the input.
            sequencer.set(start=edge == 0)
            if edge in (0, 1):
                sequencer.set(**(words(instruction) if edge == 0 else dict.fromkeys(words(instruction), 0)))
            await sequencer.settled()
            found, wanted = unpack(sequencer.get("now")), dict.fromkeys(FLAGS, 0)
            wanted |= {"busy": int(edge > 0), **(edges.get(edge, {}) if edge > 0 else {})}
            wrong = {name: (found[name], value) for name, value in wanted.items() if found[name] != value}
            assert not wrong, f"sequencer {sequencer.number}, edge {edge}: found, expected {wrong}; {instruction}"
            await sequencer.edge()
        loops = walk(instruction, config)
        seen[sequencer.number, getattr(instruction, "op", 0)] += 1
        seen[f"{loops.phases} phases"] += 1
    sequencer.set(start=0)
    assert isinstance(instruction, Conv | Alu)


@cocotb.test()
async def sequencers(dut: Any) -> None:
    """CONV and ALU of several widths and latencies: loops, addresses, padding, times."""
    seen = Counter[Any]()
    tasks = [cocotb.start_soon(check_sequencer(s, seen)) for s in await reset(dut, "sequencer", len(KINDS))]
    for task in tasks:
        await task
    assert {(2, op) for op in range(6)} | {(3, op) for op in range(6)} <= set(seen), seen
    assert {"1 phases", "2 phases", "4 phases"} <= set(seen), seen
