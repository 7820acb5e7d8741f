"""Faulty runs that cost what changed: exact differences on kept accumulators, dense only where denser is cheaper."""

from accel_sim.engine.sparse.kept import Kept, Memory, affordable_accumulators, memory_of
from accel_sim.engine.sparse.runner import DENSE, DIFFERENCES, MODEL, FaultRunner, Scratch, make_scratch
from accel_sim.engine.sparse.single import SingleFaults
from accel_sim.engine.sparse.tables import Tables, compile_tables

__all__ = [
    "DENSE",
    "DIFFERENCES",
    "MODEL",
    "FaultRunner",
    "Kept",
    "Memory",
    "Scratch",
    "SingleFaults",
    "Tables",
    "affordable_accumulators",
    "compile_tables",
    "make_scratch",
    "memory_of",
]
