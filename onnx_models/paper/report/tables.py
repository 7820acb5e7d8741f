"""The tables of the page."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any, Final

from onnx_models.hsi.bands import CLASSES
from onnx_models.paper.campaigns.network import SETS
from onnx_models.paper.campaigns.summary import ZONES
from onnx_models.paper.recipe import ACTIVATIONS, QUANTISED_VERSIONS, SCHEMES, VERSIONS
from onnx_models.paper.report import trainings
from onnx_models.paper.report.claims import TITLE, Claim, int8s, model_of, percent, times
from onnx_models.paper.report.claims_int8 import SCHEME
from onnx_models.paper.report.figures_int8 import POLICY, STORED
from onnx_models.paper.report.style import SET_TITLE

Record = Mapping[str, Any]
NAMES: Final = {"original": "original", "pruned1": "pruned once", "pruned2": "pruned twice"}


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; bars inside cells are escaped."""
    rows = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in line] for line in lines)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def limits(e: Record, form: str = ".2f", scale: float = 1.0) -> str:
    """Return a value with its limits."""
    low, best, high = (f"{scale * e[key]:{form}}" for key in ("low", "best", "high"))
    return f"{best} ({low} to {high})"


def claims(found: Sequence[Claim]) -> str:
    """Return one row per claim."""
    head = ["no.", "paper", "claim", "test", "paper's numbers", "ours", "verdict", "why we think so"]
    lines = [
        [
            str(i),
            c.place,
            c.statement,
            c.test,
            c.paper,
            c.ours,
            f"**{c.verdict}** ({c.tally})",
            c.why.get(c.verdict, ""),
        ]
        for i, c in enumerate(found, start=1)
    ]
    return table(head, lines)


def accuracy(record: Record) -> str:
    """Tables I and III: IoU of the float and int8 networks."""
    lines = []
    for a in ACTIVATIONS:
        for version in VERSIONS:
            entry = model_of(record, a, version)
            forms = {"float32": entry["iou"], **{f"int8 {SCHEME[s]}": e["iou"] for s, e in entry["int8"].items()}}
            for form, iou in forms.items():
                cells = [f"{iou[name]:.2f}" for name in (*CLASSES, "global", "weighted")]
                lines.append([TITLE[a], NAMES[version], form, *cells])
    return table(["activation", "network", "numbers", *CLASSES, "global", "weighted"], lines)


def sizes(record: Record) -> str:
    """Table II: parameters, operations and bytes."""
    lines = []
    for a in ACTIVATIONS:
        for version in VERSIONS:
            m = model_of(record, a, version)
            stored = m["bytes"]
            rule = m.get("rule")
            lines.append([
                TITLE[a], NAMES[version], f"{m['parameters'] / 1e3:.1f}", f"{m['gop_at_192x384']:.2f}",
                f"{100 * m.get('operations_removed', 0):.1f}", f"{stored['float32'] / 1e3:.0f}",
                f"{stored['int8_int32'] / 1e3:.0f}", f"{stored['int8'] / 1e3:.0f}",
                f"{stored['paper_8_per_parameter'] / 1e3:.0f}",
                "" if rule is None else f"{rule['lost_points']['global']:+.2f} / "
                f"{rule['lost_points']['weighted']:+.2f}",
                "" if rule is None else "yes" if rule["within_1_5_points"] else "no",
            ])  # fmt: skip
    head = ["activation", "network", "thousand parameters", "G operations at 192 x 384", "operations removed, %",
            "kB float32", "kB int8, int32 biases", "kB int8", "kB at 8 bytes each (the paper's column)",
            "points lost, global / weighted", "1.5-point rule"]  # fmt: skip
    return table(head, lines)


def other_trainings(record: Record) -> str:
    """Return the originals of every seed."""
    head = ["activation", "seed", *CLASSES, "global", "weighted", "wrong pixels, all parameters",
            "wrong pixels, kernels and biases"]  # fmt: skip
    return table(head, trainings.seeds_table(record))


def controls(record: Record) -> str:
    """Return the unpruned controls beside the pruned networks."""
    head = ["activation", "pruned", "epochs more than the original", "original", "unpruned control", "pruned network",
            "pruned below original", "pruned below control"]  # fmt: skip
    return table(head, trainings.controls_table(record))


