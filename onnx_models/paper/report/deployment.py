"""Table IV: speed, power and energy on a KV260, estimated at the paper's full size, beside what it measured."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from accel_sim.estimate import estimate_network
from accel_sim.levels import find_config
from onnx_models.paper.report.full_size import even_widths, full_size_network, gop_of, parameters_of, pruned_widths

ARCH: Final = "b4096"
MEASURED: Final[Mapping[str, Mapping[str, float]]] = {
    "relu": {"fps": 22.68, "power_w": 6.62, "energy_j": 0.29, "gop": 8.41, "parameters_m": 0.32},
    "sigmoid": {"fps": 0.59, "power_w": 5.74, "energy_j": 9.73, "gop": 16.46, "parameters_m": 1.38},
    "hardsigmoid": {"fps": 19.83, "power_w": 6.90, "energy_j": 0.35, "gop": 10.35, "parameters_m": 1.47},
}
"""The paper's Tables II and IV."""
OURS, EVEN = "our ratios", "even"
HOST, TABLE = "host", "table"


def deployment(models: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Estimate every pruned network at full size.

    Parameters
    ----------
    models
        The entries of ``models.json``; those of version ``pruned2`` give the pruning ratio of every layer.

    Returns
    -------
    dict
        ``rows``: what the estimate says per activation function, thinning (`OURS`: each layer by our network's
        ratio; `EVEN`: all layers alike, to the paper's operations) and place of the Sigmoid (`HOST` as on the real
        array, `TABLE` in the array: one pass of the elementwise unit, as HardSigmoid takes); ``rest_s``: time per
        picture that the paper's ReLU row has and the estimate of the array has not, taken as host work that all
        networks share.
    """
    rows = []
    for activation in MEASURED:
        ratios = next(
            (m["layer_pruning_ratio"] for m in models if (m["activation"], m["version"]) == (activation, "pruned2")),
            None,
        )
        for thinning in (OURS, EVEN):
            if thinning == OURS and ratios is None:
                continue
            widths = (
                even_widths(MEASURED[activation]["gop"])
                if ratios is None or thinning == EVEN
                else pruned_widths(ratios)
            )
            for place in (HOST, TABLE) if activation == "sigmoid" else ("",):
                rows.append(_row(activation, thinning, place, widths))
    relu = next(r for r in rows if r["activation"] == "relu" and r["thinning"] == EVEN)
    rest = 1 / MEASURED["relu"]["fps"] - relu["latency_s"]
    for row in rows:
        row["fps_with_rest"] = 1 / (row["latency_s"] + row["host_s"] + max(rest, 0.0))
    return {"arch": ARCH, "rows": rows, "rest_s": rest, "measured": {k: dict(v) for k, v in MEASURED.items()}}


def _row(activation: str, thinning: str, place: str, widths: Mapping[str, int]) -> dict[str, Any]:
    # As a table in the array, Sigmoid takes what HardSigmoid takes: every value once through the elementwise unit.
    drawn = "hardsigmoid" if place == TABLE else activation
    found = estimate_network(full_size_network(widths, drawn), find_config(ARCH))
    whole = found.latency_s + found.host_s
    return {
        "activation": activation,
        "thinning": thinning,
        "sigmoid": place,
        "gop": gop_of(widths),
        "parameters": parameters_of(widths),
        "cycles": found.cycles,
        "latency_s": found.latency_s,
        "host_s": found.host_s,
        "fps_array": found.fps,
        "fps": found.fps_with_host,
        "energy_j": found.energy.total_j,
        "power_w": found.energy.total_j / whole,
        "array_power_w": (found.energy.static_j / whole * found.latency_s + found.energy.mac_j + found.energy.ddr_j)
        / found.latency_s,
        "unverified": list(found.energy.unverified),
    }
