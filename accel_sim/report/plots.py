"""Dot plots with intervals, as SVG that takes its colours and its font from the page."""

import io
import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from accel_sim.report.wording import escape

# Stand-ins that are drawn, and what the page puts in their place.
_INK, _MUTED, _GRID = "#010203", "#040506", "#070809"
_SERIES = ("#0a0001", "#0a0002", "#0a0003", "#0a0004", "#0a0005", "#0a0006")
_MARKERS, _SIGNS = ("o", "D", "s", "^", "v", "P"), "●◆■▲▼✚"
_VARIABLES = {
    _INK: "var(--ink)", _MUTED: "var(--muted)", _GRID: "var(--line)",
    **{colour: f"var(--series-{i})" for i, colour in enumerate(_SERIES, 1)},
}  # fmt: skip
_ROW_INCHES, _WIDTH_INCHES = 0.24, 10.4
_TICKS = (*(step * 10.0**power for power in range(-6, 0) for step in (1, 2, 5)), 1.0)
_TICK_GAP = 0.06  # smallest distance, as a part of the axis


@dataclass(frozen=True)
class Dot:
    """One estimate on one row: shares between 0 and 1, and the sentence shown for it."""

    row: int
    low: float
    best: float
    high: float
    title: str


@dataclass(frozen=True)
class Series:
    """Dots of one kind, drawn with one colour and one marker."""

    name: str
    dots: tuple[Dot, ...]


@dataclass(frozen=True)
class Panel:
    """One of several plots that share their rows."""

    title: str
    series: tuple[Series, ...]


def dot_plot(key: str, title: str, rows: Sequence[str], panels: Sequence[Panel], axis: str) -> str:
    """Return an inline SVG: one row per label, one panel beside the other, the axis a square-root scale from 0.

    Parameters
    ----------
    key
        Prefix of all ids, different for each figure of a page: letters and digits.
    title
        Read aloud in place of the figure.
    rows
        Labels, from the top.
    axis
        What the axis shows.

    Returns
    -------
    SVG text; equal arguments give equal bytes. Every dot has its sentence as a tooltip. The legend is the page's:
    :func:`legend`.
    """
    # Names come from model files: matplotlib sees tokens in their place, and they are put in, escaped, at the end.
    texts = {f"row{i}token": label for i, label in enumerate(rows)}
    texts |= {f"panel{i}token": panel.title for i, panel in enumerate(panels)}
    titles: dict[str, str] = {}
    height = _ROW_INCHES * max(len(rows), 3) + 0.85
    left = 0.075 * max((_columns(label) for label in rows), default=0) + 0.28
    with _matplotlib() as figure_class:
        figure = figure_class(figsize=(_WIDTH_INCHES, height))
        axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        limit = max((d.high for p in panels for s in p.series for d in s.dots), default=1.0)
        for number, (ax, panel) in enumerate(zip(axes, panels, strict=True)):
            _draw(ax, f"panel{number}token", [f"row{i}token" for i in range(len(rows))], axis, limit)
            _dots(ax, panel, f"p{number}", titles)
        figure.subplots_adjust(left / _WIDTH_INCHES, 0.5 / height, 0.985, 1 - 0.35 / height, wspace=0.06)
        text = _svg(figure)
    return _inline(text, key, title, titles, texts)


def legend(names: Sequence[str]) -> str:
    """Return the legend of the series of those names as HTML."""
    entries = (
        f'<span class="key"><span style="color:var(--series-{i % len(_SERIES) + 1})" class="sign" aria-hidden="true">'
        f"{_SIGNS[i % len(_SIGNS)]}</span>{escape(name)}</span>"
        for i, name in enumerate(names)
    )
    return f'<p class="keys">{"".join(entries)}</p>'


