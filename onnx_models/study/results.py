"""What a case says, as plain values, and how cases compare: the only place where the study computes."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from accel_sim.devices import Rate, RateTable
from accel_sim.devices.rates import MBIT
from accel_sim.devices.uncertainty import rate_draws, share_draws
from onnx_models.study.campaigns import Case

LEVEL: Final = 0.95
DRAWS: Final = 20_000
IMAGES_PER_SECOND: Final = 30.0
BUFFER_KINDS: Final = ("bram", "uram")
REGIMES: Final = ("busy", "fixed")
Row = Mapping[str, Any]
F64 = NDArray[np.float64]


def row_of(case: Case, model: Row, summaries: Mapping[str, Row], found: Row) -> dict[str, Any]:
    """Return a case's line of the study's data.

    Parameters
    ----------
    case
        Network and accelerator.
    model
        What its training wrote down.
    summaries
        Its campaigns by memory.
    found
        Its estimate.
    """
    parts = []
    for label, entry in found["avf"].items():
        memory = label.split(" ")[0]
        if memory not in summaries or not entry["live_fraction"]:
            continue
        outcomes = summaries[memory]["outcomes"]
        parts.append(
            {
                "memory": label,
                "kind": found["raw"][label]["kind"],
                "bits": found["raw"][label]["bits"],
                "live_fraction": entry["live_fraction"],
                "critical": {key: entry[key] / entry["live_fraction"] for key in ("low", "best", "high")},
                "faults": entry["faults"],
                "due": outcomes["due"] / summaries[memory]["faults"],
                "changed_pixels": summaries[memory]["changed_fraction"]["best"] * summaries[memory]["images"],
            }
        )
    kept = ("cycles", "clock_mhz", "latency_s", "fps", "energy_j", "gop", "efficiency", "ddr_bytes")
    return {
        "network": case.variant.name,
        "pruning": case.variant.pruning,
        "activation": case.variant.activation,
        "arch": case.accelerator.arch,
        "widths": list(case.variant.widths),
        "parameters": model["parameters"],
        "iou_global": model["iou_int8"]["global"],
        "iou_weighted": model["iou_int8"]["weighted"],
        **{key: found[key] for key in kept},
        "raw_fit": found["raw_fit"],
        "fit": {key: found["fit"][key] for key in ("low", "best", "high")},
        "fit_by_layer": found["fit_by_layer"],
        "parts": parts,
    }


def buffers(row: Row) -> list[Row]:
    """Return the parts that are block RAM or UltraRAM."""
    return [part for part in row["parts"] if part["kind"] in BUFFER_KINDS]


def live_fit(row: Row, rates: RateTable) -> float:
    """Upsets of live bits of the buffers per 10^9 h, when inferences follow each other without a pause."""
    return float(sum(p["bits"] * p["live_fraction"] * rates.require(p["kind"]).fit_per_bit for p in buffers(row)))


def error_rate(row: Row, rates: RateTable) -> float:
    """Share of upsets of live bits that change a pixel's class."""
    return fit(row, rates) / live_fit(row, rates)


def fit(row: Row, rates: RateTable, regime: str = "busy") -> float:
    """Failures per 10^9 h in the buffers; see :func:`scale` for the regime."""
    terms = (p["bits"] * p["live_fraction"] * p["critical"]["best"] * rates.require(p["kind"]).fit_per_bit
             for p in buffers(row))  # fmt: skip
    return scale(row, regime) * float(sum(terms))


def scale(row: Row, regime: str) -> float:
    """Share of the time in which the accelerator computes.

    ``busy``: inferences follow each other. ``fixed``: `IMAGES_PER_SECOND`, and between two inferences the buffers hold
    nothing that is still to be read.

    Raises
    ------
    ValueError
        The accelerator cannot keep up.
    """
    if regime == "busy":
        return 1.0
    duty = float(row["latency_s"]) * IMAGES_PER_SECOND
    if duty > 1:
        raise ValueError(
            f"{row['network']} on {row['arch']} takes {row['latency_s']} s: no {IMAGES_PER_SECOND} images/s"
        )
    return duty


def fit_draws(row: Row, rates: RateTable, regime: str, *, rates_too: bool = True, seed: int = 0) -> F64:
    """Draw failures per 10^9 h: sampling error of every part, and error of the rates in common to all rows.

    Rows with one seed share the draws of the rates and of nothing else.
    """
    common = np.random.default_rng([seed, 1])
    of_kind = {kind: _rate(rates.require(kind), common, rates_too) for kind in BUFFER_KINDS}
    key = [seed, 2, *f"{row['network']} {row['arch']}".encode()]
    own = np.random.default_rng(key)
    total = np.zeros(DRAWS)
    for part in buffers(row):
        c = part["critical"]
        share = share_draws(c["low"], c["best"], c["high"], LEVEL, own.standard_normal(DRAWS))
        total += part["bits"] * part["live_fraction"] * share * of_kind[part["kind"]]
    return scale(row, regime) * total


def _rate(rate: Rate, random: np.random.Generator, drawn: bool) -> F64:
    normal = random.standard_normal(DRAWS)
    if not drawn:
        return np.full(DRAWS, rate.fit_per_bit)
    return rate_draws(rate.low, rate.fit_per_bit, rate.high, LEVEL, normal)


def limits(draws: F64) -> tuple[float, float]:
    """Return the percentiles that hold the confidence level between them."""
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def ratio(a: Row, b: Row, rates: RateTable, regime: str) -> tuple[float, float, float]:
    """Failures of `a` over those of `b`: low, best, high; errors of the rates are common to both."""
    low, high = limits(fit_draws(a, rates, regime) / fit_draws(b, rates, regime))
    best = fit(a, rates, regime) / fit(b, rates, regime)
    return min(low, best), best, max(high, best)


def critical_mbit(row: Row) -> dict[str, float]:
    """Bits by kind of memory that would change a pixel's class at a moment of the inference, on average, in Mbit.

    Times a rate in FIT/Mbit this is the kind's failures per 10^9 h: for kinds whose rate nobody knows.
    """
    found: dict[str, float] = {}
    for part in row["parts"]:
        value = part["bits"] * part["live_fraction"] * part["critical"]["best"] / MBIT
        found[part["kind"]] = found.get(part["kind"], 0.0) + value
    return found


def critical_rate(row: Row, memory: str, limit: str = "best") -> float:
    """Share of upsets of a memory's live bits that change a pixel's class, both technologies together.

    `limit` is ``low``, ``best`` or ``high``; the limits of two technologies are averaged, which is too wide.
    """
    parts = [part for part in row["parts"] if part["memory"].split(" ")[0] == memory]
    live = [part["bits"] * part["live_fraction"] for part in parts]
    return float(sum(b * part["critical"][limit] for b, part in zip(live, parts, strict=True)) / sum(live))


def pick(rows: Sequence[Row], **wanted: str) -> Row:
    """Return the only row with these values."""
    (found,) = (row for row in rows if all(row[key] == value for key, value in wanted.items()))
    return found
