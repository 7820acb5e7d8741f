"""Graph to Program: tiles, places in memory, instructions."""

from accel_sim.compiler.compile import compile_graph

__all__ = ["compile_graph"]
