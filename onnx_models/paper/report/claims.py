"""What a claim of the paper is, how data decide on it, and words for numbers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from onnx_models.paper.recipe import ACTIVATIONS
from onnx_models.paper.report.exposure import ratio

REPRODUCED, PARTLY, NOT, UNTESTED = "reproduced", "partly", "not reproduced", "not tested"
TITLE: Final = {"relu": "ReLU", "sigmoid": "Sigmoid", "hardsigmoid": "HardSigmoid"}
BOUNDED: Final = ("sigmoid", "hardsigmoid")
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Check:
    """One comparison that a claim asks for.

    Attributes
    ----------
    label
        What is compared.
    holds
        True, False, or None when the limits leave it open.
    """

    label: str
    holds: bool | None


@dataclass(frozen=True)
class Claim:
    """A statement of the paper and what our data say of it.

    Attributes
    ----------
    key
        Short name, unique.
    place
        Where the paper says it.
    statement
        In our words.
    test
        The statistical test, or that there is none.
    paper, ours
        Numbers.
    checks
        What has to hold.
    why
        Verdict to an explanation; it may lack verdicts that need none.
    """

    key: str
    place: str
    statement: str
    test: str
    paper: str
    ours: str
    checks: tuple[Check, ...]
    why: Mapping[str, str]

    @property
    def verdict(self) -> str:
        """Not tested without a check; reproduced when every one holds, not reproduced when none does, else partly."""
        if not self.checks:
            return UNTESTED
        holding = sum(check.holds is True for check in self.checks)
        if holding == len(self.checks):
            return REPRODUCED
        return PARTLY if holding else NOT

    @property
    def tally(self) -> str:
        """How many checks hold, fail and stay open."""
        counts = [sum(check.holds is value for check in self.checks) for value in (True, False, None)]
        words = [f"{counts[0]} of {len(self.checks)} hold"]
        words += [f"{counts[1]} fail"] if counts[1] else []
        words += [f"{counts[2]} open"] if counts[2] else []
        return ", ".join(words)


def above(a: Record, b: Record, factor: float = 1.0) -> bool | None:
    """Whether an estimate is more than `factor` times another one: None when the ratio's limits include the factor."""
    found = ratio(a, b)
    if found["low"] > factor:
        return True
    return False if found["high"] < factor else None


def ordered(label: str, a: Record, b: Record) -> Check:
    """Check that an estimate lies clearly above another one."""
    return Check(label, above(a, b))


def percent(e: Record, digits: int = 2) -> str:
    """Return an estimated share in percent with its limits."""
    return f"{100 * e['best']:.{digits}f} ({100 * e['low']:.{digits}f} to {100 * e['high']:.{digits}f}) %"


def times(a: Record, b: Record) -> str:
    """Return the ratio of two estimates with its limits."""
    found = ratio(a, b)
    return " ".join((f"{found['best']:.2f}", f"({found['low']:.2f} to {found['high']:.2f})"))


def floats(record: Record, version: str) -> dict[str, Record]:
    """Return activation function to the summary of its float campaign."""
    return {a: record["float"][f"{a}-{version}"] for a in ACTIVATIONS}


def int8s(record: Record, scheme: str = "tflite", version: str = "pruned2") -> dict[str, Record]:
    """Return activation function to the summary of the campaign on an int8 network, by default the pruned one."""
    return {a: record["int8"][f"{a}-{version}-{scheme}"] for a in ACTIVATIONS}


def model_of(record: Record, activation: str, version: str) -> Record:
    """Return the entry of ``models.json`` of a network."""
    found: Record = next(m for m in record["models"] if (m["activation"], m["version"]) == (activation, version))
    return found


def listed(pairs: Iterable[tuple[str, str]]) -> str:
    """Return ``name value; name value``."""
    return "; ".join(f"{name} {value}" for name, value in pairs)


RATIO_TEST: Final = (
    "ratio of two means over faults (stratified beta limits at 95 %); clear when the limits of the ratio exclude 1"
)
"""The test of most claims on error rates."""
