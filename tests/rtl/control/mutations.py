"""Mistakes planted in the modules around the datapaths, which the benches of the single modules have to notice.

Those of ``tests/rtl/test_mutations.py``, which whole programs notice too, and some that single modules show best.
"""

import shutil
from pathlib import Path

from accel_sim.rtl.toolchain import SOURCES
from tests.rtl import test_mutations

# The bench that looks at a file.
BENCHES = {
    "accel_tokens.sv": "bench_queues",
    "accel_queue.sv": "bench_queues",
    "accel_issue.sv": "bench_queues",
    "accel_fetch.sv": "bench_fetch",
    "accel_decode.sv": "bench_fetch",
    "accel_transfer.sv": "bench_transfers",
    "accel_sequencer.sv": "bench_sequencers",
    "accel_parameters.sv": "bench_parameters",
    "accel_operands.sv": "bench_operands",
    "accel_buffers.sv": "bench_buffers",
    "accel_ram.sv": "bench_buffers",
}
MORE = {
    "token given twice": (
        "accel_tokens.sv",
        "+ CountBits'(give_i[source] && signal_i[source][target])",
        "+ (CountBits'(give_i[source] && signal_i[source][target]) << 1)",
    ),
    "token for the giver": (
        "accel_tokens.sv",
        "CountBits'(give_i[source] && signal_i[source][target])",
        "CountBits'(give_i[target] && signal_i[target][source])",
    ),
    "tokens outlive their program": ("accel_tokens.sv", "clear_i ? '0 : count_d", "count_d"),
    "one token is enough": ("accel_tokens.sv", "present_o[target] = 1'b0;", "present_o[target] = |count_q[0][target];"),
    "word overwritten in a full queue": ("accel_queue.sv", "= push_i && push_ready_o;", "= push_i;"),
    "pointer does not wrap": (
        "accel_queue.sv",
        "read_q == Last ? '0 : read_q + PointerBits'(1)",
        "read_q + PointerBits'(1)",
    ),
    "starts while busy": ("accel_issue.sv", "head_valid & ~busy_i & present", "head_valid & present"),
    "signals of the next instruction": (
        "accel_issue.sv",
        "signal_q[e] <= signal_mask[e];",
        "signal_q[e] <= wait_mask[e];",
    ),
    "pushed again while the next one is fetched": (
        "accel_fetch.sv",
        "push_o         = state_q == StDispatch ?",
        "push_o         = state_q inside {StDispatch, StFetch} ?",
    ),
    "skips one after the host": (
        "accel_fetch.sv",
        "if (host_done_i) begin",
        "if (host_done_i) begin number_d = number_q + 1;",
    ),
    "dispatched without room": (
        "accel_fetch.sv",
        "(engine & push_ready_i) != '0",
        "(engine & push_ready_i) != '0 || timer_q == '0",
    ),
    "answer of the memory ignored when late": (
        "accel_transfer.sv",
        "busy_q && !sent_q && affordable && request_ready_i",
        "busy_q && !sent_q && affordable",
    ),
    "a store that waits is overwritten": (
        "accel_transfer.sv",
        "affordable && (!pending_q || request_ready_i)",
        "affordable",
    ),
    "done one word early": ("accel_transfer.sv", "outstanding_q == 32'd1", "outstanding_q <= 32'd2"),
    "rows of biases in reverse": (
        "accel_parameters.sv",
        "{bias_data_i, staged_q[Words-2:1]}",
        "{staged_q[Words-3:0], bias_data_i}",
    ),
    "row of biases lost behind another": (
        "accel_parameters.sv",
        "row  <= bias_read_i;",
        "row  <= bias_read_i && !row;",
    ),
    "parameters taken with every row": ("accel_parameters.sv", "iff parameter_read_i)", "iff bias_read_i)"),
    "exponent out of the zero point": (
        "accel_parameters.sv",
        "exponent_o[c]   = entries_q[c][39:32]",
        "exponent_o[c]   = entries_q[c][47:40]",
    ),
    "every lane its own bank": (
        "accel_operands.sv",
        "BankBits'(column[l] & 24'(PixelParallel - 1))",
        "BankBits'(l % PixelParallel)",
    ),
    "operands one row further": ("accel_operands.sv", "= line_i + 16'(", "= line_i + 16'd1 + 16'("),
    "operands kept where none follow": ("accel_operands.sv", "lane_late <= lane;", "if (slot_i) lane_late <= lane;"),
    "one pixel beyond the view": (
        "accel_operands.sv",
        "column[l] < signed'(24'(columns_i))",
        "column[l] <= signed'(24'(columns_i))",
    ),
    "one pixel beyond the tile": (
        "accel_operands.sv",
        "out_x_i + 14'(l) < 14'(out_width_i)",
        "out_x_i + 14'(l) <= 14'(out_width_i)",
    ),
    "write of LOAD lost": ("accel_buffers.sv", "write = |writes;", "write = |writes[Writers-1:0];"),
    "LOAD one row further": (
        "accel_buffers.sv",
        "(writes[Writers] ? load_row_i[ImgRowBits-1:0] : '0)",
        "(writes[Writers] ? load_row_i[ImgRowBits-1:0] + ImgRowBits'(1) : '0)",
    ),
    "weights in all banks": (
        "accel_buffers.sv",
        "load_memory_i == MemWgt && load_lane_i == 6'(bank)",
        "load_memory_i == MemWgt",
    ),
    "group does not stay": (
        "accel_buffers.sv",
        "            if (img_read_i[r][lane]) begin",
        "            if (1'b1) begin",
    ),
    "biases at the other engine's row": (
        "accel_buffers.sv",
        "(bias_read_i[w] ? bias_row_i[w]",
        "(bias_read_i[w] ? bias_row_i[Writers-1-w]",
    ),
    "parameters at the other engine's row": (
        "accel_buffers.sv",
        "(rqp_read_i[w] ? rqp_row_i[w]",
        "(rqp_read_i[w] ? rqp_row_i[Writers-1-w]",
    ),
    "read sees the write of its edge": (
        "accel_ram.sv",
        "data_q <= mem[row_i];",
        "data_q <= write_i && write_row_i == row_i ? write_data_i : mem[row_i];",
    ),
    "no write beside a read": ("accel_ram.sv", "    if (write_i) begin", "    if (write_i && !read_i) begin"),
    "data does not stay": ("accel_ram.sv", "      if (read_i) begin", "      if (1'b1) begin"),
}


def everything() -> dict[str, tuple[str, str, str]]:
    """Return name to file, right and wrong text, of all mistakes in a module that has a bench."""
    return {name: one for name, one in {**test_mutations.MUTATIONS, **MORE}.items() if one[0] in BENCHES}


def plant(folder: Path, name: str) -> str:
    """Copy the hardware description with one mistake; return the bench that has to notice."""
    file, right, wrong = everything()[name]
    shutil.copytree(SOURCES, folder)
    text = (folder / file).read_text()
    assert text.count(right) == 1, name
    (folder / file).write_text(text.replace(right, wrong))
    return BENCHES[file]
