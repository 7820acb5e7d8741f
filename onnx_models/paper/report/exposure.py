"""What the paper leaves open: error rate per upset x exposed bits x residency, network by network."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from accel_sim.devices.uncertainty import share_draws
from onnx_models.paper.campaigns.estimates import LEVEL

F64 = NDArray[np.float64]
DRAWS: Final = 20_000
Record = Mapping[str, Any]


def draws_of(estimate: Record, seed: str) -> F64:
    """Return random values of an estimated share whose median and limits are the estimate's; a function of `seed`."""
    random = np.random.default_rng([*seed.encode()])
    best = float(estimate["best"])
    return share_draws(estimate["low"], best, estimate["high"], LEVEL, random.standard_normal(DRAWS))


def parameter_exposure(summary: Record) -> dict[str, Any]:
    """Return errors per upset, bits, and their product for parameters that lie in a memory all the time (residency 1).

    The product is the number of bits (in Mbit, 10^6) whose upset changes a pixel's class, on average: times a memory's
    upset rate per Mbit it is the rate of wrong pictures.
    """
    bits = summary["bits_stored"]
    rate = summary["upsets"]["critical"]
    return {
        "model": summary["model"],
        "bits": bits,
        "residency": 1.0,
        "per_upset": rate,
        "exposed_mbit": {key: rate[key] * bits / 1e6 for key in ("low", "best", "high")},
        "pixels_per_upset": summary["upsets"]["error"],
    }


def buffer_exposure(model: str, found: Record) -> dict[str, Any]:
    """Return the same for the accelerator's buffers, whose bits count only while they are live."""
    low = best = high = 0.0
    rows = {}
    total = np.zeros(DRAWS)
    for memory, entry in found["memories"].items():
        live = entry["bits"] * entry["live_fraction"] / 1e6
        rate = entry["critical"]
        rows[memory] = {"live_mbit": live, **{key: rate[key] * live for key in ("low", "best", "high")}}
        best += rate["best"] * live
        total += draws_of(rate, f"{model} {memory}") * live
    low, high = (float(v) for v in np.quantile(total, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]))
    return {
        "model": model,
        "memories": rows,
        "exposed_mbit": {"low": min(low, best), "best": best, "high": max(high, best)},
        "latency_s": found["latency_s"],
        "per_picture_mbit_ms": {
            "low": 1e3 * min(low, best) * found["latency_s"],
            "best": 1e3 * best * found["latency_s"],
            "high": 1e3 * max(high, best) * found["latency_s"],
        },
    }


def ratio(a: Record, b: Record, seed: str = "") -> dict[str, float]:
    """Return the ratio of two estimates (``low``, ``best``, ``high``) with limits, as if they were independent.

    The limits are percentiles of the ratio of two-piece normal values that have the estimates' own limits. A
    denominator that may be zero makes the upper limit infinite.
    """
    top, bottom = _positive(a, f"a{seed}"), _positive(b, f"b{seed}")
    with np.errstate(divide="ignore", invalid="ignore"):
        draws = np.where(bottom > 0, top / bottom, np.where(top > 0, np.inf, 1.0))
    # ranks, not interpolated quantiles: infinite values have no differences
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], method="nearest")
    best = a["best"] / b["best"] if b["best"] else float("inf") if a["best"] else 1.0
    return {"low": min(float(low), best), "best": best, "high": max(float(high), best)}


def _positive(e: Record, seed: str) -> F64:
    scale = max(float(e["high"]), 1e-300)
    normal = {key: float(e[key]) / scale for key in ("low", "best", "high")}
    return scale * draws_of(normal, seed)
