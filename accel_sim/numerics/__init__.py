"""The only definition of rounding, saturation and requantisation.

Everything that computes with codes (engine, machine, tests of the RTL) takes its arithmetic from here. The formulas
are those of onnxruntime's CPU kernels on x86-64 with FMA, restated in ``docs/numerics.md``; ``NUMERICS_VERSION``
changes whenever a result can.
"""

from accel_sim.numerics.elementwise import add_table, multiply_table, real_binary_table
from accel_sim.numerics.requantise import (
    MODES,
    CodeType,
    gemmlowp_multiplier,
    requantise,
    requantise_float32,
    requantise_float32_integer_only,
    requantise_gemmlowp,
    requantise_shift,
)
from accel_sim.numerics.rounding import fused_multiply_add, round_half_even, round_half_up
from accel_sim.numerics.steps import Steps, step_function
from accel_sim.numerics.unary import CURVES, Curve, dequantise, quantise, unary_table

NUMERICS_VERSION = 1

__all__ = [
    "CURVES",
    "MODES",
    "NUMERICS_VERSION",
    "CodeType",
    "Curve",
    "Steps",
    "add_table",
    "dequantise",
    "fused_multiply_add",
    "gemmlowp_multiplier",
    "multiply_table",
    "quantise",
    "real_binary_table",
    "requantise",
    "requantise_float32",
    "requantise_float32_integer_only",
    "requantise_gemmlowp",
    "requantise_shift",
    "round_half_even",
    "round_half_up",
    "step_function",
    "unary_table",
]
