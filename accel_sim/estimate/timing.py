"""Time of every layer: the longer of computing, with what it costs to start a step, and moving data."""

import tomllib
from dataclasses import dataclass
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from accel_sim.estimate.hardware import Array
from accel_sim.estimate.traffic import Work


@dataclass(frozen=True)
class Calibration:
    """The fitted quantities of the time model, all physical.

    Parameters
    ----------
    ddr_bytes_per_s : float
        Bandwidth that loads and saves see together.
    step_overhead_cycles : float
        Cycles per scheduled step in which the array stands still: instructions, pipelines that fill and drain,
        waiting for the step in front. Transfers go on meanwhile.
    strided_slowdown : float
        Relative extra time of convolutions of stride above one (rows read with gaps share a bank).
    """

    ddr_bytes_per_s: float
    step_overhead_cycles: float
    strided_slowdown: float


def default_calibration() -> Calibration:
    """Return the calibration that ships with the package (``data/calibration.toml``)."""
    text = (resources.files("accel_sim.estimate") / "data" / "calibration.toml").read_text(encoding="utf-8")
    values = tomllib.loads(text)
    return Calibration(**{name: float(values[name]) for name in Calibration.__dataclass_fields__})


@dataclass(frozen=True)
class Times:
    """Cycles of the array's clock per layer; arrays have one entry a layer.

    Parameters
    ----------
    compute_cycles, memory_cycles, overhead_cycles, total_cycles : ndarray of float64, (layers,)
        Busy time of array and ALU, busy time of the memory port, start-up, and what the layer takes.
    """

    compute_cycles: NDArray[np.float64]
    memory_cycles: NDArray[np.float64]
    overhead_cycles: NDArray[np.float64]
    total_cycles: NDArray[np.float64]


def times_of(work: Work, array: Array, calibration: Calibration) -> Times:
    """Return the time of every layer: ``max(compute + overhead, memory)`` (double buffering hides the shorter one)."""
    compute = work.conv_cycles * (1 + calibration.strided_slowdown * work.strided) + work.alu_cycles
    moved = work.weight_bytes + work.load_bytes + work.save_bytes
    memory = moved / calibration.ddr_bytes_per_s * array.clock_mhz * 1e6
    overhead = calibration.step_overhead_cycles * work.steps
    return Times(compute, memory, overhead, np.maximum(compute + overhead, memory))
