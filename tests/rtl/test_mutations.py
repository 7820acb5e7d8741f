"""Planted mistakes in the control side of the RTL: every one is caught by the tests that pass on the real one."""

import functools
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accel_sim.isa import Instruction, Load
from accel_sim.isa.geometry import MEMORY_NAMES, duration
from accel_sim.rtl.accelerator import RtlAccelerator
from accel_sim.rtl.simulation import Simulation
from accel_sim.rtl.toolchain import SOURCES
from tests.rtl import programs, test_accelerator, test_instructions
from tests.rtl.programs import TINY

pytestmark = pytest.mark.rtl_long
GRAPHS = (1, 2, 5, 7, 9, 11, 17)
# With four pixels in parallel, strides of 1, 2 and 4 take a different number of phases; with two they cannot.
FOUR_PIXELS: dict[str, Any] = {"pixel_parallel": 4, "alu_pixel_parallel": 2, "queue_depth": 2, "fetch_cycles": 3}
FOUR_PIXEL_GRAPHS = (2, 7, 10, 12, 25, 34)
INSTRUCTIONS = 60
QUEUES = 12
MUTATIONS = {
    "lost token": ("accel_tokens.sv", "CountBits'(give_i[source] && signal_i[source][target])", "CountBits'(1'b0)"),
    "token not taken": ("accel_tokens.sv", "- CountBits'(take_i[target] && wait_i[target][source])", "- CountBits'(0)"),
    "nobody waits": ("accel_tokens.sv", "          present_o[target] = 1'b0;", "          present_o[target] = 1'b1;"),
    "queue one shorter": ("accel_queue.sv", "CountBits'(Depth);", "CountBits'(Depth - 1);"),
    "queue takes no push at a pop": ("accel_queue.sv", "count_q != Full || pop", "count_q != Full"),
    "fetch one later": ("accel_fetch.sv", "TimerBits'(FetchCycles - 1)", "TimerBits'(FetchCycles + 1)"),
    "host not waited for": (
        "accel_fetch.sv",
        "state_d = is_end ? StEnded : StHost",
        "state_d = is_end ? StEnded : StFetch",
    ),
    "end while busy": ("accel_fetch.sv", "          if (idle_i) begin", "          if (idle_i || is_end) begin"),
    "trap ignored": ("accel_fetch.sv", "if (!legal) begin", "if (!legal && is_host) begin"),
    "extent off by one": ("accel_decode.sv", "transfer_high <= transfer_rows", "transfer_high < transfer_rows"),
    "bits beyond the fields": (
        "accel_decode.sv",
        "compute_ok && word_i[InstructionBits-1:ConvBits] == '0",
        "compute_ok",
    ),
    "partial word not filled": ("accel_transfer.sv", "17'(b) < buffer_left_q", "17'(b) <= buffer_left_q"),
    "lane not reset": ("accel_transfer.sv", "buffer_last_x || lane_q == last_lane", "lane_q == last_lane"),
    "bandwidth forgotten": ("accel_transfer.sv", "credit >= cost", "credit >= '0"),
    "address of the next line": (
        "accel_transfer.sv",
        "address_q       <= line_address_q +",
        "address_q       <= address_q +",
    ),
    "dilation of lines": (
        "accel_sequencer.sv",
        "lines_q <= lines_q + dilation_lines",
        "lines_q <= lines_q + ins_q.in_pitch_y",
    ),
    "dilation in padding": (
        "accel_sequencer.sv",
        "row_q   <= row_q + 24'(ins_q.dilation_y)",
        "row_q   <= row_q + 24'd1",
    ),
    "weights of the next block": ("accel_sequencer.sv", "block_end && !group_end ? wgt_group_q", "1'b0 ? wgt_group_q"),
    "sum not started": ("accel_sequencer.sv", "tap_first && (IsAlu || conv_q.first)", "tap_first && IsAlu"),
    "result not last": (
        "accel_sequencer.sv",
        "assign wants_result  = IsAlu || conv_q.last;",
        "assign wants_result  = 1'b1;",
    ),
    "store one early": (
        "accel_sequencer.sv",
        "store_line_o = stages_q[StoreStage].line",
        "store_line_o = stages_q[StoreStage-1].line",
    ),
    "phases of the stride": ("accel_sequencer.sv", "zeros = 4'(b - 1);", "zeros = 4'(0);"),
    "pixels beyond the tile": (
        "accel_sequencer.sv",
        "slot.block && out_x_q + 14'(lane) < 14'(ins_q.out_width)",
        "slot.block",
    ),
    "tail off by one": ("accel_operands.sv", "c >= 32'(tail_i)", "c > 32'(tail_i)"),
    "negative pixels": ("accel_operands.sv", "row_inside_i && column[l] >= 0 &&", "row_inside_i &&"),
    "rows of biases swapped": ("accel_parameters.sv", "{bias_data_i, staged_q}", "{staged_q, bias_data_i}"),
    "biases too early": (
        "accel_parameters.sv",
        "      staged_q <= {bias_data_i",
        "      bias_q[7:0] <= '0; staged_q <= {bias_data_i",
    ),
    "bank group ignored": (
        "accel_buffers.sv",
        "writes[w]  = img_write_i[w][Lane] && img_write_line_i[w][Lane][15:ImgRowBits] == Group",
        "writes[w]  = img_write_i[w][Lane]",
    ),
    "swapped bank": (
        "accel_buffers.sv",
        "img_data[g*PixelParallel+lane]",
        "img_data[g*PixelParallel+(PixelParallel-1-lane)]",
    ),
    "other table": ("accel_buffers.sv", "{tab_table_i, tab_code_i[bank]}", "{~tab_table_i, tab_code_i[bank]}"),
}


