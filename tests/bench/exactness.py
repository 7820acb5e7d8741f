"""Many faults, incremental against dense: `python -m tests.bench.exactness --faults 100000 [--models DIR] --json OUT`.

Every fault is run by `Injector.inject`, which pays for what changed, and by `Engine.run_faulty`, which computes every
node behind the fault in full. Each output byte and the verdict must agree. Ends with status 1 when one does not.

Faults are drawn in chunks that depend on nothing but their place in the plan. Finished chunks are kept beside OUT, in
`OUT.chunks`: the same command on the same code goes on where it was stopped.
"""

import argparse
import hashlib
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from accel_sim.bundled import resolve
from tests.bench.exactness_chunk import DESIGNS, RANDOM_GRAPHS, Chunk, Counts, run_chunk
from tests.bench.machine import machine, sources_digest
from tests.bench.workloads import BUNDLED, GOALS, SCHEMES, Source, bundled_network, folder_networks, goal_network

LEAST = 3000
"""Faults that every network gets, where the total allows it."""
CHUNK = 100


def sources(folder: Path | None) -> list[Source]:
    """Return all networks: bundled, benchmark, those of a folder, random graphs."""
    found = [bundled_network(name) for name in BUNDLED]
    found += [goal_network(name, scheme) for name in GOALS for scheme in SCHEMES]
    return [*found, *folder_networks(folder), RANDOM_GRAPHS]


def cost(source: Source) -> float:
    """Time of a dense run in about milliseconds, from the network's multiply-accumulates."""
    if source == RANDOM_GRAPHS:
        return 3.0
    graph = source.load()[0].graph
    total = 0
    for node in graph.nodes:
        shape = graph.tensors[node.outputs[0]].shape
        channels = shape[1] if len(shape) > 2 else shape[-1]
        for view in node.views[:1]:
            total += int(graph.parameters[view.parameter].values.size) * graph.tensors[node.outputs[0]].size // channels
    return 1.0 + total / 3e7


def make_plan(costs: Sequence[tuple[Source, float]], faults: int) -> list[Chunk]:
    """Divide the faults: `LEAST` for every network, the rest in inverse proportion to its cost; all designs alike.

    Returns
    -------
    The most expensive networks first; their counts add up to `faults`.
    """
    least = min(LEAST, faults // len(costs))
    rest = faults - least * len(costs)
    share = [1 / c for _, c in costs]
    bounds = [round(rest * sum(share[:i]) / sum(share)) for i in range(len(costs) + 1)]
    chunks = []
    for i, (source, _) in sorted(enumerate(costs), key=lambda pair: -pair[1][1]):
        wanted = least + bounds[i + 1] - bounds[i]
        for number, (space, design) in enumerate(DESIGNS):
            count = wanted // len(DESIGNS) + (number < wanted % len(DESIGNS))
            starts = range(0, count, CHUNK)
            chunks += [Chunk(source, space, design, first, min(CHUNK, count - first)) for first in starts]
    return chunks


def run(chunks: Sequence[Chunk], kept: Path, processes: int) -> dict[str, dict[str, Any]]:
    """Run the chunks that the file does not hold yet; returns what each found."""
    task = {"sources": sources_digest(), "portable": machine()["portable_kernels"], "files": _digests(chunks)}
    done = _kept(kept, task)
    kept.write_text("".join(json.dumps(line) + "\n" for line in [task, *([k, v] for k, v in done.items())]))
    missing = [chunk for chunk in chunks if chunk.key not in done]
    context = multiprocessing.get_context("spawn")
    begin = time.monotonic()
    with kept.open("a") as file, context.Pool(processes, _step_back) as pool:
        for number, (key, counts) in enumerate(pool.imap_unordered(_run, missing), start=1):
            done[key] = asdict(counts)
            file.write(json.dumps([key, done[key]]) + "\n")
            file.flush()
            for sentence in counts.wrong:
                print(f"DIFFERENT {key}: {sentence}", flush=True)
            if number % 20 == 0 or number == len(missing):
                print(f"{number} of {len(missing)} chunks, {time.monotonic() - begin:.0f} s", file=sys.stderr)
    return {chunk.key: done[chunk.key] for chunk in chunks}


def _digests(chunks: Sequence[Chunk]) -> dict[str, str]:
    files = sorted({str(resolve(c.source.model)) for c in chunks if c.source != RANDOM_GRAPHS})
    return {Path(file).name: hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in files}


def _kept(kept: Path, task: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Read finished chunks; none where the file is of other code or other networks. A torn last line is dropped."""
    lines = kept.read_text().splitlines() if kept.exists() else []
    if not lines or lines[0] != json.dumps(task):
        return {}
    return dict(json.loads(line) for line in lines[1:] if line.endswith("]"))


def _run(chunk: Chunk) -> tuple[str, Counts]:
    return chunk.key, run_chunk(chunk)


def _step_back() -> None:
    """Lower the priority of a worker: the run is long and nobody waits for it."""
    os.nice(5)


def table(chunks: Sequence[Chunk], found: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Add up the chunks of every network, space and design."""
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for chunk in chunks:
        place = {"network": chunk.source.name, "space": chunk.space, "design": chunk.design}
        empty = {"faults": 0, "output_bytes": 0, "masked": 0, "tolerable": 0, "critical": 0, "different": 0}
        row = rows.setdefault((chunk.source.name, chunk.space, chunk.design), place | empty)
        counts = found[chunk.key]
        row["faults"] += counts["faults"]
        row["output_bytes"] += counts["output_bytes"]
        row["different"] += len(counts["wrong"])
        for outcome, number in counts["outcomes"].items():
            row[outcome] += number
    return list(rows.values())


def main(arguments: list[str] | None = None) -> int:
    """Run all comparisons and print how many there were; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.exactness", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--faults", type=int, default=100_000)
    parser.add_argument("--models", type=Path, help="folder of further networks, FILE.onnx with FILE_io.npz")
    parser.add_argument("--network", action="append", help="only this one (all)")
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args(arguments)
    chosen = [s for s in sources(given.models) if not given.network or s.name in given.network]
    if not chosen:
        parser.error(f"--network {given.network[0]}: there are {', '.join(s.name for s in sources(given.models))}")
    chunks = make_plan([(source, cost(source)) for source in chosen], given.faults)
    found = run(chunks, given.json.with_name(given.json.name + ".chunks"), given.processes)
    rows = table(chunks, found)
    for row in rows:
        print(
            "{network:36} {space:12} {design:15} {faults:6d} faults, {masked:6d} masked, {different} different".format(
                **row
            )
        )
    total = {key: sum(row[key] for row in rows) for key in ("faults", "output_bytes", "masked", "different")}
    wrong = [sentence for counts in found.values() for sentence in counts["wrong"]]
    result = {"machine": machine(), "asked": given.faults, "total": total, "rows": rows, "different": wrong[:100]}
    given.json.write_text(json.dumps(result, indent=1) + "\n")
    print("{faults} faults, {output_bytes} output bytes, {masked} masked, {different} different".format(**total))
    return 1 if wrong or total["faults"] == 0 else 0


if __name__ == "__main__":
    raise SystemExit(main())
