"""What the rows of a campaign say: means with intervals, over tensors or over bits, whole or in part.

The unit of all intervals is the fault: its share of changed pixels is one observation, however many pixels there are.

Two questions have two weightings. `TENSORS`: every parameter tensor counts the same, and every bit position in it; that
is what a mean over the bars of a figure is, and how the paper compares sets. `BITS`: every stored bit counts the same;
that is what an upset, which strikes bits, does on average.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from accel_sim.stats import Estimate, bounded_mean, clopper_pearson, stratified_mean
from onnx_models.paper.campaigns.float_campaign import Campaign
from onnx_models.paper.campaigns.plan import Cell
from onnx_models.paper.campaigns.rows import Row

F64 = NDArray[np.float64]
TENSORS: Final = "tensors"
BITS: Final = "bits"
LEVEL: Final = 0.95
SCALE: Final = 10**7
"""Faults of a bit position of a tensor (`TENSORS`) or of a bit (`BITS`): so many that no sample is complete, for a
fault is judged on one picture of many."""

Value = Callable[[Row], float]


def error(row: Row) -> float:
    """Return the error rate of a fault: the share of pixels whose class changed or whose logits are not finite.

    The paper's Figs. 4 and 6 show error rates of bit 30 as high as the share of values that it turns into NaN, so NaN
    counts as an error there, whatever class an argmax makes of it.
    """
    return row.wrong_fraction


def changed(row: Row) -> float:
    """Return the share of pixels with another argmax, NaN taken as largest: a picture of NaN has the first class."""
    return row.changed_fraction


def critical(row: Row) -> float:
    """Return 1 when a pixel is wrong."""
    return float(row.wrong_fraction > 0)


def nonfinite(row: Row) -> float:
    """Return 1 when a logit is NaN or infinite."""
    return float(row.nonfinite_fraction > 0)


@dataclass(frozen=True, eq=False)
class Sample:
    """The rows of one cell, in order of drawing."""

    cell: Cell
    layer: int
    block: str
    rows: tuple[Row, ...]


def samples(campaign: Campaign) -> tuple[Sample, ...]:
    """Return the rows of a finished campaign, cell by cell."""
    found, start = [], 0
    for cell in campaign.plan.cells:
        rows = tuple(campaign.rows[start : start + cell.faults])
        found.append(Sample(cell, *campaign.layers[cell.variable], rows))
        start += cell.faults
    return tuple(found)


def pick(
    of: Sequence[Sample],
    *,
    sets: Sequence[str] = (),
    bits: Sequence[int] = (),
    layers: Sequence[int] = (),
    variable: str = "",
) -> tuple[Sample, ...]:
    """Return the samples with these kinds, bit positions, layers or tensor; what is empty restricts nothing.

    A cell of several bit positions is taken when all of them are wanted.
    """
    return tuple(
        s for s in of
        if (not sets or s.cell.set in sets) and (not bits or set(s.cell.bits) <= set(bits))
        and (not layers or s.layer in layers) and (not variable or s.cell.variable == variable)
    )  # fmt: skip


def mean(of: Sequence[Sample], weight: str = TENSORS, value: Value = error) -> Estimate:
    """Return the mean of a value over the faults of some cells.

    Parameters
    ----------
    of
        Samples of one campaign, or of several that are to count as one population.
    weight
        `TENSORS` or `BITS`.
    value
        What a row counts, within 0 and 1.

    Raises
    ------
    ValueError
        When there is no sample.
    """
    values = [[value(row) for row in s.rows] for s in of]
    sizes = [(s.cell.population if weight == BITS else len(s.cell.bits)) * SCALE for s in of]
    return stratified_mean(values, sizes, (0.0, 1.0), LEVEL)


def pooled(of: Sequence[Sample], value: Value = error) -> Estimate:
    """Return the mean with the tensors of one kind and bit group taken as one stratum, each with its own weight.

    For samples with so few faults a cell that the spread inside cells cannot be seen: the spread between tensors
    comes on top, so the limits are rather too wide. Cells of a stratum have nearly equal numbers of faults.
    """
    groups: dict[tuple[str, tuple[int, ...]], list[Sample]] = {}
    for s in of:
        groups.setdefault((s.cell.set, s.cell.bits), []).append(s)
    values = [[value(row) for s in own for row in s.rows] for own in groups.values()]
    sizes = [len(bits) * len(own) * SCALE for (_, bits), own in groups.items()]
    return stratified_mean(values, sizes, (0.0, 1.0), LEVEL)


def struck(rows: Sequence[Row], value: Value = error) -> Estimate:
    """Return the mean of a value over the faults of a uniform sample: what an upset of a stored bit does on average.

    Clopper-Pearson limits for values of 0 and 1, those of hedged betting for shares.
    """
    values = [value(row) for row in rows]
    if set(values) <= {0.0, 1.0}:
        return clopper_pearson(int(sum(values)), len(values), LEVEL)
    return bounded_mean(values, (0.0, 1.0), LEVEL)


def spread(of: Sequence[Sample]) -> tuple[float, float, float]:
    """Return the standard deviation of the error rate over cells with 95 % limits: low, best, high.

    The limits are percentiles of 2000 samples in which the rows of every cell are drawn anew from those seen (seed 0),
    shifted by what drawing adds to the spread.
    """
    random = np.random.default_rng(0)
    cells = [np.array([row.wrong_fraction for row in s.rows]) for s in of]
    best = float(np.std([c.mean() for c in cells]))
    means = np.stack([random.choice(c, (2000, len(c))).mean(axis=1) for c in cells])
    draws = means.std(axis=0)
    low, high = np.quantile(draws - (float(draws.mean()) - best), [0.025, 0.975])
    return max(0.0, min(float(low), best)), best, max(float(high), best)


def by_cell(of: Sequence[Sample]) -> Iterator[tuple[Sample, Estimate, Estimate]]:
    """Yield every cell with its mean error rate and its share of faults that make a pixel wrong."""
    for sample in of:
        yield sample, struck(sample.rows), struck(sample.rows, critical)
