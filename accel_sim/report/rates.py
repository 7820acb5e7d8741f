"""The mean rate of every parameter set with its interval: one campaign, or several side by side."""

from collections.abc import Iterable, Sequence
from typing import Any

from accel_sim.report.evidence import Evidence
from accel_sim.report.layers import Group, Layer, Layout
from accel_sim.report.plots import Dot, Panel, Series, dot_plot, legend
from accel_sim.report.wording import count, plural, with_limits

QUANTITIES = (("changed_fraction", "mean changed fraction"), ("critical_rate", "critical rate"))
AXIS = "share in percent, square-root scale"


def set_rates(key: str, layout: Layout) -> str:
    """Return the plot of both rates of every tensor, panels by role."""
    names = [name for _, name in QUANTITIES]
    panels = [
        Panel(group.title, tuple(Series(name, _dots(layout, layout.layers, group, q)) for q, name in QUANTITIES))
        for group in layout.groups
    ]
    title = "Mean changed fraction and critical rate of every set, with intervals; the numbers are in the table."
    plot = dot_plot(key, title, [layer.label for layer in layout.layers], panels, AXIS)
    return f'{legend(names)}<div class="scroll">{plot}</div>'


def compared_rates(key: str, evidence: Sequence[Evidence], layouts: Sequence[Layout]) -> str:
    """Return the plot of the mean changed fraction per set with one series per file; empty when nothing corresponds.

    Layers correspond in order when all files have the same number of them with the same roles and bits in each place
    (models that differ in their activation function, say, whatever their tensors are called); else by their labels.
    """
    if len({e.space for e in evidence}) > 1:
        return ""
    rows = _aligned(layouts)
    if not rows:
        return ""
    groups = dict.fromkeys(group for row in rows for layer in row for group in layer.tensors)
    columns = list(zip(*rows, strict=True))
    panels = [
        Panel(group.title, tuple(
            Series(e.label, _dots(layout, layers, group, "changed_fraction"))
            for e, layout, layers in zip(evidence, layouts, columns, strict=True)
        ))
        for group in groups
    ]  # fmt: skip
    title = "Mean changed fraction of every set, with intervals, one series per file."
    plot = dot_plot(key, title, [row[0].label for row in rows], panels, AXIS)
    alone = max(len(layout.layers) for layout in layouts) - len(rows)
    note = f"<p>{plural(alone, 'layer')} of one file or more have no counterpart and are left out.</p>" if alone else ""
    return f'{legend([e.label for e in evidence])}<div class="scroll">{plot}</div>{note}'


def _aligned(layouts: Sequence[Layout]) -> list[tuple[Layer, ...]]:
    """Return for each common row its layer in every file."""
    if len({tuple(tuple(layer.tensors) for layer in layout.layers) for layout in layouts}) == 1:
        return list(zip(*(layout.layers for layout in layouts), strict=True))
    named = [{layer.label: layer for layer in layout.layers} for layout in layouts]
    return [tuple(names[label] for names in named) for label in named[0] if all(label in names for names in named)]


def _dots(layout: Layout, layers: Iterable[Layer], group: Group, quantity: str) -> tuple[Dot, ...]:
    """Return the dots of one group of tensors, in rows as the layers come; none where nothing was drawn."""
    dots = []
    for row, layer in enumerate(layers):
        entry: Any = layout.sets[layer.tensors[group].name] if group in layer.tensors else None
        if entry is not None and entry[quantity]["best"] is not None:
            estimate = entry[quantity]
            drawn = f"n = {entry['faults']} of {count(entry['population'])}"
            title = f"{layer.label} {group.role}: {with_limits(estimate)}, {drawn}"
            dots.append(Dot(row, estimate["low"], estimate["best"], estimate["high"], title))
    return tuple(dots)
