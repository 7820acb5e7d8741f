"""The arithmetic once more, slow and obvious: one number at a time, in plain Python loops.

These functions share no code with ``accel_sim``. ``tests/conformance/test_oracles.py`` holds them against onnxruntime,
other tests hold ``accel_sim`` against them. Arrays come in as NumPy arrays of the model's own type; every scale is
taken as float32.
"""

from tests.oracles.convolution import (
    conv_accumulators,
    conv_transpose_accumulators,
    qlinear_conv,
    qlinear_conv_transpose,
)
from tests.oracles.elementwise import prelu_one_slope, qlinear_add, qlinear_concat, qlinear_mul
from tests.oracles.matrix import qgemm, qgemm_float, qlinear_matmul
from tests.oracles.pooling import max_pool, qlinear_average_pool, qlinear_global_average_pool
from tests.oracles.resize import resize_linear_codes, resize_nearest
from tests.oracles.scalar import (
    dpu_requantise,
    fused_multiply_add,
    gemmlowp_multiplier,
    gemmlowp_requantise,
    requantise,
    requantise_integer_only,
    saturate,
    wrap_int32,
)
from tests.oracles.tables import CURVES, dequantise, quantise, quantise_array, table

__all__ = [
    "CURVES",
    "conv_accumulators",
    "conv_transpose_accumulators",
    "dequantise",
    "dpu_requantise",
    "fused_multiply_add",
    "gemmlowp_multiplier",
    "gemmlowp_requantise",
    "max_pool",
    "prelu_one_slope",
    "qgemm",
    "qgemm_float",
    "qlinear_add",
    "qlinear_average_pool",
    "qlinear_concat",
    "qlinear_conv",
    "qlinear_conv_transpose",
    "qlinear_global_average_pool",
    "qlinear_matmul",
    "qlinear_mul",
    "quantise",
    "quantise_array",
    "requantise",
    "requantise_integer_only",
    "resize_linear_codes",
    "resize_nearest",
    "saturate",
    "table",
    "wrap_int32",
]
