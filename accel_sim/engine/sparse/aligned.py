"""Arrays that begin at a cache line: a vector that straddles two lines costs two accesses, and a prefetch gets half."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

LINE = 64
"""Bytes of a cache line, and of the widest vector."""


def aligned_zeros(size: int, dtype: Any) -> NDArray[Any]:
    """Return a flat array of zeros whose first element stands at the beginning of a cache line."""
    kind = np.dtype(dtype)
    room = np.zeros(size * kind.itemsize + LINE, np.uint8)
    start = -room.ctypes.data % LINE
    return room[start : start + size * kind.itemsize].view(kind)


def aligned_copy(values: NDArray[Any]) -> NDArray[Any]:
    """Return a copy of a flat array that begins at a cache line."""
    copy = aligned_zeros(values.size, values.dtype)
    copy[:] = values
    return copy
