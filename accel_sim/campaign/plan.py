"""Which faults a campaign draws: the design, the sample sizes and the i-th fault."""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, groupby
from typing import Any, NamedTuple, Protocol

from accel_sim.campaign.permutation import MAX_SIZE, Permutation
from accel_sim.errors import InputError, UsageError
from accel_sim.stats import PAPER_FAULTS_PER_SET, leveugle_sample_size

DESIGNS = ("uniform", "set", "set-bit")


class FaultLike(Protocol):
    """What a campaign needs to know of a fault."""

    def to_json(self) -> dict[str, Any]:
        """Return the fault in the public JSON form."""
        ...


class StratumLike(Protocol):
    """One tensor and one bit position, with the number of distinct faults there."""

    @property
    def name(self) -> str:
        """Name of the tensor."""
        ...

    @property
    def bit(self) -> int:
        """Bit position, 0 for the least significant."""
        ...

    @property
    def population(self) -> int:
        """Number of distinct faults."""
        ...


class FaultSpaceLike(Protocol):
    """All faults of one kind, numbered inside strata of a fixed order: tensors one after the other, bits ascending."""

    @property
    def strata(self) -> Sequence[StratumLike]:
        """The strata in their fixed order."""
        ...

    def fault(self, stratum_index: int, k: int) -> FaultLike:
        """Return fault number `k`, from 0 to the stratum's population minus 1."""
        ...

    def describe(self) -> Mapping[str, Any]:
        """Return the JSON-able identity of the space."""
        ...


@dataclass(frozen=True)
class Stratum:
    """One tensor and one bit position: name, bit (0 is the least significant) and number of distinct faults."""

    name: str
    bit: int
    population: int


@dataclass(frozen=True)
class Cell:
    """A group of adjacent strata that is sampled as one, uniformly over its faults.

    `label` keys the cell's random order, `first` and `last` are stratum indices (last excluded), `faults` is the number
    to draw of the `population`.
    """

    label: str
    first: int
    last: int
    population: int
    faults: int


class Draw(NamedTuple):
    """Where a draw landed: the cell, the stratum, and the number of the fault inside the stratum."""

    cell: int
    stratum: int
    k: int


@dataclass(frozen=True)
class Plan:
    """The faults of a campaign, a pure function of the strata, the design, the seed and the sizes.

    Within a cell the faults are taken in the order of a keyed permutation, so the first n of a larger campaign are
    those of a smaller one. Use `make_plan` to build one.
    """

    design: str
    seed: int
    strata: tuple[Stratum, ...]
    cells: tuple[Cell, ...]

    @cached_property
    def n(self) -> int:
        """Total number of faults to draw."""
        return self._cell_ends[-1]

    @property
    def faults_per_cell(self) -> tuple[int, ...]:
        """Number of faults to draw in each cell."""
        return tuple(cell.faults for cell in self.cells)

    def locate(self, i: int) -> tuple[int, int]:
        """Return (cell, draw) of global fault index `i`: cells one after the other, draws counted inside the cell."""
        if not 0 <= i < self.n:
            raise IndexError(f"fault {i} is outside the plan of {self.n} faults")
        cell = bisect_right(self._cell_ends, i)
        return cell, i - (self._cell_ends[cell] - self.cells[cell].faults)

    def fault_at(self, i: int) -> Draw:
        """Return (cell, stratum, k) of global fault index `i`, from 0 to `n` - 1."""
        return self.draw(*self.locate(i))

    def draw(self, cell: int, draw: int) -> Draw:
        """Return (cell, stratum, k) of draw number `draw` of a cell; it does not depend on how many are planned."""
        number = self._permutations[cell](draw) + self._stratum_starts[self.cells[cell].first]
        stratum = bisect_right(self._stratum_starts, number) - 1
        return Draw(cell, stratum, number - self._stratum_starts[stratum])

    @cached_property
    def _cell_ends(self) -> list[int]:
        return list(accumulate(cell.faults for cell in self.cells))

    @cached_property
    def _stratum_starts(self) -> list[int]:
        # Empty strata start where the next one does; bisect_right passes over them.
        return list(accumulate((s.population for s in self.strata), initial=0))[:-1]

    @cached_property
    def _permutations(self) -> list[Permutation]:
        return [Permutation(cell.population, self.seed, cell.label) for cell in self.cells]


