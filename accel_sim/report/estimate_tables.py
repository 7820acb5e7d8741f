"""An estimate as text for the terminal."""

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from accel_sim.report.tables import _name, _print, _table
from accel_sim.report.wording import count, printable


def print_estimate(record: Mapping[str, Any]) -> None:
    """Print :func:`estimate_tables` on stdout."""
    _print(estimate_tables(record))


def estimate_tables(record: Mapping[str, Any]) -> RenderableType:
    """Return layers, memories, totals and failures.

    Parameters
    ----------
    record
        The public JSON form of an estimate.
    """
    return Group(
        _layers(record), _memories(record), *_totals(record), *_failures(record), *_split(record), *_notes(record)
    )


def _layers(record: Mapping[str, Any]) -> Table:
    table = _table(f"{printable(str(record['model']))} on {printable(str(record['arch']))}")
    table.add_column("layer")
    table.add_column("op", no_wrap=True)
    for title in ("MOP", "cycles", "eff. %", "LdFM kB", "LdWB kB", "StFM kB"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("bound by", no_wrap=True)
    for layer in record["layers"]:
        sizes = [f"{layer[key] / 1e3:.1f}" for key in ("load_bytes", "weight_bytes", "save_bytes")]
        table.add_row(
            _name(layer["name"]), printable(layer["op"]), f"{layer['workload'] / 1e6:.2f}", count(layer["cycles"]),
            f"{100 * layer['efficiency']:.1f}", *sizes, layer["bound_by"],
        )  # fmt: skip
    return table


def _memories(record: Mapping[str, Any]) -> Table:
    table = _table("memories and registers")
    table.add_column("memory", no_wrap=True)
    table.add_column("kind", no_wrap=True)
    for title in ("banks", "rows", "bits a row", "live %"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("holds")
    for name, m in record["memories"].items():
        live = "?" if m["live_fraction"] is None else f"{100 * m['live_fraction']:.3g}"
        sizes = [count(m[key]) for key in ("banks", "rows", "row_bits")]
        table.add_row(name, m["kind"], *sizes, live, m["content"])
    return table


def _totals(record: Mapping[str, Any]) -> list[Text]:
    models = {"program": "the compiled program's schedule", "calibrated": "the calibrated model of the topology"}
    lines = [
        f"{count(record['cycles'])} cycles at {record['clock_mhz']} MHz: {record['latency_s'] * 1e3:.4g} ms, "
        f"{record['fps']:.4g} images/s, {record['fps_with_host']:.4g} with the host (cycles from "
        f"{models[record['cycle_model']]})",
    ]
    beside = record["performance_model"]
    if beside and "fps" in beside:
        lines.append(
            f"the calibrated model says {beside['latency_s'] * 1e3:.4g} ms, {beside['fps']:.4g} images/s, "
            f"{beside['fps_with_host']:.4g} with the host"
        )
    lines.append(
        f"{record['gop']:.4g} GOP, efficiency {100 * record['efficiency']:.1f} %, {record['ddr_bytes'] / 1e6:.4g} MB "
        f"with DDR, {record['energy_j'] * 1e3:.4g} mJ (unverified: {', '.join(record['energy']['unverified']) or '-'})"
    )
    hosted = [layer for layer in record["layers"] if layer["where"] == "host"]
    lines += [f"on the host: {printable(x['name'])} ({printable(x['op'])}): {printable(x['reason'])}" for x in hosted]
    return [Text(line) for line in lines]


def _failures(record: Mapping[str, Any]) -> list[Text]:
    place = record["environment"]["name"]
    lines = [
        "",
        f"{record['device']}, {place}: {_interval(record['fit'])} FIT: {record['fit_is']}",
        f"raw: {record['raw_fit']:.4g} FIT in all bits of known rate",
    ]
    if record["mtbf_hours"]:
        lines.append(f"mean time between failures: {_interval(record['mtbf_hours'])} h")
    for campaign in record.get("campaigns", ()):
        name, space = printable(campaign["results"]), campaign["space"]["name"]
        rate = _interval(campaign["critical_rate"])
        lines.append(f"campaign {name}: space {space}, {count(campaign['faults'])} faults, critical rate {rate}")
    if record.get("fit_due"):
        lines.append(f"apart: {_interval(record['fit_due'])} FIT of {record['fit_due']['is']}")
    return [Text(line) for line in lines]


def _split(record: Mapping[str, Any]) -> list[Table]:
    """Return failures by memory and by layer; nothing where the sum is of all bits of a float model."""
    if not record.get("fit_by_memory"):
        return []
    memories, layers = _table("failures by memory"), _table("failures by layer")
    for table, first, titles in (
        (memories, "memory", ("raw FIT", "live %", "AVF %", "FIT", "low", "high", "faults")),
        (layers, "layer", ("FIT", "low", "high", "faults")),
    ):
        table.add_column(first)
        for title in titles:
            table.add_column(title, justify="right", no_wrap=True)
    for name, fit in record["fit_by_memory"].items():
        if raw := record["raw"][name]["fit"]:
            avf = record["avf"].get(name)
            share = [f"{100 * avf['live_fraction']:.3g}", f"{100 * avf['best']:.3g}"] if avf else ["-", "-"]
            faults = count(avf["faults"]) if avf else "-"
            memories.add_row(name, f"{raw:.4g}", *share, *_cells(fit), faults)
    ordered = sorted(record["fit_by_layer"].items(), key=lambda item: -item[1]["best"])
    for name, fit in ordered:
        if fit["high"]:
            layers.add_row(_name(name), *_cells(fit), count(fit["n"]) if fit["n"] else "-")
    return [memories, layers]


def _cells(fit: Mapping[str, Any]) -> list[str]:
    return [f"{fit[key]:.3g}" for key in ("best", "low", "high")]


def _notes(record: Mapping[str, Any]) -> list[Text]:
    lines = []
    reasons: dict[str, list[str]] = {}
    for name, advice in record["unknown"].items():
        reasons.setdefault(advice, []).append(name)
    lines += [f"unknown, not in the sum: {', '.join(names)}: {advice}" for advice, names in reasons.items()]
    lines.append(f"apart: {record['configuration_memory']['description']}")
    lines += [f"note: {note}" for note in record["notes"]]
    return [Text(line) for line in lines]


def _interval(estimate: Mapping[str, Any]) -> str:
    best, low, high = ("?" if estimate[k] is None else f"{estimate[k]:.4g}" for k in ("best", "low", "high"))
    return f"{best} ({low} to {high})"
