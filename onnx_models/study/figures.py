"""The study's figures: colours and markers that differ without colour, every point with its interval."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from accel_sim.devices import RateTable
from onnx_models.study import results
from onnx_models.study.record import rates_of
from onnx_models.study.results import IMAGES_PER_SECOND, Row
from onnx_models.study.tables import TITLE
from onnx_models.study.variants import ACCELERATORS, ACTIVATIONS, WIDTHS

FAILURES, PRODUCT, URAM = (f"pruning_and_failure_rate-{name}.svg" for name in ("failures", "product", "uram"))
# Okabe and Ito's blue and vermilion: told apart with every kind of colour blindness, and by their markers in grey.
COLOUR: Final = {"relu": "#0072B2", "hardsigmoid": "#D55E00"}
MARKER: Final = {"relu": "o", "hardsigmoid": "s"}
LINE: Final[dict[str, Any]] = {"relu": "-", "hardsigmoid": "--"}
PRUNING_MARKER: Final = {"original": "o", "half-pruned": "D", "pruned": "v"}
ARCHITECTURES: Final = tuple(accelerator.arch for accelerator in ACCELERATORS)
FACTORS: Final = np.geomspace(0.1, 10.0, 21)
STYLE: Final[dict[Any, Any]] = {
    "svg.hashsalt": "pruning", "font.size": 9.0, "axes.spines.top": False, "axes.spines.right": False,
    "axes.grid": True, "grid.color": "#e4e4e4", "grid.linewidth": 0.6, "axes.axisbelow": True, "legend.frameon": False,
    "figure.facecolor": "white", "axes.titlesize": 9.5,
}  # fmt: skip


def write_figures(record: Mapping[str, Any], out: Path) -> None:
    """Write all figures as SVG, the same bytes for the same data and version of Matplotlib.

    Parameters
    ----------
    record
        The study's data.
    out
        Folder.
    """
    for name, draw in ((FAILURES, failures), (PRODUCT, product), (URAM, uram)):
        with mpl.rc_context(STYLE):
            draw(record).savefig(out / name, format="svg", metadata={"Date": None})


def failures(record: Mapping[str, Any]) -> Figure:
    """Failures per 10^9 h of every network and accelerator, without a pause and at a fixed frame rate."""
    rates, rows = rates_of(record), record["rows"]
    figure = Figure(figsize=(8.6, 5.6), layout="constrained")
    grid = figure.subplots(2, len(ARCHITECTURES), sharex=True, sharey="row")
    for line, regime in enumerate(results.REGIMES):
        for column, arch in enumerate(ARCHITECTURES):
            axes = grid[line][column]
            for activation in ACTIVATIONS:
                _series(axes, rows, rates, regime, arch, activation)
            axes.set_xticks(range(len(WIDTHS)), list(WIDTHS))
            axes.set_xlim(-0.4, len(WIDTHS) - 0.6)
            if line == 0:
                axes.set_title(arch)
        grid[line][0].set_ylim(bottom=0)  # after all of the row: shared axes no longer grow once a limit is set
    grid[0][0].set_ylabel("failures per $10^9$ h\nwithout a pause")
    grid[1][0].set_ylabel(f"failures per $10^9$ h\nat {IMAGES_PER_SECOND:g} images/s")
    figure.legend(handles=_keys(), loc="outside lower center", ncols=4)
    return figure


def _series(axes: Axes, rows: Sequence[Row], rates: RateTable, regime: str, arch: str, activation: str) -> None:
    shift = 0.08 if activation == "hardsigmoid" else -0.08
    x, best, inner, outer = [], [], [], []
    for number, pruning in enumerate(WIDTHS):
        row = results.pick(rows, activation=activation, pruning=pruning, arch=arch)
        x.append(number + shift)
        best.append(results.fit(row, rates, regime))
        inner.append(results.limits(results.fit_draws(row, rates, regime, rates_too=False)))
        outer.append(results.limits(results.fit_draws(row, rates, regime)))
    colour = COLOUR[activation]
    axes.plot(x, best, linestyle=LINE[activation], color=colour, linewidth=0.9, alpha=0.6)
    axes.vlines(x, *zip(*outer, strict=True), color=colour, linewidth=0.8)
    axes.vlines(x, *zip(*inner, strict=True), color=colour, linewidth=3.6)
    axes.plot(x, best, MARKER[activation], color=colour, markersize=4.2, markeredgecolor="white", linestyle="none")


def _keys() -> list[Line2D]:
    keys = [Line2D([], [], color=COLOUR[a], marker=MARKER[a], linestyle=LINE[a], label=TITLE[a]) for a in ACTIVATIONS]
    keys.append(Line2D([], [], color="#555555", linewidth=3.0, label="95 %, sampling"))
    keys.append(Line2D([], [], color="#555555", linewidth=0.8, label="95 %, sampling and upset rates"))
    return keys


def product(record: Mapping[str, Any]) -> Figure:
    """Error rate per upset against upsets of live bits: where each point lies on the lines of equal failures."""
    rates, rows = rates_of(record), record["rows"]
    figure = Figure(figsize=(8.6, 3.6), layout="constrained")
    grid = figure.subplots(1, len(ARCHITECTURES), sharey=True)
    for axes, arch in zip(grid, ARCHITECTURES, strict=True):
        own = [row for row in rows if row["arch"] == arch]
        upsets = [results.live_fit(row, rates) for row in own]
        _equal_failures(axes, min(upsets) * 0.75, max(upsets) * 1.3)
        for row, x in zip(own, upsets, strict=True):
            low, high = (v / x for v in results.limits(results.fit_draws(row, rates, "busy", rates_too=False)))
            colour, marker = COLOUR[row["activation"]], PRUNING_MARKER[row["pruning"]]
            filled = colour if row["activation"] == "relu" else "white"
            axes.vlines(x, 100 * low, 100 * high, color=colour, linewidth=1.6)
            axes.plot(
                x, 100 * results.error_rate(row, rates), marker, color=colour, markerfacecolor=filled, markersize=6.5
            )
        axes.set_title(arch)
        axes.set_xlabel("upsets of live bits per $10^9$ h")
        axes.set_ylim(0, 100)
    grid[0].set_ylabel("error rate per upset of a live bit, %")
    keys = [
        Line2D([], [], color=COLOUR[a], marker="o", markerfacecolor=COLOUR[a] if a == "relu" else "white",
               linestyle="none", label=TITLE[a]) for a in ACTIVATIONS
    ]  # fmt: skip
    keys += [Line2D([], [], color="#555555", marker=m, linestyle="none", label=p) for p, m in PRUNING_MARKER.items()]
    keys.append(Line2D([], [], color="#999999", linewidth=0.8, linestyle=":", label="equal failures per $10^9$ h"))
    figure.legend(handles=keys, loc="outside lower center", ncols=6)
    return figure


def _equal_failures(axes: Axes, low: float, high: float) -> None:
    """Draw where the product of both is the same."""
    x = np.linspace(low, high, 60)
    axes.set_xlim(low, high)
    for value in (1, 2, 4, 6, 8, 10, 15, 20, 30, 40, 60):
        y = 100 * value / x
        inside = (y > 4) & (y < 96)
        if np.count_nonzero(inside) < 12:
            continue
        axes.plot(x[inside], y[inside], ":", color="#999999", linewidth=0.8, zorder=1)
        at = int(np.flatnonzero(inside)[-1])
        axes.annotate(f"{value}", (x[at], y[at]), fontsize=7, color="#666666", ha="right", va="bottom")


def _sampling(row: Row, rates: RateTable) -> tuple[float, float]:
    return results.limits(results.fit_draws(row, rates, "busy", rates_too=False))


def uram(record: Mapping[str, Any]) -> Figure:
    """Failures of the accelerator with UltraRAM, and what pruning does to them, over the unknown rate of UltraRAM."""
    placed = next(a["arch"] for a in record["accelerators"] if a["uram_banks"])
    rows = [row for row in record["rows"] if row["arch"] == placed]
    tables = [rates_of(record, float(factor)) for factor in FACTORS]
    figure = Figure(figsize=(8.6, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    for row in rows:
        values = [results.fit(row, table) for table in tables]
        band = np.array([_sampling(row, table) for table in tables]).T
        left.fill_between(FACTORS, band[0], band[1], color=COLOUR[row["activation"]], alpha=0.14, linewidth=0)
        left.plot(
            FACTORS, values, linestyle=LINE[row["activation"]], color=COLOUR[row["activation"]],
            marker=PRUNING_MARKER[row["pruning"]], markevery=5, markersize=5, linewidth=1.2,
        )  # fmt: skip
    for activation in ACTIVATIONS:
        of = {pruning: results.pick(rows, activation=activation, pruning=pruning) for pruning in WIDTHS}
        found = [results.ratio(of["pruned"], of["original"], table, "busy") for table in tables]
        low, best, high = (list(values) for values in zip(*found, strict=True))
        colour = COLOUR[activation]
        right.plot(FACTORS, best, linestyle=LINE[activation], color=colour, linewidth=1.4, marker=MARKER[activation],
                   markevery=5, markersize=5)  # fmt: skip
        right.fill_between(FACTORS, low, high, color=colour, alpha=0.18, linewidth=0)
    for axes in (left, right):
        axes.set_xscale("log")
        axes.axvline(record["uram_over_bram"], color="#777777", linewidth=0.8, linestyle=":")
        axes.set_xlabel("upset rate of UltraRAM over that of block RAM")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    left.set_yscale("log")
    left.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    left.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    left.yaxis.set_minor_formatter(NullFormatter())
    left.set_ylabel("failures per $10^9$ h, without a pause")
    left.set_title(f"{placed}: all networks, 95 % of the sampling")
    right.axhline(1.0, color="#777777", linewidth=0.8)
    right.set_ylim(bottom=0)
    right.set_ylabel("pruned over original")
    right.set_title(f"{placed}: what pruning changes, 95 %")
    keys = [Line2D([], [], color=COLOUR[a], linestyle=LINE[a], marker=MARKER[a], label=TITLE[a]) for a in ACTIVATIONS]
    keys += [Line2D([], [], color="#555555", marker=m, linestyle="none", label=p) for p, m in PRUNING_MARKER.items()]
    keys.append(Line2D([], [], color="#777777", linestyle=":", linewidth=0.8, label="assumed in the tables"))
    figure.legend(handles=keys, loc="outside lower center", ncols=6)
    return figure
