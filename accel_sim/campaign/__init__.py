"""Statistical fault injection, from a task and a plan over collected rows in a store to the summary in JSON."""

from accel_sim.campaign.collect import collect
from accel_sim.campaign.plan import Plan, Stratum, make_plan
from accel_sim.campaign.store import Store
from accel_sim.campaign.summary import summarise
from accel_sim.campaign.task import Task

__all__ = ["Plan", "Store", "Stratum", "Task", "collect", "make_plan", "summarise"]
