"""After every edge, and so after every instruction, every row of every memory in the RTL is the machine's."""

import functools
import shutil
from pathlib import Path

import numpy as np
import pytest

from accel_sim.machine import BitUpset
from accel_sim.rtl import build
from accel_sim.rtl.accelerator import RtlAccelerator
from accel_sim.rtl.toolchain import SOURCES
from tests.rtl import programs
from tests.rtl.lockstep import follow
from tests.rtl.programs import random_pair

SEEDS = (0, 1, 2, 5, 7, 9, 11, 17)
# Whatever is written goes to another row too: one that no small program ever reads, so that all outputs are right.
CORRUPTS = ("accel_ram.sv", "mem[write_row_i] <= write_data_i;", "mem[RowBits'(Depth - 1)] <= write_data_i;")
pytestmark = pytest.mark.rtl


@pytest.mark.parametrize("seed", SEEDS)
def test_all_memories_are_the_machines_after_every_edge(seed: int) -> None:
    case = random_pair(seed)
    difference, instructions = follow(case)
    assert difference == []
    assert instructions > 5


def test_one_bit_of_a_row_that_nobody_reads_is_noticed() -> None:
    """A bit of any memory that changes by itself is seen at the next edge, whatever the program does with the row."""
    case, rng = random_pair(17), np.random.default_rng(8)
    last = case.machine.schedule.cycles - 2
    for name in ("img", "wgt", "dwt", "bias", "rqp", "tab", "ddr", "ins"):
        spec, edge = case.machine.memories[name].spec, int(rng.integers(1, last))
        bank, bit = int(rng.integers(spec.banks)), int(rng.integers(8 * spec.row_bytes))
        # The last row is one that this program does not use, except in the memories off the chip.
        upset = BitUpset(name, bank, spec.rows - 1, bit, edge)

        def strike(now: int, upset: BitUpset = upset) -> None:
            if now == upset.cycle and upset.memory != "ins":
                case.rtl.strike(upset)
            elif now == upset.cycle:
                case.rtl.memories["ins"].data[0, upset.row, upset.bit // 8] ^= np.uint8(1 << upset.bit % 8)

        assert follow(case, strike)[0] == [f"{name} after {edge + 1} edges"]
    assert follow(case)[0] == []


def test_hardware_that_spoils_an_unrelated_row_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its outputs are those of the engine all the same."""
    folder = tmp_path / "rtl"
    shutil.copytree(SOURCES, folder)
    file, right, more = CORRUPTS
    text = (folder / file).read_text()
    assert text.count(right) == 1
    (folder / file).write_text(text.replace(right, f"{right} {more}"))
    monkeypatch.setattr(build, "OPTIMISATION", ("-O0", "-O0"))  # it runs for some thousand cycles only
    monkeypatch.setattr(programs, "RtlAccelerator", functools.partial(RtlAccelerator, folder=folder))
    case = random_pair(5)
    found = case.rtl.run(case.image)
    assert {n: v.tobytes() for n, v in found.outputs.items()} == {n: v.tobytes() for n, v in case.expected.items()}
    difference, _ = follow(case)
    assert difference
