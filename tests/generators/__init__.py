"""Seeded generators of test inputs."""

from tests.generators.graphs import FEATURES, OPERATORS, coverage, random_graph

__all__ = ["FEATURES", "OPERATORS", "coverage", "random_graph"]
