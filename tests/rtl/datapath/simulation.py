"""Builds the bench with cocotb's runner and runs one cocotb test of it."""

import os
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

from cocotb_tools.runner import get_runner

from accel_sim.rtl.cocotb_run import alone
from accel_sim.rtl.object_cache import object_cache
from tests.rtl.datapath.sources import DATAPATH, build_folder, design

TOP = "datapath_bench"
BENCHES = ("bench_streams", "bench_arrays")
SEED = 20260
# The runner makes every signal public, which keeps Verilator from optimising: only those are that the tests name.
# Compiling without optimisation takes a third of the time; these tests wait for Python, not for the model.
PUBLIC = Path(__file__).with_name("public.vlt")
OPTIONS = (
    "-O3", "--x-assign", "unique", "--x-initial", "unique", "-Wno-fatal", "--no-public-flat-rw", "--output-split", "0",
    "-CFLAGS", "-O0",
)  # fmt: skip


def build(datapath: Path = DATAPATH) -> Path:
    """Build the bench around a datapath; return the folder. What has been built before is used again."""
    sources = [*design(datapath), Path(__file__).with_name(f"{TOP}.sv")]
    folder = build_folder(TOP, [*sources, PUBLIC], OPTIONS)
    with alone(folder):
        if not (folder / "done").exists():
            os.environ["MAKEFLAGS"] = object_cache()
            get_runner("verilator").build(
                sources=sources, hdl_toplevel=TOP, build_dir=folder, build_args=[*OPTIONS, str(PUBLIC)],
                timescale=("1ns", "1ps"), log_file=folder.parent / f"{folder.name}.log",
            )  # fmt: skip
            del os.environ["MAKEFLAGS"]
            (folder / "done").touch()
    return folder


def run(folder: Path, benches: Iterable[str], results: Path, seed: int = SEED) -> dict[str, str]:
    """Run all cocotb tests of some bench modules in one simulation.

    Returns
    -------
    dict
        For every test that ran: "passed", or how it failed.
    """
    runner, xml, log = get_runner("verilator"), results / "results.xml", results / "simulation.log"
    try:
        runner.test(
            hdl_toplevel=TOP, hdl_toplevel_lang="verilog", build_dir=folder,
            test_module=[f"tests.rtl.datapath.{name}" for name in benches],
            test_dir=results, results_xml=str(xml), seed=seed, log_file=log,
        )  # fmt: skip
    except (RuntimeError, SystemExit) as error:  # how the runner says that a test failed
        if not xml.exists():
            return {"simulation": f"{error}\n{log.read_text()[-3000:]}"}
    outcomes = {}
    for case in ElementTree.parse(xml).iter("testcase"):
        problem = next((part for part in case if part.tag in ("failure", "error", "skipped")), None)
        outcomes[case.attrib["name"]] = "passed" if problem is None else _tell(problem, log)
    return outcomes


def _tell(problem: ElementTree.Element, log: Path) -> str:
    message = problem.attrib.get("error_msg", problem.attrib.get("message", ""))
    return f"{problem.tag}: {message} (the whole log: {log})"
