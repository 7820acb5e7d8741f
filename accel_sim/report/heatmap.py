"""The layer x bit heat map, as a table: a tooltip for every cell, readable aloud, and without pictures."""

from typing import Any

from accel_sim.report.colour_classes import BINS, colour_class
from accel_sim.report.layers import Group, Layer, Layout
from accel_sim.report.wording import SPACE, cell, count, escape, with_limits


def colour_scale() -> str:
    """Return the legend of the colours as HTML."""
    ends = [f"{100 * end:g}{SPACE}%" for end in BINS[1:-1]]
    names = ["0", *(f"≤ {end}" for end in ends), f"> {ends[-1]}"]
    swatches = "".join(f'<span class="key"><span class="sw h{i}"></span>{name}</span>' for i, name in enumerate(names))
    none = '<span class="key"><span class="sw no"></span>no draw, nothing known</span>'
    none += '<span class="key muted">numbers in percent, · below 0.01; bit 0 is the least significant</span>'
    return f'<p class="keys">{swatches}{none}</p>'


def heat_map(layout: Layout, quantity: str, caption: str) -> str:
    """Return the table of one quantity.

    Parameters
    ----------
    quantity
        ``changed_fraction`` or ``critical_rate``.
    caption
        What the numbers are.
    """
    head = "".join(f'<th scope="colgroup" colspan="{g.bits}" class="gs">{escape(g.title)}</th>' for g in layout.groups)
    numbers = "".join(
        f'<th scope="col"{_start(bit)}>{bit}</th>'
        for group in layout.groups for bit in range(group.bits)
    )  # fmt: skip
    body = "".join(
        f'<tr><th scope="row" title="{escape(layer.name)}">{escape(layer.label)}</th>'
        + "".join(_cells(layout, layer, group, quantity) for group in layout.groups) + "</tr>"
        for layer in layout.layers
    )  # fmt: skip
    return (
        f'<div class="half"><div class="scroll"><table class="heat"><caption>{escape(caption)}</caption>'
        f'<thead><tr><td></td>{head}</tr><tr><th scope="col">layer</th>{numbers}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
        '<p class="pick" aria-live="polite">Point at a cell, or tap it, for its interval and faults drawn.</p></div>'
    )


def _start(bit: int) -> str:
    return ' class="gs"' if bit == 0 else ""


def _cells(layout: Layout, layer: Layer, group: Group, quantity: str) -> str:
    tensor = layer.tensors.get(group)
    if tensor is None:
        return f'<td class="gs" colspan="{group.bits}"></td>'
    return "".join(
        _cell(layout.strata.get((tensor.name, bit)), quantity, f"{layer.label} {group.role}", bit)
        for bit in range(group.bits)
    )


def _cell(entry: Any, quantity: str, where: str, bit: int) -> str:
    start = " gs" if bit == 0 else ""
    if entry is None:
        return f'<td class="{start.strip()}"></td>'
    if entry[quantity]["best"] is None:
        title = f"{where} bit {bit}: none of {count(entry['population'])} drawn"
        return f'<td class="no{start}" title="{escape(title)}"></td>'
    share = entry[quantity]["best"]
    drawn = f"n = {entry['faults']} of {count(entry['population'])}"
    title = f"{where} bit {bit}: {with_limits(entry[quantity])}, {drawn}"
    return f'<td class="h{colour_class(share)}{start}" title="{escape(title)}">{cell(share)}</td>'
