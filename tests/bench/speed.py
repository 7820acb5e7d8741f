"""What one fault costs, as a ratio to one onnxruntime inference of the same model in the same run.

    python -m tests.bench.speed [--model hsi-unet-relu] [--inputs IN.npz] [--faults 200] [--json OUT.json]

Rounds of all contenders are interleaved, so that a machine that slows down slows all of them; the ratio of a round is
taken inside the round, and the median over rounds is reported with its spread. Nothing here is a test: times are not
asserted.
"""

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from accel_sim.bundled import bundled_inputs
from accel_sim.engine.sparse import fields as F  # noqa: N812
from accel_sim.faults import Fault, Injector, choose_criterion, make_space
from accel_sim.inputs import read_npz
from accel_sim.session import Model, load


def draw(model: Model, space_name: str, design: str, count: int) -> list[Fault]:
    """Draw faults: ``bits`` uniform over all bits of a space, ``sets`` a tensor first and then one of its bits."""
    space = make_space(space_name, model.graph, 1)
    rng = np.random.default_rng(7)
    strata = space.strata
    populations = np.array([s.population for s in strata], float)
    names = list(dict.fromkeys(s.name for s in strata))
    faults = []
    for _ in range(count):
        weights = populations.copy()
        if design == "sets":
            chosen = names[rng.integers(len(names))]
            weights *= [s.name == chosen for s in strata]
        stratum = int(rng.choice(len(strata), p=weights / weights.sum()))
        faults.append(space.fault(stratum, int(rng.integers(strata[stratum].population))))
    return faults


def check_lists(model: Model, lists: dict[str, list[Fault]]) -> None:
    """Fail when a list is not what its name claims: the wrong space, or biases where none are meant."""
    roles = {name: parameter.role for name, parameter in model.graph.parameters.items()}
    weights = [f for f in lists["weight bits"] if roles[f.tensor] == "weight"]
    assert len(weights) == len(lists["weight bits"])
    assert all(f.space == "activations" for f in lists["activations"])
    share = np.mean([roles[f.tensor] == "bias" for f in lists["parameter sets"]])
    biases = np.mean([role == "bias" for role in roles.values()])
    assert abs(share - biases) < 5 * np.sqrt(biases * (1 - biases) / len(lists["parameter sets"])) + 1e-9


def seconds(action: Callable[[], Any]) -> float:
    """Time one call."""
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def session(path: Path, threads: int) -> ort.InferenceSession:
    """Open onnxruntime as a user would: all optimisations."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def measure(model: Model, images: Any, faults: int, rounds: int) -> dict[str, Any]:
    """Run all contenders round by round."""
    image = images.items[0]
    peers = {f"onnxruntime, {n} thread(s)": session(model.path, n) for n in (2, 1)}
    injector = Injector(model.engine, [image], choose_criterion(model.graph))
    drawn = draw(model, "parameters", "bits", 2 * faults)
    bits = [f for f in drawn if model.graph.parameters[f.tensor].role == "weight"]
    lists = {
        "weight bits": bits[:faults],
        "parameter sets": draw(model, "parameters", "sets", faults),
        "activations": draw(model, "activations", "bits", faults),
    }
    check_lists(model, lists)
    contenders: dict[str, Callable[[], float]] = {}
    for name, peer in peers.items():
        contenders[name] = lambda peer=peer: min(seconds(lambda: peer.run(None, dict(image))) for _ in range(9))
    contenders["golden inference"] = lambda: min(seconds(lambda: model.engine.run(image)) for _ in range(9))
    for name, some in lists.items():
        contenders[name] = lambda some=some: seconds(lambda: [injector.evaluate(f) for f in some]) / len(some)
    for run in contenders.values():
        run()  # compiles and warms
    tally = injector.runners[0].state[F.TALLY]
    tally[:] = 0
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            time.sleep(0.2)  # onnxruntime's threads go on spinning for a while after a run
            times[name].append(run())
    base = np.array(times["onnxruntime, 2 thread(s)"])
    rows = {
        name: {
            "milliseconds": float(np.median(values) * 1e3),
            "ratio": float(np.median(np.array(values) / base)),
            "ratio_low": float(np.min(np.array(values) / base)),
            "ratio_high": float(np.max(np.array(values) / base)),
        }
        for name, values in times.items()
    }
    columns = {"differences": F.SPARSE_NODES, "dense": F.DENSE_NODES, "local": F.LOCAL_NODES}
    strategies = {name: int(tally[column]) for name, column in columns.items()}
    name = model.graph.name
    return {"model": name, "faults": faults, "rounds": rounds, "rows": rows, "nodes_by_strategy": strategies}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--model", default="hsi-unet-relu")
    parser.add_argument("--inputs")
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    model = load(given.model)
    inputs = given.inputs or bundled_inputs(given.model)
    if inputs is None:
        parser.error("--inputs is missing")
    result = measure(model, model.images(read_npz(inputs)), given.faults, given.rounds)
    result["machine"] = {"processor": platform.processor() or platform.machine(), "python": sys.version.split()[0]}
    result["versions"] = {name: version(name) for name in ("numpy", "numba", "onnxruntime")}
    print(f"{result['model']}: mean per fault over {given.faults} faults, median of {given.rounds} rounds")
    for name, row in result["rows"].items():
        spread = f"{row['ratio_low']:.3f} to {row['ratio_high']:.3f}"
        print(f"{name:28} {row['milliseconds']:9.3f} ms   {row['ratio']:7.3f} x   ({spread})")
    print("linear and other nodes by strategy:", result["nodes_by_strategy"])
    if given.json:
        given.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
