"""Which bits are flipped: cells of one parameter tensor and some bit positions, and the k-th fault of each."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Final, Protocol

from accel_sim.campaign.permutation import Permutation
from accel_sim.stats import leveugle_sample_size

SIGN: Final = 31
MSB: Final = 30
EXPONENT: Final = tuple(range(30, 22, -1))
MANTISSA: Final = tuple(range(22, -1, -1))
FLOAT_BITS: Final[Mapping[tuple[int, ...], int]] = {
    (SIGN,): 1, **{(bit,): 3 if bit == MSB else 1 for bit in EXPONENT}, MANTISSA: 3
}  # fmt: skip
"""Bit positions that share a cell, and the cell's share of a tensor's faults: three times as many for the exponent's
highest bit, which two figures are about, and for the mantissa, whose bits the paper finds harmless, all together."""


class VariableLike(Protocol):
    """What a plan needs to know of a parameter tensor."""

    @property
    def name(self) -> str:
        """Name, unique in the network."""
        ...

    @property
    def set(self) -> str:
        """Kind of parameter."""
        ...

    @property
    def size(self) -> int:
        """Number of elements."""
        ...


@dataclass(frozen=True)
class Cell:
    """One parameter tensor and one or more bit positions, sampled without replacement.

    Attributes
    ----------
    variable, set
        The tensor's name and kind.
    bits
        Bit positions, 0 the lowest.
    elements
        Elements of the tensor.
    faults
        How many of the faults are drawn.
    """

    variable: str
    set: str
    bits: tuple[int, ...]
    elements: int
    faults: int

    @property
    def population(self) -> int:
        """Number of distinct faults."""
        return self.elements * len(self.bits)

    @property
    def label(self) -> str:
        """Key of the cell's random order."""
        return f"{self.variable} {self.bits[0]}..{self.bits[-1]}"


@dataclass(frozen=True)
class Draw:
    """Fault number `index` of a plan: draw number `k` of cell number `cell`, and the bit that is flipped."""

    index: int
    cell: int
    k: int
    variable: str
    element: int
    bit: int

    def picture(self, pictures: int) -> int:
        """Return which of so many pictures the fault is judged on: they take turns, in every cell from another one on.

        A mean over faults is then a mean over pictures, too, at the price of one picture a fault.
        """
        return (self.cell + self.k) % pictures


@dataclass(frozen=True)
class Plan:
    """The faults of a campaign: a pure function of the network's shapes, the sizes and the seed.

    In every cell the faults are taken in the order of a keyed permutation, so a larger campaign extends a smaller one.
    """

    seed: int
    cells: tuple[Cell, ...]

    @property
    def n(self) -> int:
        """Number of faults."""
        return sum(cell.faults for cell in self.cells)

    def draw(self, index: int) -> Draw:
        """Return fault number `index`; cells one after the other."""
        if not 0 <= index < self.n:
            raise IndexError(f"fault {index} of a plan of {self.n}")
        number = next(i for i, end in enumerate(self._ends) if index < end)
        cell = self.cells[number]
        k = index - (self._ends[number] - cell.faults)
        element, place = divmod(self._permutations[number](k), len(cell.bits))
        return Draw(index, number, k, cell.variable, element, cell.bits[place])

    def draws(self, first: int = 0) -> Iterator[Draw]:
        """Yield the faults from number `first` on."""
        index = 0
        for number, cell in enumerate(self.cells):
            for k in range(max(0, first - index), cell.faults):
                element, place = divmod(self._permutations[number](k), len(cell.bits))
                yield Draw(index + k, number, k, cell.variable, element, cell.bits[place])
            index += cell.faults

    @cached_property
    def _ends(self) -> list[int]:
        return list(accumulate(cell.faults for cell in self.cells))

    @cached_property
    def _permutations(self) -> list[Permutation]:
        return [Permutation(cell.population, self.seed, cell.label) for cell in self.cells]


