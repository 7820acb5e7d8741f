"""A synthesis result as text for the terminal."""

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from accel_sim.report.tables import _print, _table
from accel_sim.report.wording import count, printable

COLUMNS = {"lut": "LUT", "lut_ram": "as RAM", "ff": "FF", "dsp": "DSP", "bram36": "BRAM36", "uram": "URAM"}


def print_synthesis(record: Mapping[str, Any]) -> None:
    """Print :func:`synthesis_tables` on stdout."""
    _print(synthesis_tables(record))


def synthesis_tables(record: Mapping[str, Any]) -> RenderableType:
    """Return modules, memories, the vendor's figures and notes.

    Parameters
    ----------
    record
        The public JSON form of a synthesis.
    """
    notes = [record["is"], *record["notes"]]
    parts = [_modules(record), _memories(record), *([_published(record)] if record["published"] else [])]
    return Group(*parts, *(Text(f"note: {note}") for note in notes))


def _numbers(resources: Mapping[str, Any]) -> list[str]:
    return [f"{value:g}" if isinstance(value := resources[key], float) else count(value) for key in COLUMNS]


def _modules(record: Mapping[str, Any]) -> Table:
    table = _table(f"{record['top']}, {printable(str(record['arch']))}, {record['tool']}")
    table.add_column("module", no_wrap=True)
    table.add_column("copies", justify="right", no_wrap=True)
    for title in COLUMNS.values():
        table.add_column(title, justify="right", no_wrap=True)
    for entry in record["modules"]:
        table.add_row(entry["module"], count(entry["instances"]), *_numbers(entry["all"]))
    table.add_row("total", "", *_numbers(record["total"]), style="bold")
    return table


def _memories(record: Mapping[str, Any]) -> Table:
    table = _table("memories")
    for title in ("memory", "in"):
        table.add_column(title, no_wrap=True)
    for title in ("banks", "bits", "BRAM36", "LUT"):
        table.add_column(title, justify="right", no_wrap=True)
    for name, m in record["memories"].items():
        table.add_row(name, m["in"], count(m["banks"]), count(m["bits"]), f"{m['bram36']:g}", count(m["lut"]))
    return table


def _published(record: Mapping[str, Any]) -> Table:
    table = _table(f"published for the DPU of that size ({record['published'][0]['source']})")
    table.add_column("DSP usage", no_wrap=True)
    for title in ("LUT", "FF", "DSP", "BRAM36"):
        table.add_column(title, justify="right", no_wrap=True)
    for row in record["published"]:
        table.add_row(
            row["dsp_usage"], count(row["lut"]), count(row["ff"]), count(row["dsp"]), f"{row['bram36']:g}"
        )  # fmt: skip
    return table
