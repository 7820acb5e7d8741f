"""Figs. 7 and 8, and what goes beyond the paper: exposure and protection."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from onnx_models.paper.recipe import ACTIVATIONS, SCHEMES
from onnx_models.paper.report.claims import TITLE, int8s
from onnx_models.paper.report.claims_int8 import SCHEME
from onnx_models.paper.report.figures_float import RATE
from onnx_models.paper.report.style import COLOUR, MARKER, activation_keys, bars, from_zero, interval, plain_ticks

Record = Mapping[str, Any]
KINDS: Final = ("weight", "bias")
KIND_TITLE: Final = {"weight": "weights", "bias": "biases"}


def bits(record: Record, activation: str = "relu") -> Figure:
    """Fig. 7: error rate of the pruned int8 network by bit of weights and biases, both schemes."""
    figure = Figure(figsize=(8.6, 5.0), layout="constrained")
    grid = figure.subplots(2, 2, width_ratios=[1, 2.2], sharey="col")
    for row, scheme in zip(grid, SCHEMES, strict=True):
        summary = int8s(record, scheme)[activation]
        for axes, kind in zip(row, KINDS, strict=True):
            found = summary["set_bits"][kind]
            for bit, e in found.items():
                interval(axes, int(bit), e, COLOUR[activation])
                axes.plot(int(bit), 100 * e["best"], MARKER[activation], color=COLOUR[activation], markersize=4)
            axes.set_xlim(len(found) - 0.4, -0.6)
            axes.set_title(f"{SCHEME[scheme]}: {KIND_TITLE[kind]}")
        row[0].set_ylabel(RATE)
    for axes, kind in zip(grid[0], KINDS, strict=True):  # a column has one scale
        of = [int8s(record, scheme)[activation]["set_bits"][kind] for scheme in SCHEMES]
        from_zero(axes, 100 * max(e["high"] for found in of for e in found.values()))
    for axes in grid[1]:
        axes.set_xlabel("flipped bit (highest: sign)")
    return figure


def means(record: Record) -> Figure:
    """Fig. 8: mean error rate of the pruned int8 networks, weights, biases and all, both schemes."""
    figure = Figure(figsize=(8.6, 3.2), layout="constrained")
    grid = figure.subplots(1, 2, sharey=True)
    for axes, scheme in zip(grid, SCHEMES, strict=True):
        found = {
            a: [*(s["sets"][kind]["tensors"] for kind in KINDS), s["all"]["tensors"]]
            for a, s in int8s(record, scheme).items()
        }
        bars(axes, ["weights", "biases", "all"], found)
        axes.set_title(SCHEME[scheme])
    grid[0].set_ylabel(RATE)
    figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


STORED: Final = (
    ("original", "original\nfloat32"), ("pruned2", "pruned\nfloat32"), ("original-tflite", "original\nTFLite"),
    ("pruned2-tflite", "pruned\nTFLite"), ("original-dpu", "original\nDPU"), ("pruned2-dpu", "pruned\nDPU"),
)  # fmt: skip


def exposure(record: Record) -> Figure:
    """Error rate per upset, and its product with the exposed bits, of parameters and of the accelerator's buffers."""
    figure = Figure(figsize=(8.6, 3.6), layout="constrained")
    rate, product, buffers = figure.subplots(1, 3, width_ratios=[4, 4, 2.2])
    for activation in ACTIVATIONS:
        shift = 0.2 * (ACTIVATIONS.index(activation) - 1)
        for x, (key, _) in enumerate(STORED):
            found = record["exposure"][f"{activation}-{key}"]
            _point(rate, x + shift, found["per_upset"], activation, 100)
            _point(product, x + shift, found["exposed_mbit"], activation, 1)
        for x, version in enumerate(("original", "pruned2")):
            _point(
                buffers, x + shift, record["buffers"][f"{activation}-{version}-tflite"]["exposed_mbit"], activation, 1
            )
    for axes in (rate, product):
        axes.set_xticks(range(len(STORED)), [name for _, name in STORED], fontsize=7.5)
    buffers.set_xticks(range(2), ["original\nint8", "pruned\nint8"], fontsize=7.5)
    for axes in (product, buffers):
        axes.set_yscale("log")
        plain_ticks(axes.yaxis)
    for axes in (rate, product, buffers):
        axes.margins(x=0.08)
    from_zero(rate, 100.0)
    rate.set_title("upsets with a wrong pixel, %")
    product.set_title("critical parameter bits, Mbit")
    buffers.set_title("critical live\nbuffer bits, Mbit")
    figure.legend(handles=activation_keys(), loc="outside lower center", ncols=3)
    return figure


