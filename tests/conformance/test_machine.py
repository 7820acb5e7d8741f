"""The machine against the engine: every output byte, whatever the size of the banks.

``ACCEL_SIM_MACHINE_GRAPHS`` sets how many random graphs (60 by default).
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from accel_sim.compiler import compile_graph
from accel_sim.config import PRESETS
from accel_sim.engine import Engine
from accel_sim.inputs import split_images
from accel_sim.isa import Conv, encode
from accel_sim.machine import BitUpset, Machine
from accel_sim.model import Graph, Host, import_onnx
from accel_sim.reference import host_runner
from accel_sim.session import random_inputs
from tests.conformance.operator_graphs import Network
from tests.conformance.real_models import RealModel, bundled, needs_shared, shared
from tests.conformance.test_other_arithmetics import B_SCALE, W_SCALE, X_SCALE, Y_SCALE, network
from tests.generators import random_graph

Array = NDArray[Any]
ARCHITECTURES = ("tiny", "b512", "b4096")
COUNT = int(os.environ.get("ACCEL_SIM_MACHINE_GRAPHS", "60"))
BATCH = 20
# Nodes that run on the host although the importer gives them to the array, and why.
REASONS = (
    "conversion between real values and codes",
    "onnxruntime computes it as a chain of float32 sums",
    "a curve on the accumulator needs a threshold for each code",
    "the rows of a product of rank other than two are not adjacent",
    "an elementwise operator with a constant operand of more than one element",
    "no addition or multiplication of the ALU gives all results",
    "operands broadcast along other axes",
    "rectangles with adjacent channels",
    "padding with a code that the change of scale cannot give",
    "its smallest tile exceeds",
    "a concatenation of rank",
    "a mean over",
)


def same(found: Mapping[str, Array], expected: Mapping[str, Array]) -> bool:
    return found.keys() == expected.keys() and all(
        found[name].dtype == value.dtype and found[name].tobytes() == value.tobytes()
        for name, value in expected.items()
    )


class Loaded:
    """A model with one image and the engine's answer."""

    def __init__(self, graph: Graph, inputs: Mapping[str, Array]) -> None:
        self.graph, self.engine = graph, Engine(graph, host_runner)
        self.image = split_images(graph, inputs, "inputs").items[0]
        self.expected = self.engine.outputs(self.engine.run(self.image))

    def machine(self, arch: str, **options: bool) -> Machine:
        literal = options.pop("literal", False)
        return Machine(compile_graph(self.graph, PRESETS[arch], **options), self.engine.run_node, literal=literal)


@cache
def loaded(name: str) -> Loaded:
    (model,) = [m for m in [*bundled(), *shared()] if m.name == name]
    return Loaded(import_onnx(model.path), model.inputs(1))


@pytest.mark.parametrize("arch", [*ARCHITECTURES, "b1152", "b3136-high"])
@pytest.mark.parametrize("model", bundled(), ids=lambda m: m.name)
def test_bundled_models(model: RealModel, arch: str) -> None:
    case = loaded(model.name)
    result = case.machine(arch).run(case.image)
    assert result.status == "ok"
    assert same(result.outputs, case.expected)


@pytest.mark.shared
@needs_shared
@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("model", shared(), ids=lambda m: m.name)
def test_real_models(model: RealModel, arch: str) -> None:
    case = loaded(model.name)
    result = case.machine(arch).run(case.image)
    assert result.status == "ok"
    assert same(result.outputs, case.expected)


@pytest.mark.shared
@needs_shared
@pytest.mark.parametrize("name", ["resnet-8", "ds-cnn"])
def test_all_nodes_but_the_softmax_run_on_tiny(name: str) -> None:
    case = loaded(name)
    (call,) = case.machine("tiny").program.calls
    assert "Softmax" in call.reason


def test_every_layer_of_the_unets_but_the_ends_runs_on_tiny() -> None:
    case = loaded("hsi-unet-sigmoid")
    nodes = {case.graph.nodes[call.node].onnx_op for call in case.machine("tiny").program.calls}
    assert nodes == {"QuantizeLinear", "DequantizeLinear"}


