"""Recognise additions and multiplications: constants with which the ALU reproduces a table of all 65,536 pairs.

The model states a binary operator as the table of its results. The ALU has no such table; it computes. A node goes to
the ALU when one of a few candidate constants gives every entry of the table, and to the host otherwise: what the ALU
computes is right by construction.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.isa import AluOp
from accel_sim.model.graph import Side
from accel_sim.numerics.rounding import fused_multiply_add, round_half_up

F32 = np.float32


@dataclass(frozen=True)
class PairArithmetic:
    """Fields of the instruction.

    Attributes
    ----------
    op
        ADD or MULTIPLY.
    a, b, c
        float32 constants.
    first, second
        Byte offset (ADD) or byte of zero (MULTIPLY) of the operands.
    half_up
        Ties upwards instead of to even.
    out, low, high
        Byte offset of the output, smallest and largest byte.
    """

    op: AluOp
    a: float
    b: float
    c: float
    first: int
    second: int
    half_up: bool
    out: int
    low: int
    high: int

    def table(self) -> NDArray[np.uint8]:
        """Results for all pairs of stored bytes; row: the instruction's first operand."""
        first = (np.arange(256) - self.first).astype(np.int32)
        second = (np.arange(256) - self.second).astype(np.int32)
        with np.errstate(over="ignore", invalid="ignore"):
            if self.op == AluOp.ADD:
                partial = fused_multiply_add(second.astype(F32), F32(self.b), F32(self.c))
                value = fused_multiply_add(first.astype(F32)[:, None], F32(self.a), partial[None, :])
            else:
                value = (first[:, None] * second[None, :]).astype(F32) * F32(self.a) + F32(self.c)
        # Rounding commutes with the clamp to integers.
        value = np.clip(value.astype(np.float64), self.low - self.out, self.high - self.out)
        rounded = round_half_up(value) if self.half_up else np.rint(value)
        return (np.clip(rounded, self.low - self.out, self.high - self.out) + self.out).astype(np.uint8)

    def fields(self) -> dict[str, int]:
        """Fields of the instruction, floats as bits."""
        real = {name: int(F32(value).view(np.uint32)) for name, value in (("a", self.a), ("b", self.b), ("c", self.c))}
        return {
            "op": self.op, "real_a": real["a"], "real_b": real["b"], "real_c": real["c"], "x_zero": self.first,
            "second_zero": self.second, "mode": int(self.half_up), "zero": self.out, "low": self.low,
            "high": self.high,
        }  # fmt: skip


def _offset(side: Side) -> int:
    return 128 if side[2].name == "int8" else 0


def _candidates(operator: str, a: Side, b: Side, y: Side) -> Iterator[tuple[AluOp, float, float, float]]:
    """Constants of onnxruntime's fused kernels."""
    if operator == "Add":
        ratio_a, ratio_b = F32(a[0]) / F32(y[0]), F32(b[0]) / F32(y[0])
        fixed = F32(y[1]) - fused_multiply_add(ratio_a, F32(a[1]), ratio_b * F32(b[1]))
        yield AluOp.ADD, float(ratio_a), float(ratio_b), float(fixed)
    if operator == "Mul":
        yield AluOp.MULTIPLY, float((F32(a[0]) * F32(b[0])) / F32(y[0])), 0.0, float(y[1])


def recognise(onnx_op: str, table: NDArray[np.uint8], a: Side, b: Side, y: Side) -> PairArithmetic | None:
    """Find constants for a table.

    Parameters
    ----------
    table
        (256, 256) stored bytes, row: the instruction's first operand.
    a, b, y
        ``(scale, zero point, code type)`` of the instruction's operands and of the output.
    """
    low, high, out = int(table.min()), int(table.max()), _offset(y)
    for op, *real in _candidates(onnx_op.removeprefix("QLinear"), a, b, y):
        first, second = (_offset(s) + (s[1] if op == AluOp.MULTIPLY else 0) for s in (a, b))
        for half_up in (False, True):
            found = PairArithmetic(op, real[0], real[1], real[2], first, second, half_up, out, low, high)
            if np.array_equal(found.table(), table):
                return found
    return None
