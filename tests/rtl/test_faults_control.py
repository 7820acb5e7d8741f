"""Flip-flops that the machine does not model: all of them are found, and a flip of one acts as it has to."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accel_sim.machine import BitUpset
from accel_sim.rtl.control import NOT_THERE, REGISTERS, control_registers
from accel_sim.rtl.toolchain import SOURCES, sources
from tests.bench.rtl_control_faults import Control
from tests.bench.rtl_faults import TINY, agree

pytestmark = pytest.mark.rtl
ASSIGNED = re.compile(r"^\s*(\w+)(?:\[[^=<]*\])*(?:\.\w+(?:\[[^=<]*\])*)? +<= ", re.MULTILINE)
MODELLED = re.compile(r"mem|(pe|alu)_(act|wgt|acc|rqa|rqo)")
# Of other configurations: registers of latencies that tiny does not have.
LATE = {
    "accel_core": {"save_lane_late"},
    "accel_conv_engine": {"wgt_load"},
    "accel_alu_engine": {"wgt_load"},
    "accel_operands": {"lane_late"},
    "accel_buffers": {"reader_group_late"},
    "accel_parameters": {"row", "last"},
    "accel_ram": {"data_q"},
    "accel_delay": {"data_q"},
    "accel_stage": {"data_q", "valid_q"},
}
COUNTER = {"accel_fetch": {"cycles_q"}}  # nothing in the core reads it


def clocked(text: str) -> set[str]:
    """Names that a module assigns in its clocked blocks."""
    blocks = re.findall(r"always_ff.*?(?=^  (?:always|assign|end$|logic|for|if|//)|^endmodule|\Z)", text, re.S | re.M)
    return {name for block in blocks for name in ASSIGNED.findall(block)}


def test_every_clocked_variable_is_injected_or_modelled() -> None:
    seen = 0
    for path in sources():
        names = clocked(path.read_text())
        if path.stem in ("accel_ddr_model", "accel_bench"):  # beside the core
            continue
        known = set(REGISTERS.get(path.stem, ())) | LATE.get(path.stem, set()) | COUNTER.get(path.stem, set())
        assert {name for name in names if not MODELLED.fullmatch(name)} == known, path.stem
        seen += len(names)
    assert seen > 80


def test_the_simulator_has_them_all() -> None:
    found = control_registers(TINY, 4096, 64)
    names = {register.name for register in found}
    assert len(names) == len(found)
    own = {name.rsplit(".", 1)[-1] for name in names}
    assert own == {name for group in REGISTERS.values() for name in group}
    assert not names & set(NOT_THERE)
    sizes = {register.name: (register.array.rows, register.bits) for register in found}
    assert sizes["core.fetch.word_q"] == (1, 512)
    assert sizes["core.issue.tokens.count_q"] == (16, 8)
    assert sizes["core.issue.alu_queue.entries"] == (TINY.queue_depth, 493)
    assert sizes["core.fetch.state_q"] == (1, 3)
    assert len({register.group for register in found}) == 6


@pytest.fixture(scope="module")
def control() -> Control:
    return Control("random-17")


@pytest.mark.rtl_long
def test_the_word_that_waits_is_the_word_in_memory(control: Control) -> None:
    """A flip of the fetched word, before it is decoded, does what the same flip in instruction memory does."""
    injector, rng, statuses = control.rtl, np.random.default_rng(8), set[str]()
    schedule = injector.rtl.schedule
    for _ in range(150):
        number = int(rng.integers(len(injector.rtl.program.instructions)))
        bit, fetched = int(rng.integers(512)), int(schedule.fetch[number])
        if fetched == 0:
            continue
        early = injector.inject([BitUpset("ins", 0, number, bit, fetched - 1)])
        late = injector.inject([BitUpset("core.fetch.word_q", 0, 0, bit, fetched)])
        assert (early.status, early.detail) == (late.status, late.detail), (number, bit)
        assert agree(early, late), (number, bit)
        statuses.add(early.status)
    assert statuses == {"ok", "trap", "hang"}


@pytest.mark.rtl_long
def test_every_flip_flop_can_change_something(control: Control) -> None:
    """Struck at many cycles, every register but a few changes an outcome: none of them is a copy that nobody reads."""
    rng, silent = np.random.default_rng(9), []
    for register in control.registers:
        for _ in range(120):
            row, bit = int(rng.integers(register.array.rows)), int(rng.integers(register.bits))
            cycle = int(rng.integers(control.rtl.golden.cycles))
            if control.outcome(BitUpset(register.name, 0, row, bit, cycle)) != "masked":
                break
        else:
            silent.append(register.name)
    assert len(silent) < len(control.registers) // 5, silent


def test_the_committed_figures_are_of_this_design() -> None:
    path = SOURCES.parent / "docs/measurements/rtl_control_faults.json"
    found: dict[str, Any] = json.loads(Path(path).read_text())["generated"]
    assert found["injections"] >= 20_000
    assert found["control_bits"] == sum(r.all_bits for r in control_registers(TINY, 4096, 64))
    assert sum(found["outcomes"].values()) == found["injections"]
    for entry in found["missed_share"]:
        assert 0 < entry["share"]["low"] < entry["share"]["best"] < entry["share"]["high"] < 1
