"""A piece of the exactness run: which faults it holds, and their comparison."""

import functools
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.engine import Engine
from accel_sim.errors import ModelError
from accel_sim.faults import Fault, Injector, Verdict, choose_criterion, make_space, upset_of
from accel_sim.faults.outcome import CRITICAL, MASKED, TOLERABLE
from accel_sim.inputs import split_images
from accel_sim.model import Graph, import_onnx
from accel_sim.reference import host_runner
from tests.bench.workloads import Source
from tests.generators import random_graph

RANDOM_GRAPHS = Source("random graphs", "", "")
GRAPH_FAULTS = 20
"""Faults per random graph."""
FIRST_GRAPH = 100_000
"""Seeds of random graphs start here, away from those of the tests."""
DESIGNS = (
    ("parameters", "uniform"),
    ("parameters", "set-bit"),
    ("parameters", "multi-bit"),
    ("parameters", "high bias bits"),
    ("activations", "uniform"),
    ("activations", "set-bit"),
    ("activations", "multi-bit"),
)
"""`uniform` over all bits; `set-bit`: a tensor and bit first, each pair equally likely; `multi-bit`: as `set-bit`, with
one to three further bits of the same element; `high bias bits`: bits 24 to 31 of biases, which saturate whole planes,
and of which bit 31 makes sums of the other sign wrap around."""
HIGH_BIAS_BIT = 24


@dataclass(frozen=True)
class Chunk:
    """Faults `first` to `first + count - 1` of a network, space and design."""

    source: Source
    space: str
    design: str
    first: int
    count: int

    @property
    def key(self) -> str:
        """Name of the chunk, unique in a plan."""
        return f"{self.source.name}|{self.space}|{self.design}|{self.first}|{self.count}"


@dataclass
class Counts:
    """What a comparison found.

    Attributes
    ----------
    faults
        Faults compared.
    output_bytes
        Output bytes compared.
    outcomes
        Faults by outcome of the dense run.
    wrong
        A sentence for every fault that differs.
    """

    faults: int = 0
    output_bytes: int = 0
    outcomes: dict[str, int] = field(default_factory=lambda: {MASKED: 0, TOLERABLE: 0, CRITICAL: 0})
    wrong: list[str] = field(default_factory=list)


class Comparison:
    """A network with one image, prepared for both ways of running a fault.

    Parameters
    ----------
    engine
        The network.
    image
        Its inputs by name.
    """

    def __init__(self, engine: Engine, image: Mapping[str, NDArray[Any]]) -> None:
        self.engine = engine
        self.criterion = choose_criterion(engine.graph)
        self.injector = Injector(engine, [image], self.criterion)
        self.golden = engine.run(image)
        self.outputs = engine.outputs(self.golden)
        self.decisions = self.criterion.decisions(self.outputs)

    def add(self, fault: Fault, counts: Counts) -> None:
        """Run one fault both ways; every output byte and the verdict, with and without outputs, must agree."""
        done = self.injector.inject(fault)
        upset = upset_of(fault, _shape(self.engine.graph, fault))
        expected = self.engine.outputs(self.golden, self.engine.run_faulty(self.golden, upset))
        verdict = self._judge(expected)
        counts.faults += 1
        counts.output_bytes += sum(array.nbytes for array in expected.values())
        counts.outcomes[verdict.outcome] += 1
        (found,) = done.outputs
        differing = [name for name, array in expected.items() if not _same(found[name], array)]
        if differing:
            counts.wrong.append(f"{fault.to_json()}: output {differing[0]!r} differs")
        for judged in (done.verdict, self.injector.evaluate(fault)):
            if judged != verdict and not differing:
                counts.wrong.append(f"{fault.to_json()}: {judged}, and densely {verdict}")

    def _judge(self, outputs: Mapping[str, NDArray[Any]]) -> Verdict:
        if all(_same(outputs[name], array) for name, array in self.outputs.items()):
            return Verdict(MASKED, 0.0)
        share = self.criterion.changed(self.decisions, self.criterion.decisions(outputs))
        return Verdict(CRITICAL if share > 0 else TOLERABLE, share)


def _same(a: NDArray[Any], b: NDArray[Any]) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def _shape(graph: Graph, fault: Fault) -> tuple[int, ...]:
    if fault.space == "parameters":
        return tuple(graph.parameters[fault.tensor].values.shape)
    return graph.tensors[fault.tensor].shape


def run_chunk(chunk: Chunk) -> Counts:
    """Compare all faults of a chunk; the same chunk always has the same faults."""
    counts = Counts()
    rng = np.random.default_rng([7, zlib.crc32(chunk.key.encode())])
    if chunk.source != RANDOM_GRAPHS:
        comparison = _of_source(chunk.source)
        for fault in draw(comparison.engine.graph, chunk.space, chunk.design, rng, chunk.count):
            comparison.add(fault, counts)
        return counts
    for name, made in _random_comparisons(FIRST_GRAPH + 1000 * chunk.first):
        missing, known = chunk.count - counts.faults, len(counts.wrong)
        for fault in draw(made.engine.graph, chunk.space, chunk.design, rng, min(GRAPH_FAULTS, missing)):
            made.add(fault, counts)
        counts.wrong[known:] = [f"{name}: {sentence}" for sentence in counts.wrong[known:]]
        if counts.faults >= chunk.count:
            break
    return counts


@functools.lru_cache(maxsize=1)  # chunks of one network follow each other
def _of_source(source: Source) -> Comparison:
    model, images = source.load()
    return Comparison(model.engine, images.items[0])


def _random_comparisons(seed: int) -> Iterator[tuple[str, Comparison]]:
    """Yield small random networks without end; those of which nothing runs on the array are left out."""
    while True:
        proto, feeds = random_graph(seed)
        try:
            graph = import_onnx(proto)
            engine = Engine(graph, host_runner)
        except ModelError:
            pass
        else:
            yield f"random graph {seed}", Comparison(engine, split_images(graph, feeds).items[0])
        seed += 1


def draw(graph: Graph, space_name: str, design: str, rng: np.random.Generator, count: int) -> list[Fault]:
    """Draw faults of one of `DESIGNS`; none where the network has no element of that kind."""
    space = make_space(space_name, graph, 1)
    strata = space.strata
    chosen = list(range(len(strata)))
    if design == "high bias bits":
        biases = {name for name, parameter in graph.parameters.items() if parameter.role == "bias"}
        chosen = [i for i in chosen if strata[i].name in biases and strata[i].bit >= HIGH_BIAS_BIT]
    if not chosen:
        return []
    populations = np.array([strata[i].population for i in chosen], float)
    weights = populations if design == "uniform" else np.ones(len(chosen))
    faults = []
    for stratum in rng.choice(chosen, count, p=weights / weights.sum()):
        fault = space.fault(int(stratum), int(rng.integers(strata[stratum].population)))
        if design == "multi-bit":
            width = graph.parameters[fault.tensor].bits if space_name == "parameters" else 8
            others = [bit for bit in range(width) if bit not in fault.bits]
            further = rng.choice(others, int(rng.integers(1, 4)), replace=False)
            fault = replace(fault, bits=tuple(sorted({*fault.bits, *map(int, further)})))
        faults.append(fault)
    return faults
