"""Measure the cost model of the faulty runs: `python -m tests.bench.costs [--faults 150] [--json OUT.json]`.

Prints every constant of `accel_sim/engine/sparse/cost.py` beside the one that fits this machine, what a faulty run
costs with each strategy alone and with the choice between them, and what it costs when recomputing is taken for twice
or half as expensive as the model says. Times are of the thread, so that other processes disturb them little.

Following is fitted on the nodes that real faults reach, in the benchmark networks and the bundled one; recomputing on
single convolutions of chosen shapes.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from accel_sim.engine.sparse import cost
from accel_sim.engine.sparse import fields as F  # noqa: N812
from accel_sim.faults import Injector, choose_criterion
from accel_sim.session import Model
from tests.bench import dense_shapes, strategies
from tests.bench.fault_lists import draw_lists
from tests.bench.machine import machine
from tests.bench.workloads import bundled_network, goal_network

NETWORKS = ("hsi-unet-relu", "unet_small", "unet_pruned")
FOLLOWING = ("PER_PIXEL", "PER_VECTOR", "PER_ENTRY", "PER_PRODUCT")
RECOMPUTING = ("PER_DOT", "PER_GATHERED", "PER_REQUANTISED", "PER_CHECKED", "PER_ROW")
FACTORS = (0.5, 1.0, 2.0)
REPEATS = 3
Sample = tuple[list[float], float]
"""Amounts of work, in the order of the constants and with the node itself as the last one, and nanoseconds."""


def follow_samples(injector: Injector, upsets: list[Any]) -> list[Sample]:
    """Follow differences through every node that a fault reaches: amounts of work and time of each."""
    runner, nodes = injector.runners[0], strategies.product_nodes(injector)
    found = []
    for some in upsets:
        with runner.struck(some):
            passes = [list(strategies.again(runner, nodes, strategies.POLICIES["follow"])) for _ in range(REPEATS)]
        for works in zip(*passes, strict=True):
            row = runner.tables.nodes[works[0].number]
            vectors = -(-int(row[F.OC]) // cost.VECTOR)
            pixels, entries = works[0].followed(), int(works[0].tally[F.LISTED_ENTRIES])
            amounts = [pixels, pixels * vectors, entries, entries * vectors, 1.0]
            found.append((amounts, float(np.median([work.nanoseconds for work in works]))))
    return found


def fit(names: Sequence[str], samples: list[Sample]) -> tuple[dict[str, float], float]:
    """Return picoseconds per unit of work, none negative, and the share of the variance that they explain.

    Long samples have long errors: the squares are weighted by one over the time.
    """
    amounts, nanoseconds = np.array([a for a, _ in samples], float), np.array([t for _, t in samples], float)
    weight = 1 / np.sqrt(np.maximum(nanoseconds, 1.0))
    constants, residual = nnls(amounts * weight[:, None], nanoseconds * weight)
    around = np.average(nanoseconds, weights=weight**2)
    unexplained = residual**2 / np.sum((weight * (nanoseconds - around)) ** 2)
    return {n: float(c) * 1e3 for n, c in zip([*names, "per node"], constants, strict=True)}, 1 - float(unexplained)


def choice(injector: Injector, upsets: list[Any]) -> dict[str, float]:
    """Milliseconds per fault: each strategy alone, and the choice with recomputing at several times its stated cost."""
    rows: NDArray[Any] = injector.runners[0].tables.nodes
    stated = rows[:, F.DENSE_PS].copy()
    found: dict[str, list[float]] = {}
    for _ in range(REPEATS):
        for name in ("follow", "recompute"):
            policy = strategies.POLICIES[name]
            found.setdefault(name, []).append(strategies.seconds_per_fault(injector, upsets, policy))
        for factor in FACTORS:
            rows[:, F.DENSE_PS] = stated * factor
            mixed = strategies.seconds_per_fault(injector, upsets, strategies.POLICIES["mixed"])
            found.setdefault(f"mixed, x {factor:g}", []).append(mixed)
        rows[:, F.DENSE_PS] = stated
    return {name: min(values) * 1e3 for name, values in found.items()}


def regret(injector: Injector, upsets: list[Any]) -> dict[str, float]:
    """Milliseconds per fault in nodes with products: as chosen, and with the better strategy for every whole node."""
    runner, nodes = injector.runners[0], strategies.product_nodes(injector)
    total = dict.fromkeys((*strategies.POLICIES, "better of two"), 0.0)
    for some in upsets:
        best: dict[str, dict[int, int]] = {name: {} for name in strategies.POLICIES}
        with runner.struck(some):
            for _ in range(REPEATS):
                for name, policy in strategies.POLICIES.items():
                    for work in strategies.again(runner, nodes, policy):
                        best[name][work.number] = min(best[name].get(work.number, work.nanoseconds), work.nanoseconds)
        for name, times in best.items():
            total[name] += sum(times.values())
        total["better of two"] += sum(min(best["follow"][n], best["recompute"][n]) for n in best["follow"])
    return {name: nanoseconds / len(upsets) * 1e-6 for name, nanoseconds in total.items()}


def open_network(name: str) -> tuple[Model, Injector]:
    """Prepare one of `NETWORKS` with its image."""
    source = bundled_network(name) if name.startswith("hsi") else goal_network(name, "u8s8")
    model, images = source.load()
    return model, Injector(model.engine, images.items[:1], choose_criterion(model.graph))


def measure(faults: int) -> dict[str, Any]:
    """Run everything; returns fitted and stated constants, and milliseconds per fault by network and list."""
    samples: list[Sample] = []
    by_network: dict[str, Any] = {}
    for name in NETWORKS:
        model, injector = open_network(name)
        entry = by_network.setdefault(name, {})
        for kind, some in draw_lists(model.graph, faults).items():
            upsets = [strategies.upset(injector, fault) for fault in some]
            strategies.seconds_per_fault(injector, upsets, strategies.POLICIES["mixed"])  # compiles, fills the caches
            entry[kind] = {"whole runs": choice(injector, upsets), "products": regret(injector, upsets)}
            own = follow_samples(injector, upsets)
            entry[kind]["follow alone fits"] = fit(FOLLOWING, own)[0]
            samples += own
            show_network(name, kind, entry[kind])
    following, explained = fit(FOLLOWING, samples)
    recomputing, explained_too = fit(RECOMPUTING, dense_shapes.samples())
    return {
        "machine": machine(),
        "faults_per_list": faults,
        "picoseconds": {**_rows(FOLLOWING, following), **_rows(RECOMPUTING, recomputing)},
        "explained": {"following": explained, "recomputing": explained_too},
        "per_node_picoseconds": {"following": following["per node"], "recomputing": recomputing["per node"]},
        "milliseconds": by_network,
    }


def _rows(names: Sequence[str], fitted: dict[str, float]) -> dict[str, dict[str, float]]:
    return {name: {"stated": getattr(cost, name), "fitted": fitted[name]} for name in names}


def show_network(name: str, kind: str, entry: dict[str, dict[str, float]]) -> None:
    """Print one list of one network."""
    print(f"{name}, {kind}")
    for title, values in entry.items():
        print(f"  {title:18}", ", ".join(f"{key} {value:.4g}" for key, value in values.items()), flush=True)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--faults", type=int, default=150, help="faults per list (150)")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found = measure(given.faults)
    print(f"\n{'picoseconds':18} {'stated':>10} {'fitted':>10}")
    for name, row in found["picoseconds"].items():
        print(f"{name:18} {row['stated']:10.0f} {row['fitted']:10.0f}")
    print("explained share of the variance:", ", ".join(f"{k} {v:.3f}" for k, v in found["explained"].items()))
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
