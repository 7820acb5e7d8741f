"""One function per ONNX operator: the mapping below is the list of what the array runs."""

from accel_sim.model.context import Operator
from accel_sim.model.operators.linear import conv, conv_transpose, gemm, matmul
from accel_sim.model.operators.movers import MOVERS, mover
from accel_sim.model.operators.pointwise import UNARY, binary, concat, dequantise_linear, quantise_linear, unary
from accel_sim.model.operators.pool import average_pool, global_average_pool, max_pool
from accel_sim.model.operators.qlinear import QLINEAR
from accel_sim.model.operators.resize import resize

OPERATORS: dict[str, Operator] = {
    "QuantizeLinear": quantise_linear,
    "DequantizeLinear": dequantise_linear,
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "Gemm": gemm,
    "MatMul": matmul,
    "MaxPool": max_pool,
    "AveragePool": average_pool,
    "GlobalAveragePool": global_average_pool,
    "Concat": concat,
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Max", "Min"), binary),
    **dict.fromkeys(UNARY, unary),
    **dict.fromkeys(MOVERS, mover),
    "Split": mover,
    "Resize": resize,
    **QLINEAR,
}
