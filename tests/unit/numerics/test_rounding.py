from fractions import Fraction

import numpy as np

from accel_sim.numerics import CodeType, dequantise, fused_multiply_add, quantise, round_half_even, round_half_up
from tests.unit.numerics import exact


def test_halves() -> None:
    values = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5])
    assert round_half_even(values).tolist() == [-2, -2, 0, 0, 2, 2]
    assert round_half_up(values).tolist() == [-2, -1, 0, 1, 2, 3]


def awkward_triples(count: int) -> np.ndarray:
    """Triples whose exact sum lies near the middle between two float32, where a double rounding goes wrong."""
    rng = np.random.default_rng(1)
    a, b = (rng.uniform(1, 2, count).astype(np.float32) for _ in range(2))
    product = a.astype(np.float64) * b.astype(np.float64)
    c = (rng.choice([1.0, -1.0], count) * 2.0 ** rng.integers(-60, 60, count)).astype(np.float32)
    # Half a unit in the last place of the product, so that the tail of the other operand decides.
    tie = rng.random(count) < 0.5
    unit = 2.0 ** (np.floor(np.log2(np.abs(product[tie]))) + rng.integers(20, 30, int(tie.sum())))
    c[tie] = np.float32(unit * rng.choice([1.0, -1.0, 1.5, -1.5], int(tie.sum())))
    # Products that are exactly such a middle, with a tail that float64 loses: rounding to float64 first goes wrong.
    lost = rng.random(count) < 0.2
    a[lost] = b[lost] = np.float32(1 + 2.0**-12)
    c[lost] = np.float32(rng.choice([1.0, -1.0], int(lost.sum())) * 2.0 ** -rng.integers(55, 100, int(lost.sum())))
    return np.stack([a, b, c], axis=1)


def test_fused_multiply_add_rounds_once() -> None:
    triples = awkward_triples(20_000)
    found = fused_multiply_add(triples[:, 0], triples[:, 1], triples[:, 2])
    twice = triples[:, 0] * triples[:, 1] + triples[:, 2]
    through_double = (
        triples[:, 0].astype(np.float64) * triples[:, 1].astype(np.float64) + triples[:, 2].astype(np.float64)
    ).astype(np.float32)
    for (a, b, c), ours in zip(triples.tolist(), found.tolist(), strict=True):
        assert ours == exact.to_float32(Fraction(a) * Fraction(b) + Fraction(c)), (a, b, c)
    assert np.count_nonzero(found != twice) > 100  # the test can tell
    assert np.count_nonzero(found != through_double) > 100


def test_fused_multiply_add_of_small_and_special_values() -> None:
    tiny = np.float32(2.0**-126)
    assert fused_multiply_add(tiny, np.float32(0.5), np.float32(0)) == np.float32(2.0**-127)
    assert fused_multiply_add(np.float32(3e38), np.float32(10), np.float32(1)) == np.float32(np.inf)
    assert fused_multiply_add(np.float32(2), np.float32(3), np.float32(-6)) == 0


def test_quantise_divides_and_rounds_to_even() -> None:
    rng = np.random.default_rng(2)
    for code, zero in ((CodeType("uint8"), 0), (CodeType("uint8"), 131), (CodeType("int8"), -7)):
        for scale in (0.05, 0.02, 0.25, float(np.float32(rng.uniform(0.001, 3)))):
            step = np.float32(scale)
            values = (rng.uniform(-400, 400, 400) * step).astype(np.float32)
            values[::5] = (np.arange(80) - 39.5) * step  # ties, as nearly as float32 has them
            found = quantise(values, scale, zero, code)
            for value, ours in zip(values.tolist(), found.tolist(), strict=True):
                ratio = exact.to_float32(Fraction(value) / Fraction(float(step)))
                assert ours == exact.clamp(exact.half_even(ratio) + zero, code.low, code.high)


def test_quantise_saturates_what_is_no_number() -> None:
    values = np.array([np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-45], np.float32)
    assert quantise(values, 1e-3, 10, CodeType("uint8")).tolist() == [0, 255, 0, 255, 0, 10]
    assert quantise(values, 1e-3, 0, CodeType("int8")).tolist() == [-128, 127, -128, 127, -128, 0]


def test_quantise_with_ties_upwards() -> None:
    values = np.array([-1.5, -0.5, 0.5, 1.5], np.float32)
    assert quantise(values, 1.0, 0, CodeType("int8"), half_up=True).tolist() == [-1, 0, 1, 2]
    assert quantise(values, 1.0, 0, CodeType("int8")).tolist() == [-2, 0, 0, 2]


def test_dequantise_rounds_the_conversion_and_the_product() -> None:
    codes = np.array([0, 255, 128, 3], np.uint8)
    for zero in (0, 128, 200):
        for ours, code in zip(dequantise(codes, 0.1, zero).tolist(), codes.tolist(), strict=True):
            assert ours == exact.to_float32(Fraction(code - zero) * Fraction(float(np.float32(0.1))))
    wide = np.array([2**24 + 1, -(2**31), 2**31 - 1], np.int32)
    for ours, code in zip(dequantise(wide, 0.3, 0).tolist(), wide.tolist(), strict=True):
        assert ours == exact.to_float32(exact.to_float32(Fraction(code)) * Fraction(float(np.float32(0.3))))
