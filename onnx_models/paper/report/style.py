"""Colours, markers and files of the figures: told apart without colour, too."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from onnx_models.paper.recipe import ACTIVATIONS
from onnx_models.paper.report.claims import TITLE

# Okabe and Ito: told apart with every kind of colour blindness, and by marker and hatch in grey.
COLOUR: Final = {"relu": "#0072B2", "sigmoid": "#009E73", "hardsigmoid": "#D55E00"}
MARKER: Final = {"relu": "o", "sigmoid": "^", "hardsigmoid": "s"}
HATCH: Final = {"relu": "", "sigmoid": "///", "hardsigmoid": "..."}
SET_TITLE: Final = {
    "kernel": "kernel", "bias": "bias", "gamma": "gamma", "beta": "beta", "moving_mean": "moving mean",
    "moving_variance": "moving variance", "weight": "weights", "all": "all",
}  # fmt: skip
STYLE: Final[dict[Any, Any]] = {
    "svg.hashsalt": "paper", "font.size": 9.0, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
    "axes.grid.axis": "y", "grid.color": "#e4e4e4", "grid.linewidth": 0.6, "axes.axisbelow": True,
    "legend.frameon": False, "figure.facecolor": "white", "axes.titlesize": 9.5, "hatch.linewidth": 0.6,
}  # fmt: skip


def save(figure: Figure, path: Path) -> None:
    """Write a figure as SVG and PNG (150 dots per inch), the same bytes for the same data and Matplotlib."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        figure.savefig(path.with_suffix(".svg"), format="svg", metadata={"Date": None})
        figure.savefig(path.with_suffix(".png"), format="png", dpi=150, metadata={"Software": None})


def interval(axes: Axes, x: float, e: Mapping[str, Any], colour: str = "#222222", width: float = 1.2) -> None:
    """Draw the limits of an estimated share, in percent."""
    axes.vlines(x, 100 * e["low"], 100 * e["high"], color=colour, linewidth=width)


def from_zero(axes: Axes, top: float) -> None:
    """Set the vertical limits of points with intervals: markers at zero and intervals up to `top` are drawn whole."""
    axes.set_ylim(-0.03 * top, 1.04 * top)


def plain_ticks(axis: Axis) -> None:
    """Write the ticks of a logarithmic axis as plain numbers, at 1, 2 and 5 times a power of ten."""
    axis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def activation_keys(**options: Any) -> list[Line2D]:
    """Return legend entries of the activation functions as markers."""
    return [
        Line2D([], [], color=COLOUR[a], marker=MARKER[a], linestyle="none", label=TITLE[a], **options)
        for a in ACTIVATIONS
    ]


def bars(axes: Axes, groups: list[str], values: Mapping[str, list[Mapping[str, Any]]]) -> None:
    """Draw bars with intervals, a bar per activation function in every group.

    Parameters
    ----------
    axes
        Where.
    groups
        Names under the bars.
    values
        Activation function to one estimate per group.
    """
    for number, (activation, own) in enumerate(values.items()):
        shift = 0.26 * (number - (len(values) - 1) / 2)
        x = [i + shift for i in range(len(groups))]
        axes.bar(
            x, [100 * e["best"] for e in own], 0.24, color=COLOUR[activation], hatch=HATCH[activation],
            edgecolor="white", linewidth=0, label=TITLE[activation],
        )  # fmt: skip
        for place, e in zip(x, own, strict=True):
            interval(axes, place, e)
    axes.set_xticks(range(len(groups)), groups)
    axes.set_ylim(bottom=0)
