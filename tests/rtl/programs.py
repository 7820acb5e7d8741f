"""Programs of generated graphs, each with a machine, an accelerator in RTL, and the engine's answer."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.compiler import compile_graph
from accel_sim.config import PRESETS, AcceleratorConfig
from accel_sim.engine import Engine
from accel_sim.inputs import split_images
from accel_sim.machine import Machine
from accel_sim.model import Graph, import_onnx
from accel_sim.reference import host_runner
from accel_sim.rtl.accelerator import RtlAccelerator
from tests.generators import random_graph

Array = NDArray[Any]
TINY = PRESETS["tiny"]


@dataclass(frozen=True, eq=False)
class Pair:
    """The same program on the machine and in RTL."""

    machine: Machine
    rtl: RtlAccelerator
    image: Mapping[str, Array]
    expected: Mapping[str, Array]

    def clear(self) -> None:
        """Give both the same memories."""
        for memory in self.machine.memories.values():
            memory.data[...] = 0
        for accumulators in self.machine.accumulators.values():
            accumulators[...] = 0
        self.machine.reload()
        self.rtl.clear()

    def memories(self) -> list[str]:
        """Return the memories in which the two differ now."""
        self.rtl.settle()
        theirs, ours = self.machine.memories, self.rtl.memories
        return [name for name in theirs if not np.array_equal(theirs[name].data, ours[name].data)]


def pair(
    graph: Graph, feeds: Mapping[str, Array], config: AcceleratorConfig = TINY, *, block_ram: bool = False
) -> Pair:
    """Compile a graph for both; `expected` is the engine's output of the first image."""
    engine = Engine(graph, host_runner)
    program = compile_graph(graph, config)
    image = split_images(graph, feeds, "inputs").items[0]
    rtl = RtlAccelerator(program, engine.run_node, block_ram=block_ram)
    return Pair(Machine(program, engine.run_node), rtl, image, engine.outputs(engine.run(image)))


def random_pair(seed: int, *, block_ram: bool = False, **sizes: Any) -> Pair:
    """Return the pair of a generated graph on ``tiny``, some sizes of which may be others."""
    model, feeds = random_graph(seed)
    config = replace(TINY, name="other", **sizes) if sizes else TINY
    return pair(import_onnx(model), feeds, config, block_ram=block_ram)
