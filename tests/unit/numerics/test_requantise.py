from fractions import Fraction

import numpy as np
import pytest

from accel_sim.numerics import (
    MODES,
    CodeType,
    gemmlowp_multiplier,
    requantise,
    requantise_float32,
    requantise_float32_integer_only,
    requantise_gemmlowp,
    requantise_shift,
)
from tests.unit.numerics import exact

RANGES = [(0, 0, 255), (128, 0, 255), (77, 0, 255), (0, -128, 127), (-5, -128, 127), (3, 3, 127), (-128, -128, 100)]
PAIRS = 120_000


def ranges(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    chosen = np.array(RANGES)[np.random.default_rng(8).integers(len(RANGES), size=count)]
    return chosen[:, 0], chosen[:, 1], chosen[:, 2]


def test_integer_only_form_is_the_float_form() -> None:
    """The form that hardware implements, on random and awkward pairs."""
    acc, scale = exact.pairs(PAIRS, 1)
    for (zero, low, high), part in zip(RANGES, np.array_split(np.arange(PAIRS), len(RANGES)), strict=True):
        expected = requantise_float32(acc[part], scale[part], zero, low, high).tolist()
        factors = [float(s) for s in scale[part]]
        found = [
            requantise_float32_integer_only(a, s, zero, low, high)
            for a, s in zip(acc[part].tolist(), factors, strict=True)
        ]
        assert found == expected
        assert len(set(expected)) > 50  # not all saturated


def test_float32_is_three_exact_roundings() -> None:
    acc, scale = exact.pairs(6000, 2)
    zeros, lows, highs = ranges(acc.size)
    for a, s, zero, low, high in zip(acc.tolist(), scale, zeros, lows, highs, strict=True):
        limits = int(zero), int(low), int(high)
        expected = exact.requantise_float32(a, Fraction(float(s)), *limits)
        assert requantise_float32(a, s, *limits) == expected, (a, s, limits)


def test_shift_is_floor_of_a_half_more() -> None:
    acc, _ = exact.pairs(4000, 3)
    places = np.random.default_rng(3).integers(-3, 40, acc.size)
    zeros, lows, highs = ranges(acc.size)
    for a, p, zero, low, high in zip(acc.tolist(), places.tolist(), zeros, lows, highs, strict=True):
        limits = int(zero), int(low), int(high)
        assert requantise_shift(a, p, *limits) == exact.requantise_shift(a, p, *limits), (a, p, limits)


def test_shift_rounds_ties_upwards() -> None:
    assert requantise_shift([-3, -1, 1, 3], 1, 0, -128, 127).tolist() == [-1, 0, 1, 2]
    assert requantise_float32([-3, -1, 1, 3], 0.5, 0, -128, 127).tolist() == [-2, 0, 0, 2]


def test_gemmlowp_is_two_exact_roundings() -> None:
    acc, scale = exact.pairs(6000, 4)
    scale = np.maximum(scale, np.float32(2.0**-31))
    zeros, lows, highs = ranges(acc.size)
    for a, s, zero, low, high in zip(acc.tolist(), scale.tolist(), zeros, lows, highs, strict=True):
        limits = int(zero), int(low), int(high)
        assert requantise_gemmlowp(a, s, *limits) == exact.requantise_gemmlowp(a, s, *limits), (a, s, limits)


@pytest.mark.parametrize("scale", [2.0**-33, 5.4832857e-12, 1e-20])
@pytest.mark.parametrize("acc", [-(2**31), -(2**30), -1, 1, 2**30, 2**31 - 1])
def test_gemmlowp_of_scales_that_round_everything_to_zero(acc: int, scale: float) -> None:
    assert requantise_gemmlowp(acc, scale, 128, 0, 255) == 128


@pytest.mark.parametrize("scale", [2.0**-31, 1e-9, 0.25, 0.3, 0.5, 1 - 2**-33, 1.0, 1.0000001, 3.7, 255.0])
def test_gemmlowp_multiplier_keeps_31_bits(scale: float) -> None:
    significand, exponent = gemmlowp_multiplier(scale)
    assert 2**30 <= significand < 2**31
    rebuilt = Fraction(int(significand), 2**31) * Fraction(2) ** int(exponent)
    assert abs(rebuilt / Fraction(scale) - 1) <= Fraction(1, 2**31)


def test_gemmlowp_and_float32_round_twice_in_different_places() -> None:
    """They are schemes of their own: about one code in some hundreds differs, by one step."""
    rng = np.random.default_rng(5)
    acc, scale = rng.integers(-30000, 30000, 200_000).astype(np.int32), np.float32(0.0041)
    difference = requantise_gemmlowp(acc, scale, 0, -128, 127) - requantise_float32(acc, scale, 0, -128, 127)
    assert np.abs(difference).max() <= 1


def test_modes_are_dispatched() -> None:
    acc = np.arange(-5000, 5000, 7, dtype=np.int32)
    for mode, direct in (
        ("float32", requantise_float32(acc, 2.0**-6, 3, -128, 127)),
        ("shift", requantise_shift(acc, 6, 3, -128, 127)),
        ("gemmlowp", requantise_gemmlowp(acc, 2.0**-6, 3, -128, 127)),
    ):
        assert mode in MODES
        assert np.array_equal(requantise(mode, acc, 2.0**-6, 3, -128, 127), direct)


def test_shift_mode_refuses_other_scales() -> None:
    with pytest.raises(ValueError, match="power-of-two"):
        requantise("shift", 5, 0.3, 0, -128, 127)


def test_unknown_mode_is_named() -> None:
    with pytest.raises(ValueError, match=r"'nearest'.*float32, shift, gemmlowp"):
        requantise("nearest", 5, 0.5, 0, -128, 127)


def test_scales_broadcast_along_channels() -> None:
    acc = np.array([[100, 100], [-100, -100]], np.int32)
    assert requantise_float32(acc, np.array([0.5, 0.25], np.float32), 1, -128, 127).tolist() == [[51, 26], [-49, -24]]


def test_code_types_know_their_range() -> None:
    assert (CodeType("int8").low, CodeType("int8").high) == (-128, 127)
    assert (CodeType("uint8").low, CodeType("uint8").high) == (0, 255)
