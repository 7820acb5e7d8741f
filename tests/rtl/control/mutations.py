"""Mistakes planted in the control modules, which the benches of the single modules have to notice.

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