def make_plan(
    strata: Sequence[StratumLike],
    design: str = "uniform",
    seed: int = 0,
    *,
    faults: int | None = None,
    margin: float | None = None,
    confidence: float = 0.95,
) -> Plan:
    """Return the plan of a campaign over the given strata.

    Parameters
    ----------
    strata : sequence of StratumLike
        All strata of the space, in its order.
    design : str
        'uniform': one sample over all bits of the space; 'set': one per tensor; 'set-bit': one per tensor and bit.
    seed : int
        Chooses the sample; any integer from 0.
    faults : int, optional
        Number to draw: in all for 'uniform', per set or per set and bit otherwise; never more than there are.
    margin, confidence : float
        Instead of `faults`: the sample size for this margin of error (Leveugle 2009), per cell. With neither,
        1550 per cell, as in the paper this project reproduces.

    Raises
    ------
    UsageError
        For an impossible or contradictory option.
    InputError
        When the space holds no fault, or more than 2**62.
    """
    size = _sample_size(faults, margin, confidence)
    if design not in DESIGNS:
        raise UsageError(f"design is '{design}': it must be one of {', '.join(DESIGNS)}")
    if seed < 0:
        raise UsageError(f"--seed is {seed}: it must be 0 or more")
    own = tuple(Stratum(s.name, s.bit, s.population) for s in strata)
    total = sum(s.population for s in own)
    if total == 0:
        raise InputError("the fault space is empty: the model has no bit of this kind that could be flipped")
    if total > MAX_SIZE:
        raise InputError(f"the fault space has {total} faults: the limit is 2**62")
    cells = (
        Cell(label, first, last, population, size(population))
        for label, first, last in _groups(own, design)
        if (population := sum(s.population for s in own[first:last])) > 0
    )
    return Plan(design, seed, own, tuple(cells))


def restore_plan(strata: Sequence[StratumLike], design: str, seed: int, faults_per_cell: Sequence[int]) -> Plan:
    """Return the plan with explicit sizes per cell, as a results file records it."""
    cells = make_plan(strata, design, seed, faults=1).cells
    if len(cells) != len(faults_per_cell):
        raise ValueError(f"{len(faults_per_cell)} sample sizes for {len(cells)} cells")
    own = tuple(Stratum(s.name, s.bit, s.population) for s in strata)
    sized = (
        Cell(cell.label, cell.first, cell.last, cell.population, n)
        for cell, n in zip(cells, faults_per_cell, strict=True)
    )
    return Plan(design, seed, own, tuple(sized))


def _groups(strata: tuple[Stratum, ...], design: str) -> list[tuple[str, int, int]]:
    """Return label, first and last stratum (excluded) of each cell."""
    if design == "uniform":
        return [("uniform", 0, len(strata))]
    if design == "set-bit":
        return [(f"set-bit {s.bit} {s.name}", i, i + 1) for i, s in enumerate(strata)]
    groups = []
    for name, members in groupby(range(len(strata)), key=lambda i: strata[i].name):
        indices = list(members)
        groups.append((f"set {name}", indices[0], indices[-1] + 1))
    return groups


def _sample_size(faults: int | None, margin: float | None, confidence: float) -> Callable[[int], int]:
    """Return the map from a cell's population to the number of faults to draw."""
    if not 0.0 < confidence < 1.0:
        raise UsageError(f"--confidence is {confidence}: it must lie between 0 and 1, for instance 0.95")
    if faults is not None and margin is not None:
        raise UsageError(f"--faults {faults} and --margin {margin} both set the sample size: give one of them")
    if margin is not None:
        if not 0.0 < margin < 1.0:
            raise UsageError(f"--margin is {margin}: it must lie between 0 and 1, for instance 0.025")
        wanted = margin
        return lambda population: leveugle_sample_size(population, wanted, confidence)
    limit = PAPER_FAULTS_PER_SET if faults is None else faults
    if limit < 1:
        raise UsageError(f"--faults is {limit}: it must be 1 or more")
    return lambda population: min(limit, population)
