"""Bit flips through cocotb: the simulator's handles, nothing of the shared library."""
