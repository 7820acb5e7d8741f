"""The exactness run: what it draws, that it finds a planted difference, and that it goes on where it was stopped."""

import json
from dataclasses import replace

import numpy as np
import pytest

from accel_sim.engine import Engine
from accel_sim.faults import Injector, Verdict
from accel_sim.model import import_onnx
from tests.bench import exactness
from tests.bench.exactness_chunk import DESIGNS, RANDOM_GRAPHS, Chunk, Comparison, Counts, draw, run_chunk
from tests.bench.workloads import Source
from tests.conformance.qdq_network import QdqNetwork


def tiny():
    net = QdqNetwork(2, "int8", "int8")
    hidden = net.conv(net.input([1, 2, 5, 5]), 4)
    net.outputs = (net.conv(hidden, 3, (1, 1)),)
    return Engine(import_onnx(net.model())), net.feeds(1)


@pytest.fixture(scope="module")
def network():
    return tiny()


def faults_of(engine, space, design, count=60):
    return draw(engine.graph, space, design, np.random.default_rng(3), count)


@pytest.mark.parametrize(("space", "design"), DESIGNS)
def test_equal_runs_are_counted(network, space, design):
    engine, image = network
    comparison, counts = Comparison(engine, image), Counts()
    for fault in faults_of(engine, space, design):
        comparison.add(fault, counts)
    assert counts.wrong == []
    assert counts.faults == sum(counts.outcomes.values()) == 60
    assert counts.output_bytes == 60 * 27
    assert counts.outcomes["masked"] < 60


def test_designs_draw_what_they_say(network):
    engine, _ = network
    assert all(len(f.bits) == 1 for f in faults_of(engine, "parameters", "set-bit"))
    assert {len(f.bits) for f in faults_of(engine, "parameters", "multi-bit")} == {2, 3, 4}
    high = faults_of(engine, "parameters", "high bias bits")
    assert {engine.graph.parameters[f.tensor].role for f in high} == {"bias"}
    assert {f.bits[0] for f in high} == set(range(24, 32))
    assert max(max(f.bits) for f in faults_of(engine, "activations", "multi-bit")) == 7


@pytest.mark.parametrize("planted", ["byte", "verdict"])
def test_a_planted_difference_is_found(network, monkeypatch, planted):
    engine, image = network
    comparison, counts = Comparison(engine, image), Counts()
    honest = Injector.inject

    def inject(self, fault):
        done = honest(self, fault)
        if planted == "verdict":
            return replace(done, verdict=Verdict("critical", done.verdict.changed_fraction / 2 + 0.01))
        ((name, array),) = done.outputs[0].items()
        wrong = array.copy()
        wrong.reshape(-1)[-1] += 1
        return replace(done, outputs=({name: wrong},))

    monkeypatch.setattr(Injector, "inject", inject)
    for fault in faults_of(engine, "parameters", "uniform", 5):
        comparison.add(fault, counts)
    assert len(counts.wrong) == 5
    assert ("output" in counts.wrong[0]) == (planted == "byte")


def test_random_graphs_give_the_same_faults_again():
    chunk = Chunk(RANDOM_GRAPHS, "parameters", "set-bit", 0, 30)
    first = run_chunk(chunk)
    assert first.faults == 30
    assert first.wrong == []
    assert run_chunk(chunk) == first


def test_the_plan_holds_every_fault_once():
    costs = [(Source("slow", "a", "a"), 100.0), (Source("quick", "b", "b"), 1.0), (Source("middle", "c", "c"), 10.0)]
    chunks = exactness.make_plan(costs, 20_000)
    assert sum(chunk.count for chunk in chunks) == 20_000
    assert len({chunk.key for chunk in chunks}) == len(chunks)
    total = {s.name: sum(c.count for c in chunks if c.source == s) for s, _ in costs}
    assert min(total.values()) >= exactness.LEAST
    assert total["quick"] > total["middle"] > total["slow"]
    assert chunks[0].source.name == "slow"
    assert {(c.space, c.design) for c in chunks if c.source.name == "slow"} == set(DESIGNS)


def test_finished_chunks_are_kept_and_torn_or_strange_ones_are_not(tmp_path):
    kept, task = tmp_path / "out.chunks", {"sources": "a"}
    assert exactness._kept(kept, task) == {}
    kept.write_text(json.dumps(task) + '\n["one", {"faults": 3}]\n["two", {"fau')
    assert exactness._kept(kept, task) == {"one": {"faults": 3}}
    assert exactness._kept(kept, {"sources": "b"}) == {}


def test_a_difference_ends_with_status_1(tmp_path, monkeypatch, capsys):
    found = {"faults": 10, "output_bytes": 10, "outcomes": {"masked": 10}, "wrong": []}
    monkeypatch.setattr(exactness, "sources", lambda folder: [RANDOM_GRAPHS])
    monkeypatch.setattr(exactness, "run", lambda chunks, kept, processes: {c.key: found for c in chunks})
    arguments = ["--faults", "70", "--json", str(tmp_path / "out.json")]
    assert exactness.main(arguments) == 0
    assert "70 faults, 70 output bytes, 70 masked, 0 different" in capsys.readouterr().out
    found["wrong"] = ["a fault: output 'logits' differs"]
    assert exactness.main(arguments) == 1
    assert json.loads((tmp_path / "out.json").read_text())["total"]["different"] == 7
