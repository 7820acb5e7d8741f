"""Answers that go beyond the paper, worded after what the limits say."""

from collections.abc import Mapping
from typing import Any

from onnx_models.paper.recipe import ACTIVATIONS
from onnx_models.paper.report.claims import TITLE
from onnx_models.paper.report.exposure import ratio

Record = Mapping[str, Any]


def _verb(found: Mapping[str, float]) -> str:
    if found["low"] > 1:
        return "raises"
    return "lowers" if found["high"] < 1 else "does not clearly change"


def _times(found: Mapping[str, float]) -> str:
    return f"{found['best']:.3g} times, {found['low']:.3g} to {found['high']:.3g}"


def beyond(record: Record) -> str:
    """Say for every activation function what pruning and quantisation do to the rate of wrong pictures."""
    lines = [
        "The paper leaves open what its error rates mean for a device: a smaller network is struck less often. Wrong "
        "pictures per unit of time go with *error rate per upset x exposed bits x residency*; here the rate is the "
        "share of upsets that make a pixel wrong. For parameters that lie in a memory all the time:"
    ]
    for a in ACTIVATIONS:
        found = record["exposure"]
        original, pruned, int8 = (found[f"{a}-{k}"] for k in ("original", "pruned2", "pruned2-tflite"))
        rate = ratio(pruned["per_upset"], original["per_upset"])
        product = ratio(pruned["exposed_mbit"], original["exposed_mbit"])
        last = ratio(int8["exposed_mbit"], original["exposed_mbit"])
        lines.append(
            f"* {TITLE[a]}: pruning {_verb(rate)} the error rate per upset ({_times(rate)}) and {_verb(product)} the "
            f"product ({_times(product)}); pruned and quantised, the product is that of the float original "
            f"{_times(last)}."
        )
    lowest = {
        key: min(ACTIVATIONS, key=lambda a: record["exposure"][f"{a}-{key}"]["exposed_mbit"]["best"])
        for key in ("original", "pruned2", "pruned2-tflite")
    }
    lines.append(
        "Smallest product: "
        + ", ".join(f"{TITLE[lowest[k]]} ({n})" for k, n in (("original", "float original"), ("pruned2",
        "pruned float"),
                                                             ("pruned2-tflite", "pruned int8")))
        + ". In the buffers of the accelerator, where weights stay only while their layer is computed and features "
        "are struck, too, the second table holds for a picture of this size."
    )  # fmt: skip
    return "\n\n".join([lines[0], "\n".join(lines[1:-1]), lines[-1]])


def protection_answer(record: Record) -> str:
    """Say what each protection leaves of the error rate."""
    lines = []
    for policy, title in (
        ("saturate", "Range limits that clip to the nearer bound"),
        ("lower", "Limits that replace by the lower bound"),
    ):
        left = {
            name: ratio(p["limits"][policy]["all"]["error"], p["limits"]["none"]["all"]["error"])
            for name, p in record["protection"].items()
        }
        clear = sum(found["high"] < 1 for found in left.values())
        best = [found["best"] for found in left.values()]
        lines.append(
            f"* {title} leave {100 * min(best):.0f} to {100 * max(best):.0f} % of the error rate (clearly less in "
            f"{clear} of {len(left)} networks) and need no memory beyond two numbers a layer."
        )
    mantissa = [p["mantissa"] for p in record["protection"].values()]
    corrected, faults = (sum(m[key] for m in mantissa) for key in ("corrected", "faults"))
    changed = max(p["fault_free"]["mantissa"]["changed_pixels"] for p in record["protection"].values())
    lines.append(
        f"* ECC in the mantissa corrects {corrected} of {faults} single flips without any extra bit; shorter mantissas "
        f"change at most {100 * changed:.4f} % of the pixels."
    )
    for scheme in ("tflite", "dpu"):
        own = [p for name, p in record["secded"].items() if name.endswith(f"pruned2-{scheme}")]
        rest = [ratio(p["after"], p["before"])["best"] for p in own]
        cost = [100 * p["check_bits"] / p["stored_bits"] for p in own]
        lines.append(
            f"* SECDED on the {own[0]['data_bits']}-bit biases of pruned int8 networks leaves {100 * min(rest):.3g} "
            f"to {100 * max(rest):.3g} % of the error rate per upset for {min(cost):.2f} to {max(cost):.2f} % more "
            "bits."
        )
    return "On the same faults:\n\n" + "\n".join(lines)