def recovery(record: Record) -> str:
    """Return what fast fine-tuning recovers."""
    head = ["network", "setting", "float32", "plain int8", "fast fine-tuned",
            *(f"{name}, points lost" for name in (*CLASSES, "global", "weighted"))]  # fmt: skip
    return table(head, trainings.recovery_table(record))


def float_rates(record: Record) -> str:
    """Figs. 3 and 5 as numbers."""
    lines = []
    for name, s in record["float"].items():
        outcomes, n = s["outcomes"], s["faults"]
        lines.append([
            _title(name), f"{n}", *(percent(s["sets"][kind]["tensors"]) for kind in SETS), percent(s["all"]["tensors"]),
            percent(s["all"]["argmax"]), percent(s["upsets"]["error"], 3),
            *(f"{100 * outcomes.get(k, 0) / n:.1f}" for k in ("masked", "tolerable", "critical", "nan", "inf")),
        ])  # fmt: skip
    head = ["network", "faults", *(SET_TITLE[kind] for kind in SETS), "all", "all, NaN a class",
            "per upset of a stored bit",
            "masked, % of faults", "tolerable", "critical", "NaN", "infinity"]  # fmt: skip
    return table(head, lines)


def bit_rates(record: Record) -> str:
    """Error rates by bit position and zone."""
    lines = []
    for name, s in record["float"].items():
        cells = [percent(s[key]) for key in ("msb", "sign", "other_exponent")] + [percent(s["mantissa"], 3)]
        zones = [percent(s["zones_without_msb"][z]) if z in s["zones_without_msb"] else "" for z in ZONES]
        lines.append([_title(name), *cells, *zones])
    head = [
        "network",
        "bit 30",
        "sign",
        "other exponent bits",
        "mantissa",
        *(f"sign and exponent without bit 30: {z}" for z in ZONES),
    ]
    return table(head, lines)


def near_one(record: Record) -> str:
    """Figs. 4 and 6 as numbers: values within 1 and 2, and the error rate of bit 30, by kind of parameter."""
    lines = [
        [
            _title(name),
            *(f"{100 * s['ratio_1_2'][kind]:.1f}; {percent(s['set_bits'][kind]['30'], 1)}" for kind in SETS),
        ]
        for name, s in record["float"].items()
    ]
    return table(["network", *(SET_TITLE[kind] for kind in SETS)], lines)


def _title(name: str) -> str:
    activation, version, *scheme = name.split("-")
    return " ".join(
        [TITLE[activation], "original" if version == "original" else "pruned", *(SCHEME[s] for s in scheme)]
    )


def int8_rates(record: Record) -> str:
    """Fig. 8 as numbers."""
    lines = []
    for version, scheme in product(reversed(QUANTISED_VERSIONS), SCHEMES):
        found = int8s(record, scheme, version)
        for a, s in found.items():
            weights, biases = (s["sets"][k]["tensors"] for k in ("weight", "bias"))
            lines.append([
                _title(f"{a}-{version}"), SCHEME[scheme], str(s["faults"]), percent(weights, 3), percent(biases),
                percent(s["all"]["tensors"]), percent(s["upsets"]["error"], 3),
                "" if a == "relu" else times(found["relu"]["all"]["tensors"], s["all"]["tensors"]),
            ])  # fmt: skip
    head = ["network", "scheme", "faults", "weights", "biases", "all", "per upset of a stored bit",
            "ReLU over this one"]  # fmt: skip
    return table(head, lines)


def deployment(record: Record) -> str:
    """Table IV: estimates beside the measured rows."""
    found = record["deployment"]
    lines = [
        [f"{TITLE[a]}, **measured** in the paper", f"{m['gop']:.2f}", f"{m['parameters_m']:.2f}", "", "",
        f"{m['fps']:.2f}",
         f"{m['power_w']:.2f}", f"{m['energy_j']:.2f}"]
        for a, m in found["measured"].items()
    ]  # fmt: skip
    places = {"": "", "host": " on the host", "table": " as a table in the array"}
    for row in found["rows"]:
        lines.append([
            f"{TITLE[row['activation']]}{places[row['sigmoid']]}, {row['thinning']}", f"{row['gop']:.2f}",
            f"{row['parameters'] / 1e6:.2f}", f"{row['fps_array']:.1f}", f"{1e3 * row['host_s']:.0f}",
            f"{row['fps_with_rest']:.2f}", f"{row['power_w']:.2f}", f"{row['energy_j']:.3f}",
        ])  # fmt: skip
    head = ["network", "G operations", "M parameters", "array alone, pictures/s", "host time of activations, ms",
            "pictures/s with all host time", "W", "J per picture"]  # fmt: skip
    return table(head, lines)


