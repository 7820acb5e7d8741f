"""Intervals, sample sizes and stratified estimates; this package knows numbers only."""

from accel_sim.stats.bounded import bounded_mean
from accel_sim.stats.estimate import Estimate
from accel_sim.stats.sample_size import PAPER_FAULTS_PER_SET, leveugle_sample_size
from accel_sim.stats.shares import clopper_pearson, wilson
from accel_sim.stats.stratified import stratified_mean, stratified_share

__all__ = [
    "PAPER_FAULTS_PER_SET",
    "Estimate",
    "bounded_mean",
    "clopper_pearson",
    "leveugle_sample_size",
    "stratified_mean",
    "stratified_share",
    "wilson",
]
