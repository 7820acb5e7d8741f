"""Verdicts as a file, and those of two runs beside each other."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from onnx_models.paper.report.claims import Claim
from onnx_models.paper.report.tables import table

NAME: Final = "claims.csv"
HALF_WIDTH: Final = "claims_half_width.csv"
"""The verdicts of a run with ``--filters 16``, kept beside those of the full one."""
HEAD: Final = ("claim", "place", "statement", "verdict", "checks", "ours")

Record = Mapping[str, Any]


def write_verdicts(path: Path, claims: Sequence[Claim]) -> None:
    """Write a line per claim."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEAD)
    writer.writerows((c.key, c.place, c.statement, c.verdict, c.tally, c.ours) for c in claims)
    path.write_text(text.getvalue(), encoding="utf-8")


def read_verdicts(path: Path) -> dict[str, dict[str, str]]:
    """Return the lines of a file by claim; empty where there is no file."""
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as stream:
        return {row["claim"]: row for row in csv.DictReader(stream)}


def half_width(claims: Sequence[Claim], other: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return a section on what another run says otherwise; nothing where there is none.

    Parameters
    ----------
    claims
        Of this run.
    other
        Lines of the other one, by claim.
    """
    both = [claim for claim in claims if claim.key in other]
    if not both:
        return []
    differing = [claim for claim in both if other[claim.key]["verdict"] != claim.verdict]
    lines = [
        [claim.statement, f"{claim.verdict} ({claim.tally})",
         f"{other[claim.key]['verdict']} ({other[claim.key]['checks']})", other[claim.key]["ours"]]
        for claim in differing
    ]  # fmt: skip
    text = (
        "The whole run once more with 16 filters instead of 32 (7.79 million parameters), everything else as it was: "
        "other start values, other prunings, other faults. "
        f"{len(both) - len(differing)} of {len(both)} verdicts are the same"
    )
    if not differing:
        return ["## The same at half the width", f"{text}."]
    return [
        "## The same at half the width",
        f"{text}; what depends on width or on chance:",
        table(["claim", "this run", "16 filters", "numbers at 16 filters"], lines),
    ]
