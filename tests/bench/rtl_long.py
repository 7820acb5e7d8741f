"""The long tests of the RTL with their outcomes: ``python -m tests.bench.rtl_long docs/measurements/rtl_long.json``.

The file is written after each test. A run that was broken off goes on where it was: what has passed with these very
sources of the hardware is not run again. Mistakes planted in the design have a record of their own
(``tests.bench.rtl_mutations``).
"""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from accel_sim.rtl.toolchain import digest, sources

PLACE = "tests/rtl"
SELECTED = "not planted and not test_mistake_is_found"
COMMAND = "python -m tests.bench.rtl_long docs/measurements/rtl_long.json"


class Record:
    """A pytest plugin that keeps outcomes and seconds of wall time.

    Parameters
    ----------
    path
        Of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.state = path, digest(sources(bus=True), {})
        known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        self.tests: dict[str, dict[str, Any]] = known["tests"] if known.get("sources") == self.state else {}

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leave out what has passed."""
        passed = [item for item in items if self.tests.get(item.nodeid, {}).get("outcome") == "passed"]
        config.hook.pytest_deselected(items=passed)
        items[:] = [item for item in items if item not in passed]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the outcome of a test, or of what had to be prepared for it where that went wrong."""
        if report.when == "call" or report.outcome != "passed":
            self.tests[report.nodeid] = {"outcome": report.outcome, "seconds": round(report.duration, 1)}
            self.write()

    def write(self) -> None:
        """Write the file, with counts."""
        outcomes = [test["outcome"] for test in self.tests.values()]
        found = {
            "command": COMMAND,
            "date": time.strftime("%Y-%m-%d"),
            "sources": self.state,
            "outcomes": {name: outcomes.count(name) for name in sorted(set(outcomes))},
            "tests": dict(sorted(self.tests.items())),
        }
        self.path.write_text(json.dumps(found, indent=1) + "\n")


def main(arguments: Sequence[str]) -> int:
    """Run what is missing; 1 when something has not passed."""
    record = Record(Path(arguments[0]))
    pytest.main(["-q", "-m", "rtl_long", "-k", SELECTED, *(arguments[1:] or [PLACE])], plugins=[record])
    return int(any(test["outcome"] != "passed" for test in record.tests.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
