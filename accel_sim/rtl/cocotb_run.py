"""Builds a toplevel with cocotb's Python runner and runs cocotb tests of it: the pytest side."""

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from accel_sim.errors import UsageError
from accel_sim.rtl.object_cache import object_cache
from accel_sim.rtl.toolchain import BUILDS, SOURCES, WAIVERS, digest, environment, sources

SEED = 20261
# The runner makes every signal public, which keeps Verilator from optimising: here only those are that are asked for.
OPTIONS = (
    "-O3", "--x-assign", "unique", "--x-initial", "unique", "--no-public-flat-rw", "--no-timing", "-Wno-fatal",
    "-Wno-lint", "--output-split", "0",
)  # fmt: skip
# The wheel was configured without the compiler's option for precompiled headers; optimising takes longer than it saves.
MAKEFLAGS = "CFG_CXXFLAGS_PCH_I=-include OPT_FAST=-O0 OPT_SLOW=-O0"


def build(
    top: str,
    parameters: Mapping[str, int],
    extra: Sequence[Path] = (),
    *,
    folder: Path = SOURCES,
    options: Sequence[str] = (),
    public: Sequence[str] = ("*",),
) -> Path:
    """Build a toplevel together with the design; what has been built before is used again.

    Parameters
    ----------
    top
        Name of the toplevel module.
    parameters
        Of that module.
    extra
        Files beside those of `folder`: the toplevel, where it is not the design's own.
    folder
        Hardware description.
    options
        More options for Verilator.
    public
        Patterns of the toplevel's signals that the tests name, ports among them.

    Returns
    -------
    Path
        Folder of the build, for :func:`run`.

    Raises
    ------
    UsageError
        cocotb, Verilator or a tool that they call is missing, or the design does not compile.
    """
    files = [*sources(folder, bus=True), *extra]
    waivers = [folder / name for name in WAIVERS]
    words = {**parameters, "top": top, "options": (*OPTIONS, *options), "public": tuple(public), "make": MAKEFLAGS}
    place = BUILDS / f"{top}-cocotb-{digest([*files, *waivers], words)}"
    with alone(place):
        if not (place / "done").exists():
            _compile(top, parameters, files, [*options, *map(str, waivers)], public, place)
            (place / "done").touch()
    return place


@contextmanager
def alone(place: Path) -> Iterator[None]:
    """Let one process at a time build in a folder; what a process that was killed has left there is removed."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "done").exists():
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
        yield


def _compile(
    top: str, parameters: Mapping[str, int], files: Sequence[Path], arguments: Sequence[str], public: Sequence[str],
    place: Path,
) -> None:  # fmt: skip
    runner, log, visible = _runner(), place.parent / f"{place.name}.log", place / "public.vlt"
    visible.write_text(
        "\n".join(["`verilator_config", *(f'public_flat_rw -module "{top}" -var "{name}"' for name in public), ""])
    )
    os.environ["MAKEFLAGS"] = f"{MAKEFLAGS} {object_cache()}"
    try:
        runner.build(
            sources=list(files), hdl_toplevel=top, build_dir=place, parameters=dict(parameters),
            build_args=[*OPTIONS, str(visible), *arguments], timescale=("1ns", "1ps"), log_file=log,
        )  # fmt: skip
    except (RuntimeError, SystemExit) as error:
        wrong = [line for line in log.read_text().splitlines() if "rror" in line] or [str(error)]
        raise UsageError(f"{top} does not compile: {wrong[0][:300]}; the whole log is {log}") from error
    finally:
        del os.environ["MAKEFLAGS"]


def run(
    folder: Path,
    top: str,
    modules: Sequence[str],
    results: Path,
    *,
    cases: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
    seed: int = SEED,
    power_up: int = 0,
) -> dict[str, str]:
    """Run cocotb tests in one simulation.

    Parameters
    ----------
    folder, top
        What :func:`build` built.
    modules
        Importable names of the modules with the tests.
    results
        Existing folder for log and results.
    cases
        Names of the tests to run; all when empty.
    variables
        More environment variables for the simulation.
    seed
        Of ``cocotb.RANDOM_SEED``.
    power_up
        Where it is not 0: every register and memory row holds other random bits before the first reset for each number.

    Returns
    -------
    dict
        For every test that ran: "passed", or how it failed.

    Raises
    ------
    UsageError
        A tool is missing.
    """
    runner, xml, log = _runner(), results / "results.xml", results / "simulation.log"
    with suppress(RuntimeError, SystemExit):  # how the runner says that a test failed; the results file says which
        runner.test(
            hdl_toplevel=top, hdl_toplevel_lang="verilog", build_dir=folder, test_module=list(modules),
            testcase=list(cases) or None, test_dir=results, results_xml=str(xml), seed=seed, log_file=log,
            extra_env=dict(variables or {}),
            plusargs=["+verilator+rand+reset+2", f"+verilator+seed+{power_up}"] if power_up else [],
        )  # fmt: skip
    if not xml.exists():
        return {"simulation": log.read_text()[-3000:] if log.exists() else "did not start"}
    outcomes = {}
    for case in ElementTree.parse(xml).iter("testcase"):
        problem = next((part for part in case if part.tag in ("failure", "error", "skipped")), None)
        outcomes[case.attrib["name"]] = "passed" if problem is None else _tell(problem, log)
    return outcomes


def _runner() -> Any:
    try:
        from cocotb_tools.runner import get_runner  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        raise UsageError("the cocotb tests need cocotb: pip install 'accel_sim[rtl]'") from error
    os.environ.update(environment())
    return get_runner("verilator")


def _tell(problem: ElementTree.Element, log: Path) -> str:
    message = problem.attrib.get("error_msg", problem.attrib.get("message", ""))
    return f"{problem.tag}: {message} (the whole log: {log})"
