"""Requantiser and pair unit on millions of operands through a shared library, against numpy float32 and the Machine."""

import numpy as np
import pytest

from accel_sim.compiler.pair_arithmetic import recognise
from accel_sim.numerics import CodeType, add_table, multiply_table
from tests.rtl.datapath import models, operands
from tests.rtl.datapath.models import Array
from tests.rtl.datapath.vectors import PAIR, REQUANT, Vectored

FEW, CHUNK, CHUNKS = 300_000, 1_000_000, 12
CODE = CodeType("int8")


@pytest.fixture(scope="module")
def requant(verilator: None) -> Vectored:
    return Vectored("accel_requant", REQUANT)


@pytest.fixture(scope="module")
def pair(verilator: None) -> Vectored:
    return Vectored("accel_pair", PAIR)


def _expected(items: operands.Operands) -> Array:
    rest = [items[name] for name in ("exponent_i", "mode_i", "zero_i", "low_i", "high_i")]
    return models.requantise_all(items["acc_i"], items["multiplier_i"], *rest)


def _expected_pair(items: operands.Operands) -> Array:
    rest = [items[name] for name in ("first_i", "second_i", "half_up_i", "zero_i", "low_i", "high_i")]
    reals = [items[f"real_{name}_i"] for name in "abc"]
    return models.pair_all(items["pair_i"], items["multiply_i"], reals, *rest)


def _numpy_float32(items: operands.Operands) -> tuple[Array, Array]:
    """Where the multiplier is finite, and numpy's codes there."""
    scale = items["multiplier_i"].view(np.float32)
    finite = np.isfinite(scale)
    zero, low, high = (items[name][finite].astype(np.int32) for name in ("zero_i", "low_i", "high_i"))
    return finite, models.requantise_float32_numpy(items["acc_i"][finite], scale[finite], zero, low, high)


@pytest.mark.rtl
def test_requantiser_is_the_machines(requant: Vectored) -> None:
    items = operands.requant(np.random.default_rng(1), FEW)
    codes = requant(**items)
    np.testing.assert_array_equal(codes, _expected(items))
    for mode in range(3):
        inside = (codes > items["low_i"]) & (codes < items["high_i"]) & (items["mode_i"] == mode)
        assert inside.sum() > 0.05 * FEW, "too few of the operands reach past the limits"


@pytest.mark.rtl
def test_float32_mode_is_numpys(requant: Vectored) -> None:
    items = operands.requant(np.random.default_rng(2), FEW, modes=(0,))
    finite, expected = _numpy_float32(items)
    np.testing.assert_array_equal(requant(**items)[finite], expected)


@pytest.mark.rtl
def test_every_rounding_in_float32_mode_shows(requant: Vectored) -> None:
    """The operands tell the three roundings apart: leaving any of them out gives other codes."""
    items = operands.requant(np.random.default_rng(3), FEW, modes=(0,))
    finite, expected = _numpy_float32(items)
    acc, scale = items["acc_i"][finite].astype(np.float64), items["multiplier_i"][finite].view(np.float32)
    zero, low, high = (items[name][finite].astype(np.int64) for name in ("zero_i", "low_i", "high_i"))
    single = np.clip(np.rint(np.clip(acc * scale.astype(np.float64), -999, 999)) + zero, low, high)
    once = acc.astype(np.float32).astype(np.float64) * scale.astype(np.float64)
    double = np.clip(np.rint(np.clip(once, -999, 999)) + zero, low, high)
    assert (single != expected).sum() > 100
    assert (double != expected).sum() > 100
    assert (single != double).any()


@pytest.mark.parametrize(
    ("number", "rounding"),
    [
        pytest.param(0, "even", marks=pytest.mark.rtl_long),
        pytest.param(None, "up", marks=pytest.mark.rtl),
        pytest.param(2, "away", marks=pytest.mark.rtl_long),
    ],
)
def test_shift_rounding_is_selectable(verilator: None, number: int | None, rounding: str) -> None:
    # accel_datapath_pkg::rounding_e; every place from 0 to 40, around every tie.
    module = Vectored("accel_requant", REQUANT, {} if number is None else {"ShiftRounding": number})
    random = np.random.default_rng(4)
    places = random.integers(0, 41, FEW)
    tie = (random.integers(-300, 300, FEW) * 2 + 1) << np.maximum(np.minimum(places, 22) - 1, 0)
    near = tie + random.integers(-1, 2, FEW)
    acc = np.where(random.random(FEW) < 0.7, near, operands.accumulators(random, FEW)).astype(np.int32)
    limits = operands.limits(random, FEW)
    codes = module(acc_i=acc, multiplier_i=0, exponent_i=places, mode_i=1, **limits)
    zero, low, high = (limits[name].astype(np.int64) for name in ("zero_i", "low_i", "high_i"))
    np.testing.assert_array_equal(codes, models.requantise_shift_numpy(acc, places, zero, low, high, rounding))


