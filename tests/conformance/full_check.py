"""All figures on real networks at once: ``python -m tests.conformance.full_check``.

Prints agreement node by node and end to end on every image, right answers on labelled data, and injected faults against
onnxruntime. Ends with exit code 1 when anything differs that must not.
"""

import argparse
import sys
import time
from collections.abc import Mapping

import numpy as np
import onnxruntime
from numpy.typing import NDArray

import accel_sim
from accel_sim.reference import session
from tests.conformance.fault_figures import (
    BoundedCount,
    FaultCount,
    compare_outputs,
    compare_tensors,
    corner_faults,
    drawn_faults,
)
from tests.conformance.fault_oracle import FaultOracle
from tests.conformance.node_figures import figures, line
from tests.conformance.real_models import SHARED, RealModel, bundled, labelled, shared

LABELLED = ("ds-cnn", "resnet-8", "wake-word")
SPACES = ("parameters", "activations")
FLOAT_BOUND = 1e-4
BATCH = 500


def models(wanted: list[str]) -> list[RealModel]:
    """All networks that are there, or those asked for."""
    found = [*bundled(), *(shared() if SHARED.is_dir() else [])]
    names = [real.name for real in found]
    if unknown := sorted(set(wanted) - set(names)):
        raise SystemExit(f"no network {unknown[0]!r}; there are {', '.join(names)}")
    return [real for real in found if not wanted or real.name in wanted]


def check_nodes(real: RealModel, images: int | None) -> bool:
    """Agreement on every image; prints what onnxruntime computes in integers and in float."""
    model = accel_sim.load(real.path)
    found = figures(model, real.path, real.inputs(images))
    print(f"{real.name}: {found.images} images")
    for kind, count in found.counts.items():
        if count.compared:
            print(f"    {kind:10s} {count.nodes:4d} nodes  {line(count)}")
    print(f"    end to end             {line(found.end_to_end)}")
    print(f"    nodes that onnxruntime fused away: {', '.join(sorted(found.unmatched)) or 'none'}")
    for wrong in found.wrong:
        print(f"    WRONG {wrong}")
    return not found.wrong


def check_answers(name: str) -> bool:
    """Right answers of the engine and of onnxruntime on labelled data."""
    data = labelled(name)
    model = accel_sim.load(data.model.path)
    (source,), (target,) = model.graph.inputs, model.graph.outputs
    peer = session(data.model.path.read_bytes())
    ours = model.run({source: data.images}).outputs[target]
    theirs = np.concatenate([peer.run([target], {source: image[None]})[0] for image in data.images])
    answers: list[NDArray[np.int64]] = [np.argmax(a, axis=1) for a in (ours, theirs)]
    right = [int(np.count_nonzero(a == data.labels)) for a in answers]
    same = int(np.count_nonzero(answers[0] == answers[1]))
    total = len(data.labels)
    print(
        f"{name}: {right[0]} of {total} right ({100 * right[0] / total:.1f} %), onnxruntime {right[1]}; "
        f"{same} of {total} answers equal, {np.count_nonzero(ours != theirs)} of {ours.size} output bytes differ"
    )
    return same == total and right[0] == right[1] == data.right and np.array_equal(ours, theirs)


