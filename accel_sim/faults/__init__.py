"""Which faults there are, what they do, and what their outcome is."""

from accel_sim.faults.fault import Fault
from accel_sim.faults.injector import Injection, Injector, upset_of
from accel_sim.faults.outcome import CRITERIA, OUTCOMES, Criterion, Verdict, choose_criterion
from accel_sim.faults.space import ActivationSpace, FaultSpace, ParameterSpace, Stratum, make_space

__all__ = [
    "CRITERIA",
    "OUTCOMES",
    "ActivationSpace",
    "Criterion",
    "Fault",
    "FaultSpace",
    "Injection",
    "Injector",
    "ParameterSpace",
    "Stratum",
    "Verdict",
    "choose_criterion",
    "make_space",
    "upset_of",
]
