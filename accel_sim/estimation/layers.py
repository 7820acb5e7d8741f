"""What each layer of a compiled model costs: cycles from the schedule, traffic from the instructions."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.config.memories import MEMORY_IDS
from accel_sim.isa import ENGINE_OF, Compute, End, Load, Transfer
from accel_sim.machine import Schedule
from accel_sim.model import Conv, ConvTranspose, Dequantise, Gemm, Graph, Node, Quantise
from accel_sim.program import Program

BUSY = ("load", "save", "array", "alu")  # by engine number


@dataclass(frozen=True)
class LayerCost:
    """One node of the model.

    Attributes
    ----------
    name, op, where, reason
        ONNX node and operator; ``accelerator`` or ``host``, and why.
    workload
        Operations, two a multiply-accumulate; 0 for what is no product.
    cycles
        Share of the program's cycles; they add up to all of them. A layer's share ends when its last computing
        instruction does; loads and saves that go on beside another layer's computing cost nothing.
    efficiency
        Workload over what the array could do in these cycles.
    load_bytes, weight_bytes, save_bytes
        Feature maps read from DDR, constants read from DDR, feature maps written to DDR.
    bound_by
        The engine that is busy longest: load, save, array, alu; ``start`` where none is busy for half of the cycles;
        ``host``; ``none`` where nothing is to be done.
    host_elements
        Elements that the host computes; conversions at the edges of the array are not counted.
    """

    name: str
    op: str
    where: str
    workload: int
    cycles: int
    efficiency: float
    load_bytes: int
    weight_bytes: int
    save_bytes: int
    bound_by: str
    host_elements: int
    reason: str


def macs_of(graph: Graph, node: Node) -> int:
    """Multiply-accumulates of a convolution or matrix product for one inference; 0 for anything else."""
    operation = node.operation
    if isinstance(operation, Conv):
        return math.prod(graph.tensors[node.outputs[0]].shape) * math.prod(operation.weight.shape[1:])
    if isinstance(operation, ConvTranspose):
        return math.prod(graph.tensors[node.inputs[0]].shape) * math.prod(operation.weight.shape[1:])
    if isinstance(operation, Gemm):
        return math.prod(graph.tensors[node.outputs[0]].shape) * operation.weight.shape[1]
    return 0


def layer_costs(graph: Graph, program: Program, times: Schedule) -> list[LayerCost]:
    """Return the cost of every node, in order of execution."""
    count = len(graph.nodes)
    busy = np.zeros((count, len(BUSY)), np.int64)
    moved = np.zeros((count, 3), np.int64)  # feature maps in, constants in, feature maps out
    ends = np.zeros((count, 2), np.int64)  # of the last computing instruction, of the last one
    for number, instruction in enumerate(program.instructions):
        if isinstance(instruction, End):
            continue
        layer, end = instruction.layer, int(times.end[number])
        ends[layer, 1] = max(ends[layer, 1], end)
        if isinstance(instruction, Compute):
            ends[layer, 0] = max(ends[layer, 0], end)
        if type(instruction) in ENGINE_OF:
            busy[layer, ENGINE_OF[type(instruction)]] += end - int(times.start[number])
        if isinstance(instruction, Transfer):
            loads_map = instruction.memory == MEMORY_IDS["img"]
            column = (0 if loads_map else 1) if isinstance(instruction, Load) else 2
            moved[layer, column] += program.transfer_bytes(number)
    cycles = _shares(ends, times.cycles)
    reasons = {call.node: call.reason for call in program.calls}
    peak = program.config.peak_ops_per_cycle
    costs = []
    for i, node in enumerate(graph.nodes):
        work, hosted = 2 * macs_of(graph, node), i in reasons
        costs.append(
            LayerCost(
                name=node.name,
                op=node.onnx_op,
                where="host" if hosted else "accelerator",
                workload=work,
                cycles=cycles[i],
                efficiency=0.0 if hosted or not cycles[i] else work / (cycles[i] * peak),
                load_bytes=int(moved[i, 0]),
                weight_bytes=int(moved[i, 1]),
                save_bytes=int(moved[i, 2]),
                bound_by="host" if hosted else _bound([int(b) for b in busy[i]], cycles[i]),
                host_elements=_host_elements(graph, node) if hosted else 0,
                reason=reasons.get(i, ""),
            )
        )
    return costs


def _shares(ends: NDArray[np.int64], total: int) -> list[int]:
    """Cut the time line at the end of every layer's computing (of all its work, where it computes nothing)."""
    shares, front = [], 0
    for computed, last in ends.tolist():
        end = computed or last
        shares.append(max(0, end - front))
        front = max(front, end)
    active = [i for i, (_, last) in enumerate(ends.tolist()) if last]
    if active:
        shares[active[-1]] += total - front
    return shares


def _bound(busy: list[int], cycles: int) -> str:
    if not any(busy):
        return "none"
    longest = max(range(len(BUSY)), key=lambda engine: busy[engine])
    return BUSY[longest] if 2 * busy[longest] >= cycles else "start"


def _host_elements(graph: Graph, node: Node) -> int:
    if isinstance(node.operation, Quantise | Dequantise):
        return 0
    return sum(math.prod(graph.tensors[name].shape) for name in node.outputs)