def check_faults(real: RealModel, faults: int, edited: int) -> bool:
    """Faults in a network that onnxruntime runs in integers: every output byte."""
    model, oracle = accel_sim.load(real.path), FaultOracle(real.path.read_bytes())
    rng, good = np.random.default_rng(2024), True
    images = [real.image(number) for number in real.sensitive]
    for space in SPACES:
        total, start = FaultCount(), time.perf_counter()
        drawn = drawn_faults(model.graph, space, faults, rng)
        batches = [(drawn[i : i + BATCH], images[i // BATCH % len(images)]) for i in range(0, faults, BATCH)]
        if space == "parameters":
            batches.append((corner_faults(model.graph), images[0]))
        for batch, image in batches:
            part = compare_outputs(model, oracle, image, batch)
            total.faults += part.faults
            total.values += part.values
            total.changed += part.changed
            total.wrong += part.wrong
        honest = sum(_edited_differs(oracle, fault, images[0]) for fault in drawn[:edited])
        print(
            f"{real.name}, {space}: {total.faults:,d} faults, {total.changed:,d} change an output, "
            f"{len(total.wrong)} differ from onnxruntime in {total.values:,d} output values; "
            f"{honest} of {min(edited, faults)} differ between the fast oracle and the edited file "
            f"({time.perf_counter() - start:.0f} s)"
        )
        for wrong in total.wrong[:10]:
            print(f"    WRONG {wrong}")
        good = good and not total.wrong and not honest
    return good


def _edited_differs(oracle: FaultOracle, fault: accel_sim.Fault, image: Mapping[str, NDArray[np.generic]]) -> bool:
    golden = oracle.golden(image)
    fast, slow = oracle.run(fault, image, golden), oracle.run_edited(fault, image, golden)
    return any(slow[name].tobytes() != fast[name].tobytes() for name in slow)


def check_bounded_faults(real: RealModel, faults: int) -> bool:
    """Faults in a network with float nodes: every tensor whose producer was given equal inputs."""
    model, oracle = accel_sim.load(real.path), FaultOracle(real.path.read_bytes(), every=True)
    rng, good = np.random.default_rng(2024), True
    for space in SPACES:
        total, start = BoundedCount(), time.perf_counter()
        drawn = drawn_faults(model.graph, space, faults, rng)
        if space == "parameters":
            drawn += corner_faults(model.graph)[:: max(1, len(corner_faults(model.graph)) // max(faults // 4, 1))]
        for i in range(0, len(drawn), BATCH):
            image = real.image(real.sensitive[i // BATCH % len(real.sensitive)])
            part = compare_tensors(model, oracle, image, drawn[i : i + BATCH])
            total.faults += part.faults
            total.equal += part.equal
            total.float_values += part.float_values
            total.float_mismatched += part.float_mismatched
            total.max_lsb = max(total.max_lsb, part.max_lsb)
            total.wrong += part.wrong
        rate = total.float_mismatched / max(total.float_values, 1)
        print(
            f"{real.name}, {space}: {total.faults:,d} faults ({len(drawn) - total.faults} sign bits of biases "
            f"added in float left out), {total.equal:,d} with equal outputs; float nodes "
            f"{total.float_mismatched:,d} of {total.float_values:,d} values ({rate:.1e}) by up to "
            f"{total.max_lsb}; {len(total.wrong)} wrong ({time.perf_counter() - start:.0f} s)"
        )
        for wrong in total.wrong[:10]:
            print(f"    WRONG {wrong}")
        good = good and not total.wrong and rate <= FLOAT_BOUND
    return good


def main() -> int:
    """Run the parts that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.full_check", description=__doc__)
    parser.add_argument("--part", choices=("nodes", "answers", "faults"), action="append", help="all by default")
    parser.add_argument("--model", action="append", default=[], help="a network by its short name; all by default")
    parser.add_argument("--images", type=int, help="images a network; all by default")
    parser.add_argument("--faults", type=int, default=10_000, help="a space, in networks of integers (10000)")
    parser.add_argument("--bounded-faults", type=int, default=500, help="a space, in the other networks (500)")
    parser.add_argument("--edited", type=int, default=50, help="faults repeated by editing the file (50)")
    options = parser.parse_args()
    parts = options.part or ["nodes", "answers", "faults"]
    chosen = models(options.model)
    print(f"accel_sim {accel_sim.__version__}, onnxruntime {onnxruntime.__version__}")
    good = True
    if "nodes" in parts:
        print("\nNodes, each with onnxruntime's own inputs")
        good = sum(not check_nodes(real, options.images) for real in chosen) == 0
    if "answers" in parts:
        print("\nRight answers on labelled data")
        names = [real.name for real in chosen if real.name in LABELLED]
        good = sum(not check_answers(name) for name in names) == 0 and good
    if "faults" in parts:
        print("\nFaults against onnxruntime")
        for real in chosen:
            run = check_faults(real, options.faults, options.edited) if real.integer else None
            good = (check_bounded_faults(real, options.bounded_faults) if run is None else run) and good
    print("\nEverything as it must be." if good else "\nSomething differs: see WRONG above.")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
