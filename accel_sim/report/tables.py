"""Results as tables for the terminal."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from accel_sim.report.colour_classes import BINS, colour_class
from accel_sim.report.wording import count, number, plural, printable, short, with_limits

if TYPE_CHECKING:
    from accel_sim.verification import Verification

# One style per colour class of the heat map; the digit says the same without colours.
_STYLES = ("dim", "", "", "yellow", "yellow", "red", "bold red", "bold white on red")
_PIPED_WIDTH = 120


def print_campaign(summary: Mapping[str, Any]) -> None:
    """Print :func:`campaign_table` on stdout."""
    _print(campaign_table(summary))


def print_verification(verification: "Verification") -> None:
    """Print :func:`verify_table` on stdout."""
    _print(verify_table(verification))


def print_models(entries: Sequence[Mapping[str, Any]]) -> None:
    """Print :func:`models_table` on stdout."""
    _print(models_table(entries))


def _print(table: RenderableType) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=_PIPED_WIDTH)
    console.print(table)


def campaign_table(summary: Mapping[str, Any]) -> RenderableType:
    """Return a campaign's numbers: the whole space, every set with intervals and its worst bit, and sets x bits.

    Parameters
    ----------
    summary
        The campaign's JSON object.
    """
    outcomes = ", ".join(f"{name} {count(n)}" for name, n in summary["outcomes"].items() if n or name != "due")
    model = f"{printable(str(summary['model']))}: " if "model" in summary else ""
    whole = Text(
        f"{model}{count(summary['faults'])} of {plural(summary['population'], 'fault')}: {outcomes}\n"
        f"critical rate    {with_limits(summary['critical_rate'])}\n"
        f"changed fraction {with_limits(summary['changed_fraction'])}\n"
        f"intervals at {100 * summary['confidence']:g} % confidence; both weighted over the whole space\n"
    )
    return Group(whole, _set_table(summary), Text(), _grid(summary), _legend())


def _set_table(summary: Mapping[str, Any]) -> Table:
    table = _table("per set, in percent")
    table.add_column("set")
    for title in ("faults", "critical rate", "changed fraction", "worst bit"):
        table.add_column(title, justify="right", no_wrap=True)
    for entry in summary["sets"]:
        estimates = (_plain_limits(entry[q]) for q in ("critical_rate", "changed_fraction"))
        table.add_row(_name(entry["name"]), count(entry["faults"]), *estimates, _worst_bit(summary, entry["name"]))
    return table


def _plain_limits(estimate: Mapping[str, Any]) -> str:
    best = "?" if estimate["best"] is None else number(estimate["best"])
    return f"{best} ({number(estimate['low'])}–{number(estimate['high'])})"


def _worst_bit(summary: Mapping[str, Any], name: str) -> str:
    """Return the bit of a set with the largest mean changed fraction, the highest among equals."""
    known = [
        (s["changed_fraction"]["best"], s["bit"])
        for s in summary["strata"] if s["name"] == name and s["changed_fraction"]["best"] is not None
    ]  # fmt: skip
    if not known:
        return ""
    share, bit = max(known)
    return f"{bit}: {number(share)}" if share > 0 else "none"


def _grid(summary: Mapping[str, Any]) -> Table:
    """Return sets x bits, one digit per cell: the colour class of the mean changed fraction."""
    cells: dict[str, dict[int, float | None]] = {}
    for stratum in summary["strata"]:
        cells.setdefault(stratum["name"], {})[stratum["bit"]] = stratum["changed_fraction"]["best"]
    bits = max((max(row) for row in cells.values()), default=0) + 1
    table = _table("changed fraction per set and bit")
    table.add_column("set")
    table.add_column("bit " + "".join(f"{b:<8}" for b in range(0, bits, 4)).rstrip(), no_wrap=True)
    for name, row in cells.items():
        strip = Text("    ")
        for bit in range(bits):
            strip.append_text(_digit(row[bit]) if bit in row else Text(" "))
            strip.append(" ")
        table.add_row(_name(name), strip)
    return table


def _digit(share: float | None) -> Text:
    if share is None:
        return Text("-", "dim")
    level = colour_class(share)
    return Text(str(level), _STYLES[level])


def _legend() -> Text:
    ends = ", ".join(f"{i} up to {100 * end:g} %" for i, end in enumerate(BINS[1:-1], 1))
    return Text(f"0 none, {ends}, {len(BINS) - 1} more; - no draw", "dim")


def verify_table(verification: "Verification") -> RenderableType:
    """Return every node's agreement with onnxruntime, the whole run's, and the verdict."""
    table = _table(f"{printable(verification.model)} against onnxruntime, {plural(verification.images, 'image')}")
    table.add_column("node")
    for title in ("op", "where", "reference"):
        table.add_column(title, no_wrap=True)
    for title in ("compared", "differ", "max LSB"):
        table.add_column(title, justify="right", no_wrap=True)
    for node in verification.nodes:
        wrong = "bold red" if node.mismatched and node.reference == "integer" else "yellow" if node.mismatched else ""
        figures = [Text(count(n), wrong) for n in (node.compared, node.mismatched, node.max_lsb)]
        table.add_row(_name(node.name), printable(node.op), node.where, node.reference, *figures)
    end = verification.end_to_end
    table.add_section()
    table.add_row(Text("whole run"), "", "", "", count(end.compared), count(end.mismatched), count(end.max_lsb))
    notes = [Text(f"on the host: {short(n.name, 40)} ({printable(n.reason)})") for n in verification.nodes if n.reason]
    if verification.unmatched:
        listed = ", ".join(short(n, 40) for n in verification.unmatched)
        notes.append(Text(f"fused away by onnxruntime, so covered by the next node it has: {listed}", "dim"))
    if verification.ok:
        notes.append(Text("ok: no node that onnxruntime computes in integers differs", "green"))
    else:
        notes.append(Text("FAILED: a node that onnxruntime computes in integers differs", "bold red"))
    return Group(table, *notes)


def models_table(entries: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Return the bundled models: what they are, their scores and checksums, and how they were made."""
    table = _table("bundled models")
    table.add_column("model", no_wrap=True)
    for title in ("parameters", "GOP", "IoU int8", "IoU float"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("SHA-256", no_wrap=True)
    notes: list[Text] = []
    for entry in entries:
        scores = [_score(entry.get(key)) for key in ("iou_int8", "iou_float")]
        size = entry.get("parameters")
        table.add_row(
            _name(entry["name"]), "" if size is None else count(size), f"{entry.get('gop', '')}", *scores,
            str(entry["sha256"])[:16],
        )  # fmt: skip
        made = entry.get("recipe", {}).get("command", "")
        notes.append(Text(f"{entry['name']}: {entry.get('description', '')}; made by {made}"))
    warnings = dict.fromkeys(str(entry["synthetic"]) for entry in entries if entry.get("synthetic"))
    explained = Text("IoU in percent: global, and mean weighted by class; classes one by one with --json.", "dim")
    return Group(table, explained, *notes, *(Text(w, "dim") for w in warnings))


def _score(scores: Mapping[str, float] | None) -> str:
    return "" if not scores else f"{scores['global']:.1f}, {scores['weighted']:.1f}"


def _table(title: str) -> Table:
    return Table(title=Text(title, "bold"), title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)


def _name(name: str) -> Text:
    """Return a name as it is: brackets are not markup. Its column is the one that gives way on a narrow terminal."""
    return Text(short(name, 40), no_wrap=True, overflow="ellipsis")
