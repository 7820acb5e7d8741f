"""How many faults a campaign needs for a wanted margin of error."""

from fractions import Fraction
from math import ceil

from scipy import special

from accel_sim.stats.estimate import check_level

PAPER_FAULTS_PER_SET = 1550
"""Faults per parameter set in the paper this project reproduces: a 2.5 % margin at 95 %, rounded up from 1537."""


def leveugle_sample_size(population: int | None, margin: float, confidence: float, p: float = 0.5) -> int:
    """Return the number of faults to draw without replacement for a given margin of error.

    ``n = N / (1 + e^2 (N - 1) / (t^2 p (1 - p)))``, rounded up (Leveugle, Calvez, Maistri and Vanhauwaert,
    "Statistical fault injection: quantified error and confidence", DATE 2009). The cut-off `t` is the
    normal quantile as statistical tables print it, to three decimals (1.960 for 95 %, 2.576 for 99 %), and the
    rest is exact rational arithmetic: the result never depends on how a quotient was rounded.

    The margin is absolute. For a rate that is itself far below the margin the plan says little; the
    intervals computed afterwards stay valid whatever the plan was.

    Parameters
    ----------
    population : int or None
        Number of distinct faults `N`; None for an unlimited one.
    margin : float
        Half-width `e` of the wanted interval, a share in (0, 1).
    confidence : float
        Confidence level in (0, 1).
    p : float
        Rate assumed in advance; 0.5 is the cautious choice.

    Raises
    ------
    ValueError
        When an argument lies outside its range.
    """
    check_level(confidence)
    for name, value in (("margin", margin), ("p", p)):
        if not 0.0 < value < 1.0:
            raise ValueError(f"{name} is {value}: it must lie between 0 and 1, both excluded")
    if population is not None and population < 0:
        raise ValueError(f"population is {population}: it cannot be negative")
    cut_off = Fraction(str(round(float(special.ndtri((1.0 + confidence) / 2.0)), 3)))
    error, rate = Fraction(str(margin)), Fraction(str(p))
    variance = cut_off**2 * rate * (1 - rate)
    if population is None:
        return max(1, ceil(variance / error**2))
    if variance == 0 or population == 0:
        return min(1, population)
    return min(population, ceil(population / (1 + error**2 * (population - 1) / variance)))
