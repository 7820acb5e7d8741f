"""Fast execution of a Graph: the golden run, and faulty runs that start at the fault."""

from accel_sim.engine.engine import Engine, Golden, Upset
from accel_sim.engine.layout import from_stored, to_stored

__all__ = ["Engine", "Golden", "Upset", "from_stored", "to_stored"]
