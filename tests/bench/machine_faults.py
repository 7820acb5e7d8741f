"""The machine against the engine, and faults of memories against faults of parameters, on a bundled network.

``python -m tests.bench.machine_faults [--network hsi-unet-relu] [--arch b4096] [--json OUT.json]`` times, in rounds
that take turns in one process and in time of the thread: an inference on the engine, one on the machine; and the mean
of single faults, translated and evaluated: bits of parameters, live bits of memories, the same without instructions,
live bits of registers, and bits of memories at any cycle, dead or live.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from accel_sim.campaign import make_plan
from accel_sim.compiler import compile_graph
from accel_sim.config import load_config
from accel_sim.faults import Injector, choose_criterion, make_space
from accel_sim.faults.hardware import HardwareFault, HardwareInjector
from tests.bench.machine import machine
from tests.bench.rounds import Times, interleave
from tests.bench.workloads import bundled_network

ENGINE, MACHINE, PARAMETERS = "engine inference", "machine inference", "parameter bits"
LIVE, DATA, REGISTERS, ANY = (
    "live memory bits",
    "live memory bits, no instructions",
    "live register bits",
    "memory bits",
)
FAULTS = (PARAMETERS, LIVE, DATA, REGISTERS, ANY)


def drawn(space: Any, count: int) -> list[Any]:
    """Draw faults of a space as a campaign does."""
    plan = make_plan(space.strata, "uniform", 3, faults=count)
    return [space.fault(draw.stratum, draw.k) for draw in map(plan.fault_at, range(count))]


def anywhere(hardware: HardwareInjector, count: int) -> list[HardwareFault]:
    """Draw faults uniformly over all bits of all memories and all cycles."""
    rng, memories, cycles = np.random.default_rng(3), hardware.program.memories, hardware.machine.schedule.cycles
    bits = np.array([spec.bits for spec in memories.values()], float)
    found = []
    for name in rng.choice(list(memories), count, p=bits / bits.sum()).tolist():
        spec = memories[name]
        bank, row, bit, cycle = (int(rng.integers(n)) for n in (spec.banks, spec.rows, 8 * spec.row_bytes, cycles))
        found.append(HardwareFault("memory", name, bank, row, (bit,), cycle))
    return found


def lists(injector: Injector, hardware: HardwareInjector, count: int) -> dict[str, list[Any]]:
    """Draw all lists of faults."""
    live = drawn(hardware.space("memory"), count)
    return {
        PARAMETERS: drawn(make_space("parameters", injector.graph, 1), count),
        LIVE: live,
        DATA: [fault for fault in live if fault.memory != "ins"],
        REGISTERS: drawn(hardware.space("registers"), count),
        ANY: anywhere(hardware, count),
    }


def seconds_of(action: Callable[[Any], object], values: Sequence[Any]) -> float:
    """Mean time of the thread for an action on each of some values."""
    begin = time.thread_time()
    for value in values:
        action(value)
    return (time.thread_time() - begin) / len(values)


def ways(hardware: HardwareInjector, faults: Sequence[HardwareFault]) -> dict[str, int]:
    """Count what decides the faults: nothing to do, the program alone, a piece of one layer, the machine."""
    found = Counter[str]()
    for fault in faults:
        effect = hardware.effect(fault)
        if effect is None:
            found["machine"] += 1
        elif not hardware.space(fault.space).is_live(fault):
            found["dead"] += 1
        else:
            found["program" if hardware.translator.upset(fault) is not None else "layer"] += 1
    return dict(found)


def measure(network: str, arch: str, count: int, rounds: int) -> dict[str, Any]:
    """Return milliseconds with their spread over rounds, ratios inside of rounds, and what decided the faults."""
    model, images = bundled_network(network).load()
    injector = Injector(model.engine, images.items[:1], choose_criterion(model.graph))
    hardware = HardwareInjector(injector, images.items[:1], compile_graph(model.graph, load_config(arch)))
    draws, image = lists(injector, hardware, count), images.items[0]
    runs: dict[str, Callable[[], float]] = {
        ENGINE: lambda: seconds_of(model.engine.run, [image] * 5),
        MACHINE: lambda: seconds_of(hardware.machine.run, [image] * 3),
        PARAMETERS: lambda: seconds_of(injector.evaluate, draws[PARAMETERS]),
    }
    for name in FAULTS[1:]:
        runs[name] = partial(seconds_of, hardware.evaluate, draws[name])
    times: Times = interleave(runs, rounds)
    ratios = {f"{name} / {PARAMETERS}": times.ratio(name, PARAMETERS) for name in FAULTS[1:]}
    ratios[f"{MACHINE} / {ENGINE}"] = times.ratio(MACHINE, ENGINE)
    return {
        "network": network,
        "arch": arch,
        "cycles": hardware.machine.schedule.cycles,
        "milliseconds": {name: [1e3 * v for v in (times.median_seconds(name), *_limits(times, name))] for name in runs},
        "ratios": {name: dict(zip(("median", "low", "high"), values, strict=True)) for name, values in ratios.items()},
        "faults": {name: len(values) for name, values in draws.items()},
        "decided_by": {name: ways(hardware, draws[name]) for name in FAULTS[1:]},
        "rounds": rounds,
    }


def _limits(times: Times, name: str) -> tuple[float, float]:
    return min(times.seconds[name]), max(times.seconds[name])


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--network", default="hsi-unet-relu")
    parser.add_argument("--arch", default="b4096")
    parser.add_argument("--faults", type=int, default=600, help="faults of each list (600)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found = measure(given.network, given.arch, given.faults, given.rounds)
    for name, (best, low, high) in found["milliseconds"].items():
        print(f"{name:34} {best:8.3f} ms  ({low:.3f} to {high:.3f})")
    for name, ratio in found["ratios"].items():
        print(f"{name:50} {ratio['median']:6.2f}  ({ratio['low']:.2f} to {ratio['high']:.2f})")
    print(json.dumps(found["decided_by"]))
    if given.json:
        command = " ".join(["python -m tests.bench.machine_faults", f"--network {given.network} --arch {given.arch}",
                            f"--faults {given.faults} --rounds {given.rounds}", f"--json {given.json}"])  # fmt: skip
        given.json.write_text(json.dumps({"command": command, **found, "machine": machine()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
