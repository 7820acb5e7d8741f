"""Random values whose median and limits are those of an estimate: the two-piece normal, plain or of the logarithm."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

Draws = NDArray[np.float64]


def two_piece(low: float, best: float, high: float, level: float, normal: Draws) -> Draws:
    """Turn standard normal draws into draws with median `best` and `level` limits `low` and `high`.

    Parameters
    ----------
    low, best, high : float
        Estimate; ``low <= best <= high``.
    level : float
        Confidence level of the limits, in (0, 1).
    normal : ndarray of float64, any shape
        Standard normal draws.

    Returns
    -------
    ndarray of float64
        ``best + z (high - best) / z_level`` where z is positive, ``best + z (best - low) / z_level`` elsewhere: the
        quantiles at (1 - level) / 2, 1/2 and (1 + level) / 2 are exactly low, best and high.
    """
    width = float(norm.ppf((1 + level) / 2))
    return best + normal / width * np.where(normal > 0, high - best, best - low)


def share_draws(low: float, best: float, high: float, level: float, normal: Draws) -> Draws:
    """Return draws of a share, cut off at 0 and 1."""
    return np.clip(two_piece(low, best, high, level, normal), 0.0, 1.0)


def rate_draws(low: float, best: float, high: float, level: float, normal: Draws) -> Draws:
    """Return draws of a positive rate: two-piece normal in its logarithm."""
    return np.exp(two_piece(float(np.log(low)), float(np.log(best)), float(np.log(high)), level, normal))
