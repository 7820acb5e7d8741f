"""Numbers and names as a reader sees them: percentages, intervals, short labels, and text made safe for HTML."""

import html
import unicodedata
from collections.abc import Mapping
from typing import Any

EstimateJson = Mapping[str, Any]
SPACE = " "  # no line break between a number and its unit


def escape(value: object) -> str:
    """Return text that HTML shows as it is, in elements and in quoted attributes; control characters are replaced."""
    return html.escape(printable(str(value)), quote=True)


def printable(text: str) -> str:
    """Replace control characters, lone surrogates and marks that reverse the direction of writing."""
    return "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in ("Cc", "Cs", "Cf") else c for c in text)


def number(share: float) -> str:
    """Return a share in percent, without the sign: three digits, never rounded to 0 or to 100 when it is neither."""
    value = 100.0 * share
    if value in (0.0, 100.0):
        return f"{value:.0f}"
    if value < 0.001:
        return "<0.001"
    if value >= 99.95:
        return ">99.9"
    return f"{value:.1f}" if value >= 9.995 else f"{value:.3g}" if value < 0.1 else f"{value:.2f}"


def percent(share: float | None) -> str:
    """Return a share with its sign; a dash when nothing is known."""
    return "–" if share is None else f"{number(share)}{SPACE}%"


def limits(estimate: EstimateJson) -> str:
    """Return the interval, ``1.1 to 6.0 %``."""
    return f"{number(estimate['low'])} to {percent(estimate['high'])}"


def with_limits(estimate: EstimateJson) -> str:
    """Return the estimate and its interval, ``3.2 % (1.1 to 6.0 %)``; only the interval where nothing was drawn."""
    if estimate["best"] is None:
        return f"no draw ({limits(estimate)})"
    return f"{percent(estimate['best'])} ({limits(estimate)})"


def cell(share: float) -> str:
    """Return a share in percent in at most three characters; a dot stands for less than 0.01."""
    value = 100.0 * share
    if value == 0.0:
        return "0"
    if value < 0.01:
        return "·"
    if value < 0.995:
        return f"{value:.2f}"[1:]
    return f"{value:.1f}" if value < 9.95 else f"{min(value, 99.0) if share < 1 else value:.0f}"


def count(value: int) -> str:
    """Return a whole number in groups of three digits."""
    return f"{value:,}".replace(",", " ")


def plural(value: int, one: str, many: str = "") -> str:
    """Return a counted noun."""
    return f"{count(value)} {one if value == 1 else many or one + 's'}"


def short(name: str, limit: int = 24) -> str:
    """Return a label for a long tensor name: converters join path-like names by semicolons, and the tail tells most."""
    text = printable(name).strip()
    first = text.split(";", 1)[0]
    while len(first) > limit and "/" in first:
        first = first.split("/", 1)[1]
    first = first or text
    if len(first) <= limit:
        return first
    half = (limit - 1) // 2
    return f"{first[: limit - 1 - half]}…{first[-half:]}"


def shape(sizes: tuple[int, ...]) -> str:
    """Return a tensor's shape, ``8×25×3×3``."""
    return "×".join(map(str, sizes)) if sizes else "scalar"
