"""Hardware faults on the fast path against the machine, byte for byte.

``python -m tests.conformance.hardware_faults --faults 100000 --json OUT`` draws faults until that many were decided
without the machine (dead ones, too), runs each of them on the machine as well, and compares every output byte and the
verdict: on random networks, and in smaller portions, because they take longer, on the bundled and the shared real ones.
What is done is kept in ``OUT.part``, so that an interrupted run goes on where it stopped.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from accel_sim.compiler import compile_graph
from accel_sim.config import PRESETS, register_map
from accel_sim.engine import Engine
from accel_sim.faults import Injector, choose_criterion
from accel_sim.faults.hardware import HARDWARE_SPACES, HardwareFault, HardwareInjector, HardwareSpace
from accel_sim.faults.hardware.patterns import SHAPES, spread
from accel_sim.inputs import split_images
from accel_sim.model import Graph, import_onnx
from accel_sim.reference import host_runner
from accel_sim.session import random_inputs
from tests.conformance.real_models import bundled, shared
from tests.generators import random_graph

# Memories so small that small networks run in many tiles, and constants and feature maps are loaded again and again.
SHORT = replace(PRESETS["tiny"], name="short", image_rows=64, weight_rows=16)
CONFIGS = {**PRESETS, "short": SHORT}
SEEDS = (1, 2, 8, 9, 12, 17, 25, 34)
ARCHITECTURES = ("tiny", "short", "b512")
KINDS = {"live": 0.55, "any": 0.2, "pattern": 0.11, "stuck": 0.07, "persistent": 0.07}
CHUNK = 200
# Real networks and what they are run on; an inference of them on the machine takes up to a hundred times as long.
REAL: dict[str, tuple[str, ...]] = {
    "hsi-unet-relu": ("b512", "b4096"),
    "hsi-unet-hardsigmoid": ("b1024",),
    "ds-cnn": ("tiny", "b512"),
    "resnet-8": ("b1152", "b4096-high"),
    "wake-word": ("b800",),
    "autoencoder": ("tiny", "b2304"),
    "mobilenet-v1": ("b1600", "b3136"),
}
REAL_CHUNK = 30


def injector(graph: Graph, inputs: Mapping[str, Any], arch: str, images: int = 1, **options: Any) -> HardwareInjector:
    """The first image of some inputs, and random ones after it, on an accelerator."""
    first = split_images(graph, inputs, "inputs").items[0]
    items = [first]
    for seed in range(1, images):
        items += split_images(graph, random_inputs(graph, seed), "inputs").items[:1]
    golden = Injector(Engine(graph, host_runner), items, choose_criterion(graph))
    return HardwareInjector(golden, items, compile_graph(graph, CONFIGS[arch], **options))


# --- which faults ------------------------------------------------------------------------------------------------
def live_faults(space: HardwareSpace, count: int, rng: np.random.Generator) -> Iterator[HardwareFault]:
    """Draw live faults: a memory, a stratum of it, a fault of the stratum, each with equal chances."""
    strata = space.strata
    by_memory: dict[str, list[int]] = {}
    for number in range(len(strata)):
        by_memory.setdefault(space.memory_of(number), []).append(number)
    for _ in range(count):
        number = int(rng.choice(by_memory[str(rng.choice(list(by_memory)))]))
        yield space.fault(number, int(rng.integers(strata[number].population)))


def any_fault(case: HardwareInjector, space: str, rng: np.random.Generator) -> HardwareFault:
    """A live fault of the space, moved to another cycle, row or bit: often dead."""
    whole = case.space(space)
    fault = next(live_faults(whole, 1, rng))
    sizes = {n: (s.banks, s.rows, 8 * s.row_bytes) for n, s in case.program.memories.items()}
    sizes |= {n: (s.banks, s.rows, s.row_bits) for n, s in register_map(case.program.config).items()}
    banks, rows, bits = sizes[fault.memory]
    row = fault.row if rng.random() < 0.7 else int(rng.integers(rows))
    bank = fault.bank if rng.random() < 0.7 else int(rng.integers(banks))
    distance = int(rng.integers(-40, 41)) if rng.random() < 0.5 else int(rng.integers(whole.cycles))
    cycle = int(np.clip(fault.cycle + distance, 0, whole.cycles - 1))
    bit = fault.bits[0] if rng.random() < 0.5 else int(rng.integers(bits))
    return replace(fault, bank=bank, row=row, bits=(bit,), cycle=cycle)


def pattern_fault(case: HardwareInjector, rng: np.random.Generator) -> HardwareFault:
    """Neighbouring cells of a memory."""
    fault = next(live_faults(case.space("memory"), 1, rng))
    shape = SHAPES[str(rng.choice([name for name in SHAPES if name != "single"]))]
    return spread(fault, shape, case.program.memories[fault.memory], int(rng.choice([1, 2, 4])))


def stuck_fault(case: HardwareInjector, space: str, rng: np.random.Generator) -> HardwareFault:
    """A bit that keeps its value."""
    fault = any_fault(case, space, rng)
    return replace(fault, cycle=0, image=0, stuck=int(rng.integers(2)))


def persistent_fault(case: HardwareInjector, rng: np.random.Generator) -> HardwareFault:
    """A flip that the host does not repair."""
    while True:
        fault = any_fault(case, "memory", rng)
        if fault.memory in ("ddr", "ins"):
            return replace(fault, persistent=True)


def draw(case: HardwareInjector, kind: str, rng: np.random.Generator) -> HardwareFault:
    """A random fault of a kind."""
    spaces = [name for name in HARDWARE_SPACES if case.space(name).strata]
    space = str(rng.choice(spaces))
    if kind == "live":
        return next(live_faults(case.space(space), 1, rng))
    if kind == "any":
        return any_fault(case, space, rng)
    if kind == "pattern":
        return pattern_fault(case, rng)
    return stuck_fault(case, space, rng) if kind == "stuck" else persistent_fault(case, rng)


# --- comparing ---------------------------------------------------------------------------------------------------
@dataclass
class Comparison:
    """What was compared.

    Attributes
    ----------
    faults
        By memory and by what ran them on the fast path: ``nothing`` (dead bits, and those that change no byte of the
        layer that meets them), ``engine``, ``machine``.
    changed
        By memory, those compared that changed an output.
    seconds
        By path, of the thread.
    differing
        Faults on which the two disagree.
    """

    faults: Counter[tuple[str, str]] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)
    differing: list[dict[str, Any]] = field(default_factory=list)

    @property
    def compared(self) -> int:
        """Faults that the fast path decided without the machine."""
        return sum(count for (_, ran), count in self.faults.items() if ran != "machine")

    def ran(self, *how: str) -> int:
        """Faults by what ran them."""
        return sum(count for (_, ran), count in self.faults.items() if ran in how)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        faults = [[memory, ran, count] for (memory, ran), count in sorted(self.faults.items())]
        changed, seconds = dict(sorted(self.changed.items())), dict(self.seconds)
        return {"faults": faults, "changed": changed, "seconds": seconds, "differing": self.differing}

    def add(self, record: Mapping[str, Any]) -> None:
        """Count in what :meth:`to_json` has written."""
        self.faults.update({(memory, ran): count for memory, ran, count in record["faults"]})
        self.changed.update(record["changed"])
        self.seconds.update(record["seconds"])
        self.differing += record["differing"]


def compare(struck: HardwareInjector, faults: Sequence[HardwareFault], judge: Any = None) -> Comparison:
    """Run faults on both paths, and collect those whose outputs or verdicts differ."""
    found = Comparison()
    judge = judge or HardwareInjector(struck.injector, struck.images, struck.program, level="machine")
    for fault in faults:
        if struck.needs_machine(fault):
            found.faults[fault.memory, "machine"] += 1
            continue
        begin = time.thread_time()
        done = struck.inject(fault)
        middle = time.thread_time()
        expected = judge.inject(fault)
        found.faults[fault.memory, done.ran] += 1
        found.seconds["fast"] += middle - begin
        found.seconds["machine"] += time.thread_time() - middle
        found.changed[fault.memory] += expected.verdict.outcome != "masked"
        if done.verdict != expected.verdict or not same_outputs(done.outputs, expected.outputs):
            found.differing.append(fault.to_json())
    return found


def same_outputs(first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]]) -> bool:
    """Whether all images have the same outputs, byte for byte."""
    return all(
        a.keys() == b.keys() and all(a[n].tobytes() == b[n].tobytes() for n in b)
        for a, b in zip(first, second, strict=True)
    )


# --- the run -----------------------------------------------------------------------------------------------------
@cache
def network(name: str) -> tuple[Graph, Mapping[str, Any]]:
    """A network by name: ``random-N``, a bundled one, one of the shared folder."""
    if name.startswith("random-"):
        made, feeds = random_graph(int(name.removeprefix("random-")))
        return import_onnx(made), feeds
    (model,) = [m for m in (*bundled(), *shared()) if m.name == name]
    return import_onnx(model.path), model.inputs(1)


@cache
def case_of(name: str, arch: str) -> tuple[HardwareInjector, HardwareInjector]:
    """A network on an accelerator, with two images; the second one runs everything on the machine."""
    case = injector(*network(name), arch, images=2)
    return case, HardwareInjector(case.injector, case.images, case.program, level="machine")


def chunk(name: str, arch: str, number: int, seed: int, size: int = CHUNK) -> dict[str, Any]:
    """Compare some faults of one network on one accelerator: a function of the arguments, but for the seconds."""
    case, judge = case_of(name, arch)
    rng = np.random.default_rng([seed, number, sum(map(ord, name)), sum(map(ord, arch))])
    kinds = rng.choice(list(KINDS), size, p=list(KINDS.values())).tolist()
    found = {kind: compare(case, [draw(case, kind, rng) for _ in range(kinds.count(kind))], judge) for kind in KINDS}
    return {"model": name, "arch": arch, "chunk": number, "kinds": {kind: c.to_json() for kind, c in found.items()}}


def done(path: Path, plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Chunks that an earlier run has finished; of another plan none may be."""
    if not path.exists():
        path.write_text(json.dumps(plan) + "\n")
        return []
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    if lines[0] != plan:
        raise SystemExit(f"{path} belongs to another run ({lines[0]}); remove it or give the same options")
    return lines[1:]


