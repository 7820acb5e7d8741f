"""The compiled requantisers against the definitions in ``accel_sim.numerics``."""

import numpy as np
import pytest

from accel_sim.engine.operands import stage
from accel_sim.engine.requant import store_rows
from accel_sim.model import Quantisation, Requantise, StepRequantise, Tensor
from accel_sim.numerics import CodeType, requantise
from tests.unit.numerics.exact import pairs

RANGES = [("uint8", 0, 0, 255), ("uint8", 131, 131, 255), ("int8", -7, -128, 127), ("int8", 3, -20, 90)]


@pytest.mark.parametrize("mode", ["float32", "gemmlowp", "shift"])
@pytest.mark.parametrize(("dtype", "zero", "low", "high"), RANGES)
def test_rows_of_accumulators(mode: str, dtype: str, zero: int, low: int, high: int) -> None:
    acc, scale = pairs(40_000, 6)
    channels = 50
    scale = np.maximum(scale[:channels], np.float32(2.0**-30))
    if mode == "shift":
        scale = np.exp2(np.round(np.log2(scale))).astype(np.float32)
    rows = acc.reshape(-1, channels)
    expected = requantise(mode, rows, scale, zero, low, high)
    target = Tensor("y", (rows.shape[0], channels), dtype, Quantisation(0.1, zero))
    prepared = stage(Requantise(scale, zero, low, high, mode), channels, target)
    out = np.zeros(rows.shape, np.uint8)
    store_rows(rows, rows.shape[0], *prepared.arguments, out, 0, 0)
    assert np.array_equal(out.astype(int) - (128 if dtype == "int8" else 0), expected)
    # A part of the channels, at an offset: what an upset channel is written with.
    part = np.full((rows.shape[0] + 2, channels), 77, np.uint8)
    store_rows(np.ascontiguousarray(rows[:, 3:5]), rows.shape[0], *prepared.part(3, 5).arguments, part, 2, 3)
    assert np.array_equal(part[2:, 3:5], out[:, 3:5])
    assert np.all(part[:2] == 77)
    assert np.all(part[:, 5:] == 77)


def test_one_scale_serves_all_channels() -> None:
    acc = np.arange(-600, 600, dtype=np.int32).reshape(-1, 6)
    target = Tensor("y", acc.shape, "uint8", Quantisation(0.1, 0))
    prepared = stage(Requantise(np.array([0.25], np.float32), 10, 0, 255), 6, target)
    out = np.zeros(acc.shape, np.uint8)
    store_rows(acc, acc.shape[0], *prepared.arguments, out, 0, 0)
    assert np.array_equal(out, requantise("float32", acc, np.float32(0.25), 10, 0, 255))


def test_thresholds_are_inclusive() -> None:
    thresholds = np.array([[-5, 0, 0, 7], [1, 2, 3, 2**31 - 1]], np.int32)
    codes = np.array([[-100, -50, 0, 50, 100], [1, 2, 3, 4, 4]], np.int32)
    acc = np.array([[-6, 0], [-5, 1], [-1, 2], [0, 3], [6, 2**31 - 1], [7, -(2**31)]], np.int32)
    target = Tensor("y", acc.shape, "int8", Quantisation(0.1, 0))
    out = np.zeros(acc.shape, np.uint8)
    store_rows(acc, 6, *stage(StepRequantise(thresholds, codes), 2, target).arguments, out, 0, 0)
    found = (out.astype(int) - 128).T.tolist()
    assert found == [[-100, -50, -50, 50, 50, 100], [1, 2, 3, 4, 4, 1]]
    assert CodeType("int8").low <= min(map(min, found))
