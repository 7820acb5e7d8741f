"""Bit flips of every memory and register class in RTL, on the machine and on the fast path, byte for byte.

``python -m tests.bench.rtl_faults --count 100000 --json OUT`` draws flips in small generated networks on ``tiny``, the
same number in every memory and class of registers, and compares status, cycles and all outputs. What is done is kept in
``OUT.part``, so that an interrupted run goes on where it stopped.

Where a flipped instruction makes the machine, which applies effects in program order, differ from the RTL, the
accelerator stepped edge by edge (``tests/rtl/ports.py``) decides: such flips are counted as `reordered` where it has
the RTL's bytes, and as differing where it has not.
"""

import argparse
import copy
import json
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

from accel_sim.compiler import compile_graph
from accel_sim.config import PRESETS, register_map
from accel_sim.engine import Engine
from accel_sim.faults import Injector, choose_criterion
from accel_sim.faults.hardware import HardwareFault, HardwareInjector, HardwareSpace
from accel_sim.inputs import split_images
from accel_sim.machine import MachineResult
from accel_sim.model import import_onnx
from accel_sim.reference import host_runner
from accel_sim.rtl.accelerator import RtlAccelerator
from accel_sim.rtl.harness import TOP
from accel_sim.rtl.injection import RtlInjector
from tests.conformance.hardware_faults import done
from tests.generators import random_graph
from tests.rtl.ports import PortEdges

SEEDS = (0, 1, 2, 9, 11, 14, 17, 22, 35, 37)
EACH = 25  # of every class, per chunk
LIVE, NEAR = 0.5, 0.3  # share of bits that are still to be read; of bits near those; the rest is any bit at any cycle
TINY = PRESETS["tiny"]


@dataclass(frozen=True, eq=False)
class Case:
    """A network with the same image on the fast path, on the machine, and in RTL."""

    fast: HardwareInjector

    @cached_property
    def rtl(self) -> RtlInjector:
        """The program in RTL, which agrees with the machine without a fault."""
        machine = self.fast.machine
        found = RtlInjector(RtlAccelerator(machine.program, machine.host, compact=True), self.fast.images[0])
        assert agree(found.golden, machine.run(self.fast.images[0]))
        return found

    @cached_property
    def sizes(self) -> Mapping[str, tuple[int, int, int]]:
        """Banks, rows and bits of a row, of every memory and class of registers."""
        found = {n: (s.banks, s.rows, 8 * s.row_bytes) for n, s in self.fast.program.memories.items()}
        return found | {n: (s.banks, s.rows, s.row_bits) for n, s in register_map(TINY).items()}

    @cached_property
    def strata(self) -> Mapping[str, tuple[HardwareSpace, list[int]]]:
        """Strata of live bits by memory."""
        found: dict[str, tuple[HardwareSpace, list[int]]] = {}
        for space in (self.fast.space("memory"), self.fast.space("registers")):
            for number in range(len(space.strata)):
                found.setdefault(space.memory_of(number), (space, []))[1].append(number)
        return found

    def machine(self, fault: HardwareFault) -> MachineResult:
        """Run on the machine, all of whose memories are zero before."""
        machine = self.fast.machine
        for memory in machine.memories.values():
            memory.data.fill(0)
        for sums in machine.accumulators.values():
            sums.fill(0)
        return machine.run(self.fast.images[0], fault.upsets)

    def edge_by_edge(self, fault: HardwareFault) -> Mapping[str, Any]:
        """Return what the accelerator stepped edge by edge makes of a flipped instruction."""
        own = self.fast.machine
        own.reload()
        instructions, times = own._instructions(fault.upsets)
        for memory in own.memories.values():
            memory.data.fill(0)
        stepped = copy.copy(own)
        stepped.program, stepped.schedule = replace(own.program, instructions=tuple(instructions)), times
        PortEdges(stepped, self.fast.images[0]).run_ports()
        return {name: stepped._read(name) for name in own.program.outputs}


@cache
def fast_case(seed: int) -> Case:
    """Compile a generated graph; RTL is made when it is asked for."""
    made, feeds = random_graph(seed)
    graph = import_onnx(made)
    images = split_images(graph, feeds, "inputs").items[:1]
    program, engine = compile_graph(graph, TINY), Engine(graph, host_runner)
    return Case(HardwareInjector(Injector(engine, images, choose_criterion(graph)), images, program))


def agree(first: MachineResult, second: MachineResult) -> bool:
    """Whether two runs have the same status, and if they end, the same cycles and bytes."""
    if first.status != "ok" or second.status != "ok":
        return first.status == second.status
    return first.cycles == second.cycles and same_bytes(first.outputs, second.outputs)


