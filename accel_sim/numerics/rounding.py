"""Rounding to integers and the one-rounding float32 multiply-add."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

F32 = np.float32


def round_half_even(values: ArrayLike) -> NDArray[np.float64]:
    """Round to the nearest integer, ties to the even one (IEEE 754 roundTiesToEven)."""
    return np.rint(np.asarray(values, dtype=np.float64))


def round_half_up(values: ArrayLike) -> NDArray[np.float64]:
    """Round to the nearest integer, ties towards plus infinity: the DPU's rounding of activations (-1.5 gives -1)."""
    return np.floor(np.asarray(values, dtype=np.float64) + 0.5)


def fused_multiply_add(a: ArrayLike, b: ArrayLike, c: ArrayLike) -> NDArray[np.float32]:
    """Compute ``a * b + c`` in float32 with a single rounding, elementwise.

    The product of two float32 is exact in float64; the sum is rounded to odd there (its error is recovered with the
    two-sum of Knuth), after which the rounding to float32 is the correct one: 53 >= 24 + 2 bits make a double
    rounding harmless (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums", IEEE TC 57(4), 2008).

    Parameters
    ----------
    a, b, c
        Arrays of float32 that broadcast against each other.

    Returns
    -------
    ndarray of float32
    """
    addend = np.asarray(c, F32).astype(np.float64)
    with np.errstate(invalid="ignore"):
        product = np.asarray(a, F32).astype(np.float64) * np.asarray(b, F32).astype(np.float64)
        total = product + addend
        shadow = total - product
        error = (product - (total - shadow)) + (addend - shadow)
    odd = (np.ascontiguousarray(total).view(np.int64) & 1).astype(bool).reshape(total.shape)
    nudge = (error != 0) & ~odd & np.isfinite(total)
    towards = np.where(error > 0, np.inf, -np.inf)
    total = np.where(nudge, np.nextafter(total, towards), total)
    with np.errstate(over="ignore"):
        return total.astype(F32)
