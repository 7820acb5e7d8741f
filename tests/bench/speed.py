"""What the engine costs, as ratios to one onnxruntime inference of the same network in the same run.

    python -m tests.bench.speed --all [--models DIR] [--json OUT.json]
    python -m tests.bench.speed --model hsi-unet-relu [--inputs IN.npz] [--faults 200] [--json OUT.json]

The first prints the goals' table for the two benchmark networks, and after it what faults cost on the other networks;
the second times one network. Nothing here is a test: times are not asserted. PyTorchFI and MRFI take part when they are
installed (extra `bench`).
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from accel_sim.bundled import bundled_inputs
from tests.bench import contenders as c
from tests.bench import goals as g
from tests.bench import process_costs, strategies
from tests.bench.fault_lists import ACTIVATIONS, PARAMETER_SETS, WEIGHT_BITS, draw_lists
from tests.bench.machine import machine
from tests.bench.rounds import Contender, Times, interleave
from tests.bench.workloads import (
    BUNDLED,
    GOALS,
    TIMED,
    Source,
    bundled_network,
    folder_networks,
    goal_entry,
    goal_network,
    goal_widths,
)  # fmt: skip

BASE = "onnxruntime, 2 thread(s)"
GOLDEN = "golden inference"
IDLE_GAIN = 1.25
"""Two idle cores make onnxruntime this much faster than one, on the benchmark networks at the least."""
CAMPAIGN_SECONDS = 4.0
"""A campaign that is timed takes about as long as this with one worker."""


def time_goal_network(name: str, faults: int, rounds: int) -> tuple[list[g.Measured], dict[str, Any]]:
    """Time one of the benchmark networks with everybody; returns the rows of the table and the details."""
    model, images = goal_network(name, "u8s8").load()
    signed, signed_images = goal_network(name, "s8s8").load()
    image, signed_image = images.items[0], signed_images.items[0]
    lists = draw_lists(model.graph, faults)
    injector = c.injector_of(model, image)
    # What is compared stands side by side: on a shared machine the pace changes within seconds.
    runs: dict[str, Contender] = {BASE: c.onnxruntime(model, image, 2)}
    runs |= {key: c.faults(injector, some) for key, some in lists.items()}
    runs |= {GOLDEN: c.golden(model.engine, image), "onnxruntime, 1 thread(s)": c.onnxruntime(model, image, 1)}
    runs |= {f"onnxruntime s8s8, {n} thread(s)": c.onnxruntime(signed, signed_image, n, True) for n in c.THREADS}
    runs |= {f"{GOLDEN}, s8s8": c.golden(signed.engine, signed_image)}
    runs[WEIGHT_BITS]()  # compiles
    count = max(400, int(CAMPAIGN_SECONDS / runs[WEIGHT_BITS]()))
    runs |= {f"campaign, {n} worker(s)": c.campaign(model, images, count, n) for n in (1, 2)}
    widths = goal_widths(name)
    peers = c.peer_contenders(widths, image, lists[WEIGHT_BITS])
    strategies.reset(injector)
    times = interleave(runs | peers, rounds)
    details = {
        "rows": _details(times, BASE),
        "strategies": strategies.counts(injector),
        "faults_per_list": faults,
        "campaign_faults": count,
    }
    return [*_rows(name, times, list(peers)), *_process_rows(name)], details | {"second_thread": _second_thread(times)}


def _rows(name: str, times: Times, peers: list[str]) -> Iterator[g.Measured]:
    """Translate times into rows of the goals' table."""
    yield g.Measured(g.GOLDEN_U8, name, *times.ratio(GOLDEN, BASE))
    yield g.Measured(g.GOLDEN_S8, name, *times.ratio(f"{GOLDEN}, s8s8", "onnxruntime s8s8, 2 thread(s)"))
    for measure, key in ((g.WEIGHTS, WEIGHT_BITS), (g.SETS, PARAMETER_SETS), (g.ACTIVATIONS, ACTIVATIONS)):
        yield g.Measured(measure, name, *times.ratio(key, BASE))
    two = "campaign, 2 worker(s)"
    yield g.Measured(g.WORKERS, name, *times.ratio("campaign, 1 worker(s)", two))
    theirs = [peer for peer in peers if peer.startswith("PyTorchFI")]
    if theirs:
        best = times.best_of(theirs)
        yield g.Measured(g.PEER, name, *times.ratio(best, two), note=best)
    else:
        yield g.Measured(g.PEER, name, None, note="pytorchfi is not installed")


