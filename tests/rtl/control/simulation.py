"""Builds the bench of the control modules and runs its cocotb tests."""

from collections.abc import Sequence
from pathlib import Path

from accel_sim.rtl import cocotb_run
from accel_sim.rtl.toolchain import SOURCES

TOP = "control_bench"
BENCHES = ("bench_queues", "bench_fetch", "bench_transfers", "bench_sequencers")


def run(results: Path, folder: Path = SOURCES, benches: Sequence[str] = BENCHES) -> dict[str, str]:
    """Return what became of each cocotb test.

    Parameters
    ----------
    results
        Existing folder for log and results.
    folder
        Hardware description.
    benches
        Modules with the tests.
    """
    place = cocotb_run.build(TOP, {}, [Path(__file__).with_name(f"{TOP}.sv")], folder=folder)
    return cocotb_run.run(place, TOP, [f"tests.rtl.control.{name}" for name in benches], results)
