"""The estimate of a whole network: per layer what DPU users know from the profiler, and the totals."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from accel_sim.errors import ModelError
from accel_sim.estimate.energy import Energy, EnergyTable, energy_of, read_energy_table
from accel_sim.estimate.hardware import Array, ArrayShape, peak_ops_per_cycle
from accel_sim.estimate.layer import Layer, Topology
from accel_sim.estimate.timing import Calibration, Times, default_calibration, times_of
from accel_sim.estimate.topology import read_topology
from accel_sim.estimate.traffic import Work, work_of

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True)
class LayerEstimate:
    """One line of the table.

    Parameters
    ----------
    name, kind, op_type : str
        As in `Layer`.
    ops : int
        Workload in operations, two a multiply-accumulate.
    cycles : float
        Cycles of the array's clock; 0 on the host.
    efficiency : float
        Operations over peak operations in these cycles.
    load_bytes, weight_bytes, save_bytes : int
        Traffic with DDR (the profiler's LdFM, LdWB, StFM).
    bound : str
        What the time follows: array, alu, start (the step's overhead exceeds the computing), load, save, or host.
    host_s : float
        Seconds on the host; 0 elsewhere.
    reason : str
        Why it is on the host.
    """

    name: str
    kind: str
    op_type: str
    ops: int
    cycles: float
    efficiency: float
    load_bytes: int
    weight_bytes: int
    save_bytes: int
    bound: str
    host_s: float
    reason: str


@dataclass(frozen=True)
class NetworkEstimate:
    """The estimate of one image through a network.

    Parameters
    ----------
    name : str
        The model.
    gop : float
        Workload in 10^9 operations (convolutions and fully connected layers).
    layers : tuple of LayerEstimate
    cycles : float
        Cycles of the accelerator.
    latency_s : float
        The same in seconds.
    host_s : float
        Seconds of the host's layers, one after another.
    ddr_bytes : float
        Bytes between DDR and the banks.
    energy : Energy
    """

    name: str
    gop: float
    layers: tuple[LayerEstimate, ...]
    cycles: float
    latency_s: float
    host_s: float
    ddr_bytes: float
    energy: Energy

    @property
    def fps(self) -> float:
        """Images per second of the accelerator alone."""
        return 1 / self.latency_s

    @property
    def fps_with_host(self) -> float:
        """Images per second when accelerator and host take turns (one thread)."""
        return 1 / (self.latency_s + self.host_s)


def estimate_network(
    source: "str | Path | onnx.ModelProto | Topology",
    array: Array | None = None,
    calibration: Calibration | None = None,
    energy: EnergyTable | None = None,
    host_s: float = 0.0,
) -> NetworkEstimate:
    """Estimate time, traffic and energy of one image, from topology and shapes.

    Parameters
    ----------
    source : path, ONNX model or Topology
        Float or quantised; values of weights are not looked at.
    array : Array, optional
        Accelerator; B4096 at 300 MHz when left out.
    calibration : Calibration, optional
        Fitted quantities; those of the package when left out.
    energy : EnergyTable, optional
        Prices; those of the package when left out.
    host_s : float
        Seconds of host work outside the network (reading, scaling, drawing) per image.

    Raises
    ------
    ModelError
        When the model cannot be read or none of it runs on the accelerator.
    """
    topology = source if isinstance(source, Topology) else read_topology(source)
    array = array or ArrayShape()
    table = energy or read_energy_table()
    work = work_of(topology, array)
    times = times_of(work, array, calibration or default_calibration())
    lines = tuple(_line(layer, i, work, times, array, table) for i, layer in enumerate(topology.layers))
    cycles = float(times.total_cycles.sum())
    if not cycles:
        reasons = sorted({line.reason for line in lines if line.reason})
        raise ModelError(
            f"{topology.name}: nothing of it runs on the accelerator ({'; '.join(reasons) or 'no layers'})"
        )
    latency_s = cycles / (array.clock_mhz * 1e6)
    on_host_s = host_s + sum(line.host_s for line in lines)
    ddr_bytes = float((work.weight_bytes + work.load_bytes + work.save_bytes).sum())
    on_array = [layer for layer in topology.layers if layer.kind != "host"]
    price = energy_of(
        table,
        accelerator_s=latency_s,
        host_s=on_host_s,
        macs=sum(layer.macs for layer in on_array),
        buffer_bytes=sum(layer.input_bytes + layer.output.bytes + layer.weight_bytes for layer in on_array),
        ddr_bytes=ddr_bytes,
    )
    return NetworkEstimate(topology.name, topology.gop, lines, cycles, latency_s, on_host_s, ddr_bytes, price)


def _line(layer: Layer, i: int, work: Work, times: Times, array: Array, table: EnergyTable) -> LayerEstimate:
    cycles = float(times.total_cycles[i])
    host = layer.kind == "host"
    return LayerEstimate(
        layer.name,
        layer.kind,
        layer.op_type,
        layer.ops,
        cycles,
        layer.ops / (cycles * peak_ops_per_cycle(array)) if cycles else 0.0,
        int(work.load_bytes[i]),
        int(work.weight_bytes[i]),
        int(work.save_bytes[i]),
        "host" if host else _bound(i, work, times),
        table.value("host_element") * layer.output.bytes if host else 0.0,
        layer.reason,
    )


def _bound(i: int, work: Work, times: Times) -> str:
    if times.memory_cycles[i] > times.compute_cycles[i] + times.overhead_cycles[i]:
        return "load" if work.weight_bytes[i] + work.load_bytes[i] >= work.save_bytes[i] else "save"
    if times.overhead_cycles[i] > times.compute_cycles[i]:
        return "start"
    return "array" if work.conv_cycles[i] >= work.alu_cycles[i] else "alu"


def layer_table(estimate: NetworkEstimate) -> str:
    """Return the layers as a text table: workload, cycles, efficiency, traffic, what bounds them."""
    lines = [
        f"{'layer':32} {'kind':11} {'MOP':>9} {'cycles':>10} {'eff':>6} "
        f"{'LdFM kB':>8} {'LdWB kB':>8} {'StFM kB':>8} bound"
    ]
    for x in estimate.layers:
        lines.append(
            f"{x.name[:32]:32} {x.kind:11} {x.ops / 1e6:9.2f} {x.cycles:10.0f} {x.efficiency:6.1%} "
            f"{x.load_bytes / 1e3:8.1f} {x.weight_bytes / 1e3:8.1f} {x.save_bytes / 1e3:8.1f} {x.bound}"
        )
    return "\n".join(lines)
