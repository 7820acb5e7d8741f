"""What a simulation of memories and datapath registers misses: upsets of the control, injected into the RTL.

``python -m tests.bench.rtl_control_faults --json OUT`` draws (flip-flop bit, cycle) uniformly in the flip-flops of the
core that the machine does not model, runs the RTL, and draws live upsets of memories and modelled registers of the same
networks for comparison. What is done is kept in ``OUT.part``.
"""

import argparse
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from accel_sim.compiler import compile_graph
from accel_sim.config import PRESETS, memory_map, register_map
from accel_sim.devices import rate_table
from accel_sim.devices.uncertainty import share_draws
from accel_sim.engine import Engine
from accel_sim.faults import Injector, choose_criterion
from accel_sim.faults.hardware import HardwareInjector, HardwareSpace
from accel_sim.inputs import split_images
from accel_sim.machine import BitUpset
from accel_sim.reference import host_runner
from accel_sim.rtl.accelerator import RtlAccelerator
from accel_sim.rtl.control import ControlRegister, control_registers, public
from accel_sim.rtl.injection import RtlInjector, same_tensors
from accel_sim.stats import Estimate, stratified_share
from tests.bench.rtl_faults import SEEDS
from tests.conformance.hardware_faults import done, network

TINY = PRESETS["tiny"]
NETWORKS = tuple(f"random-{seed}" for seed in SEEDS)
OUTCOMES = ("masked", "wrong", "trap", "hang")
CHUNK = 250
LIVE_EACH = 60  # live upsets of every memory and register class per network and chunk of the buffers
MOST_POINTS = 150  # saved states of a run
OFF_CHIP = ("ddr", "ins")
FAMILY, BASE = "ultrascale_plus", "bram"
# Rates of a flip-flop as a multiple of a block RAM bit's: no figure is published, so several are taken.
RATIOS = (0.1, 0.3, 1.0, 3.0)
# Synthesis makes LUT RAM of the queues' entries (docs/measurements/rtl_synthesis.json); their pointers, 28 bits, are
# flip-flops and counted with them.
LUT_RAM_GROUPS = ("queues",)
LEVEL, DRAWS = 0.95, 20_000


