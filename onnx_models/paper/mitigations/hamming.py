"""SECDED words: an extended Hamming code over a few data bits, bit-exact, for arrays of words.

Positions 1, 2, 3, ... of a word hold data where the number is no power of two, and check bits where it is; one more bit
makes the parity of the whole word even. A single flipped bit anywhere is corrected, two are detected.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

U64 = NDArray[np.uint64]


@dataclass(frozen=True)
class Secded:
    """A code for words of `data_bits` bits, at most 57 so that the word fits 64 bits."""

    data_bits: int

    def __post_init__(self) -> None:
        if not 1 <= self.data_bits <= 57:
            raise ValueError(f"data_bits is {self.data_bits}: it must be 1 to 57")

    @cached_property
    def hamming_bits(self) -> int:
        """Check bits without the parity bit: the fewest r with 2^r > data_bits + r."""
        return next(r for r in range(1, 8) if 2**r > self.data_bits + r)

    @property
    def check_bits(self) -> int:
        """Check bits with the parity bit."""
        return self.hamming_bits + 1

    @property
    def word_bits(self) -> int:
        """Bits of a stored word."""
        return self.data_bits + self.check_bits

    @cached_property
    def _data_positions(self) -> list[int]:
        return [p for p in range(1, self.data_bits + self.hamming_bits + 1) if p & (p - 1)]

    def checks(self, data: U64) -> U64:
        """Return the check bits of data words: bit j the Hamming bit of position 2^j, the highest the parity."""
        found = np.zeros_like(data)
        parity = np.zeros_like(data)
        for i, position in enumerate(self._data_positions):
            bit = (data >> np.uint64(i)) & np.uint64(1)
            found ^= bit * np.uint64(position)
            parity ^= bit
        for j in range(self.hamming_bits):
            parity ^= (found >> np.uint64(j)) & np.uint64(1)
        return found | (parity << np.uint64(self.hamming_bits))

    def decode(self, data: U64, checks: U64) -> tuple[U64, NDArray[np.bool_]]:
        """Correct words.

        Parameters
        ----------
        data, checks
            uint64, as stored, of one shape.

        Returns
        -------
        Data with single errors corrected, and whether a word has an error that cannot be corrected.
        """
        expected = self.checks(data)
        mask = np.uint64((1 << self.hamming_bits) - 1)
        syndrome = (expected ^ checks) & mask
        odd = np.zeros_like(data)
        for i in range(self.data_bits):
            odd ^= (data >> np.uint64(i)) & np.uint64(1)
        for j in range(self.check_bits):
            odd ^= (checks >> np.uint64(j)) & np.uint64(1)
        corrected = data.copy()
        for i, position in enumerate(self._data_positions):
            corrected ^= ((syndrome == position) & (odd == 1)).astype(np.uint64) << np.uint64(i)
        beyond = (odd == 1) & (syndrome > self.data_bits + self.hamming_bits)
        return corrected, ((syndrome != 0) & (odd == 0)) | beyond