def plant(folder: Path, name: str) -> None:
    """Copy the hardware description with one mistake."""
    file, right, wrong = MUTATIONS[name]
    shutil.copytree(SOURCES, folder)
    text = (folder / file).read_text()
    assert text.count(right) == 1, name
    (folder / file).write_text(text.replace(right, wrong))


def queue_of_convolutions(rng: np.random.Generator) -> list[Instruction]:
    """More convolutions than their queue holds, then a LOAD longer than all: where they stall shows in the cycles.

    The LOAD is dispatched when the last convolution has found room, and ends the program; it fills memory that no
    convolution reads, so that its place in time changes no byte.
    """
    chain: list[Instruction] = []
    count = int(rng.integers(3, 10))
    while len(chain) < count:
        one = test_instructions.legal("conv", rng)
        if 20 < duration(one, TINY) < 200:
            chain.append(one)
    (number,) = (n for n, name in MEMORY_NAMES.items() if name == "dwt")
    return [*chain, Load(memory=number, address=0, base=0, ny=16, nx=1, nc=128, valid=512)]


def agrees(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run programs and instructions on a hardware description; raise where it does not do as the machine."""
    size = test_instructions.DDR_ROWS * 16
    mutant = Simulation(TINY, size, 16, folder=folder)
    monkeypatch.setattr(test_instructions, "simulation", lambda: mutant)
    monkeypatch.setattr(test_instructions, "COUNT", INSTRUCTIONS)
    monkeypatch.setattr(programs, "RtlAccelerator", functools.partial(RtlAccelerator, folder=folder))
    for seed in GRAPHS:
        test_accelerator.check(programs.random_pair(seed), seed)
    rng = np.random.default_rng(3)
    for kind in test_instructions.KINDS:
        for _ in range(INSTRUCTIONS):
            test_instructions.run_both([test_instructions.legal(kind, rng)], test_instructions.memories(rng))
    test_instructions.test_sums_go_on_from_instruction_to_instruction()
    test_instructions.test_words_that_are_no_instructions_trap()
    for _ in range(QUEUES):
        test_instructions.run_both(queue_of_convolutions(rng), test_instructions.memories(rng))
    for seed in FOUR_PIXEL_GRAPHS:
        test_accelerator.check(programs.random_pair(seed, **FOUR_PIXELS), (FOUR_PIXELS, seed))


def difference(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the tests find wrong with a hardware description: a comparison, never an error of the tests themselves."""
    try:
        agrees(folder, monkeypatch)
    except AssertionError as error:
        return str(error) or "an assertion"
    return ""


def test_the_real_one_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    agrees(SOURCES, monkeypatch)


def test_the_mistakes_are_many() -> None:
    pytest.importorskip("cocotb_tools.runner", reason="pip install '.[rtl]'")
    from tests.rtl.datapath import mutations as datapath

    assert len(MUTATIONS) + len(datapath.MUTATIONS) >= 60


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_planted_mistake_is_caught(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path / "rtl", name)
    assert difference(tmp_path / "rtl", monkeypatch)
