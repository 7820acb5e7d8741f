"""Devices, soft-error rates, environments, and the way from upsets to failures per 10^9 h."""

from accel_sim.devices.composition import FitReport, RawMemory, compose, raw_fit
from accel_sim.devices.configuration_memory import ConfigurationTerm, configuration_term
from accel_sim.devices.device import Device, devices, find_device
from accel_sim.devices.ecc import Secded
from accel_sim.devices.environment import Environment, environments, find_environment
from accel_sim.devices.rates import KINDS, Rate, RateTable, rate_table
from accel_sim.devices.share import MemoryShare
from accel_sim.devices.upset_rates import UpsetRates, upset_rates

__all__ = [
    "KINDS",
    "ConfigurationTerm",
    "Device",
    "Environment",
    "FitReport",
    "MemoryShare",
    "Rate",
    "RateTable",
    "RawMemory",
    "Secded",
    "UpsetRates",
    "compose",
    "configuration_term",
    "devices",
    "environments",
    "find_device",
    "find_environment",
    "rate_table",
    "raw_fit",
    "upset_rates",
]