def _columns(label: str) -> int:
    """Return how many columns a label takes where wide characters take two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in label)


@contextmanager
def _matplotlib() -> Iterator[Any]:
    """Import matplotlib, with its own defaults whatever the user's configuration says, and yield its Figure."""
    import logging

    # Says once per machine that it builds a cache of fonts; that is no news for someone who wants a report.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({
            "svg.fonttype": "none", "svg.hashsalt": "accel_sim", "font.size": 9.0, "text.color": _INK,
            "axes.edgecolor": _MUTED, "axes.labelcolor": _INK, "xtick.color": _MUTED, "ytick.color": _MUTED,
            "xtick.labelcolor": _INK, "ytick.labelcolor": _INK, "axes.titlesize": 9.5, "grid.color": _GRID,
            "axes.spines.top": False, "axes.spines.right": False, "axes.spines.left": False, "text.parse_math": False,
        })  # fmt: skip
        yield Figure


def _draw(ax: Any, title: str, rows: Sequence[str], axis: str, limit: float) -> None:
    """Set up one panel: rows, grid and scale."""
    ax.set_xscale("function", functions=(lambda x: np.sqrt(np.maximum(x, 0.0)), np.square))
    right = max(min(1.0, limit * 1.05), 1e-5)
    ax.set_xlim(0.0, right)
    ticks = [0.0]
    for tick in _TICKS:
        if tick <= right and np.sqrt(tick / right) - np.sqrt(ticks[-1] / right) > _TICK_GAP:
            ticks.append(tick)
    ax.set_xticks(ticks, [f"{100 * t:.3g}" for t in ticks])
    ax.set_xlabel(axis)
    ax.set_title(title, loc="left", color=_INK)
    ax.set_yticks(range(len(rows)), rows)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0, pad=8)
    ax.grid(axis="x", linewidth=0.6)
    for row in range(1, len(rows), 2):
        ax.axhspan(row - 0.5, row + 0.5, color=_GRID, alpha=0.35, linewidth=0)
    ax.set_axisbelow(True)


def _dots(ax: Any, panel: Panel, key: str, titles: dict[str, str]) -> None:
    """Draw the series of one panel and note the sentence of every dot."""
    total = len(panel.series)
    for order, series in enumerate(panel.series):
        shift = 0.0 if total == 1 else (order / (total - 1) - 0.5) * min(0.56, 0.3 * (total - 1))
        colour, marker = _SERIES[order % len(_SERIES)], _MARKERS[order % len(_MARKERS)]
        for number, dot in enumerate(series.dots):
            gid = f"{key}s{order}d{number}"
            titles[gid] = f"{series.name}: {dot.title}"
            y = dot.row + shift
            ax.plot([dot.low, dot.high], [y, y], color=colour, linewidth=1.3, solid_capstyle="butt", clip_on=False)
            ax.plot(
                [dot.best], [y], marker, color=colour, markersize=4.2, clip_on=False, gid=gid, zorder=3,
            )  # fmt: skip


def _svg(figure: Any) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return buffer.getvalue().decode("utf-8")


def _inline(text: str, key: str, title: str, titles: dict[str, str], texts: dict[str, str]) -> str:
    """Turn an SVG file into a part of a page: colours and font of the page, own ids, tooltips, a spoken title."""
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<defs>\s*<style.*?</style>\s*</defs>", "", text, flags=re.S)
    text = re.sub(r" font-family: [^;\"]*;", "", text)
    for stand_in, variable in _VARIABLES.items():
        text = text.replace(stand_in, variable)
    text = re.sub(r'\bid="', f'id="{key}-', text)
    text = re.sub(r'(href="#|url\(#)', rf"\g<1>{key}-", text)
    opening = f'<svg role="img" aria-labelledby="{key}-title" class="plot"'
    text = re.sub(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>', rf'{opening} viewBox="\1">', text, count=1)
    text = text.replace(">", f'><title id="{key}-title">{escape(title)}</title>', 1)
    for gid, sentence in titles.items():
        text = text.replace(f'<g id="{key}-{gid}">', f'<g id="{key}-{gid}"><title>{escape(sentence)}</title>')
    text = re.sub(r"(?:row|panel)\d+token", lambda found: escape(texts[found[0]]), text)
    return re.sub(r"\n\s*", "\n", text).strip()
