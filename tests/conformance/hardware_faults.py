"""Hardware faults on the engine against the machine, byte for byte.

``python -m tests.conformance.hardware_faults --faults 1000 --json OUT`` draws that many live faults per model,
configuration and space, and writes what was compared, how many of them the engine ran, and how long both took.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from accel_sim.compiler import compile_graph
from accel_sim.config import PRESETS
from accel_sim.engine import Engine
from accel_sim.faults import Injector, choose_criterion
from accel_sim.faults.hardware import HARDWARE_SPACES, HardwareFault, HardwareInjector, HardwareSpace
from accel_sim.inputs import split_images
from accel_sim.model import Graph, import_onnx
from accel_sim.reference import host_runner
from tests.conformance.real_models import bundled, shared
from tests.generators import random_graph


# Memories so small that small networks run in many tiles, and constants and feature maps are loaded again and again.
SHORT = replace(PRESETS["tiny"], name="short", image_rows=64, weight_rows=16)
CONFIGS = {**PRESETS, "short": SHORT}


def injector(graph: Graph, inputs: Mapping[str, Any], arch: str, **options: Any) -> HardwareInjector:
    """The first image of some inputs on an accelerator."""
    images = split_images(graph, inputs, "inputs").items[:1]
    golden = Injector(Engine(graph, host_runner), images, choose_criterion(graph))
    return HardwareInjector(golden, images, compile_graph(graph, CONFIGS[arch], **options))


def spread(space: HardwareSpace, count: int, rng: np.random.Generator) -> Iterator[HardwareFault]:
    """Draw live faults: a memory, a stratum of it, a fault of the stratum, each with equal chances."""
    strata = space.strata
    by_memory: dict[str, list[int]] = {}
    for number in range(len(strata)):
        by_memory.setdefault(space.memory_of(number), []).append(number)
    for _ in range(count):
        number = int(rng.choice(by_memory[str(rng.choice(list(by_memory)))]))
        yield space.fault(number, int(rng.integers(strata[number].population)))


@dataclass
class Comparison:
    """What was compared: faults by memory, those of them on the engine, those that changed an output, seconds."""

    faults: Counter[str]
    fast: Counter[str]
    wrong: Counter[str]
    seconds: dict[str, float]
    differing: list[dict[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        memories = {
            n: {"faults": self.faults[n], "on_engine": self.fast[n], "outputs_changed": self.wrong[n]}
            for n in self.faults
        }
        return {
            "faults": self.faults.total(), "on_engine": self.fast.total(), "differing": self.differing,
            "seconds": self.seconds, "memories": memories,
        }  # fmt: skip


def compare(struck: HardwareInjector, faults: Sequence[HardwareFault]) -> Comparison:
    """Run faults that have a translation on both, and collect those whose outputs or verdicts differ."""
    found = Comparison(Counter(), Counter(), Counter(), {"engine": 0.0, "machine": 0.0}, [])
    judge = HardwareInjector(struck.injector, struck.images, struck.program, level="machine")
    for fault in faults:
        found.faults[fault.memory] += 1
        if struck.effect(fault) is None:
            continue
        found.fast[fault.memory] += 1
        begin = time.perf_counter()
        verdict = struck.evaluate(fault)
        middle = time.perf_counter()
        expected = judge.inject(fault)
        found.seconds["engine"] += middle - begin
        found.seconds["machine"] += time.perf_counter() - middle
        outputs = struck.inject(fault).outputs
        found.wrong[fault.memory] += expected.verdict.outcome != "masked"
        same = verdict == expected.verdict and all(
            a[n].tobytes() == b[n].tobytes() for a, b in zip(outputs, expected.outputs, strict=True) for n in b
        )
        if not same:
            found.differing.append(fault.to_json())
    return found


def cases(graphs: int) -> Iterator[tuple[str, Graph, Mapping[str, Any]]]:
    """Bundled networks, those of the shared folder where it is there, random graphs."""
    for model in bundled():
        yield model.name, import_onnx(model.path), model.inputs(1)
    for model in shared():
        if model.path.exists():
            yield model.name, import_onnx(model.path), model.inputs(1)
    for seed in range(graphs):
        made, feeds = random_graph(seed)
        yield f"random-{seed}", import_onnx(made), feeds


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=200, help="per model, configuration and space")
    parser.add_argument("--graphs", type=int, default=10, help="random graphs")
    parser.add_argument("--arch", nargs="+", default=["tiny", "b512", "b4096"])
    parser.add_argument("--models", nargs="*", help="only these, by name")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    rows = []
    for name, graph, inputs in cases(options.graphs):
        if options.models and name not in options.models:
            continue
        for arch in options.arch:
            struck = injector(graph, inputs, arch)
            for number, space in enumerate(HARDWARE_SPACES):
                rng = np.random.default_rng([options.seed, number])
                if not struck.space(space).strata:
                    continue
                found = compare(struck, list(spread(struck.space(space), options.faults, rng)))
                rows.append({"model": name, "arch": arch, "space": space, **found.to_json()})
                print(name, arch, space, found.faults.total(), found.fast.total(), len(found.differing), flush=True)
    total = {key: sum(row[key] for row in rows) for key in ("faults", "on_engine")}
    summary = {"differing": sum(len(row["differing"]) for row in rows), **total}
    options.json.write_text(json.dumps({"summary": summary, "runs": rows}, indent=1) + "\n")
    print(summary)


if __name__ == "__main__":
    main()
