"""Tables against one number at a time in plain Python."""

from typing import Any

import numpy as np
import pytest

from accel_sim.numerics import (
    CURVES,
    CodeType,
    Curve,
    add_table,
    multiply_table,
    real_binary_table,
    unary_table,
)
from tests import oracles

SIDES = [(0.02, 128, "uint8"), (0.05, 77, "uint8"), (0.031, -3, "int8"), (2.0**-5, 0, "int8")]
ATTRIBUTES = {
    "LeakyRelu": {"alpha": 0.01},
    "Elu": {"alpha": 1.0},
    "HardSigmoid": {"alpha": 0.2, "beta": 0.5},
}


@pytest.mark.parametrize("name", sorted(oracles.CURVES))
@pytest.mark.parametrize("side", SIDES)
def test_unary_table(name: str, side: tuple[float, int, str]) -> None:
    scale, zero, dtype = side
    target = (1 / 200, 9 if dtype == "uint8" else -100)
    ours = unary_table(
        (Curve(name, ATTRIBUTES.get(name, {})),), (scale, zero, CodeType(dtype)), (*target, CodeType(dtype))
    )
    assert ours.tolist() == oracles.table(oracles.CURVES[name], scale, zero, *target, dtype)


def test_every_curve_has_a_table() -> None:
    """No curve fails on any code; the values of those without an oracle are checked by hand below."""
    for name in CURVES:
        if name not in ("Add", "Sub", "RSub", "Mul", "Div", "RDiv"):
            curve = Curve(name, ATTRIBUTES.get(name, {"alpha": 0.1} if name == "PRelu" else {}))
            table = unary_table((curve,), (0.1, 0, CodeType("int8")), (0.1, 0, CodeType("int8")))
            assert table.shape == (256,)


@pytest.mark.parametrize(
    ("name", "constant", "expected"),
    [
        ("Add", 2.0, [-6, -3, 5, 12]),
        ("Sub", 2.0, [-14, -11, -3, 4]),
        ("RSub", 2.0, [14, 11, 3, -4]),
        ("Mul", 0.5, [-5, -4, 0, 4]),
        ("Div", -0.5, [20, 14, -2, -16]),
        ("RDiv", 4.0, [-2, -2, 16, 2]),
    ],
)
def test_scalar_operands(name: str, constant: float, expected: list[int]) -> None:
    """With a scale of 1/2 the codes -10, -7, 1, 8 stand for -5, -3.5, 0.5, 4; halves go to the even code."""
    side = (0.5, 0, CodeType("int8"))
    table = unary_table((Curve(name, {"value": constant}),), side, side)
    assert [int(table[code + 128]) for code in (-10, -7, 1, 8)] == expected


def test_chains_are_applied_first_to_last() -> None:
    side = (0.5, 0, CodeType("int8"))
    add, relu = Curve("Add", {"value": 2.0}), Curve("Relu")
    first = unary_table((add, relu), side, side)
    second = unary_table((relu, add), side, side)
    assert (first[128 - 10], second[128 - 10]) == (0, 4)


def test_ties_go_upwards_when_asked() -> None:
    source, target = (0.5, 0, CodeType("int8")), (1.0, 0, CodeType("int8"))
    up = unary_table((), source, target, half_up=True)
    even = unary_table((), source, target)
    assert [int(up[128 + c]) for c in (-3, -1, 1, 3)] == [-1, 0, 1, 2]
    assert [int(even[128 + c]) for c in (-3, -1, 1, 3)] == [-2, 0, 0, 2]


BINARY = [
    ((0.05, 3), (0.02, 200), (0.06, 101)),
    ((0.25, 0), (0.125, 255), (0.25, 77)),
    ((0.03, 9), (0.031, 8), (0.05, 1)),
]


@pytest.mark.parametrize("sides", BINARY)
@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_binary_tables(sides: tuple[tuple[float, int], ...], dtype: str) -> None:
    """A random subset of the 65,536 pairs, and the rows and columns of the ends."""
    offset = 128 if dtype == "int8" else 0
    (a_scale, a_zero), (b_scale, b_zero), (y_scale, y_zero) = ((s, z - offset) for s, z in sides)
    code = CodeType(dtype)
    full = (a_scale, a_zero, code), (b_scale, b_zero, code), (y_scale, y_zero, code)
    rng = np.random.default_rng(1)
    rows, columns = (
        np.concatenate([rng.integers(0, 256, 1500), ends]) for ends in ([0, 0, 255, 255], [0, 255, 0, 255])
    )
    a, b = ((v - offset).astype(dtype) for v in (rows, columns))
    for build, oracle in ((add_table, oracles.qlinear_add), (multiply_table, oracles.qlinear_mul)):
        ours = build(*full)[rows, columns]
        theirs = oracle(a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero)
        assert ours.tolist() == theirs.astype(int).tolist()


@pytest.mark.parametrize("operator", ["Add", "Sub", "Mul", "Max", "Min"])
def test_unfused_binary_table(operator: str) -> None:
    python: Any = {
        "Add": lambda p, q: p + q,
        "Sub": lambda p, q: p - q,
        "Mul": lambda p, q: p * q,
        "Max": max,
        "Min": min,
    }[operator]
    a, b, y = (0.05, 3, CodeType("uint8")), (0.02, -100, CodeType("int8")), (0.04, 90, CodeType("uint8"))
    table = real_binary_table(operator, (Curve("Relu"),), a, b, y)
    rng = np.random.default_rng(2)
    for i, j in rng.integers(0, 256, (400, 2)).tolist():
        value = python(oracles.dequantise(i, 0.05, 3), oracles.dequantise(j - 128, 0.02, -100))
        assert table[i, j] == oracles.quantise(max(np.float32(value), np.float32(0)), 0.04, 90, "uint8")


def test_division_by_zero_saturates() -> None:
    side = (0.1, 0, CodeType("int8"))
    table = real_binary_table("Div", (), side, side, side)
    assert table[128 + 5, 128] == 127
    assert table[128 - 5, 128] == -128
    assert table[128, 128] == -128  # 0 / 0 is no number: the smallest code
