"""A keyed pseudo-random permutation: sampling without replacement as a pure function of (seed, index)."""

from hashlib import blake2b
from math import isqrt

VERSION = 1
"""Part of every campaign's identity: another construction would draw other faults from the same seed."""

MAX_SIZE = 2**62
ROUNDS = 8  # of 8 bytes each: exactly one BLAKE2b digest of round keys
MASK = 2**64 - 1


class Permutation:
    """A bijection of [0, size) onto itself, chosen by a seed and a label, evaluated at any index in constant time.

    The first n images are a random sample without replacement, and stay the first n when more are taken.

    Construction: a Feistel network over the mixed radices ``a = ceil(sqrt(size))`` and ``b = ceil(size / a)``, in which
    each round adds a keyed hash of one half to the other, modulo its radix (Black and Rogaway, "Ciphers with
    arbitrary finite domains", CT-RSA 2002). Images at or above `size` are walked on along their cycle until they
    fall inside; since ``a * b < size + a``, one extra step is rare. The round keys are a BLAKE2b digest of seed and
    label.

    Parameters
    ----------
    size : int
        Number of elements, from 1 to 2**62.
    seed : int
        Seed of the campaign.
    label : str
        Name of this use of the seed, so that two cells of one campaign draw independently.

    Raises
    ------
    ValueError
        When the size is out of range.
    """

    def __init__(self, size: int, seed: int, label: str) -> None:
        if not 1 <= size <= MAX_SIZE:
            raise ValueError(f"permutation size is {size}: it must lie between 1 and 2**62")
        self.size = size
        self._a = isqrt(size - 1) + 1
        self._b = -(-size // self._a)
        digest = blake2b(f"{seed}\n{label}".encode(), digest_size=8 * ROUNDS, person=b"permutation").digest()
        self._keys = [int.from_bytes(digest[8 * r : 8 * r + 8], "little") for r in range(ROUNDS)]

    def __call__(self, index: int) -> int:
        """Return the image of `index`; raise IndexError outside [0, size)."""
        if not 0 <= index < self.size:
            raise IndexError(f"index {index} is outside the permutation of {self.size} elements")
        image = self._feistel(index)
        while image >= self.size:
            image = self._feistel(image)
        return image

    def _feistel(self, x: int) -> int:
        left, right = divmod(x, self._b)
        for r in range(0, ROUNDS, 2):
            left = (left + _mix(right ^ self._keys[r])) % self._a
            right = (right + _mix(left ^ self._keys[r + 1])) % self._b
        return left * self._b + right


def _mix(x: int) -> int:
    """Return 64 well-mixed bits (the finaliser of SplitMix64; Steele, Lea and Flood, OOPSLA 2014)."""
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)
