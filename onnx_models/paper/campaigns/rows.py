"""Results of a campaign on disk: a CSV file with a line per fault; an interrupted campaign goes on with it."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from accel_sim.errors import ResultsError
from onnx_models.paper.campaigns.plan import Draw, Plan, UniformPlan

HEAD: Final = (
    "fault", "variable", "element", "bit", "picture", "old", "new", "outcome", "changed_fraction", "nonfinite_fraction",
    "wrong_fraction",
)  # fmt: skip
CHUNK: Final = 50
"""Lines between two writings to disk; so many faults are lost at most when a run is killed."""


@dataclass(frozen=True)
class Row:
    """One fault and what it did.

    Attributes
    ----------
    fault
        Number of the fault in the plan.
    variable, element, bit
        What was flipped; `element` counts in ONNX order.
    picture
        Number of the test picture that the fault was judged on.
    old, new
        Value of the parameter before and after (codes for integers).
    outcome
        Word of the campaign's own set of outcomes.
    changed_fraction
        Share of pixels with another class.
    nonfinite_fraction
        Share of pixels with a logit that is NaN or infinite.
    wrong_fraction
        Share of pixels with another class, or such a logit.
    """

    fault: int
    variable: str
    element: int
    bit: int
    picture: int
    old: float
    new: float
    outcome: str
    changed_fraction: float
    nonfinite_fraction: float
    wrong_fraction: float


def collect(
    path: Path,
    identity: Mapping[str, Any],
    plan: Plan | UniformPlan,
    judge: Callable[[Draw], Row],
    report: Callable[[int, int], None] = lambda done, total: None,
) -> list[Row]:
    """Run the faults that the file lacks, in order, and return all rows.

    Parameters
    ----------
    path
        CSV file; made with its folder if absent. Its first line is a comment with `identity` as JSON.
    identity
        Everything that can change a row: model, pictures, seed, sizes.
    plan
        The faults.
    judge
        Runs one fault.
    report
        Called with (recorded, planned) after every chunk.

    Raises
    ------
    ResultsError
        The file is of another campaign.
    """
    head = f"# {json.dumps(identity, sort_keys=True)}\n{','.join(HEAD)}\n"
    rows = _resume(path, head, plan.n)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8", newline="") as stream:
        if not stream.tell():
            stream.write(head)
        writer = csv.writer(stream, lineterminator="\n")
        for draw in plan.draws(len(rows)):
            rows.append(judge(draw))
            writer.writerow(_line(rows[-1]))
            if len(rows) % CHUNK == 0 or len(rows) == plan.n:
                stream.flush()
                report(len(rows), plan.n)
    return rows


def _line(row: Row) -> Iterator[object]:
    return (value if isinstance(value, str) else repr(value) for value in vars(row).values())


def _resume(path: Path, head: str, planned: int) -> list[Row]:
    """Return the complete rows of a file, after cutting off a last line that a kill left unfinished."""
    if not path.exists() or path.stat().st_size == 0:
        return []
    text = path.read_text(encoding="utf-8")
    if not text.startswith(head):
        raise ResultsError(
            f"{path} holds another campaign (other model, pictures, seed or sizes): delete it, or give another folder"
        )
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole, encoding="utf-8")
    rows = list(read_rows(io.StringIO(whole)))
    if [row.fault for row in rows] != list(range(len(rows))) or len(rows) > planned:
        raise ResultsError(f"{path} does not hold faults 0, 1, 2 and so on up to {planned - 1}: delete it")
    return rows


def read_rows(lines: Iterable[str]) -> Iterator[Row]:
    """Yield the rows of a file's lines; comment and head are skipped."""
    for record in csv.DictReader(line for line in lines if not line.startswith("#")):
        yield Row(
            int(record["fault"]), record["variable"], int(record["element"]), int(record["bit"]),
            int(record["picture"]), float(record["old"]), float(record["new"]), record["outcome"],
            float(record["changed_fraction"]), float(record["nonfinite_fraction"]), float(record["wrong_fraction"]),
        )  # fmt: skip
