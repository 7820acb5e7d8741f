"""What faulty runs hold in memory, and what they cost with less: `python -m tests.bench.memory [--json OUT.json]`.

For the bundled models and the benchmark networks, with one image: the bytes of every part of the plan, the smallest
limit that can be given, and the time of faults in weight bits with everything kept, with a limit half way, and with the
smallest one.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from accel_sim.engine.sparse import compile_tables, memory_of
from accel_sim.faults import Injector, choose_criterion
from tests.bench import strategies
from tests.bench.fault_lists import WEIGHT_BITS, draw_lists
from tests.bench.machine import machine
from tests.bench.process_costs import peak_gib
from tests.bench.workloads import BUNDLED, GOALS, Source, bundled_network, goal_network

REPEATS = 3


def measure(source: Source, faults: int) -> dict[str, Any]:
    """Return bytes by part, limits in bytes, and milliseconds per fault by limit."""
    model, images = source.load()
    image, criterion = images.items[:1], choose_criterion(model.graph)
    free = Injector(model.engine, image, criterion)
    least = memory_of(compile_tables(model.graph, model.engine.steps, 0), 1).total_bytes
    limits = {"everything": None, "half": (least + free.memory.total_bytes) // 2, "least": least}
    injectors = {
        name: free if limit is None else Injector(model.engine, image, criterion, memory_limit_bytes=limit)
        for name, limit in limits.items()
    }
    some = draw_lists(model.graph, faults)[WEIGHT_BITS]
    times: dict[str, list[float]] = {name: [] for name in limits}
    upsets = [strategies.upset(free, fault) for fault in some]
    for _ in range(REPEATS + 1):  # the first round warms up
        for name, injector in injectors.items():
            times[name].append(strategies.seconds_per_fault(injector, upsets, strategies.POLICIES["mixed"]))
    return {
        "bytes": {name: value for name, value in vars(free.memory).items() if name != "images"},
        "total_bytes": free.memory.total_bytes,
        "least_bytes": least,
        "milliseconds": {name: min(values[1:]) * 1e3 for name, values in times.items()},
        "process_peak_gib": peak_gib(source.name),
    }


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--faults", type=int, default=100, help="faults of the list (100)")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    sources = [bundled_network(name) for name in BUNDLED] + [goal_network(name, "u8s8") for name in GOALS]
    networks = {}
    for source in sources:
        networks[source.name] = found = measure(source, given.faults)
        parts = ", ".join(f"{name} {value / 2**20:.1f} MiB" for name, value in found["bytes"].items())
        print(
            f"{source.name}: {parts}; least {found['least_bytes'] / 2**20:.1f} MiB; {found['milliseconds']}", flush=True
        )
    if given.json:
        result = {"machine": machine(), "faults_per_list": given.faults, "networks": networks}
        given.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