def _point(axes: Axes, x: float, e: Record, activation: str, scale: float) -> None:
    axes.vlines(x, scale * e["low"], scale * e["high"], color=COLOUR[activation], linewidth=1.4)
    axes.plot(x, scale * e["best"], MARKER[activation], color=COLOUR[activation], markersize=4.5)


POLICY: Final = {"none": "none", "saturate": "clip to bound", "lower": "to lower bound", "mantissa": "ECC in mantissa"}


def protection(record: Record) -> Figure:
    """Error rate of float networks without protection, with range limits, and with ECC in the mantissa."""
    figure = Figure(figsize=(8.6, 3.6), layout="constrained")
    grid = figure.subplots(1, 2, sharey=True)
    for axes, version, title in zip(grid, ("original", "pruned2"), ("original", "pruned"), strict=True):
        for activation in ACTIVATIONS:
            found = record["protection"][f"{activation}-{version}"]
            shift = 0.2 * (ACTIVATIONS.index(activation) - 1)
            for x, policy in enumerate(POLICY):
                e = found["mantissa"]["after"] if policy == "mantissa" else found["limits"][policy]["all"]["error"]
                interval(axes, x + shift, e, COLOUR[activation], 1.4)
                axes.plot(x + shift, 100 * e["best"], MARKER[activation], color=COLOUR[activation], markersize=4.5)
        axes.set_xticks(range(len(POLICY)), list(POLICY.values()), fontsize=7.5)
        axes.set_title(title)
    from_zero(grid[0], 100 * max(p["limits"]["none"]["all"]["error"]["high"] for p in record["protection"].values()))
    grid[0].set_ylabel(RATE)
    figure.legend(handles=activation_keys(), loc="outside lower center", ncols=3)
    return figure


def throughput(record: Record) -> Figure:
    """Table IV as a picture: frame rates measured by the paper and estimated here."""
    rows = record["deployment"]["rows"]
    figure = Figure(figsize=(8.6, 2.9), layout="constrained")
    axes = figure.subplots()
    names = []
    for y, row in enumerate(rows):
        colour, activation = COLOUR[row["activation"]], row["activation"]
        axes.plot(row["fps_array"], y, MARKER[activation], color=colour, markerfacecolor="none", markersize=6)
        axes.plot(row["fps_with_rest"], y, MARKER[activation], color=colour, markersize=6)
        if row["sigmoid"] != "table":  # nobody measured that
            fps = record["deployment"]["measured"][activation]["fps"]
            axes.vlines(fps, y - 0.35, y + 0.35, color="#222222", linewidth=1.6)
        place = {"host": ", on the host", "table": ", table in the array"}.get(row["sigmoid"], "")
        names.append(f"{TITLE[activation]}{place} ({row['thinning']})")
    axes.set_yticks(range(len(rows)), names)
    axes.invert_yaxis()
    axes.set_xscale("log")
    plain_ticks(axes.xaxis)
    axes.grid(axis="x", color="#e4e4e4")
    axes.set_xlabel("pictures per second")
    keys = [
        Line2D([], [], color="#555555", marker="o", markerfacecolor="none", linestyle="none", label="array alone"),
        Line2D([], [], color="#555555", marker="o", linestyle="none", label="with host time"),
        Line2D([], [], color="#222222", marker="|", markersize=9, linestyle="none", label="measured in the paper"),
    ]
    figure.legend(handles=keys, loc="outside lower center", ncols=3)
    return figure


def figures(record: Record) -> Iterator[tuple[str, Figure]]:
    """Yield name and figure."""
    yield "fig7_int8_bits", bits(record)
    yield "fig8_int8", means(record)
    yield "table4_throughput", throughput(record)
    yield "exposure", exposure(record)
    yield "protection", protection(record)
