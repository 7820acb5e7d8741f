"""The Machine's own arithmetic on arrays: what the modules are compared with."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.engine.jit import jit
from accel_sim.machine.arithmetic import bits_of, pair_result, requantised
from accel_sim.machine.literal import ADD

Array = NDArray[Any]
Codes = NDArray[np.uint8]


@jit
def _requantise(acc, word, columns, out):
    for k in range(out.size):
        exponent, mode, zero, low, high = columns[:, k]
        out[k] = requantised(acc[k], word[k], bits_of(word[k]), exponent, mode, zero, low, high)


@jit
def _pairs(pair, reals, columns, out):
    for k in range(out.size):
        op, first, second, half_up, zero, low, high = columns[:, k]
        out[k] = pair_result(pair[k], op, reals[k], first, second, half_up, zero, low, high)


def requantise_all(
    acc: Array, word: Array, exponent: Array, mode: Array, zero: Array, low: Array, high: Array
) -> Codes:
    """Return the Machine's codes of accumulators with parameters of their own, all 1-D."""
    out = np.empty(acc.size, np.uint8)
    columns = np.array([exponent, mode, zero, low, high], np.int64)  # one type: compiled once
    _requantise(np.ascontiguousarray(acc, np.int32), np.ascontiguousarray(word, np.uint32), columns, out)
    return out


def pair_all(
    pair: Array, multiply: Array, reals: Any, first: Array, second: Array, half_up: Array, zero: Array, low: Array,
    high: Array,
) -> Codes:  # fmt: skip
    """Return the Machine's results of ADD and MULTIPLY; `reals` are the bits of the constants, (3, n)."""
    out = np.empty(pair.size, np.uint8)
    columns = np.array([ADD + np.asarray(multiply), first, second, half_up, zero, low, high], np.int64)
    values = np.ascontiguousarray(np.asarray(reals, np.uint32).T).view(np.float32)
    _pairs(np.ascontiguousarray(pair, np.int32), values, columns, out)
    return out


def requantise_float32_numpy(acc: Array, scale: Any, zero: Array, low: Array, high: Array) -> Codes:
    """Return codes by numpy's float32 alone: round, multiply, round, clamp, round; finite scales."""
    with np.errstate(over="ignore", under="ignore"):
        product = acc.astype(np.float32) * scale
    floor, ceiling = (low.astype(np.int32) - zero).astype(np.float32), (high.astype(np.int32) - zero).astype(np.float32)
    codes: Codes = (np.rint(np.clip(product, floor, ceiling)).astype(np.int32) + zero).astype(np.uint8)
    return codes


def requantise_shift_numpy(acc: Array, exponent: Array, zero: Array, low: Array, high: Array, rounding: str) -> Codes:
    """Return codes of ``acc * 2**-exponent``, exponents from 0 to 40; `rounding` is "up", "even" or "away"."""
    wide, places = acc.astype(np.int64), exponent.astype(np.int64)
    floor, unit = wide >> places, np.int64(1) << places
    rest = 2 * (wide - (floor << places))
    tie = {"up": True, "even": (floor & 1).astype(bool), "away": wide >= 0}[rounding]
    rounded = floor + ((rest > unit) | ((rest == unit) & tie))
    codes: Codes = np.clip(rounded + zero, low, high).astype(np.uint8)
    return codes
