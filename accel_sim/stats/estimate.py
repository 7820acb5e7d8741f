"""The value every statistical function returns: never a bare float."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """A point estimate inside its two-sided confidence interval.

    Parameters
    ----------
    low, high : float
        Limits of the interval, ``low <= best <= high``.
    best : float
        Point estimate; NaN when nothing was observed (``n == 0``), and then the interval is all that is possible.
    level : float
        Nominal confidence level in (0, 1), for instance 0.95.
    method : str
        Name of the procedure that made the limits.
    n : int
        Number of observations (faults) behind it.
    """

    low: float
    best: float
    high: float
    level: float
    method: str
    n: int

    def to_dict(self) -> dict[str, float | int | str | None]:
        """Return the JSON form; a missing point estimate is null, because JSON has no NaN."""
        best = None if math.isnan(self.best) else self.best
        return {
            "low": self.low,
            "best": best,
            "high": self.high,
            "level": self.level,
            "method": self.method,
            "n": self.n,
        }


def check_level(level: float) -> None:
    """Raise ValueError unless `level` lies strictly between 0 and 1."""
    if not 0.0 < level < 1.0:
        raise ValueError(f"confidence level is {level}: it must lie between 0 and 1, both excluded")


def check_counts(n: int, population: int | None) -> None:
    """Raise ValueError unless `n` observations can be drawn without replacement from `population`."""
    if n < 0:
        raise ValueError(f"sample size is {n}: it cannot be negative")
    if population is not None and n > population:
        raise ValueError(f"sample size is {n}: it cannot exceed the population of {population}")
