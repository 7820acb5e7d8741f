"""The estimate of a quantised model: its program's cycles, traffic, memories and failures."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from accel_sim.config import AcceleratorConfig
from accel_sim.errors import AccelSimError
from accel_sim.estimate import EnergyTable, energy_of, estimate_network, read_energy_table
from accel_sim.estimation.campaign_rates import CampaignRates
from accel_sim.estimation.failures import failures
from accel_sim.estimation.given_files import check_table
from accel_sim.estimation.layers import LayerCost, layer_costs
from accel_sim.estimation.memory_table import holdings, memory_table
from accel_sim.machine import Schedule
from accel_sim.model import Graph
from accel_sim.program import Program
from accel_sim.rtl.synth_file import read_synthesis

PROGRAM = "program"
CALIBRATED = "calibrated"
CONVERSIONS = "conversions between real values and codes on the host are counted as free: no figure is at hand"


def estimate_program(
    graph: Graph,
    program: Program,
    times: Schedule,
    path: Path,
    *,
    device: str,
    environment: str,
    rates: str | Path | None = None,
    results: Sequence[str | Path] = (),
    energy: str | Path | None = None,
    scrub_hours: float | None = None,
    synthesis: str | Path | None = None,
) -> dict[str, Any]:
    """Return the public JSON form for a compiled model.

    Parameters
    ----------
    graph, program, times
        The model, what it was compiled to, and its schedule.
    path
        The ONNX file, for the calibrated model beside it.
    device, environment, rates, scrub_hours
        As for :func:`accel_sim.estimation.failures.failures`.
    results
        Results files of campaigns on this model.
    energy
        CSV file of prices that replace those of the package.
    synthesis
        JSON file of ``accel-sim synth`` for the same architecture.

    Raises
    ------
    AccelSimError
        A file that cannot be used, or a name that does not exist.
    """
    check_table(rates, "--rates")
    check_table(energy, "--energy")
    table = read_energy_table(energy)
    campaigns = [CampaignRates(file, graph.file_hash, program) for file in results]
    config = program.config
    costs = layer_costs(graph, program, times)
    held = holdings(program, times)
    latency_s = times.cycles / (config.clock_mhz * 1e6)
    host = [cost.host_elements * table.value("host_element") for cost in costs]
    price = _energy(graph, costs, table, latency_s, sum(host))
    work = sum(cost.workload for cost in costs)
    lost = failures(
        held, times.cycles, config, device=device, environment=environment, rates=rates, campaigns=campaigns,
        scrub_hours=scrub_hours, synthesis=None if synthesis is None else read_synthesis(synthesis, config.name),
    )  # fmt: skip
    converts = any(c.where == "host" and not c.host_elements for c in costs)
    notes = [*lost.pop("notes"), *([CONVERSIONS] if converts else [])]
    return {
        "model": graph.name,
        "arch": config.name,
        "cycle_model": PROGRAM,
        "cycles": times.cycles,
        "clock_mhz": config.clock_mhz,
        "latency_s": latency_s,
        "fps": 1 / latency_s,
        "host_s": sum(host),
        "fps_with_host": 1 / (latency_s + sum(host)),
        "energy_j": price["total_j"],
        "energy": price,
        "gop": work / 1e9,
        "efficiency": sum(c.workload for c in costs if c.where != "host") / (times.cycles * config.peak_ops_per_cycle),
        "ddr_bytes": sum(c.load_bytes + c.weight_bytes + c.save_bytes for c in costs),
        "layers": [_layer(cost, seconds) for cost, seconds in zip(costs, host, strict=True)],
        "memories": memory_table(program, held, times.cycles),
        "performance_model": calibrated(path, config, table),
        **lost,
        "notes": notes,
    }


def _layer(cost: LayerCost, host_s: float) -> dict[str, Any]:
    plain = asdict(cost)
    del plain["host_elements"]
    return {**plain, "host_s": host_s}


def _energy(
    graph: Graph, costs: Sequence[LayerCost], table: EnergyTable, latency_s: float, host_s: float
) -> dict[str, Any]:
    """Price what the program does: its time, its products, its traffic; buffers as every tensor once in and out."""
    on_array = [(cost, node) for cost, node in zip(costs, graph.nodes, strict=True) if cost.where != "host"]
    through = sum(
        sum(math.prod(graph.tensors[name].shape) for name in (*node.inputs, *node.outputs)) + cost.weight_bytes
        for cost, node in on_array
    )
    price = energy_of(
        table,
        accelerator_s=latency_s,
        host_s=host_s,
        macs=sum(cost.workload for cost, _ in on_array) / 2,
        buffer_bytes=through,
        ddr_bytes=sum(c.load_bytes + c.weight_bytes + c.save_bytes for c in costs),
    )
    return {**asdict(price), "total_j": price.total_j}


def calibrated(path: Path, config: AcceleratorConfig, table: EnergyTable) -> dict[str, Any]:
    """Return what the calibrated model says of the same file, or why it says nothing."""
    try:
        found = estimate_network(path, config, energy=table)
    except AccelSimError as error:
        return {"cycle_model": CALIBRATED, "reason": str(error)}
    return {
        "cycle_model": CALIBRATED,
        "cycles": round(found.cycles),
        "latency_s": found.latency_s,
        "fps": found.fps,
        "fps_with_host": found.fps_with_host,
        "energy_j": found.energy.total_j,
    }