# --- one network -------------------------------------------------------------------------------------------------
class Control:
    """A network in RTL with the flip-flops of its control."""

    def __init__(self, name: str) -> None:
        graph, feeds = network(name)
        image = split_images(graph, feeds, "inputs").items[0]
        program, engine = compile_graph(graph, TINY), Engine(graph, host_runner)
        ddr = program.memories["ddr"]
        self.registers = control_registers(TINY, ddr.rows * ddr.row_bytes, len(program.instructions))
        more = [register.array for register in self.registers]
        rtl = RtlAccelerator(program, engine.run_node, compact=True, more=more, public=public())
        self.rtl = RtlInjector(rtl, image, max(64, rtl.schedule.cycles // MOST_POINTS))
        self.limits = np.cumsum([register.all_bits for register in self.registers])

    def draw(self, rng: np.random.Generator) -> tuple[ControlRegister, BitUpset]:
        """Draw a bit and a cycle, all with the same chance."""
        number = int(rng.integers(self.limits[-1]))
        place = int(np.searchsorted(self.limits, number, side="right"))
        register = self.registers[place]
        row, bit = divmod(number - int(self.limits[place]) + register.all_bits, register.bits)
        return register, BitUpset(register.name, 0, row, bit, int(rng.integers(self.rtl.golden.cycles)))

    def outcome(self, upset: BitUpset) -> str:
        """Strike, and compare outputs with the fault-free run."""
        found, golden = self.rtl.inject([upset]), self.rtl.golden
        if found.status != "ok":
            return found.status
        if not same_tensors(found.outputs, golden.outputs):
            return "wrong"
        return "masked" if found.cycles == golden.cycles else "late"


@cache
def control_of(name: str) -> Control:
    """Build a network once."""
    return Control(name)


@cache
def buffers(name: str) -> HardwareInjector:
    """The same network for upsets of memories and modelled registers."""
    graph, feeds = network(name)
    images = split_images(graph, feeds, "inputs").items[:1]
    golden = Injector(Engine(graph, host_runner), images, choose_criterion(graph))
    return HardwareInjector(golden, images, compile_graph(graph, TINY))


def control_chunk(name: str, number: int) -> dict[str, Any]:
    """Strike the control some times: a function of the arguments."""
    case, rng = control_of(name), np.random.default_rng([number, 11, sum(map(ord, name))])
    groups: dict[str, Counter[str]] = {register.group: Counter() for register in case.registers}
    for _ in range(CHUNK):
        register, upset = case.draw(rng)
        groups[register.group][case.outcome(upset)] += 1
    bits = Counter[str]()
    for register in case.registers:
        bits[register.group] += register.all_bits
    return {"network": name, "chunk": number, "cycles": case.rtl.golden.cycles, "groups": groups, "bits": bits}


def buffer_chunk(name: str, each: int) -> dict[str, Any]:
    """Strike live bits of every memory and register class on the fast path, all of a class with the same chance."""
    case, rng, found = buffers(name), np.random.default_rng([each, 12, sum(map(ord, name))]), {}
    sizes = bits_of_all()
    for space in (case.space("memory"), case.space("registers")):
        for memory in space.lives:
            if memory in OFF_CHIP:
                continue
            numbers, weights = live_strata(space, memory)
            live = sum(weights) / (sizes[memory] * space.cycles)
            fails, share = 0, np.array(weights, float) / max(sum(weights), 1)
            draws = each if numbers else 0
            for _ in range(draws):
                number = int(rng.choice(numbers, p=share))
                fault = space.fault(number, int(rng.integers(space.strata[number].population)))
                fails += case.evaluate(fault).outcome != "masked"
            found[memory] = {"live": live, "draws": draws, "fails": int(fails)}
    return {"network": name, "buffers": found}


def bits_of_all() -> dict[str, int]:
    """Return the bits of every memory on the chip and of every modelled register class."""
    memories, registers = memory_map(TINY), register_map(TINY)
    return {n: s.bits for n, s in memories.items()} | {n: s.bits for n, s in registers.items()}


def live_strata(space: HardwareSpace, memory: str) -> tuple[list[int], list[int]]:
    """Return numbers and sizes of a memory's strata."""
    numbers = [n for n in range(len(space.strata)) if space.memory_of(n) == memory]
    return numbers, [space.strata[n].population for n in numbers]


# --- the share ---------------------------------------------------------------------------------------------------
def rate_of_all_bits(entries: Sequence[Mapping[str, Any]]) -> Estimate:
    """Failures per upset of any bit at any cycle, the mean of networks: live share times rate of live bits."""
    live = [entry["live"] for entry in entries]
    weights = [round(share * 1e12) for share in live]
    if not any(weights):
        return Estimate(0.0, 0.0, 0.0, LEVEL, "no live bit", 0)
    rate = stratified_share([e["fails"] for e in entries], [e["draws"] for e in entries], weights, LEVEL)
    mean = float(np.mean(live))
    return Estimate(rate.low * mean, rate.best * mean, rate.high * mean, LEVEL, f"live share x {rate.method}", rate.n)


def rate_of_control(counts: Sequence[Counter[str]]) -> Estimate:
    """Failures per upset of any bit at any cycle, the mean of networks."""
    hits = [sum(count[outcome] for outcome in ("wrong", "trap", "hang")) for count in counts]
    return stratified_share(hits, [count.total() for count in counts], [10**12] * len(counts), LEVEL)


Parts = Mapping[str, tuple[Estimate, int, str]]  # rate of all bits, number of bits, technology


def missed(control: Parts, modelled: Parts, upsets: Mapping[str, float]) -> dict[str, float]:
    """Share of all failures that the control causes, with its interval.

    Parameters
    ----------
    control, modelled
        What the machine does not have, and what it has.
    upsets
        Upset rate of a bit by technology, in any unit.
    """
    random = np.random.default_rng(0)
    drawn, best = [np.zeros(DRAWS), np.zeros(DRAWS)], [0.0, 0.0]
    for side, parts in enumerate((control, modelled)):
        for rate, bits, kind in parts.values():
            draws = share_draws(rate.low, rate.best, rate.high, LEVEL, random.standard_normal(DRAWS))
            drawn[side] += bits * upsets[kind] * draws
            best[side] += bits * upsets[kind] * rate.best
    low, high = np.quantile(drawn[0] / (drawn[0] + drawn[1]), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return {"low": float(low), "best": best[0] / sum(best), "high": float(high)}


def shares(control: Parts, rates: Mapping[str, Estimate]) -> list[dict[str, Any]]:
    """Return the share for every rate of flip-flops; first of all for equal rates of all bits."""
    table = rate_table(FAMILY)
    lut = table.require("cram").fit_per_bit / table.require(BASE).fit_per_bit  # cells of LUT RAM are of that kind
    specs, registers = memory_map(TINY), register_map(TINY)
    modelled = {name: (rates[name], specs[name].bits, specs[name].kind) for name in rates if name in specs}
    modelled |= {name: (rates[name], registers[name].bits, "ff") for name in rates if name in registers}
    found = []
    for ratio, lut_ratio in [(1.0, 1.0), *((ratio, lut) for ratio in RATIOS)]:
        share = missed(control, modelled, {"bram": 1.0, "lutram": lut_ratio, "ff": ratio})
        found.append({"flip_flop_to_bram": ratio, "lutram_to_bram": lut_ratio, "share": share})
    return found


def summary(chunks: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, Any]:
    """Sum up the networks of some names."""
    by_network: dict[str, Counter[str]] = {}
    by_group: dict[str, dict[str, Counter[str]]] = {}
    buffer_entries: dict[str, list[Mapping[str, Any]]] = {}
    bits: Mapping[str, int] = {}
    for one in chunks:
        if one["network"] not in names:
            continue
        for group, count in one.get("groups", {}).items():
            by_network.setdefault(one["network"], Counter()).update(count)
            by_group.setdefault(group, {}).setdefault(one["network"], Counter()).update(count)
        bits = one.get("bits", bits)
        for memory, entry in one.get("buffers", {}).items():
            buffer_entries.setdefault(memory, []).append(entry)
    rates = {memory: rate_of_all_bits(entries) for memory, entries in buffer_entries.items()}
    whole = rate_of_control(list(by_network.values()))
    of_group = {group: rate_of_control(list(counts.values())) for group, counts in by_group.items()}
    control: Parts = {
        group: (rate, bits[group], "lutram" if group in LUT_RAM_GROUPS else "ff") for group, rate in of_group.items()
    }
    sizes = bits_of_all()
    total = sum(by_network.values(), Counter[str]())
    return {
        "injections": total.total(),
        "control_bits": sum(bits.values()),
        "outcomes": {name: total[name] for name in ("masked", "late", "wrong", "trap", "hang")},
        "failure_rate": whole.to_dict(),
        "groups": {
            group: {"bits": bits[group], **sum(counts.values(), Counter[str]()),
                    "failure_rate": of_group[group].to_dict()}
            for group, counts in by_group.items()
        },
        "modelled": {
            memory: {"bits": sizes[memory], "failure_rate": rate.to_dict(),
                     "failing_bits": sizes[memory] * rate.best}
            for memory, rate in rates.items()
        },
        "control_failing_bits": sum(bits.values()) * whole.best,
        "missed_share": shares(control, rates),
    }  # fmt: skip


# --- the run -----------------------------------------------------------------------------------------------------
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the campaign."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000, help="upsets of the control, over all generated networks")
    parser.add_argument("--real", nargs="*", default=["ds-cnn"], help="real networks, with --real-count upsets each")
    parser.add_argument("--real-count", type=int, default=250)
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args(arguments)
    part = options.json.with_name(options.json.name + ".part")
    chunks = done(part, {"arch": "tiny", "chunk": CHUNK, "live_each": LIVE_EACH})
    known = {(c["network"], c.get("chunk")) for c in chunks}
    wanted = [(name, -(-options.count // len(NETWORKS) // CHUNK)) for name in NETWORKS]
    wanted += [(name, -(-options.real_count // CHUNK)) for name in options.real]
    for name, count in wanted:
        for number in [None, *range(count)]:
            if (name, number) in known:
                continue
            each = LIVE_EACH if name in NETWORKS else 5 * LIVE_EACH
            chunks.append(buffer_chunk(name, each) if number is None else control_chunk(name, number))
            with part.open("a") as stream:
                stream.write(json.dumps(chunks[-1]) + "\n")
        print(name, summary(chunks, [name])["outcomes"], flush=True)
    table = rate_table(FAMILY)
    rates = {kind: {"fit_per_mbit": table.require(kind).fit_per_mbit, "verified": table.require(kind).verified,
                    "source": table.require(kind).source} for kind in (BASE, "cram")}  # fmt: skip
    record = {
        "command": f"python -m tests.bench.rtl_control_faults --json {options.json}",
        "arch": "tiny", "level": LEVEL, "family": FAMILY, "rates": rates,
        "generated": summary(chunks, NETWORKS),
        "real": {name: summary(chunks, [name]) for name in options.real},
    }  # fmt: skip
    options.json.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
