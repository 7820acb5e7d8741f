"""Hardware parameters of the accelerator: presets, memory map, user-defined configurations."""

from accel_sim.config.accelerator import AcceleratorConfig
from accel_sim.config.memories import MemorySpec, RegisterSpec, memory_map, register_map
from accel_sim.config.presets import PRESETS, load_config

__all__ = [
    "PRESETS",
    "AcceleratorConfig",
    "MemorySpec",
    "RegisterSpec",
    "load_config",
    "memory_map",
    "register_map",
]
