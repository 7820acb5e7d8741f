"""What needs a process of its own: `python -m tests.bench.child NETWORK FAULTS` (called by `process_costs`).

Loads a network, runs a campaign with one worker, and prints one JSON object: `first_row`, the wall-clock time at which
the first rows were recorded, and `peak_bytes`, the largest resident memory of the process.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.workloads import SCHEMES, bundled_network, goal_network


def main(name: str, faults: int) -> None:
    """Run the campaign and print what it took."""
    model, images = (goal_network(*name.rsplit("-", 1)) if name.endswith(SCHEMES) else bundled_network(name)).load()
    moments: list[float] = []

    def progress(done: int, total: int) -> None:
        if done and not moments:
            moments.append(time.time())

    with tempfile.TemporaryDirectory() as folder:
        model.campaign(images, results=Path(folder) / "rows.sqlite", faults=faults, progress=progress)
    print(json.dumps({"first_row": moments[0], "peak_bytes": peak_bytes()}))


def peak_bytes() -> int:
    """Largest resident memory of this process; what `getrusage` tells includes the process that started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    peak = next(line for line in lines if line.startswith("VmHWM:"))
    return int(peak.split()[1]) * 1024  # Linux counts in kibibytes


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
