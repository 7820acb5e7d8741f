"""The faults that a benchmark times, drawn as their names say, and the check that they are."""

from collections.abc import Mapping, Sequence

import numpy as np

from accel_sim.faults import Fault, make_space
from accel_sim.model import Graph

WEIGHT_BITS, PARAMETER_SETS, ACTIVATIONS = "weight bits", "parameter sets", "activations"
LISTS = (WEIGHT_BITS, PARAMETER_SETS, ACTIVATIONS)
SIGMAS = 5.0
"""A drawn share may be this many standard deviations from the one that the name promises."""


class WrongListError(Exception):
    """A list of faults is not what its name claims."""


def draw_lists(graph: Graph, count: int, seed: int = 7) -> dict[str, list[Fault]]:
    """Draw the three lists of a benchmark, on one image, and check them.

    Parameters
    ----------
    graph
        The model.
    count
        Faults per list.
    seed
        Chooses the faults.

    Returns
    -------
    dict
        `weight bits`: uniform over all bits of all weights. `parameter sets`: a weight or bias tensor first, each
        equally likely, then one of its bits. `activations`: uniform over the bits of all stored tensors.
    """
    rng = np.random.default_rng(seed)
    parameters = [s.name for s in make_space("parameters", graph, 1).strata]
    tensors = list(dict.fromkeys(parameters))
    sets = [(tensors[i],) for i in rng.integers(len(tensors), size=count)]
    weights = tuple(n for n in tensors if graph.parameters[n].role == "weight")
    lists = {
        WEIGHT_BITS: _draw(graph, "parameters", [weights] * count, rng),
        PARAMETER_SETS: _draw(graph, "parameters", sets, rng),
        ACTIVATIONS: _draw(graph, "activations", [()] * count, rng),
    }
    check_lists(graph, lists)
    return lists


def _draw(graph: Graph, space_name: str, among: Sequence[tuple[str, ...]], rng: np.random.Generator) -> list[Fault]:
    """Draw one fault, uniform over bits, from each of the given groups of tensors; an empty group is all tensors."""
    space = make_space(space_name, graph, 1)
    strata = space.strata
    faults = []
    for names in among:
        populations = np.array([s.population * (not names or s.name in names) for s in strata], float)
        stratum = int(rng.choice(len(strata), p=populations / populations.sum()))
        faults.append(space.fault(stratum, int(rng.integers(strata[stratum].population))))
    return faults


def check_lists(graph: Graph, lists: Mapping[str, list[Fault]]) -> None:
    """Fail when a list is not what its name claims.

    Spaces and roles must be the promised ones, every fault must exist and not be the only one of its list, and the
    shares of tensors and of bits must be those of the promised distribution, within `SIGMAS` standard deviations.

    Raises
    ------
    WrongListError
        Naming the list, the share and the promised share.
    InputError
        A fault does not exist in the model.
    """
    spaces = {WEIGHT_BITS: "parameters", PARAMETER_SETS: "parameters", ACTIVATIONS: "activations"}
    for name in LISTS:
        faults, space = lists[name], make_space(spaces[name], graph, 1)
        for fault in faults:
            if fault.space != spaces[name]:
                raise WrongListError(f"{name}: a fault of the space {fault.space!r}")
            space.check(fault)
            if len(fault.bits) != 1:
                raise WrongListError(f"{name}: a fault of {len(fault.bits)} bits")
        if len(faults) > 1 and len(set(faults)) == 1:
            raise WrongListError(f"{name}: the same fault {len(faults)} times")
        promised = _promised(graph, name)
        if strangers := {f.tensor for f in faults} - {tensor for tensor, _ in promised}:
            raise WrongListError(f"{name}: {sorted(strangers)[0]!r} does not belong there")
        _compare(name, [(f.tensor, f.bits[0]) for f in faults], promised)


def _promised(graph: Graph, name: str) -> dict[tuple[str, int], float]:
    """Return the probability of every tensor and bit in a list."""
    strata = make_space("activations" if name == ACTIVATIONS else "parameters", graph, 1).strata
    if name == WEIGHT_BITS:
        strata = tuple(s for s in strata if graph.parameters[s.name].role == "weight")
    weight = {(s.name, s.bit): float(s.population) for s in strata}
    if name == PARAMETER_SETS:
        weight = {key: 1.0 / graph.parameters[key[0]].bits for key in weight}
    total = sum(weight.values())
    return {key: value / total for key, value in weight.items()}


def _compare(name: str, drawn: list[tuple[str, int]], promised: Mapping[tuple[str, int], float]) -> None:
    """Compare the shares of every tensor and of every bit position with the promised ones."""
    for position, what in ((0, "tensor"), (1, "bit")):
        expected: dict[object, float] = {}
        for key, probability in promised.items():
            expected[key[position]] = expected.get(key[position], 0.0) + probability
        for value, probability in expected.items():
            found = sum(key[position] == value for key in drawn)
            # One more than the deviation: a single fault of a rare tensor is no reason for doubt.
            limit = SIGMAS * np.sqrt(len(drawn) * probability * (1 - probability)) + 1
            if abs(found - len(drawn) * probability) > limit:
                raise WrongListError(
                    f"{name}: {what} {value!r} in {found} of {len(drawn)} faults, "
                    f"where {len(drawn) * probability:.1f} are promised"
                )
