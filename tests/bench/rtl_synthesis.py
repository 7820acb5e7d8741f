"""Resources by Yosys: ``python -m tests.bench.rtl_synthesis docs/measurements/rtl_synthesis.json tiny b512``.

Sizes that the file already has and that are not named stay as they are.
"""

import json
import resource
import sys
from pathlib import Path

from accel_sim.config import PRESETS
from accel_sim.rtl.synth_record import synthesis_record


def seconds() -> float:
    """Processor time of all finished child processes: what Yosys took, however busy the machine is."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main(arguments: list[str]) -> int:
    """Synthesise the named presets and write them into the file."""
    path, names = Path(arguments[0]), arguments[1:]
    runs = json.loads(path.read_text())["runs"] if path.exists() else []
    for name in names:
        before = seconds()
        record = synthesis_record(PRESETS[name])
        run = {"record": record, "processor_seconds": round(seconds() - before)}
        runs = [known for known in runs if known["record"]["arch"] != name] + [run]
        runs.sort(key=lambda known: list(PRESETS).index(known["record"]["arch"]))
        order = " ".join(known["record"]["arch"] for known in runs)
        command = f"python -m tests.bench.rtl_synthesis docs/measurements/rtl_synthesis.json {order}"
        path.write_text(json.dumps({"command": command, "runs": runs}, indent=1) + "\n")
        print(name, run["processor_seconds"], "s", record["total"], flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