def summary(chunks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Sum up by kind, memory and case."""
    kinds = {kind: Comparison() for kind in KINDS}
    cases: dict[str, Comparison] = {}
    for one in chunks:
        for kind, record in one["kinds"].items():
            kinds[kind].add(record)
            cases.setdefault(f"{one['model']} {one['arch']}", Comparison()).add(record)
    total = Comparison()
    for comparison in kinds.values():
        total.add(comparison.to_json())
    memories = sorted({memory for memory, _ in total.faults})
    return {
        "compared": total.compared,
        "differing": total.differing,
        "masked_at_once": total.ran("nothing"),
        "on_engine": total.ran("engine"),
        "left_to_machine": total.ran("machine"),
        "changed_outputs": total.changed.total(),
        "seconds": {name: round(value, 1) for name, value in total.seconds.items()},
        "kinds": {
            kind: {"compared": c.compared, "masked_at_once": c.ran("nothing"), "left_to_machine": c.ran("machine"),
                   "changed_outputs": c.changed.total(), "differing": len(c.differing)}
            for kind, c in kinds.items()
        },
        "memories": {
            memory: {"masked_at_once": total.faults[memory, "nothing"], "on_engine": total.faults[memory, "engine"],
                     "left_to_machine": total.faults[memory, "machine"], "changed_outputs": total.changed[memory]}
            for memory in memories
        },
        "cases": {
            name: {"compared": c.compared, "changed_outputs": c.changed.total(), "differing": len(c.differing)}
            for name, c in cases.items()
        },
    }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=2000, help="how many are decided without the machine")
    parser.add_argument("--models", nargs="+", default=[f"random-{seed}" for seed in SEEDS])
    parser.add_argument("--arch", nargs="+", default=list(ARCHITECTURES))
    parser.add_argument("--real", nargs="*", choices=list(REAL), help="real networks; by default those that are there")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args(arguments)
    part = options.json.with_name(options.json.name + ".part")
    there = [m.name for m in (*bundled(), *shared()) if m.path.exists()]
    real = {n: list(REAL[n]) for n in REAL if n in (there if options.real is None else options.real)}
    plan = {"models": options.models, "arch": options.arch, "real": real, "seed": options.seed, "chunk": CHUNK,
            "real_chunk": REAL_CHUNK, "kinds": KINDS}  # fmt: skip
    chunks = done(part, plan)
    known = {(c["model"], c["arch"], c["chunk"]) for c in chunks}
    cases = [(name, arch, CHUNK) for name in options.models for arch in options.arch]
    cases += [(name, arch, REAL_CHUNK) for name, some in real.items() for arch in some]
    number = 0
    while summary(chunks)["compared"] < options.faults:
        for name, arch, size in cases:
            if (name, arch, number) in known:
                continue
            chunks.append(chunk(name, arch, number, options.seed, size))
            with part.open("a") as stream:
                stream.write(json.dumps(chunks[-1]) + "\n")
        number += 1
        so_far = summary(chunks)
        print(number, so_far["compared"], len(so_far["differing"]), so_far["seconds"], flush=True)
    command = f"python -m tests.conformance.hardware_faults --faults {options.faults} --json {options.json}"
    options.json.write_text(json.dumps({"command": command, "plan": plan, **summary(chunks)}, indent=1) + "\n")


if __name__ == "__main__":
    main()
