"""Faults of the accelerator's memories and registers: where, when, how likely, and what they do."""

from accel_sim.faults.hardware.fault import HARDWARE_SPACES, AnyFault, HardwareFault, fault_from_json
from accel_sim.faults.hardware.injector import HardwareInjection, HardwareInjector
from accel_sim.faults.hardware.space import HardwareSpace, hardware_space, run_digest
from accel_sim.faults.hardware.vulnerability import vulnerability

__all__ = [
    "HARDWARE_SPACES",
    "AnyFault",
    "HardwareFault",
    "HardwareInjection",
    "HardwareInjector",
    "HardwareSpace",
    "fault_from_json",
    "hardware_space",
    "run_digest",
    "vulnerability",
]
