"""What SECDED leaves over: two upsets of a word between two looks at it, and upsets of several bits at once."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.errors import UsageError


@dataclass(frozen=True)
class Secded:
    """Single-error correction, double-error detection.

    Parameters
    ----------
    scrub_hours : float
        Longest time in hours between two rewrites or scrubs of a word.
    data_bits, check_bits : int
        Size of a word; 64 + 8 in block RAM and UltraRAM.
    multi_bit_fraction : float or None
        Share of upset events that flip two or more bits of one word (none when words are interleaved widely enough).
        There is no figure for these devices: None counts as zero and is reported as unknown.
    """

    scrub_hours: float
    data_bits: int = 64
    check_bits: int = 8
    multi_bit_fraction: float | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.scrub_hours) and self.scrub_hours > 0):
            raise UsageError(f"scrub interval is {self.scrub_hours} h; it must be positive")
        if self.data_bits < 1 or self.check_bits < 1:
            raise UsageError(f"an ECC word has {self.data_bits} + {self.check_bits} bits; both must be at least 1")
        if self.multi_bit_fraction is not None and not 0 <= self.multi_bit_fraction <= 1:
            raise UsageError(f"multi-bit fraction is {self.multi_bit_fraction}; it must lie between 0 and 1")

    def residual_fit(self, bits: float, fit_per_bit: float) -> float:
        """Return the rate of words that SECDED detects but cannot correct, per 10^9 h.

        A word of n bits collects upsets as a Poisson process of rate n r and is set right every T hours (Saleh, Serrano
        and Patel, IEEE Trans. Reliability 39(1), 1990, deterministic scrubbing): the chance of two or more in T is
        ``1 - (1 + x) exp(-x)`` with ``x = n r T``, close to ``(n r T)^2 / 2``. Events of several bits come on top.

        Parameters
        ----------
        bits : float
            Data bits protected (check bits are added here).
        fit_per_bit : float
            Upsets of a bit per 10^9 h, in place.
        """
        return float(self.residual_draws(bits, np.array([fit_per_bit]))[0])

    def residual_draws(self, bits: float, fit_per_bit: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return `residual_fit` for every one of several rates, shape and dtype kept."""
        words = bits / self.data_bits
        word_fit = (self.data_bits + self.check_bits) * fit_per_bit
        x = word_fit * 1e-9 * self.scrub_hours
        # the series keeps what cancels in the closed form when x is small, and it always is
        doubles = np.where(x < 1e-3, x**2 / 2 - x**3 / 3 + x**4 / 8, -np.expm1(-x) - x * np.exp(-x))
        several = word_fit * (self.multi_bit_fraction or 0.0)
        return words * (doubles / self.scrub_hours * 1e9 + several)
