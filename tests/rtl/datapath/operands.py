"""Random operands of the arithmetic modules, with the corners in large shares: ties, limits, extremes, no numbers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Operands = dict[str, NDArray[Any]]
INT32 = np.iinfo(np.int32)
MODES = 3
_CORNER_ACC = np.array(
    [0, 1, -1, 2, -2, INT32.max, INT32.min, INT32.max - 1, INT32.min + 1]
    + [sign * ((1 << places) + step) for places in range(1, 31) for step in (-1, 0, 1) for sign in (1, -1)],
    np.int32,
)
_CORNER_WORDS = np.array(
    [0, 0x80000000, 1, 0x80000001, 0x007FFFFF, 0x00800000, 0x00FFFFFF, 0x3F800000, 0xBF800000, 0x3F7FFFFF, 0x3F800001,
     0x7F7FFFFF, 0xFF7FFFFF, 0x7F800000, 0xFF800000, 0x7F800001, 0x7FC00000, 0xFFFFFFFF, 0x40000000, 0x7FFFFFFF,
     0x30000000, 0x2F800000, 0x2F7FFFFF, 0x4F000000, 0x33800000, 0x34000000],
    np.uint32,
)  # fmt: skip


def _choose(random: np.random.Generator, count: int, *columns: NDArray[Any]) -> NDArray[Any]:
    """Take each element from one of the columns, at random."""
    which = random.integers(0, len(columns), count)
    return np.choose(which, columns)


def accumulators(random: np.random.Generator, count: int) -> NDArray[np.int32]:
    """Return int32 of all magnitudes, a share of them corners."""
    full = random.integers(INT32.min, INT32.max, count, endpoint=True)
    small = full >> random.integers(0, 31, count)
    corners = random.choice(_CORNER_ACC, count)
    return _choose(random, count, full, small, small, corners).astype(np.int32)


def limits(random: np.random.Generator, count: int) -> Operands:
    """Return zero point and limits: usual ones, and any with ``low <= high``."""
    zero = _choose(random, count, random.integers(0, 256, count), random.choice([0, 128, 255], count))
    pair = np.sort(random.integers(0, 256, (2, count)), axis=0)
    usual = random.random(count) < 0.7
    low, high = np.where(usual, 0, pair[0]), np.where(usual, 255, pair[1])
    return {"zero_i": zero.astype(np.uint8), "low_i": low.astype(np.uint8), "high_i": high.astype(np.uint8)}


def _float_scales(random: np.random.Generator, acc: NDArray[np.int32]) -> NDArray[np.uint32]:
    """Return float32 words: most give results within the byte, many of them next to a tie."""
    count = acc.size
    magnitude = np.maximum(np.abs(acc.astype(np.float64)), 1.0)
    in_range = random.uniform(-300, 300, count) / magnitude
    half = (random.integers(-256, 256, count) + 0.5) / magnitude
    near_tie = (half.astype(np.float32).view(np.int32) + random.integers(-2, 3, count)).astype(np.uint32)
    # Products next to a power of two: the second rounding carries.
    whole = (2.0 ** random.integers(-2, 9, count) / magnitude).astype(np.float32).view(np.int32)
    near_power = (whole + random.integers(-1, 2, count)).astype(np.uint32)
    power = ((127 - random.integers(-3, 40, count)) << 23).astype(np.uint32)
    anything = random.integers(0, 1 << 32, count, dtype=np.uint32)
    return _choose(
        random, count, in_range.astype(np.float32).view(np.uint32), near_tie, near_tie, near_power, power, anything,
        random.choice(_CORNER_WORDS, count),
    ).astype(np.uint32)  # fmt: skip


def requant(random: np.random.Generator, count: int, modes: tuple[int, ...] = (0, 1, 2)) -> Operands:
    """Return operands of accel_requant."""
    acc, mode = accumulators(random, count), random.choice(modes, count)
    significand = random.integers(1 << 30, 1 << 31, count, dtype=np.uint32)
    odd = random.random(count) < 0.3
    significand[odd] = random.choice(np.append(_CORNER_WORDS, np.uint32(1 << 30)), count)[odd]
    scale = np.where(mode == 2, significand, _float_scales(random, acc))
    exponent = _choose(
        random, count, random.integers(-32, 33, count), random.integers(0, 24, count), random.integers(-128, 128, count)
    )
    exponent = np.where((mode == 2) & (random.random(count) < 0.5), -np.abs(exponent) // 2, exponent)
    # Where only the largest products are not zero yet: significands that no compiler makes, but a flipped bit does.
    edge = (mode == 2) & (random.random(count) < 0.1)
    acc = np.where(edge, random.choice([INT32.min, INT32.max, INT32.min + 5, 1 << 30], count), acc)
    scale = np.where(edge, random.integers(7 << 29, 1 << 32, count), scale)
    exponent = np.where(edge, random.integers(-34, -29, count), exponent)
    tie = (mode == 1) & (random.random(count) < 0.3) & (exponent > 0) & (exponent < 22)
    places = np.clip(exponent, 1, 21)
    ties = (random.integers(-257, 257, count) << places) + (1 << (places - 1))
    return {
        "acc_i": np.where(tie, ties, acc).astype(np.int32),
        "multiplier_i": scale.astype(np.uint32),
        "exponent_i": exponent.astype(np.int8),
        "mode_i": mode.astype(np.uint8),
        **limits(random, count),
    }


def _double_ties(random: np.random.Generator, count: int) -> tuple[NDArray[Any], ...]:
    """Draw products half way between two float32 next to a code's tie, with an addend that decides, far below.

    Returns
    -------
    tuple
        Where there is such a product; its integer factor; bits of the other factor and of the addend.
    """
    odd = 2 * random.integers(1, 200, count) + 1  # twice the code's tie
    places = 24 - (np.floor(np.log2(odd)).astype(np.int64) - 1)
    step = random.choice([-1, 1], count)
    product = (odd << (places - 1)) + step  # 25 bits: between two float32
    factor = random.choice([3, 5, 7, 9, 11, 13], count)
    real_a = np.ldexp((product // factor).astype(np.float64), -places).astype(np.float32)
    addend = np.ldexp(random.choice([-1.0, 1.0], count), -random.integers(50, 120, count)).astype(np.float32)
    return product % factor == 0, factor, real_a.view(np.uint32), addend.view(np.uint32)


def pair(random: np.random.Generator, count: int) -> Operands:
    """Return operands of accel_pair: constants of real models, near ties, and of any kind."""
    multiply = random.integers(0, 2, count)
    ratio = random.uniform(-2, 2, (2, count)) * 2.0 ** random.integers(-8, 2, (2, count))
    exact = random.integers(-512, 513, (2, count)) * 2.0 ** random.integers(-10, 1, (2, count))
    offset = _choose(
        random, count, random.uniform(-300, 300, count), random.integers(-600, 600, count) / 2,
        random.uniform(-1, 1, count) * 2.0 ** random.integers(-60, 10, count), np.zeros(count),
    )  # fmt: skip
    reals = []
    for usual in (*np.where(random.random((2, count)) < 0.5, ratio, exact), offset):
        words = usual.astype(np.float32).view(np.uint32)
        words = (words.astype(np.int64) + random.choice([0, 0, 0, 1, -1], count)).astype(np.uint32)
        odd = _choose(
            random, count, random.integers(0, 1 << 32, count, dtype=np.uint32), random.choice(_CORNER_WORDS, count),
            # Small exponents: products and sums below the normal range.
            random.integers(0, 1 << 27, count, dtype=np.uint32) | random.integers(0, 2, count).astype(np.uint32) << 31,
        )  # fmt: skip
        reals.append(np.where(random.random(count) < 0.15, odd, words).astype(np.uint32))
    scale_down = (multiply == 1) & (random.random(count) < 0.7)
    with np.errstate(invalid="ignore", under="ignore"):
        small = (reals[0].view(np.float32) / np.float32(128)).view(np.uint32)
    reals[0] = np.where(scale_down & (reals[0] & 0x7F800000 != 0x7F800000), small, reals[0])
    pairs, second = random.integers(0, 1 << 16, count), random.integers(0, 256, count)
    # The inner sum of an addition vanishes, or nearly does, whatever its terms are.
    vanishing = (multiply == 0) & (random.random(count) < 0.05)
    large = (random.integers(-8, 9, count) * 2.0 ** random.integers(-30, 122, count)).astype(np.float32)
    opposite = -((pairs >> 8) - second) * large.astype(np.float64) + random.choice([0, 0, 1e-3], count)
    with np.errstate(over="ignore"):
        reals[1] = np.where(vanishing, large.view(np.uint32), reals[1])
        reals[2] = np.where(vanishing, opposite.astype(np.float32).view(np.uint32), reals[2])
    first = random.integers(0, 256, count)
    tie, factor, real_a, real_c = _double_ties(random, count)
    tie &= (multiply == 0) & (random.random(count) < 0.3)
    low_byte = np.where(tie, random.integers(20, 256, count), pairs & 255)
    first = np.where(tie, low_byte - factor, first)
    second = np.where(tie, pairs >> 8, second)  # the inner sum is real_c
    pairs = pairs & 0xFF00 | low_byte
    reals[0], reals[2] = np.where(tie, real_a, reals[0]), np.where(tie, real_c, reals[2])
    return {
        "pair_i": pairs.astype(np.uint16),
        "multiply_i": multiply.astype(np.uint8),
        "real_a_i": reals[0], "real_b_i": reals[1], "real_c_i": reals[2],
        "first_i": first.astype(np.uint8),
        "second_i": second.astype(np.uint8),
        "half_up_i": random.integers(0, 2, count).astype(np.uint8),
        **limits(random, count),
    }  # fmt: skip