def same_bytes(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Whether two sets of outputs are the same, byte for byte."""
    return first.keys() == second.keys() and all(first[n].tobytes() == second[n].tobytes() for n in second)


def draw(case: Case, memory: str, rng: np.random.Generator) -> HardwareFault:
    """Draw a flip in one memory or class of registers."""
    banks, rows, bits = case.sizes[memory]
    cycles, kind = case.fast.machine.schedule.cycles, rng.random()
    if memory not in case.strata or kind >= LIVE + NEAR:
        space = "registers" if memory in register_map(TINY) else "memory"
        place = [int(rng.integers(size)) for size in (banks, rows, bits, cycles)]
        return HardwareFault(space, memory, place[0], place[1], (place[2],), place[3])
    whole, numbers = case.strata[memory]
    number = int(rng.choice(numbers))
    fault = whole.fault(number, int(rng.integers(whole.strata[number].population)))
    if kind < LIVE:
        return fault
    row = fault.row if rng.random() < 0.7 else int(rng.integers(rows))
    bank = fault.bank if rng.random() < 0.7 else int(rng.integers(banks))
    cycle = int(np.clip(fault.cycle + rng.integers(-40, 41), 0, cycles - 1))
    return replace(fault, bank=bank, row=row, bits=(int(rng.integers(bits)),), cycle=cycle)


# --- comparing ---------------------------------------------------------------------------------------------------
def compare(case: Case, fault: HardwareFault, count: Counter[str], seconds: Counter[str]) -> dict[str, Any] | None:
    """Run one flip everywhere; return what is to be told about it where two of them differ."""
    times = [time.perf_counter()]
    found = case.rtl.inject(fault.upsets)  # reads the bit back
    times.append(time.perf_counter())
    expected = case.machine(fault)
    times.append(time.perf_counter())
    left = case.fast.needs_machine(fault)
    fast = None if left else case.fast.inject(fault)
    times.append(time.perf_counter())
    seconds.update(dict(zip(("rtl", "machine", "fast_path"), np.diff(times).tolist(), strict=True)))
    changed = expected.status == "ok" and not same_bytes(expected.outputs, case.rtl.golden.outputs)
    count.update(["compared", "left_to_machine" if left else "on_fast_path"])
    count["wrong" if changed else "masked" if expected.status == "ok" else expected.status] += 1
    if fast is not None:
        engine = MachineResult(fast.outputs[0], expected.cycles)
        if not agree(engine, found):
            count["differing"] += 1
            return told("fast path", fault, found, engine)
    if agree(found, expected):
        return None
    both_end = found.status == expected.status == "ok" and found.cycles == expected.cycles
    if fault.memory == "ins" and both_end and same_bytes(case.edge_by_edge(fault), found.outputs):
        count["reordered"] += 1
        return None
    count["differing"] += 1
    return told("machine", fault, found, expected)


def told(other: str, fault: HardwareFault, found: MachineResult, expected: MachineResult) -> dict[str, Any]:
    """Describe a difference."""
    results = {"rtl": [found.status, found.cycles, found.detail], other: [expected.status, expected.cycles]}
    return {"fault": fault.to_json(), **results}


def chunk(seed: int, number: int) -> dict[str, Any]:
    """Compare some flips of every class in one network: a function of the arguments, but for the seconds."""
    case, rng = fast_case(seed), np.random.default_rng([seed, number, 5])
    early, seconds, memories, differing = case.rtl.early, Counter[str](), {}, []
    for memory in case.sizes:
        count = memories[memory] = Counter[str]()
        for _ in range(EACH):
            problem = compare(case, draw(case, memory, rng), count, seconds)
            differing += [] if problem is None else [{"network": f"random-{seed}", **problem}]
    return {
        "seed": seed, "chunk": number, "memories": memories, "differing": differing, "seconds": dict(seconds),
        "early": case.rtl.early - early,
    }  # fmt: skip


# --- cocotb ------------------------------------------------------------------------------------------------------
def through_cocotb(each: int, results: Path, cases: Sequence[str] = ()) -> tuple[dict[str, str], dict[str, Any]]:
    """Run the cocotb tests of flips with so many of every class; what became of each, and the counts."""
    from accel_sim.rtl import cocotb_run
    from tests.rtl.cocotb_faults import bench_faults, inference

    machine = fast_case(bench_faults.NETWORK).fast.machine
    visible = Path(inference.__file__).with_name("public.vlt")
    sizes, ports = inference.parameters(machine), ("*_i", "*_ni", "*_o")
    folder = cocotb_run.build(TOP, sizes, options=(str(visible), "-CFLAGS", "-O1"), public=ports)
    report = results / "report.json"
    variables = {"ACCEL_SIM_FLIPS": str(each), "ACCEL_SIM_REPORT": str(report)}
    module = "tests.rtl.cocotb_faults.bench_faults"
    outcomes = cocotb_run.run(folder, TOP, (module,), results, cases=cases, variables=variables)
    return outcomes, json.loads(report.read_text()) if report.exists() else {}


# --- speed ---------------------------------------------------------------------------------------------------------
def rtl_alone(seed: int, each: int) -> dict[str, Any]:
    """Strike the whole accelerator without comparing: injections and processor seconds."""
    case, rng = fast_case(seed), np.random.default_rng([seed, 6])
    upsets = [draw(case, memory, rng).upsets for memory in case.sizes for _ in range(each)]
    assert case.rtl.golden.status == "ok"
    wall, processor = time.perf_counter(), time.process_time()
    for one in upsets:
        case.rtl.inject(one)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    return {
        "network": f"random-{seed}", "cycles_of_a_run": case.rtl.golden.cycles, "injections": len(upsets),
        "injections_per_processor_second": round(len(upsets) / processor),
        "injections_per_second": round(len(upsets) / wall),
    }  # fmt: skip


def array_alone(count: int, modelled: int) -> dict[str, Any]:
    """Strike the array alone, and compare the codes of some of the flips with the datapath's model, byte by byte."""
    from tests.rtl.array_drive import Blocks

    case, rng, differing = Blocks(0), np.random.default_rng(9), 0
    flips = case.rtl.draw(rng, count)
    wall, processor = time.perf_counter(), time.process_time()
    wrong, edges = case.rtl.inject(flips)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    for number, flip in enumerate(flips[:modelled]):
        expected = case.codes(case.rtl.place(flip), int(flip["cycle"]))
        changed = bool((expected != case.rtl.codes()).any())
        differing += not np.array_equal(case.rtl.codes(flip), expected) or changed != wrong[number]
    return {
        "edges_of_a_run": case.rtl.edges, "injections": count, "bits_read_back": count, "wrong": int(wrong.sum()),
        "edges_simulated": edges, "compared_with_the_model": modelled, "differing": int(differing),
        "injections_per_processor_second": round(count / processor), "injections_per_second": round(count / wall),
    }  # fmt: skip


# --- the run -----------------------------------------------------------------------------------------------------
def summary(chunks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Sum up by memory."""
    memories: dict[str, Counter[str]] = {}
    seconds = Counter[str]()
    for one in chunks:
        seconds.update(one["seconds"])
        for memory, count in one["memories"].items():
            memories.setdefault(memory, Counter()).update(count)
    total = sum(memories.values(), Counter[str]())
    return {
        "injections": total["compared"],
        "bits_read_back": total["compared"],
        **{name: total[name] for name in ("on_fast_path", "left_to_machine", "reordered")},
        "outcomes": {name: total[name] for name in ("masked", "wrong", "trap", "hang")},
        "differing": [problem for one in chunks for problem in one["differing"]],
        "ended_at_a_saved_state": sum(one["early"] for one in chunks),
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
        "injections_per_second": {name: round(total["compared"] / value, 1) for name, value in seconds.items()},
        "memories": {memory: dict(sorted(count.items())) for memory, count in memories.items()},
    }


def write(path: Path, found: Mapping[str, Any]) -> None:
    """Write the record, and keep what another run has written under other names."""
    old = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**old, **found}, indent=1) + "\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=9000, help="flips to compare")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS), help="generated networks")
    parser.add_argument("--cocotb", type=int, metavar="N", help="in place of that: N flips of each class by cocotb")
    parser.add_argument("--array", type=int, metavar="N", help="in place of that: speed, N flips in the array alone")
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args(arguments)
    if options.cocotb:
        with tempfile.TemporaryDirectory() as folder:
            outcomes, report = through_cocotb(options.cocotb, Path(folder))
        assert set(outcomes.values()) == {"passed"}, outcomes
        command = f"python -m tests.bench.rtl_faults --cocotb {options.cocotb} --json {options.json}"
        write(options.json, {"cocotb": {"command": command, "tests": outcomes, **report}})
        return
    if options.array:
        command = f"python -m tests.bench.rtl_faults --array {options.array} --json {options.json}"
        alone = {"command": command, **array_alone(options.array, 5000)}
        write(options.json, {"array": alone, "accelerator": {"command": command, **rtl_alone(17, 200)}})
        return
    part = options.json.with_name(options.json.name + ".part")
    plan = {"arch": "tiny", "seeds": options.seeds, "each": EACH, "live": LIVE, "near": NEAR}
    chunks = done(part, plan)
    known, number = {(c["seed"], c["chunk"]) for c in chunks}, 0
    while sum(count["compared"] for c in chunks for count in c["memories"].values()) < options.count:
        for seed in options.seeds:
            if (seed, number) in known:
                continue
            chunks.append(chunk(seed, number))
            with part.open("a") as stream:
                stream.write(json.dumps(chunks[-1]) + "\n")
        number += 1
        now = summary(chunks)
        print(number, now["injections"], len(now["differing"]), now["injections_per_second"], flush=True)
    command = f"python -m tests.bench.rtl_faults --count {options.count} --json {options.json}"
    networks = {f"random-{seed}": fast_case(seed).rtl.golden.cycles for seed in options.seeds}
    write(options.json, {"command": command, "plan": plan, "cycles": networks, **summary(chunks)})


if __name__ == "__main__":
    main()
