"""Builds the benches of the single modules and runs their cocotb tests."""

from collections.abc import Sequence
from pathlib import Path

from accel_sim.rtl import cocotb_run
from accel_sim.rtl.toolchain import SOURCES

# The toplevels, each with the tests that drive it.
TOPS = {
    "control_bench": ("bench_queues", "bench_fetch", "bench_transfers", "bench_sequencers"),
    "memory_bench": ("bench_parameters", "bench_operands", "bench_buffers"),
}
BENCHES = tuple(name for names in TOPS.values() for name in names)


def run(results: Path, folder: Path = SOURCES, benches: Sequence[str] = BENCHES) -> dict[str, str]:
    """Return what became of each cocotb test.

    Parameters
    ----------
    results
        Existing folder for logs and results.
    folder
        Hardware description.
    benches
        Modules with the tests.
    """
    outcomes: dict[str, str] = {}
    for top, names in TOPS.items():
        wanted = [f"tests.rtl.control.{name}" for name in names if name in benches]
        if wanted:
            place = cocotb_run.build(top, {}, [Path(__file__).with_name(f"{top}.sv")], folder=folder)
            own = results / top
            own.mkdir()
            outcomes |= cocotb_run.run(place, top, wanted, own)
    return outcomes
