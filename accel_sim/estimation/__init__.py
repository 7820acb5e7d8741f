"""The estimate of a model on an accelerator in its public JSON form: time, energy, memories, failures.

Two cycle models, never mixed in one figure: a quantised model is compiled, and its cycles are those of the program's
schedule, the same that the machine counts; a float model has no program, so its cycles come from the calibrated model
of its topology. Every result says which (`cycle_model`).
"""

from accel_sim.estimation.program_estimate import estimate_program
from accel_sim.estimation.topology_estimate import estimate_float

__all__ = ["estimate_float", "estimate_program"]
