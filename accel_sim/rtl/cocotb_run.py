"""Builds a toplevel with cocotb's Python runner and runs cocotb tests of it: the pytest side."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from accel_sim.errors import UsageError
from accel_sim.rtl.toolchain import BUILDS, SOURCES, WAIVERS, digest, environment, sources

SEED = 20261
# The runner makes every signal public, which keeps Verilator from optimising: here only those are that are asked for.
OPTIONS = (
    "-O3", "--x-assign", "unique", "--x-initial", "unique", "--no-public-flat-rw", "--no-timing", "-Wno-fatal",
    "-Wno-lint",
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
    runner = _runner()
    files = [*sources(folder, bus=True), *extra]
    waivers = [folder / name for name in WAIVERS]
    words = {**parameters, "top": top, "options": (*OPTIONS, *options), "public": tuple(public), "make": MAKEFLAGS}
    place = BUILDS / f"{top}-cocotb-{digest([*files, *waivers], words)}"
    if not (place / "done").exists():
        log = place.parent / f"{place.name}.log"
        place.mkdir(parents=True, exist_ok=True)
        visible = place / "public.vlt"
        visible.write_text(
            "\n".join(["`verilator_config", *(f'public_flat_rw -module "{top}" -var "{name}"' for name in public), ""])
        )
        os.environ["MAKEFLAGS"] = MAKEFLAGS
        try:
            runner.build(
                sources=files, hdl_toplevel=top, build_dir=place, parameters=dict(parameters),
                build_args=[*OPTIONS, *options, *map(str, [visible, *waivers])], timescale=("1ns", "1ps"), log_file=log,
            )  # fmt: skip
        except (RuntimeError, SystemExit) as error:
            wrong = [line for line in log.read_text().splitlines() if "rror" in line] or [str(error)]
            raise UsageError(f"{top} does not compile: {wrong[0][:300]}; the whole log is {log}") from error
        finally:
            del os.environ["MAKEFLAGS"]
        (place / "done").touch()
    return place


def run(
    folder: Path,
    top: str,
    modules: Sequence[str],
    results: Path,
    *,
    cases: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
    seed: int = SEED,
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