@dataclass(frozen=True)
class UniformPlan:
    """Faults drawn from all stored bits alike: what upsets strike. A pure function of sizes and seed, as `Plan`.

    Attributes
    ----------
    seed
        Seed of the sample.
    cells
        One per tensor, with all its bits; their own `faults` are not used.
    n
        Number of faults.
    """

    seed: int
    cells: tuple[Cell, ...]
    n: int

    def draws(self, first: int = 0) -> Iterator[Draw]:
        """Yield the faults from number `first` on."""
        ends = list(accumulate(cell.population for cell in self.cells))
        order = Permutation(ends[-1], self.seed, "uniform")
        for index in range(first, self.n):
            number = order(index)
            place = bisect_right(ends, number)
            cell = self.cells[place]
            element, bit = divmod(number - ends[place] + cell.population, len(cell.bits))
            yield Draw(index, place, index, cell.variable, element, cell.bits[bit])


def uniform_plan(
    variables: Sequence[VariableLike],
    widths: Mapping[str, int],
    seed: int,
    faults: int | None = None,
    margin: float | None = None,
) -> UniformPlan:
    """Draw from all bits of all tensors.

    Parameters
    ----------
    variables
        All parameter tensors.
    widths
        Bits of an element by kind of parameter.
    seed
        Seed of the sample.
    faults, margin
        One of them: the number, never more than there are; or a margin of error at 95 % (Leveugle 2009).
    """
    cells = tuple(Cell(v.name, v.set, tuple(reversed(range(widths[v.set]))), v.size, 0) for v in variables)
    population = sum(cell.population for cell in cells)
    wanted = leveugle_sample_size(population, margin, 0.95) if margin is not None else faults
    if wanted is None:
        raise ValueError("give either faults or margin")
    return UniformPlan(seed, cells, min(wanted, population))


def make_plan(
    variables: Sequence[VariableLike],
    bits_of: Mapping[str, Mapping[tuple[int, ...], int]],
    seed: int,
    *,
    per_set: int | None = None,
    margin: float | None = None,
) -> Plan:
    """Share out the faults of every kind of parameter.

    Parameters
    ----------
    variables
        All parameter tensors; tensors of one kind get equal shares of the kind's faults, whatever their sizes, as the
        paper's means over tensors suggest. Estimates over all bits weight them back.
    bits_of
        Kind to its groups of bit positions and their weights in the sharing.
    seed
        Seed of the sample.
    per_set
        Faults per kind (the paper: 1550).
    margin
        Instead: margin of error at 95 % that sets the size per kind from its number of bits (Leveugle 2009).

    Returns
    -------
    Plan
        Every cell has at least one fault, for without one nothing can be said of it, and never more than it has; a
        plan may therefore be larger or smaller than asked for.

    Raises
    ------
    ValueError
        Unless exactly one of `per_set` and `margin` is given.
    """
    if (per_set is None) == (margin is None):
        raise ValueError("give either per_set or margin")
    cells: list[Cell] = []
    for kind, groups in bits_of.items():
        own = [v for v in variables if v.set == kind]
        bits = sum(len(group) for group in groups)
        population = sum(v.size for v in own) * bits
        wanted = per_set if margin is None else leveugle_sample_size(population, margin, 0.95)
        assert wanted is not None
        keys = [(v, group) for v in own for group in groups]
        counts = _shares(wanted, [groups[group] for _, group in keys], [v.size * len(group) for v, group in keys])
        cells += [Cell(v.name, kind, g, v.size, n) for (v, g), n in zip(keys, counts, strict=True)]
    order = {v.name: i for i, v in enumerate(variables)}
    return Plan(seed, tuple(sorted(cells, key=lambda cell: order[cell.variable])))


def _shares(total: int, weights: Sequence[int], limits: Sequence[int]) -> list[int]:
    """Divide a number by weights, largest remainders first; at least 1 and at most the limit each."""
    scale = total / max(sum(weights), 1)
    exact = [weight * scale for weight in weights]
    counts = [int(value) for value in exact]
    left = total - sum(counts)
    for i in sorted(range(len(counts)), key=lambda i: counts[i] - exact[i])[:left]:
        counts[i] += 1
    return [min(max(count, 1), limit) for count, limit in zip(counts, limits, strict=True)]
