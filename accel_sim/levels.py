"""The levels at which a model runs, and the machine as one of them."""

import functools
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from accel_sim.compiler import compile_graph
from accel_sim.config import AcceleratorConfig, load_config
from accel_sim.engine import Engine
from accel_sim.errors import UsageError
from accel_sim.faults import Injector, choose_criterion
from accel_sim.faults.hardware import HardwareFault, HardwareInjection, HardwareInjector
from accel_sim.machine import Machine, MachineResult
from accel_sim.model import Graph
from accel_sim.program import Program
from accel_sim.reference import Reference
from accel_sim.rtl.accelerator import RtlAccelerator
from accel_sim.rtl.toolchain import environment, sources
from accel_sim.verification import Verification, verify

Array = NDArray[Any]
LEVELS = ("engine", "machine", "rtl")
DEFAULT_ARCH = "b4096"


def check_level(level: str) -> None:
    """Make sure that a level can run.

    Raises
    ------
    UsageError
        It is not one, or not available.
    """
    if level not in LEVELS:
        raise UsageError(f"level {level!r} is unknown; use one of {', '.join(LEVELS)}")
    if level == "rtl":
        sources()
        environment()


def find_config(arch: str | Path | AcceleratorConfig) -> AcceleratorConfig:
    """Return a configuration: itself, a preset by name, or a TOML file's.

    Raises
    ------
    UsageError
        Neither of them, or a value in the file is not legal.
    """
    if isinstance(arch, AcceleratorConfig):
        return arch
    if not isinstance(arch, str | Path):
        raise UsageError(f"architecture is of type {type(arch).__name__}; give a preset's name or a .toml file")
    if os.path.exists(arch) and not os.path.isfile(arch) and Path(arch).suffix == ".toml":
        raise UsageError(f"{arch}: is a folder, a device or a pipe; give a TOML file of hardware parameters")
    return load_config(arch)


class MachineLevel:
    """A model compiled for an accelerator, with the machine that runs it.

    Parameters
    ----------
    engine
        Runs the nodes that the program leaves to the host.
    config
        The accelerator.

    Attributes
    ----------
    program, machine
        The compiled model, and memories, accumulators and schedule around it.
    """

    def __init__(self, engine: Engine, config: AcceleratorConfig) -> None:
        self.engine = engine
        self.program: Program = compile_graph(engine.graph, config)
        self.machine = Machine(self.program, engine.run_node)
        self._single: dict[int, Program] = {}

    @property
    def graph(self) -> Graph:
        """The model."""
        return self.engine.graph

    @property
    def cycles(self) -> int:
        """Cycles of one inference; they do not depend on the data."""
        return self.machine.schedule.cycles

    @property
    def host(self) -> list[dict[str, str]]:
        """What runs on the host: name, operator and reason of each node."""
        nodes = self.graph.nodes
        return [{"name": c.name, "op": nodes[c.node].onnx_op, "reason": c.reason} for c in self.program.calls]

    @functools.cached_property
    def rtl(self) -> RtlAccelerator:
        """The same program on the simulated hardware; built on first use, which takes a minute or two."""
        return RtlAccelerator(self.program, self.engine.run_node)

    def run(self, inputs: Mapping[str, Array], level: str = "machine") -> MachineResult:
        """Run one inference without upsets; arrays in the model's own shapes and types."""
        result = (self.rtl if level == "rtl" else self.machine).run(inputs)
        assert result.status == "ok", result
        return result

    def outputs(self, result: MachineResult) -> Mapping[str, Array]:
        """Return the graph's outputs of a run."""
        return result.outputs

    def run_node(self, position: int, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        """Run a single node on the machine, compiled as a model of its own (on the host where it runs there)."""
        if position in self._on_host:
            return self.engine.run_node(position, inputs)
        return self._alone(position).run(inputs).outputs

    @functools.cached_property
    def _on_host(self) -> frozenset[int]:
        return frozenset(call.node for call in self.program.calls)

    def _alone(self, position: int) -> Machine:
        if position not in self._single:
            self._single[position] = compile_graph(alone(self.graph, position), self.program.config)
        return Machine(self._single[position])

    def check_fault(self, fault: HardwareFault, images: int | None = None) -> None:
        """Raise :class:`InputError` unless a fault is one of this program."""
        fault.check(self.program, self.cycles, fault.image + 1 if images is None else images)

    def inject(
        self, images: Sequence[Mapping[str, Array]], fault: HardwareFault, criterion: str | None = None
    ) -> tuple[HardwareInjection, HardwareInjection, bool]:
        """Run a fault of a memory or register on the machine, whatever else may be known of it.

        Parameters
        ----------
        images
            Inputs of every image.
        fault
            The fault.
        criterion
            How the outcome is judged; chosen from the model's output by default.

        Returns
        -------
        tuple
            What the machine finds, what the fast path finds, and whether verdict and every output byte are the same.

        Raises
        ------
        InputError
            The fault does not exist in this program.
        """
        self.check_fault(fault, len(images))
        golden = Injector(self.engine, images, choose_criterion(self.graph, criterion))
        found = HardwareInjector(golden, images, self.program, level="machine").inject(fault)
        fast = HardwareInjector(golden, images, self.program).inject(fault)
        same = found.verdict == fast.verdict and all(
            a.keys() == b.keys() and all(a[name].tobytes() == b[name].tobytes() for name in a)
            for a, b in zip(found.outputs, fast.outputs, strict=True)
        )
        return found, fast, same

    def verify(self, reference: Reference, images: Sequence[Mapping[str, Array]]) -> Verification:
        """Compare with onnxruntime: every node compiled on its own, fed with the reference's inputs, then whole runs.

        The program of the whole model keeps tensors on the chip and cuts other tiles than that of a single node; it is
        checked end to end.
        """
        found = verify(self, reference, images)
        reasons = {call.node: call.reason for call in self.program.calls}
        nodes = tuple(
            replace(check, where="host", reason=node.reason if node.on_host else reasons[i]) if i in reasons else check
            for i, (check, node) in enumerate(zip(found.nodes, self.graph.nodes, strict=True))
        )
        return replace(found, nodes=nodes)


def alone(graph: Graph, position: int) -> Graph:
    """Return one node of a model as a model."""
    node = graph.nodes[position]
    return Graph(
        name=node.name,
        tensors={name: graph.tensors[name] for name in (*node.inputs, *node.outputs)},
        parameters={view.parameter: graph.parameters[view.parameter] for view in node.views},
        nodes=(node,),
        inputs=tuple(dict.fromkeys(node.inputs)),
        outputs=node.outputs,
        file_hash=graph.file_hash,
    )
