"""The tables of the study's page."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from accel_sim.devices import RateTable
from onnx_models.study import results
from onnx_models.study.record import rates_of
from onnx_models.study.results import IMAGES_PER_SECOND, Row
from onnx_models.study.variants import ACTIVATIONS, WIDTHS

TITLE: Final = {"relu": "ReLU", "hardsigmoid": "HardSigmoid"}
CASE: Final = ("accelerator", "activation", "pruning")
FACTORS: Final = (0.1, 0.5, 1.0, 2.0, 10.0)


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _limits(low: float, best: float, high: float, form: str) -> str:
    return f"{best:{form}} ({low:{form}} to {high:{form}})"


def _cases(record: Mapping[str, Any]) -> Iterator[tuple[list[str], Row]]:
    """Yield the first cells of a line and the row, in the order of accelerators, activation functions, pruning."""
    for accelerator in record["accelerators"]:
        for activation in ACTIVATIONS:
            for pruning in WIDTHS:
                arch = accelerator["arch"]
                row = results.pick(record["rows"], activation=activation, pruning=pruning, arch=arch)
                yield [arch, TITLE[activation], pruning], row


def networks(record: Mapping[str, Any]) -> str:
    """Size and accuracy of the networks."""
    lines = []
    for network in record["networks"]:
        row = next(r for r in record["rows"] if r["network"] == network["name"])
        score, int8 = network["iou_float"], network["iou_int8"]
        sizes = [" ".join(map(str, network["widths"])), f"{network['parameters'] / 1e3:.0f}", f"{row['gop']:.2f}"]
        scores = [f"{value:.1f}" for value in (score["global"], int8["global"], int8["weighted"])]
        lines.append([TITLE[row["activation"]], row["pruning"], *sizes, *scores])
    head = ["activation", "pruning", "channels", "thousand parameters", "GOP", "global IoU, float", "int8",
            "weighted IoU, int8"]  # fmt: skip
    return table(head, lines)


def failures(record: Mapping[str, Any], rates: RateTable) -> str:
    """Both factors, their product, and the ratio to the original network."""
    lines = []
    for case, row in _cases(record):
        first = results.pick(record["rows"], activation=row["activation"], pruning="original", arch=row["arch"])
        upsets = results.live_fit(row, rates)
        low, high = (100 * v / upsets for v in results.limits(results.fit_draws(row, rates, "busy", rates_too=False)))
        line = [f"{upsets:.3g}", _limits(low, 100 * results.error_rate(row, rates), high, ".0f")]
        for regime in results.REGIMES:
            limits = results.limits(results.fit_draws(row, rates, regime))
            line.append(_limits(limits[0], results.fit(row, rates, regime), limits[1], ".3g"))
            line.append("1" if row is first else _limits(*results.ratio(row, first, rates, regime), ".2f"))
        lines.append([*case, *line])
    fixed = f"{IMAGES_PER_SECOND:g} images/s"
    head = [*CASE, "upsets of live bits, no pause", "error rate per upset, %", "failures, no pause", "x original",
            f"failures, {fixed}", "x original"]  # fmt: skip
    return table(head, lines)


def reasons(record: Mapping[str, Any], rates: RateTable) -> str:
    """Live share, error rate and share of failures of the three buffers."""
    head = [*CASE]
    for name in ("image memory", "weights", "bias"):
        head += [f"{name}: live, %", "critical, %", "share of failures, %"]
    lines = []
    for case, row in _cases(record):
        cells = (_memory(row, base, rates) for base in ("img", "wgt", "bias"))
        lines.append([*case, *(text for cell in cells for text in cell)])
    return table(head, lines)


def _memory(row: Row, base: str, rates: RateTable) -> list[str]:
    """Return live share, error rate of live bits and share of failures of a memory, both technologies together."""
    parts = [part for part in row["parts"] if part["memory"].split(" ")[0] == base]
    bits = sum(part["bits"] for part in parts)
    live = sum(part["bits"] * part["live_fraction"] for part in parts)
    struck = results.fit({**row, "parts": parts}, rates)
    return [
        f"{100 * live / bits:.2g}",
        f"{100 * results.critical_rate(row, base):.0f}",
        f"{100 * struck / results.fit(row, rates):.1f}",
    ]


def cost(record: Mapping[str, Any]) -> str:
    """Time, traffic and energy of an inference."""
    lines = [
        [*case, f"{1e3 * row['latency_s']:.2f}", f"{100 * row['efficiency']:.0f}", f"{row['ddr_bytes'] / 1e6:.2f}",
         f"{1e3 * row['energy_j']:.1f}", f"{row['iou_global']:.1f}"]
        for case, row in _cases(record)
    ]  # fmt: skip
    head = [*CASE, "latency, ms", "efficiency, %", "DDR traffic, MB", "energy per inference, mJ", "global IoU, %"]
    return table(head, lines)


def uram(record: Mapping[str, Any]) -> str:
    """Failures of the accelerator with UltraRAM over the rate of UltraRAM."""
    arch = next(a["arch"] for a in record["accelerators"] if a["uram_banks"])
    head, lines = ["UltraRAM / block RAM"], []
    for activation in ACTIVATIONS:
        head += [f"{TITLE[activation]} original", "pruned", "pruned / original"]
    for factor in FACTORS:
        rates, line = rates_of(record, factor), [f"{factor:g}"]
        for activation in ACTIVATIONS:
            first, last = (results.pick(record["rows"], activation=activation, pruning=pruning, arch=arch)
                           for pruning in ("original", "pruned"))  # fmt: skip
            line += [f"{results.fit(first, rates):.3g}", f"{results.fit(last, rates):.3g}"]
            line.append(_limits(*results.ratio(last, first, rates, "busy"), ".2f"))
        lines.append(line)
    return table(head, lines)


def others(record: Mapping[str, Any]) -> str:
    """Critical bits by technology, and how many upsets of instructions stop the inference."""
    lines = []
    for case, row in _cases(record):
        found = results.critical_mbit(row)
        digits = {"bram": 2, "uram": 2, "lutram": 1, "ddr": 1}
        cells = [f"{found.get(kind, 0.0):.{n}g}" for kind, n in digits.items()]
        traps = next(part["due"] for part in row["parts"] if part["memory"] == "ins")
        lines.append([*case, *cells, f"{100 * traps:.0f}"])
    head = [*CASE, "block RAM", "UltraRAM", "LUT RAM", "DDR", "upsets of live instruction bits that trap or hang, %"]
    return table(head, lines)
