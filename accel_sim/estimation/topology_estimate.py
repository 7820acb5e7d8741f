"""The estimate of a float model, from its topology: what the calibrated model knows, and null for the rest."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from accel_sim.config import AcceleratorConfig
from accel_sim.devices import MemoryShare, compose, configuration_term, find_device, find_environment, rate_table
from accel_sim.errors import UsageError
from accel_sim.estimate import LayerEstimate, estimate_network, read_energy_table
from accel_sim.estimate.hardware import peak_ops_per_cycle
from accel_sim.estimation.given_files import check_table
from accel_sim.estimation.memory_table import REGISTER, empty_table
from accel_sim.estimation.program_estimate import CALIBRATED

NO_PROGRAM = "a float model has no program: how long its memories hold what is still to be read is not known"
ALL_BITS = "upsets of all bits of the buffers, an upper limit: nothing is known of live times without a program"


def estimate_float(
    path: Path,
    config: AcceleratorConfig,
    *,
    device: str,
    environment: str,
    rates: str | Path | None = None,
    results: tuple[str | Path, ...] = (),
    energy: str | Path | None = None,
) -> dict[str, Any]:
    """Return the public JSON form for a model that is not quantised, taken as int8.

    Parameters
    ----------
    path, config
        The ONNX file and the accelerator.
    device, environment, rates, energy
        As for :func:`accel_sim.estimation.estimate_program`.
    results
        Must be empty: there are no campaigns on float models.

    Raises
    ------
    AccelSimError
        A file that cannot be used, or a name that does not exist.
    """
    if results:
        raise UsageError(f"--results is {results[0]}: {path} is a float model, on which no campaign can be run")
    check_table(rates, "--rates")
    check_table(energy, "--energy")
    found = estimate_network(path, config, energy=read_energy_table(energy))
    memories = empty_table(config)
    return {
        "model": path.stem,
        "arch": config.name,
        "cycle_model": CALIBRATED,
        "cycles": round(found.cycles),
        "clock_mhz": config.clock_mhz,
        "latency_s": found.latency_s,
        "fps": found.fps,
        "host_s": found.host_s,
        "fps_with_host": found.fps_with_host,
        "energy_j": found.energy.total_j,
        "energy": {**asdict(found.energy), "total_j": found.energy.total_j},
        "gop": found.gop,
        "efficiency": 1e9 * found.gop / (found.cycles * peak_ops_per_cycle(config)),
        "ddr_bytes": round(found.ddr_bytes),
        "layers": [_layer(layer) for layer in found.layers],
        "memories": memories,
        **_limit(memories, device, environment, rates),
    }


def _layer(layer: LayerEstimate) -> dict[str, Any]:
    return {
        "name": layer.name, "op": layer.op_type, "where": "host" if layer.kind == "host" else "accelerator",
        "workload": layer.ops, "cycles": round(layer.cycles), "efficiency": layer.efficiency,
        "load_bytes": layer.load_bytes, "weight_bytes": layer.weight_bytes, "save_bytes": layer.save_bytes,
        "bound_by": layer.bound, "reason": layer.reason, "host_s": layer.host_s,
    }  # fmt: skip


def _limit(
    memories: dict[str, dict[str, Any]], device: str, environment: str, rates: str | Path | None
) -> dict[str, Any]:
    """Return what can be said of failures: at most all upsets of all bits of known rate."""
    chip, place = find_device(device), find_environment(environment)
    table = rate_table(chip.family, rates)
    shares = []
    for name, entry in memories.items():
        uram = entry["bits"] // entry["banks"] * entry["uram_banks"]
        kinds = (
            {"uram": uram, entry["kind"].split("+")[-1]: entry["bits"] - uram}
            if uram
            else {entry["kind"]: entry["bits"]}
        )
        for kind, bits in kinds.items():
            if bits:
                of_kind = "ff" if kind == REGISTER else kind
                shares.append(MemoryShare(f"{name} ({kind})", of_kind, "-", bits, 1.0, 1.0, 1.0, 1.0))
    report = compose(shares, table, place)
    return {
        "performance_model": None,
        "device": chip.name,
        "environment": {"name": place.name, "flux_n_cm2_h": place.flux_n_cm2_h, "verified": place.verified},
        "fit": {**report.fit.to_dict(), "low": 0.0, "best": None},
        "fit_is": ALL_BITS,
        "mtbf_hours": None,
        "raw": {m.memory: {"kind": m.kind, "bits": m.bits, "fit": m.fit, "verified": m.verified} for m in report.raw},
        "raw_fit": report.raw_fit,
        "unknown": report.unknown,
        "configuration_memory": asdict(configuration_term(chip, table, place)),
        "notes": [NO_PROGRAM, *report.notes],
    }
