"""The one rounding of the ALU's multiply-add, against exact fractions."""

from fractions import Fraction

import numpy as np
import pytest

from accel_sim.machine.arithmetic import multiply_add

LARGEST = np.finfo(np.float32).max


def nearest(value: Fraction) -> np.float32:
    """Round an exact value to float32, ties to even, by looking at the neighbours of a first guess."""
    if abs(value) >= Fraction(2) ** 128 - Fraction(2) ** 103:
        return np.float32(np.inf if value > 0 else -np.inf)
    guess = np.float32(min(max(float(value), -float(LARGEST)), float(LARGEST)))
    near = [guess, *(np.nextafter(guess, side) for side in (-LARGEST, LARGEST))]
    return min(near, key=lambda x: (abs(Fraction(float(x)) - value), int(x.view(np.uint32)) & 1))


def test_random_operands() -> None:
    rng = np.random.default_rng(6)
    for _ in range(3000):
        a, b, c = (np.float32(rng.integers(-(2**24), 2**24) * 2.0 ** int(rng.integers(-30, 30))) for _ in range(3))
        if rng.integers(2):
            c = np.float32(-float(a) * float(b) * (1 + 2.0**-23 * int(rng.integers(-3, 4))))
        exact = Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))
        assert multiply_add(a, b, c) == nearest(exact), (a, b, c)


@pytest.mark.parametrize("sign", [1, -1])
def test_just_below_infinity(sign: int) -> None:
    """151 * 14221746 is 2**31 - 2: the sum lies 2**73 below the tie, and float64 rounds it onto the tie."""
    b, c = np.float32(sign * 14221746 * 2.0**72), np.float32(sign * LARGEST)
    assert nearest(Fraction(151) * Fraction(float(b)) + Fraction(float(c))) == sign * LARGEST
    assert multiply_add(np.float32(151), b, c) == sign * LARGEST
    assert multiply_add(np.float32(151), np.float32(sign * 14221747 * 2.0**72), c) == sign * np.inf
