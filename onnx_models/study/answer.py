"""The answer in one paragraph, worded after what the intervals say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from accel_sim.devices import RateTable
from onnx_models.study import results
from onnx_models.study.results import IMAGES_PER_SECOND
from onnx_models.study.variants import ACTIVATIONS


@dataclass(frozen=True)
class Ratios:
    """Ratios of pairs of networks with their limits."""

    found: tuple[tuple[float, float, float], ...]

    @property
    def fewer(self) -> int:
        """Pairs whose limits are below 1."""
        return sum(high < 1 for _, _, high in self.found)

    @property
    def more(self) -> int:
        """Pairs whose limits are above 1."""
        return sum(low > 1 for low, _, _ in self.found)

    @property
    def verb(self) -> str:
        """What the first network of the pairs does to failures."""
        total = len(self.found)
        if self.fewer == total:
            return "lowers the failure rate"
        if self.more == total:
            return "raises the failure rate"
        if self.fewer and not self.more:
            return f"lowers the failure rate or leaves it ({self.fewer} of {total} pairs clearly lower, none higher)"
        if self.more and not self.fewer:
            return f"raises the failure rate or leaves it ({self.more} of {total} pairs clearly higher, none lower)"
        if not self.more and not self.fewer:
            return "does not change the failure rate by more than the limits"
        return f"lowers the failure rate in {self.fewer} of {total} pairs and raises it in {self.more}"

    @property
    def span(self) -> str:
        """Smallest and largest best value."""
        best = [value for _, value, _ in self.found]
        return f"{min(best):.2f} to {max(best):.2f} times"


def pruned(record: Mapping[str, Any], rates: RateTable, regime: str) -> Ratios:
    """Compare the pruned networks with the originals, pair by pair."""
    return Ratios(tuple(
        results.ratio(
            results.pick(record["rows"], pruning="pruned", activation=activation, arch=a["arch"]),
            results.pick(record["rows"], pruning="original", activation=activation, arch=a["arch"]),
            rates, regime,
        )
        for a in record["accelerators"] for activation in ACTIVATIONS
    ))  # fmt: skip


def bounded(record: Mapping[str, Any], rates: RateTable, regime: str) -> Ratios:
    """Compare HardSigmoid with ReLU, pair by pair."""
    rows = [row for row in record["rows"] if row["activation"] == "hardsigmoid"]
    return Ratios(tuple(
        results.ratio(
            row, results.pick(record["rows"], pruning=row["pruning"], activation="relu", arch=row["arch"]),
            rates, regime,
        )
        for row in rows
    ))  # fmt: skip


def largest(record: Mapping[str, Any], rates: RateTable, regime: str) -> Ratios:
    """Compare the last accelerator with the first one, network by network."""
    small, large = ([row for row in record["rows"] if row["arch"] == record["accelerators"][number]["arch"]]
                    for number in (0, -1))  # fmt: skip
    pairs = ((row, results.pick(small, network=row["network"])) for row in large)
    return Ratios(tuple(results.ratio(row, other, rates, regime) for row, other in pairs))


def answer(record: Mapping[str, Any], rates: RateTable) -> str:
    """Return the first paragraph.

    Parameters
    ----------
    record
        The study's data.
    rates
        Upset rates.
    """
    fixed, busy = (pruned(record, rates, regime) for regime in ("fixed", "busy"))
    hard = {regime: bounded(record, rates, regime) for regime in ("fixed", "busy")}
    groups = {p: [row for row in record["rows"] if row["pruning"] == p] for p in ("original", "pruned")}
    errors = {p: _span([100 * results.error_rate(row, rates) for row in rows]) for p, rows in groups.items()}
    upsets = {p: _span([results.live_fit(row, rates) for row in rows], ".1f") for p, rows in groups.items()}
    size = {regime: largest(record, rates, regime) for regime in ("fixed", "busy")}
    small, large = (record["accelerators"][number]["arch"] for number in (0, -1))
    again = "it does so too" if busy.verb == fixed.verb else f"it {busy.verb}"
    return (
        f"**At a fixed {IMAGES_PER_SECOND:g} images/s, pruning a U-Net to half its channels {fixed.verb} of a KV260's "
        f"buffers: pruned networks fail {fixed.span} as often as their originals. Without a pause between inferences "
        f"{again}: {busy.span}.** An upset of a live bit changes a pixel's class in {errors['original']} % of "
        f"cases in the originals and {errors['pruned']} % in the pruned networks, over accelerators and activation "
        f"functions; without a pause {upsets['original']} and {upsets['pruned']} such upsets come in 10^9 h. "
        f"{_activation(hard, record)} A {large} fails {size['busy'].span} as often as a "
        f"{small} without a pause, {size['fixed'].span} at a fixed frame rate. Only block RAM and UltraRAM count, and "
        f"**the rate of block RAM is unverified, that of UltraRAM assumed** ({record['uram_over_bram']:g} times block "
        "RAM's)."
    )


def _activation(hard: Mapping[str, Ratios], record: Mapping[str, Any]) -> str:
    """Say what the bounded activation function does, and what it costs in accuracy."""
    scores = {a: _span([n["iou_int8"]["global"] for n in record["networks"] if n["activation"] == a], ".1f")
              for a in ACTIVATIONS}  # fmt: skip
    busy, fixed = hard["busy"], hard["fixed"]
    if busy.verb == fixed.verb:
        what = f"{busy.verb}, without a pause ({busy.span}) and at a fixed frame rate ({fixed.span})"
    else:
        what = f"{busy.verb} without a pause ({busy.span}), and at a fixed frame rate it {fixed.verb} ({fixed.span})"
    return (
        f"HardSigmoid in place of ReLU {what}, with a global IoU of {scores['hardsigmoid']} % instead of "
        f"{scores['relu']} %."
    )


def weights_and_features(record: Mapping[str, Any]) -> str:
    """Return the sentence on what flips of weights do, which is what the paper injects, and flips of features."""
    spans = {}
    for memory in ("wgt", "img"):
        for pruning in ("original", "pruned"):
            rows = [row for row in record["rows"] if row["pruning"] == pruning]
            spans[memory, pruning] = _span([100 * results.critical_rate(row, memory) for row in rows])
    pairs = [
        (results.pick(record["rows"], activation=row["activation"], arch=row["arch"], pruning="pruned"), row)
        for row in record["rows"] if row["pruning"] == "original"
    ]  # fmt: skip
    rates = [tuple(results.critical_rate(row, "wgt", key) for row in pair for key in ("low", "best", "high"))
             for pair in pairs]  # fmt: skip
    rises, clear = sum(r[1] > r[4] for r in rates), sum(r[0] > r[5] for r in rates)
    return (
        f"Upsets of live weights, which are what the paper injects, change a pixel in {spans['wgt', 'original']} % of "
        f"cases in the originals and in {spans['wgt', 'pruned']} % in the pruned networks (more in {rises} of "
        f"{len(pairs)} pairs, as the paper finds, in {clear} of them with limits that do not meet); upsets of live "
        f"features in {spans['img', 'original']} % and {spans['img', 'pruned']} %. But a pruned network's weights are "
        "live for a smaller share of bits and time."
    )


def _span(values: Sequence[float], form: str = ".0f") -> str:
    return f"{min(values):{form}} to {max(values):{form}}"