@pytest.mark.parametrize("start", range(0, COUNT, BATCH))
def test_random_graphs(start: int) -> None:
    for seed in range(start, min(start + BATCH, COUNT)):
        model, feeds = random_graph(seed)
        case = Loaded(import_onnx(model), feeds)
        for arch in ARCHITECTURES:
            for keep in (True, False) if arch == "tiny" else (True,):
                machine = case.machine(arch, keep_on_chip=keep)
                result = machine.run(case.image)
                assert same(result.outputs, case.expected), (seed, arch, keep)
                for call in machine.program.calls:
                    node = case.graph.nodes[call.node]
                    known = any(reason in call.reason for reason in REASONS)
                    assert isinstance(node.operation, Host) or known, (seed, call)


@pytest.mark.parametrize("seed", range(12))
def test_slot_by_slot_and_at_once_leave_the_same_memories(seed: int) -> None:
    model, feeds = random_graph(seed)
    case = Loaded(import_onnx(model), feeds)
    for arch in ("tiny", "b512"):
        machines = [case.machine(arch, literal=literal) for literal in (False, True)]
        for machine in machines:
            machine.run(case.image)
        for name, memory in machines[0].memories.items():
            assert np.array_equal(memory.data, machines[1].memories[name].data), (seed, arch, name)


def test_slot_by_slot_and_at_once_on_a_whole_network() -> None:
    case = loaded("hsi-unet-hardsigmoid")
    machines = [case.machine("b1024", literal=literal) for literal in (False, True)]
    outputs = [machine.run(case.image).outputs for machine in machines]
    assert same(outputs[0], outputs[1])
    assert same(outputs[0], case.expected)
    for name, memory in machines[0].memories.items():
        assert np.array_equal(memory.data, machines[1].memories[name].data), name


def test_sums_longer_than_the_weight_banks_go_on_in_the_accumulators() -> None:
    short = replace(PRESETS["tiny"], name="short", weight_rows=16)
    for seed in (8, 34, 38):
        model, feeds = random_graph(seed)
        case = Loaded(import_onnx(model), feeds)
        program = compile_graph(case.graph, short)
        assert any(not getattr(i, "last", 1) for i in program.instructions)
        assert same(Machine(program, case.engine.run_node).run(case.image).outputs, case.expected), seed


def test_a_wrong_instruction_goes_on_with_the_sums_of_the_one_before() -> None:
    """At once or slot by slot: what is left in the accumulators is the last block of the convolution in front."""
    net = Network((1, 16, 12, 12))
    net.add("Conv", [net.real("x", "a"), net.stored("w", (16, 16, 3, 3))], ["b"], pads=[1, 1, 1, 1])
    net.add("GlobalAveragePool", [net.real(net.codes("b", "b_codes"), "c")], ["d"])
    net.add("Flatten", [net.real(net.codes("d", "d_codes"), "e")], ["f"])
    net.add("Gemm", [net.real(net.codes("f", "f_codes"), "g"), net.stored("v", (16, 4))], ["h"])
    graph = net.graph([net.codes("h", "y")])
    case = Loaded(graph, random_inputs(graph, 2))
    found = []
    for literal in (False, True):
        machine = case.machine("b512", literal=literal)
        program = machine.program
        number = max(n for n, i in enumerate(program.instructions) if isinstance(i, Conv))
        wrong = np.frombuffer(encode(replace(program.instructions[number], first=0)), np.uint8)
        (bit,) = np.flatnonzero(np.unpackbits(wrong ^ program.words[number], bitorder="little")).tolist()
        result = machine.run(case.image, [BitUpset("ins", 0, number, bit, 0)])
        assert result.status == "ok"
        found.append(result.outputs["y"])
    assert np.array_equal(*found)
    assert not np.array_equal(found[0], case.expected["y"])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("arithmetic", ["dpu", "gemmlowp"])
def test_other_arithmetics(arithmetic: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    bias = rng.integers(-128, 128, 6).astype(np.int8)
    model, _ = network((X_SCALE, W_SCALE, B_SCALE, Y_SCALE), bias, seed)
    x = rng.integers(-128, 128, (1, 4, 7, 9)).astype(np.int8)
    case = Loaded(import_onnx(model, arithmetic=arithmetic), {"x": x})
    for arch in ARCHITECTURES:
        for literal in (False, True):
            machine = case.machine(arch, literal=literal)
            assert not machine.program.calls
            assert same(machine.run(case.image).outputs, case.expected)
