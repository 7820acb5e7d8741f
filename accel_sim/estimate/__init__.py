"""Time, traffic and energy of a network on a DPU-like accelerator, from the topology of an ONNX model."""

from accel_sim.estimate.energy import Energy, EnergyTable, energy_of, read_energy_table
from accel_sim.estimate.hardware import Array, ArrayShape
from accel_sim.estimate.layer import Layer, Tensor, Topology
from accel_sim.estimate.network import LayerEstimate, NetworkEstimate, estimate_network, layer_table
from accel_sim.estimate.timing import Calibration, default_calibration
from accel_sim.estimate.topology import read_topology

__all__ = [
    "Array",
    "ArrayShape",
    "Calibration",
    "Energy",
    "EnergyTable",
    "Layer",
    "LayerEstimate",
    "NetworkEstimate",
    "Tensor",
    "Topology",
    "default_calibration",
    "energy_of",
    "estimate_network",
    "layer_table",
    "read_energy_table",
    "read_topology",
]