def _process_rows(name: str) -> Iterator[g.Measured]:
    network = f"{name}-u8s8"
    yield g.Measured(g.FIRST_ROW, name, *process_costs.spread_of(process_costs.first_row_seconds(network)))
    yield g.Measured(g.MEMORY, name, process_costs.peak_gib(network))


def time_network(source: Source, faults: int, rounds: int) -> dict[str, Any]:
    """Time golden run and fault lists of any network against onnxruntime."""
    model, images = source.load()
    image = images.items[0]
    injector = c.injector_of(model, image)
    signed = any(tensor.dtype == "int8" for tensor in model.graph.tensors.values())
    runs: dict[str, Contender] = {
        f"onnxruntime, {n} thread(s)": c.onnxruntime(model, image, n, signed) for n in c.THREADS
    }
    runs[GOLDEN] = c.golden(model.engine, image)
    runs |= {key: c.faults(injector, some) for key, some in draw_lists(model.graph, faults).items()}
    strategies.reset(injector)
    times = interleave(runs, rounds)
    return {"rows": _details(times, BASE), "strategies": strategies.counts(injector), "faults_per_list": faults}


def _second_thread(times: Times) -> float:
    """Say what a second thread brings onnxruntime; little on a large network means that the machine is busy."""
    gain = times.ratio("onnxruntime, 1 thread(s)", BASE)[0]
    if gain < IDLE_GAIN:
        print(f"the machine is busy: a second thread brings onnxruntime {gain:.2f}x; the ratios flatter the engine")
    return gain


def _details(times: Times, base: str) -> dict[str, dict[str, float]]:
    rows = {}
    for name in times.seconds:
        ratio, low, high = times.ratio(name, base)
        milliseconds = times.median_seconds(name) * 1e3
        rows[name] = {"milliseconds": milliseconds, "ratio": ratio, "ratio_low": low, "ratio_high": high}
    return rows


def show(name: str, found: dict[str, Any]) -> None:
    """Print all contenders of one network."""
    print(f"\n{name}: mean per fault over {found['faults_per_list']} faults, median of the rounds")
    for contender, row in found["rows"].items():
        spread = f"{row['ratio_low']:.4f} to {row['ratio_high']:.4f}"
        print(f"{contender:32} {row['milliseconds']:9.3f} ms   {row['ratio']:8.4f} x   ({spread})")
    print("strategies:", ", ".join(f"{key} {value}" for key, value in found["strategies"].items()), flush=True)


def time_all(folder: Path | None, faults: int, rounds: int) -> dict[str, Any]:
    """Time the benchmark networks against their goals, and then the others."""
    rows = [g.Measured(g.HELP, "any", *process_costs.spread_of(process_costs.help_seconds()))]
    networks: dict[str, Any] = {}
    for name in GOALS:
        found, networks[name] = time_goal_network(name, faults, rounds)
        networks[name] |= {"spread": goal_entry(name).get("spread")}
        rows += found
        show(name, networks[name])
    print("\n" + g.table(rows), flush=True)
    others = [bundled_network(name) for name in BUNDLED]
    others += [source for source in folder_networks(folder) if source.name in TIMED]
    for source in others:
        label = TIMED.get(source.name, source.name)
        networks[label] = time_network(source, faults, rounds)
        show(label, networks[label])
    return {"goals": [row.to_json() for row in rows], "networks": networks}


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--all", action="store_true", help="the goals' table, and all networks")
    parser.add_argument("--models", type=Path, help="folder of further networks, FILE.onnx with FILE_io.npz")
    parser.add_argument("--model", default="hsi-unet-relu", help="time this network only")
    parser.add_argument("--inputs", help=".npz with an image for it")
    parser.add_argument("--faults", type=int, default=200, help="faults per list (200)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    result: dict[str, Any] = {"machine": machine(), "rounds": given.rounds}
    if given.all:
        result |= time_all(given.models, given.faults, given.rounds)
    else:
        inputs = given.inputs or bundled_inputs(given.model)
        if inputs is None:
            parser.error("--inputs is missing")
        found = time_network(Source(given.model, given.model, str(inputs)), given.faults, given.rounds)
        show(given.model, found)
        result["networks"] = {given.model: found}
    if given.json:
        given.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
