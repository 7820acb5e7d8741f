"""The numbers behind the figures: tables of parameter sets and of strata, which sort where scripts run."""

from collections.abc import Iterable, Sequence
from typing import Any

from accel_sim.report.evidence import Evidence, StoredTensor
from accel_sim.report.wording import count, escape, shape, with_limits

Entry = dict[str, Any]


def set_table(evidence: Evidence) -> str:
    """Return the table with one row per tensor."""
    rows = ((tensor, "", entry) for tensor, entry in zip(evidence.tensors, evidence.summary["sets"], strict=True))
    return _table("Every parameter set" if evidence.space == "parameters" else "Every stored tensor", rows, bits=False)


def stratum_table(evidence: Evidence) -> str:
    """Return the table with one row per tensor and bit."""
    tensors = {t.name: t for t in evidence.tensors}
    rows = ((tensors[entry["name"]], f"<td>{entry['bit']}</td>", entry) for entry in evidence.summary["strata"])
    return _table("Every stratum: one tensor and one bit", rows, bits=True)


def _table(caption: str, rows: Iterable[tuple[StoredTensor, str, Entry]], *, bits: bool) -> str:
    heads = ["#", "tensor", "role", "shape", *(["bit"] if bits else []), "population", "drawn"]
    heads += ["masked", "tolerable", "critical", "critical rate", "changed fraction"]
    body = "".join(_row(number, *row) for number, row in enumerate(rows, 1))
    return plain_table(heads, body, caption, kind="plain sortable", scroll="scroll tall")


def plain_table(heads: Sequence[str], body: str, caption: str = "", kind: str = "plain", scroll: str = "scroll") -> str:
    """Return a table with a row of headings over ready-made rows, in a frame that scrolls sideways when it must."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    named = f"<caption>{escape(caption)}</caption>" if caption else ""
    table = f'<table class="{kind}">{named}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="{scroll}">{table}</div>'


def _row(number: int, tensor: StoredTensor, bit: str, entry: Entry) -> str:
    outcomes = entry["outcomes"]
    estimates = "".join(
        f'<td data-v="{-1 if entry[q]["best"] is None else entry[q]["best"]!r}">{with_limits(entry[q])}</td>'
        for q in ("critical_rate", "changed_fraction")
    )
    counts = "".join(f"<td>{count(outcomes[name])}</td>" for name in ("masked", "tolerable", "critical"))
    return (
        f'<tr><td>{number}</td><th scope="row">{escape(tensor.name)}</th><td>{escape(tensor.role)}</td>'
        f"<td>{shape(tensor.shape)}</td>{bit}"
        f'<td data-v="{entry["population"]}">{count(entry["population"])}</td><td>{count(entry["faults"])}</td>'
        f"{counts}{estimates}</tr>"
    )
