"""Figs. 1 to 6: pruning ratios, and the error rates of float networks."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from onnx_models.paper.campaigns.network import SETS
from onnx_models.paper.recipe import ACTIVATIONS
from onnx_models.paper.report.claims import TITLE, floats, model_of
from onnx_models.paper.report.style import (
    COLOUR,
    MARKER,
    SET_TITLE,
    activation_keys,
    bars,
    from_zero,
    interval,
)

Record = Mapping[str, Any]
BITS: Final = ("31", "30", "29", "28", "27", "26", "25", "24", "23", "22-0")
BIT_NAMES: Final = ("sign", "30", "29", "28", "27", "26", "25", "24", "23", "22-0")
RATE: Final = "wrong pixels, %"


def pruning_ratios(record: Record) -> Figure:
    """Fig. 1: share of the channels of every layer that pruning took away, both times together."""
    figure = Figure(figsize=(8.6, 3.2), layout="constrained")
    axes = figure.subplots()
    for activation in ACTIVATIONS:
        ratios = model_of(record, activation, "pruned2")["layer_pruning_ratio"]
        axes.plot(
            range(len(ratios)), list(ratios.values()), MARKER[activation], linestyle="-", linewidth=0.8,
            color=COLOUR[activation], markersize=4.5, label=TITLE[activation],
        )  # fmt: skip
        axes.set_xticks(
            range(len(ratios)), list(ratios), rotation=60, fontsize=7.5, ha="right", rotation_mode="anchor"
        )  # fmt: skip
    from_zero(axes, 1.0)
    axes.set_ylabel("share of channels removed")
    figure.legend(handles=activation_keys(), loc="outside lower center", ncols=3)
    return figure


def bits(record: Record, model: str = "relu-original") -> Figure:
    """Fig. 2 in short: error rate by kind of parameter and bit position, mean over the layers, with intervals."""
    summary = record["float"][model]
    figure = Figure(figsize=(8.6, 4.6), layout="constrained")
    grid = figure.subplots(2, 3, sharex=True, sharey=True).reshape(-1)
    for axes, kind in zip(grid, SETS, strict=True):
        for x, bit in enumerate(BITS):
            e = summary["set_bits"][kind][bit]
            interval(axes, x, e, COLOUR["relu"])
            axes.plot(x, 100 * e["best"], "o", color=COLOUR["relu"], markersize=4)
        axes.set_title(SET_TITLE[kind])
        axes.set_xticks(range(len(BITS)), BIT_NAMES, fontsize=7.5)
        from_zero(axes, 100)
    for axes in (grid[0], grid[3]):
        axes.set_ylabel(RATE)
    figure.supxlabel("flipped bit (30 to 23: exponent, 22-0: mantissa)", fontsize=9)
    return figure


def layers(record: Record, cells: Sequence[Mapping[str, str]], model: str = "relu-original") -> Figure:
    """Fig. 2 in full: error rate of every layer, kind of parameter and bit of sign and exponent, as a map."""
    blocks = list(dict.fromkeys(t["block"] for t in record["float"][model]["tensors"]))
    shown = BITS[:-1]
    figure = Figure(figsize=(8.6, 5.6), layout="constrained")
    grid = figure.subplots(1, len(SETS), sharey=True)
    image = None
    for axes, kind in zip(grid, SETS, strict=True):
        values = np.full((len(blocks), len(shown)), np.nan)
        for cell in cells:
            if (cell["model"], cell["set"]) == (model, kind) and cell["bits"] in shown:
                values[blocks.index(cell["block"]), shown.index(cell["bits"])] = 100 * float(cell["error_best"])
        image = axes.imshow(values, aspect="auto", cmap="cividis", vmin=0, vmax=100, interpolation="nearest")
        axes.grid(visible=False)
        axes.set_title(SET_TITLE[kind])
        axes.set_xticks(range(len(shown)), ["s", *shown[1:]], fontsize=6, rotation=90)
    grid[0].set_yticks(range(len(blocks)), blocks, fontsize=7.5)
    figure.supxlabel("flipped bit (s: sign)", fontsize=9)
    assert image is not None
    figure.colorbar(image, ax=grid, label=RATE, shrink=0.8)
    return figure


def means(record: Record, version: str) -> Figure:
    """Figs. 3 and 5: mean error rate by kind of parameter, and of all."""
    figure = Figure(figsize=(8.6, 3.4), layout="constrained")
    axes = figure.subplots()
    found = {
        a: [*(s["sets"][kind]["tensors"] for kind in SETS), s["all"]["tensors"]]
        for a, s in floats(record, version).items()
    }
    bars(axes, [SET_TITLE[kind] for kind in (*SETS, "all")], found)
    axes.axvline(len(SETS) - 0.5, color="#bbbbbb", linewidth=0.8)
    axes.set_ylabel(RATE)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def near_one(record: Record, version: str) -> Figure:
    """Figs. 4 and 6: error rate of bit 30 in every tensor, and how far it exceeds the share of values in 1 to 2."""
    figure = Figure(figsize=(8.6, 7.2), layout="constrained")
    grid = figure.subplots(3, 1, sharex=True, sharey=True)
    for axes, activation in zip(grid, ACTIVATIONS, strict=True):
        tensors = _by_set(record["float"][f"{activation}-{version}"]["tensors"])
        for x, t in enumerate(tensors):
            e, colour = t["msb"], COLOUR[activation]
            interval(axes, x, e, colour, 0.5)
            axes.plot(x, 100 * e["best"], MARKER[activation], color=colour, markerfacecolor="none", markersize=3.5)
            axes.plot(x, 100 * (e["best"] - t["ratio_1_2"]), MARKER[activation], color=colour, markersize=3.5)
        axes.axhline(0, color="#555555", linewidth=0.6)
        _mark_sets(axes, tensors)
        axes.set_ylabel(RATE)
        axes.set_ylim(-45, 104)
        axes.text(0.004, 0.03, TITLE[activation], transform=axes.transAxes, color=COLOUR[activation])
    keys = [
        Line2D(
            [], [], color="#555555", marker="o", markerfacecolor="none", linestyle="none", label="error rate of bit 30"
        ),
        Line2D(
            [],
            [],
            color="#555555",
            marker="o",
            linestyle="none",
            label="the same less the share of values within 1 and 2",
        ),
    ]
    figure.legend(handles=keys, loc="outside lower center", ncols=2)
    return figure


def _by_set(tensors: Sequence[Record]) -> list[Record]:
    return [t for kind in SETS for t in tensors if t["set"] == kind]


def _mark_sets(axes: Axes, tensors: Sequence[Record]) -> None:
    """Write the kinds of parameters under the axis; layers run from input to output in each."""
    ends = [sum(t["set"] in SETS[: i + 1] for t in tensors) for i in range(len(SETS))]
    starts = [0, *ends[:-1]]
    for end in ends[:-1]:
        axes.axvline(end - 0.5, color="#bbbbbb", linewidth=0.8)
    axes.set_xticks([(a + b - 1) / 2 for a, b in zip(starts, ends, strict=True)], [SET_TITLE[kind] for kind in SETS])
    for i, t in enumerate(tensors):
        if t.get("zone") == "centre":
            axes.axvspan(i - 0.5, i + 0.5, color="#f2f2f2", linewidth=0, zorder=0)


def figures(record: Record, cells: Sequence[Mapping[str, str]]) -> Iterator[tuple[str, Figure]]:
    """Yield name and figure."""
    yield "fig1_pruning", pruning_ratios(record)
    yield "fig2_bits", bits(record)
    yield "fig2_layers", layers(record, cells)
    yield "fig3_original", means(record, "original")
    yield "fig4_original_near_one", near_one(record, "original")
    yield "fig5_pruned", means(record, "pruned2")
    yield "fig6_pruned_near_one", near_one(record, "pruned2")