def exposure(record: Record) -> str:
    """Error rate per upset x bits x residency."""
    lines = []
    for a in ACTIVATIONS:
        first = record["exposure"][f"{a}-original"]["exposed_mbit"]
        for key, _ in STORED:
            e = record["exposure"][f"{a}-{key}"]
            lines.append([
                _title(f"{a}-{key}"), f"{e['bits'] / 1e6:.3f}", percent(e["per_upset"], 1),
                percent(e["pixels_per_upset"], 3),
                limits(e["exposed_mbit"], ".3f"), "1" if key == "original" else times(e["exposed_mbit"], first),
            ])  # fmt: skip
    head = ["network", "parameter bits, 10^6", "upsets with a wrong pixel", "wrong pixels per upset",
            "critical bits, 10^6", "over the float original"]  # fmt: skip
    return table(head, lines)


def buffers(record: Record) -> str:
    """Return the same for the accelerator's buffers."""
    lines = []
    for a in ACTIVATIONS:
        first = record["buffers"][f"{a}-original-tflite"]["per_picture_mbit_ms"]
        for version in ("original", "pruned2"):
            e = record["buffers"][f"{a}-{version}-tflite"]
            cells = [
                f"{m['live_mbit']:.3f}, {percent(e['raw']['memories'][name]['critical'], 0)}"
                for name, m in e["memories"].items()
            ]
            own = e["per_picture_mbit_ms"]
            lines.append([
                _title(f"{a}-{version}"), *cells, limits(e["exposed_mbit"], ".3f"), f"{1e3 * e['latency_s']:.2f}",
                limits(own, ".3f"), "1" if version == "original" else times(own, first),
            ])  # fmt: skip
    head = ["network (int8, TFLite-like)", "weights: live Mbit, critical", "biases", "features",
    "critical bits at a moment, Mbit",
            "ms per picture", "critical Mbit x ms per picture", "over the original"]  # fmt: skip
    return table(head, lines)


def protection(record: Record) -> str:
    """Return what range limits and ECC in the mantissa buy and cost."""
    lines = []
    for name, p in record["protection"].items():
        before = p["limits"]["none"]["all"]
        for policy, title in POLICY.items():
            if policy == "mantissa":
                after, nonfinite = p["mantissa"]["after"], "0"
                cost = f"{p['mantissa']['bits_given_up']} bits of every mantissa"
                bought = f"{p['mantissa']['corrected']} of {p['mantissa']['faults']} faults corrected"
            else:
                own = p["limits"][policy]["all"]
                after, nonfinite = own["error"], f"{100 * own['nonfinite']['best']:.2f}"
                bought = "" if policy == "none" else f"{times(after, before['error'])} times"
                cost = "" if policy == "none" else f"{p['work']['per_mac']:.3f} comparisons per multiply-accumulate"
            free = p["fault_free"][policy]
            lines.append([
                _title(name), title, percent(after), nonfinite, bought, f"{100 * free['changed_pixels']:.3f}",
                f"{free['iou']['global']:.2f} / {free['iou']['weighted']:.2f}", cost,
            ])  # fmt: skip
    head = ["network", "protection", "wrong pixels", "NaN or infinity, %", "left of the error rate",
            "pixels that protection alone changes, %", "IoU, global / weighted", "cost"]  # fmt: skip
    return table(head, lines)


def secded(record: Record) -> str:
    """Return what SECDED on the biases buys and costs."""
    lines = []
    for name, p in record["secded"].items():
        lines.append([
            _title(name), percent(p["before"], 3), percent(p["after"], 3),
            f"{100 * (p['share_of_errors_from_biases'] or 0):.1f}",
            f"{p['bias_bits'] / 1e3:.1f} of {p['stored_bits'] / 1e3:.0f}", f"{p['check_bits'] / 1e3:.2f}",
            f"{100 * p['check_bits'] / p['stored_bits']:.2f}",
        ])  # fmt: skip
    head = ["network", "wrong pixels per upset, without", "with SECDED biases",
    "share of errors that came from biases, %",
            "bias bits of all bits, 10^3", "check bits, 10^3", "check bits, % of all"]  # fmt: skip
    return table(head, lines)
