"""The paper's claims on float networks, original and pruned (Section III-A and B, Figs. 2 to 6)."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from scipy.stats import fisher_exact, wilcoxon

from onnx_models.paper.campaigns.network import SETS
from onnx_models.paper.campaigns.summary import CENTRE, MIDDLE, OUTER
from onnx_models.paper.recipe import ACTIVATIONS
from onnx_models.paper.report.claims import (
    BOUNDED,
    NOT,
    PARTLY,
    RATIO_TEST,
    TITLE,
    Check,
    Claim,
    Record,
    above,
    floats,
    listed,
    ordered,
    percent,
    times,
)
from onnx_models.paper.report.exposure import ratio
from onnx_models.paper.report.trainings import over_seeds

VERSIONS: Final = ("original", "pruned2")
ABOVE_BOUNDED: Final = tuple(("relu", bounded) for bounded in BOUNDED)
WORD: Final = {"original": "original", "pruned2": "pruned"}


def claims(record: Record) -> Iterator[Claim]:
    """Yield the claims."""
    yield _growth(record)
    yield _msb(record)
    yield _mantissa(record)
    yield _gamma(record)
    yield _zones(record)
    yield _bounded_convolutions(record)
    yield _bounded_all(record)
    yield _most_robust(record)
    yield _nonfinite(record)
    yield _centre(record)
    yield _centre_bounded(record)
    yield _pruning_raises(record)
    yield _most_pruned(record)
    yield _sigmoid_pruned(record)
    yield _spread(record)
    yield _values_near_one(record)


def _every(record: Record) -> Iterator[tuple[str, Record]]:
    for version in VERSIONS:
        for activation, summary in floats(record, version).items():
            yield f"{TITLE[activation]} {WORD[version]}", summary


def _growth(record: Record) -> Claim:
    checks, words = [], []
    for name, s in _every(record):
        up, down = s["growth"]["grows"], s["growth"]["shrinks"]
        table = [[up["hits"], up["n"] - up["hits"]], [down["hits"], down["n"] - down["hits"]]]
        p = float(fisher_exact(np.array(table), alternative="greater").pvalue)
        share = s["growth"]["share_of_errors"] or 0.0
        checks.append(Check(name, p < 0.05 and share > 0.9))
        rest = s["growth"]["share_without_variance"] or 0.0
        both = f"{100 * up['best']:.0f} % against {100 * down['best']:.0f} % (p = {p:.1g})"
        words.append((name, f"{both}, {100 * share:.1f} % (without moving variances {100 * rest:.1f} %)"))
    why = (
        "a moving variance that shrinks makes its channel grow, for it divides: where it is left out, the share of "
        "growing values is the second number in brackets"
    )
    return Claim(
        "growth", "III-A", "Errors come from values that grow",
        "Fisher's exact test of faults with an effect, growing against shrinking, one-sided, 5 %; and more than 90 % "
        "of all wrong pixels from growing values", "qualitative",
        "share of faults with an effect, growing against shrinking, and share of wrong pixels from growing ones: "
        + listed(words), tuple(checks), {PARTLY: why, NOT: why},
    )  # fmt: skip


def _msb(record: Record) -> Claim:
    checks, words = [], []
    for name, s in _every(record):
        bits = {bit: e for bit, e in s["bit_positions"].items() if bit != "30"}
        second = max(bits, key=lambda bit: bits[bit]["best"])
        checks.append(Check(name, above(s["msb"], bits[second])))
        words.append((name, f"{percent(s['msb'], 1)}, next bit {second} {percent(bits[second], 1)}"))
    return Claim(
        "msb", "III-A, Fig. 2", "The exponent's highest bit is the most sensitive one", RATIO_TEST,
        "read off Fig. 2", "mean wrong pixels, bit 30: " + listed(words), tuple(checks),
        {PARTLY: "another bit is as bad where the limits meet"},
    )  # fmt: skip


def _mantissa(record: Record) -> Claim:
    checks = [Check(name, above(s["upper"], s["mantissa"], 10.0)) for name, s in _every(record)]
    words = listed((name, f"{percent(s['mantissa'], 3)} against {percent(s['upper'])}") for name, s in _every(record))
    return Claim(
        "mantissa", "III-A", "Flips in the mantissa cause a negligible amount of errors",
        "ratio of means as above: sign and exponent more than 10 times as bad", "not shown, as negligible",
        f"mean wrong pixels, mantissa against sign and exponent: {words}", tuple(checks),
        {PARTLY: "the mantissa's sample is small, so its upper limit is wide",
         NOT: "the mantissa's sample is small, so its upper limit is wide"},
    )  # fmt: skip


def _gamma(record: Record) -> Claim:
    checks, words = [], []
    for name, s in ((TITLE[a], s) for a, s in floats(record, "original").items()):
        means = {kind: s["sets"][kind]["tensors"] for kind in SETS}
        rival = max((k for k in SETS if k != "gamma"), key=lambda k: means[k]["best"])
        checks.append(Check(name, above(means["gamma"], means[rival])))
        ranks = sorted(SETS, key=lambda k: -means[k]["best"])
        both = f"gamma {percent(means['gamma'])}, {rival} {percent(means[rival])}"
        other = ", ".join(f"{percent(s['sets'][kind]['argmax'])}" for kind in ("gamma", rival))
        highest = sorted(SETS, key=lambda k: -s["set_bits"][k]["30"]["best"])
        place = f"gamma is number {ranks.index('gamma') + 1}, of bit 30 alone {highest.index('gamma') + 1}"
        place += f"; with NaN as a class {other}"
        large = (
            f"{100 * s['ratio_2'][rival]:.0f} % of {rival} are 2 or more, {100 * s['ratio_2']['gamma']:.0f} % of gamma"
        )
        words.append((name, f"{both} ({place}; {large})"))
    why = (
        "gamma is near 1 here, too, and bit 30 turns much of it into NaN. But a changed sign makes the root of any "
        "moving variance NaN, and values of 2 and more, which moving means have, are enlarged by each of the exponent "
        "bits below bit 30"
    )
    return Claim(
        "gamma", "III-A, Fig. 2", "Gamma of batch normalisation is the most sensitive kind of parameter", RATIO_TEST,
        "read off Figs. 2 and 3", "mean wrong pixels, originals: " + listed(words), tuple(checks), {PARTLY: why,
        NOT: why},
    )  # fmt: skip


def _zones(record: Record) -> Claim:
    checks, words = [], []
    for name, s in _every(record):
        zones = s["zones_without_msb"]
        for other in (zone for zone in (MIDDLE, CENTRE) if zone in zones):
            checks.append(ordered(f"{name}: outer above {other}", zones[OUTER], zones[other]))
        words.append((name, ", ".join(f"{zone} {100 * e['best']:.2f} %" for zone, e in zones.items())))
    why = "where the limits of outer and inner layers meet, the sample is too small or the layers do not differ"
    return Claim(
        "zones", "III-A, Fig. 2", "Leaving out bit 30, the first encoder and last decoder layers are the weak zones",
        RATIO_TEST, "read off Fig. 2", "mean wrong pixels of sign and exponent without bit 30: " + listed(words),
        tuple(checks),
        {PARTLY: why, NOT: why},
    )  # fmt: skip


def _against_relu(record: Record, version: str, key: str) -> tuple[tuple[Check, ...], str]:
    found = floats(record, version)

    def of(activation: str) -> Record:
        e: Record = found[activation][key] if key != "all" else found[activation]["all"]["tensors"]
        return e

    checks = tuple(ordered(f"ReLU above {TITLE[a]}", of("relu"), of(a)) for a in BOUNDED)
    words = listed((TITLE[a], percent(of(a))) for a in ACTIVATIONS)
    return checks, words + "; ReLU over " + listed((TITLE[a], times(of("relu"), of(a))) for a in BOUNDED)


CONTROL: Final = (
    "bounded functions stop large values, but NaN passes through all of them, and what a saturated channel does "
    "depends on the trained weights"
)


def _bounded_convolutions(record: Record) -> Claim:
    checks, words = _against_relu(record, "original", "convolutions")
    more, others = over_seeds(record, "convolutions", ABOVE_BOUNDED)
    return Claim(
        "bounded-convolutions", "III-A, Fig. 3", "Bounded activation functions make kernels and biases of convolutions "
        "more robust",
        RATIO_TEST, "read off Fig. 3", f"mean wrong pixels, originals: {words}{others}", checks + more,
        {PARTLY: CONTROL, NOT: CONTROL},
    )  # fmt: skip


def _bounded_all(record: Record) -> Claim:
    checks, words = _against_relu(record, "original", "all")
    more, others = over_seeds(record, "all", ABOVE_BOUNDED)
    return Claim(
        "bounded-all", "III-A, Fig. 3", "Bounded activation functions lower the mean error rate of all parameters",
        RATIO_TEST,
        "read off Fig. 3", f"mean wrong pixels, originals: {words}{others}", checks + more,
        {PARTLY: CONTROL, NOT: CONTROL},
    )  # fmt: skip


def _lowest(record: Record, version: str, winner: str) -> tuple[Check, ...]:
    found = {a: s["all"]["tensors"] for a, s in floats(record, version).items()}
    return tuple(
        ordered(f"{TITLE[a]} above {TITLE[winner]}", found[a], found[winner]) for a in ACTIVATIONS if a != winner
    )


def _all_means(record: Record, version: str) -> str:
    return listed((TITLE[a], percent(s["all"]["tensors"])) for a, s in floats(record, version).items())


def _most_robust(record: Record) -> Claim:
    pairs = [(a, "hardsigmoid") for a in ACTIVATIONS if a != "hardsigmoid"]
    more, others = over_seeds(record, "all", pairs)
    return Claim(
        "hardsigmoid-original", "III-A, Fig. 3", "HardSigmoid is the most robust original", RATIO_TEST,
        "read off Fig. 3",
        f"mean wrong pixels: {_all_means(record, 'original')}{others}",
        _lowest(record, "original", "hardsigmoid") + more,
        {PARTLY: CONTROL, NOT: CONTROL},
    )  # fmt: skip


def _nonfinite(record: Record) -> Claim:
    checks, words = [], []
    for name, s in _every(record):
        outcomes, n = s["outcomes"], s["faults"]
        odd = outcomes.get("nan", 0) + outcomes.get("inf", 0)
        checks.append(Check(name, odd > 0))
        words.append(
            (name, f"NaN {100 * outcomes.get('nan', 0) / n:.1f} %, infinity {100 * outcomes.get('inf', 0) / n:.2f} %")
        )
    return Claim(
        "nonfinite", "III-A, V", "Flips of bit 30 of values within 1 and 2 put NaN or infinity into the answer",
        "counts of faults whose logits are not finite", "qualitative", "of the faults drawn: " + listed(words),
        tuple(checks), {},
    )  # fmt: skip


def _centre(record: Record) -> Claim:
    checks, words = [], []
    for name, s in _every(record):
        zone = s["zones_msb"][CENTRE]
        checks.append(ordered(name, zone["inside"], zone["outside"]))
        total = zone["inside"]["best"] + zone["outside"]["best"]
        part = 100 * zone["inside"]["best"] / total if total else 0.0
        words.append((name, f"{part:.0f} % of {percent(zone['all'], 1)}"))
    why = "in ReLU networks a huge value, not NaN, is enough to spoil a picture from any layer"
    return Claim(
        "centre", "III-A, B, Figs. 4 and 6", "In the centre of the U, errors of bit 30 come mainly from values within "
        "1 and 2",
        RATIO_TEST + " (errors from values inside against outside)", "read off Figs. 4 and 6",
        "share of the error rate of bit 30 that comes from 1 <= |x| < 2: " + listed(words), tuple(checks),
        {PARTLY: why, NOT: why},
    )  # fmt: skip


def _centre_bounded(record: Record) -> Claim:
    checks, words = [], []
    for version in VERSIONS:
        found = {a: s["zones_msb"][CENTRE]["outside"] for a, s in floats(record, version).items()}
        checks += [ordered(f"{WORD[version]}: ReLU above {TITLE[a]}", found["relu"], found[a]) for a in BOUNDED]
        words.append((WORD[version], listed((TITLE[a], percent(e, 1)) for a, e in found.items())))
    return Claim(
        "centre-bounded", "III-A, B, Figs. 4 and 6",
        "Beyond values within 1 and 2, bit 30 does less harm in the centre with bounded activation functions",
        RATIO_TEST,
        "read off Figs. 4 and 6", "wrong pixels of bit 30 in the centre from other values: " + listed(words),
        tuple(checks), {PARTLY: CONTROL, NOT: CONTROL},
    )  # fmt: skip


def _raise(record: Record) -> dict[str, tuple[Record, Record]]:
    before, after = (floats(record, v) for v in VERSIONS)
    return {a: (after[a]["all"]["tensors"], before[a]["all"]["tensors"]) for a in ACTIVATIONS}


def _pruning_raises(record: Record) -> Claim:
    pairs = _raise(record)
    checks = tuple(ordered(TITLE[a], *pair) for a, pair in pairs.items())
    upsets = {a: [record["float"][f"{a}-{v}"]["upsets"]["critical"] for v in reversed(VERSIONS)] for a in ACTIVATIONS}
    per_upset = listed((TITLE[a], times(*pair)) for a, pair in upsets.items())
    why = "what a network has to spare before it is pruned depends on its pictures and its training"
    if all(above(*pair) for pair in upsets.values()):
        why = (
            "a mean over tensors hides what pruning takes away: the many weights of the base that do nothing. Upsets "
            "strike bits, and there the share with a wrong pixel does rise (second series)"
        )
    return Claim(
        "pruning-raises", "III-B, Figs. 3 and 5", "Pruning raises the mean error rate", RATIO_TEST,
        "read off Figs. 3 and 5",
        "pruned over original: " + listed((TITLE[a], times(*pair)) for a, pair in pairs.items())
        + f"; share of upsets of a stored bit with a wrong pixel, pruned over original: {per_upset}", checks,
        {PARTLY: why, NOT: why},
    )  # fmt: skip


def _most_pruned(record: Record) -> Claim:
    rise = {a: ratio(*pair) for a, pair in _raise(record).items()}
    checks = tuple(ordered(f"{TITLE[a]} above Sigmoid", rise[a], rise["sigmoid"]) for a in ("relu", "hardsigmoid"))
    words = listed((TITLE[a], f"{r['best']:.2f} ({r['low']:.2f} to {r['high']:.2f})") for a, r in rise.items())
    why = "the rises differ by less than, or against, what the limits can tell apart"
    return Claim(
        "most-pruned", "III-B", "The most pruned networks, ReLU and HardSigmoid, lose the most robustness",
        "ratio of the rises with limits, clear when they exclude 1", "read off Figs. 3 and 5",
        f"pruned over original: {words}", checks, {PARTLY: why, NOT: why},
    )  # fmt: skip


def _sigmoid_pruned(record: Record) -> Claim:
    return Claim(
        "sigmoid-pruned", "III-B, Fig. 5", "After pruning, Sigmoid has the lowest mean error rate", RATIO_TEST,
        "read off Fig. 5", f"mean wrong pixels: {_all_means(record, 'pruned2')}", _lowest(record, "pruned2",
        "sigmoid"),
        {PARTLY: CONTROL, NOT: CONTROL},
    )  # fmt: skip


def _spread(record: Record) -> Claim:
    found = {a: s["spread_upper"] for a, s in floats(record, "pruned2").items()}
    checks = (ordered("Sigmoid above HardSigmoid", found["sigmoid"], found["hardsigmoid"]),)
    words = listed((TITLE[a], percent(e, 1)) for a, e in found.items())
    why = "the paper itself calls the difference marginal"
    return Claim(
        "spread", "III-B", "After pruning, HardSigmoid varies less over positions than Sigmoid",
        "bootstrap over faults of the standard deviation over tensors and bits (sign and exponent)", "read off Fig. 5",
        f"standard deviation of the error rate: {words}", checks, {PARTLY: why, NOT: why},
    )  # fmt: skip


def _values_near_one(record: Record) -> Claim:
    checks, words = [], []
    for a in ACTIVATIONS:
        before, after = (
            {t["variable"]: t["ratio_1_2"] for t in record["float"][f"{a}-{v}"]["tensors"]} for v in VERSIONS
        )
        pairs = [(after[name], before[name]) for name in before if name in after]
        moved = [pair for pair in pairs if pair[0] != pair[1]]
        p = float(wilcoxon([new - old for new, old in moved], alternative="greater").pvalue) if moved else 1.0
        means = [sum(v) / len(v) for v in zip(*pairs, strict=True)]
        checks.append(Check(TITLE[a], True if p < 0.05 else False if means[0] < means[1] else None))
        words.append((TITLE[a], f"{100 * means[1]:.1f} to {100 * means[0]:.1f} % (p = {p:.2g})"))
    why = "which channels go is decided by their importance, and fine-tuning moves what stays"
    return Claim(
        "near-one", "III-B", "Pruning raises the share of values within 1 and 2",
        "Wilcoxon signed-rank over tensors, one-sided, 5 %", "no numbers",
        "share of values with 1 <= |x| < 2, mean over tensors, original to pruned: " + listed(words), tuple(checks),
        {PARTLY: why, NOT: why},
    )  # fmt: skip
