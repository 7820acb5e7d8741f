"""Program in, bytes and cycles out."""

from accel_sim.machine.machine import Machine, MachineResult
from accel_sim.machine.memory import BitUpset, Memory, StuckBit
from accel_sim.machine.timing import Schedule, schedule

__all__ = ["BitUpset", "Machine", "MachineResult", "Memory", "Schedule", "StuckBit", "schedule"]