@pytest.mark.rtl
def test_pair_unit_is_the_machines(pair: Vectored) -> None:
    items = operands.pair(np.random.default_rng(5), FEW)
    codes = pair(**items)
    np.testing.assert_array_equal(codes, _expected_pair(items))
    assert ((codes > items["low_i"]) & (codes < items["high_i"])).mean() > 0.2


@pytest.mark.rtl
@pytest.mark.parametrize("half_up", [False, True], ids=["float32", "power_of_two"])
@pytest.mark.parametrize("operator", ["Add", "Mul"])
def test_whole_tables_of_elementwise_operators(pair: Vectored, operator: str, half_up: bool) -> None:
    """All 65,536 pairs with the compiler's constants are the model's own table."""
    random = np.random.default_rng(6)
    a_byte, b_byte = np.meshgrid(np.arange(256), np.arange(256), indexing="ij")
    for _ in range(10):
        scales = 2.0 ** random.integers(-8, -2, 3) if half_up else random.uniform(0.002, 0.1, 3)
        a, b, y = ((float(np.float32(s)), int(random.integers(-100, 100)), CODE) for s in scales)
        if operator == "Mul":  # a product's scale is the product of scales
            y = (y[0] * 0.05, y[1], CODE)
        table = (add_table if operator == "Add" else multiply_table)(a, b, y, half_up)
        stored = (table + 128).astype(np.uint8)
        found = recognise(operator, stored, a, b, y)
        assert found is not None
        fields = found.fields()
        codes = pair(
            pair_i=a_byte | b_byte << 8, multiply_i=int(operator == "Mul"), real_a_i=fields["real_a"],
            real_b_i=fields["real_b"], real_c_i=fields["real_c"], first_i=fields["x_zero"],
            second_i=fields["second_zero"], half_up_i=fields["mode"], zero_i=fields["zero"], low_i=fields["low"],
            high_i=fields["high"],
        )  # fmt: skip
        np.testing.assert_array_equal(codes, stored)


@pytest.mark.rtl_long
def test_requantiser_on_millions(requant: Vectored) -> None:
    for seed in range(CHUNKS):
        items = operands.requant(np.random.default_rng(100 + seed), CHUNK)
        np.testing.assert_array_equal(requant(**items), _expected(items))


@pytest.mark.rtl_long
def test_float32_mode_on_millions(requant: Vectored) -> None:
    for seed in range(CHUNKS):
        items = operands.requant(np.random.default_rng(200 + seed), CHUNK, modes=(0,))
        finite, expected = _numpy_float32(items)
        np.testing.assert_array_equal(requant(**items)[finite], expected)


@pytest.mark.rtl_long
def test_pair_unit_on_millions(pair: Vectored) -> None:
    for seed in range(CHUNKS):
        items = operands.pair(np.random.default_rng(300 + seed), CHUNK)
        np.testing.assert_array_equal(pair(**items), _expected_pair(items))


@pytest.mark.rtl_long
def test_every_accumulator_of_a_channel(requant: Vectored) -> None:
    """All 2^32 accumulators would take ten minutes: every one that a byte can come from, for some channels."""
    random = np.random.default_rng(7)
    acc = np.arange(-(1 << 20), 1 << 20, dtype=np.int32)
    for _ in range(5):
        scale = np.float32(random.uniform(0.5, 1) * 2.0 ** random.integers(-12, -8))
        zero = int(random.integers(0, 256))
        codes = requant(
            acc_i=acc, multiplier_i=scale.view(np.uint32), exponent_i=0, mode_i=0, zero_i=zero, low_i=0, high_i=255
        )
        low, high = np.zeros(acc.size, int), np.full(acc.size, 255)
        expected = models.requantise_float32_numpy(acc, scale, np.full(acc.size, zero), low, high)
        np.testing.assert_array_equal(codes, expected)
