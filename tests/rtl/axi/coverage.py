"""Line, branch and toggle coverage of ``accel_top`` by its cocotb tests, from what Verilator counts.

``python -m tests.rtl.axi.coverage docs/measurements/rtl_coverage.json`` measures and writes.
"""

import json
import re
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from accel_sim.rtl.cocotb_run import build, run
from tests.rtl.axi.conftest import PORTS, top_parameters

SEEDS = tuple(range(14))
OPTIONS = ("--coverage-line", "--coverage-toggle")
COMMAND = "python -m tests.rtl.axi.coverage docs/measurements/rtl_coverage.json"
POINT = re.compile(r"^C '(.*)' (\d+)$")


def points(text: str) -> dict[tuple[str, str, tuple[str, ...]], int]:
    """Read Verilator's file.

    Parameters
    ----------
    text
        Content of ``coverage.dat``.

    Returns
    -------
    dict
        (file name, kind, place) to count; all instances of a module together. Kinds: line, branch, toggle.
    """
    found: dict[tuple[str, str, tuple[str, ...]], int] = defaultdict(int)
    for line in text.splitlines():
        match = POINT.match(line)
        if not match:
            continue
        fields = dict(part.split("\x02", 1) for part in match[1].split("\x01") if "\x02" in part)
        kind = fields.get("page", "").split("/")[0].removeprefix("v_")
        place = (fields.get("l", ""), fields.get("n", ""), fields.get("o", ""))
        found[Path(fields.get("f", "")).name, kind, place] += int(match[2])
    return dict(found)


def summary(counts: Mapping[tuple[str, str, tuple[str, ...]], int]) -> dict[str, Any]:
    """Count points that were met, by kind and by file."""
    total: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    files: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for (file, kind, _), count in counts.items():
        for met in (total[kind], files[file][kind]):
            met[0] += count > 0
            met[1] += 1
    return {
        "total": {kind: _share(*met) for kind, met in sorted(total.items())},
        "files": {f: {kind: _share(*met) for kind, met in sorted(kinds.items())} for f, kinds in sorted(files.items())},
    }


def _share(met: int, points: int) -> dict[str, float]:
    return {"met": met, "points": points, "share": round(met / points, 4)}


def measure(folder: Path) -> dict[str, Any]:
    """Build with counters, run every cocotb test, and summarise."""
    place = build("accel_top", top_parameters(), public=PORTS, options=OPTIONS)
    outcomes = run(place, "accel_top", ["tests.rtl.axi.bench_axi"], folder,
                   variables={"ACCEL_SIM_AXI_SEEDS": json.dumps(SEEDS)})  # fmt: skip
    assert set(outcomes.values()) == {"passed"}, outcomes
    found = summary(points((folder / "coverage.dat").read_text()))
    return {"command": COMMAND, "top": "accel_top", "arch": "tiny", "programs": len(SEEDS), **found}


def main(arguments: list[str]) -> int:
    """Measure and write."""
    with tempfile.TemporaryDirectory() as folder:
        record = measure(Path(folder))
    Path(arguments[0]).write_text(json.dumps(record, indent=1) + "\n")
    print(record["total"])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
