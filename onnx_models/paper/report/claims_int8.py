"""The paper's claims on quantised networks and deployment (Sections III-C and IV, Figs. 7, 8, Tables III, IV)."""

from collections.abc import Iterator
from typing import Final

from onnx_models.paper.recipe import ACTIVATIONS, SCHEMES
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
    int8s,
    listed,
    model_of,
    ordered,
    percent,
    times,
)
from onnx_models.paper.report.deployment import EVEN, HOST, TABLE

SCHEME: Final = {"tflite": "TFLite-like", "dpu": "DPU-like"}
PAPER_INT8: Final = {"relu": (94.47, 88.37), "sigmoid": (90.67, 80.96), "hardsigmoid": (91.80, 80.72)}
MODEL: Final = "estimates of a calibrated model, no test"
CALIBRATED: Final = (
    "The price of a Sigmoid on the host, and the static power, were derived from this very table: the Sigmoid row is "
    "a check of consistency, not a prediction. The array alone is faster than the paper's rows; the rest is host time."
)


def claims(record: Record) -> Iterator[Claim]:
    """Yield the claims."""
    yield _only_biases(record)
    yield _fewer_sensitive(record)
    yield _bounded(record)
    yield _accuracy(record)
    yield _throughput(record)
    yield _close(record)
    yield _power(record)
    yield _energy(record)


def _every(record: Record) -> Iterator[tuple[str, Record]]:
    for scheme in SCHEMES:
        for activation, summary in int8s(record, scheme).items():
            yield f"{TITLE[activation]} {SCHEME[scheme]}", summary


def _only_biases(record: Record) -> Claim:
    checks, words = [], []
    for name, s in _every(record):
        bias, weight = (s["sets"][kind]["tensors"] for kind in ("bias", "weight"))
        checks.append(Check(name, above(bias, weight, 10.0)))
        words.append((name, f"biases {percent(bias)}, weights {percent(weight, 3)}"))
    why = (
        "a bias of 32 bits can grow beyond everything a sum holds; one of 8 bits cannot, so the difference is smaller "
        "in the DPU-like scheme"
    )
    return Claim(
        "only-biases", "III-C, Fig. 7", "In quantised networks only the biases are sensitive",
        RATIO_TEST + "; biases more than 10 times as sensitive as weights", "read off Fig. 7",
        "mean wrong pixels, pruned int8: " + listed(words), tuple(checks), {PARTLY: why, NOT: why},
    )  # fmt: skip


def _fewer_sensitive(record: Record) -> Claim:
    before, after = floats(record, "pruned2"), int8s(record)
    checks = tuple(ordered(TITLE[a], before[a]["upsets"]["error"], after[a]["upsets"]["error"]) for a in ACTIVATIONS)
    words = listed(
        (TITLE[a], f"{percent(before[a]['upsets']['error'], 3)} to {percent(after[a]['upsets']['error'], 3)}")
        for a in ACTIVATIONS
    )
    why = (
        "averaged over all stored bits a float network is mostly mantissa, which is harmless; a quantised one has no "
        "such padding, so the rate per bit need not fall"
    )
    return Claim(
        "int8-fewer", "III-C, V", "Quantisation lowers the error rate of the network as a whole", RATIO_TEST,
        "read off Figs. 5 and 8", f"mean wrong pixels per upset of a stored bit, pruned float to pruned int8: "
        f"{words}",
        checks, {PARTLY: why, NOT: why},
    )  # fmt: skip


def _bounded(record: Record) -> Claim:
    checks, words = [], []
    for scheme in SCHEMES:
        found = {a: s["all"]["tensors"] for a, s in int8s(record, scheme).items()}
        checks += [ordered(f"{SCHEME[scheme]}: ReLU above {TITLE[a]}", found["relu"], found[a]) for a in BOUNDED]
        words.append((
            SCHEME[scheme],
            listed((TITLE[a], percent(found[a])) for a in ACTIVATIONS)
            + "; ReLU over " + listed((TITLE[a], times(found["relu"], found[a])) for a in BOUNDED),
        ))  # fmt: skip
    why = "quantisation bounds every network: codes saturate, so ReLU has an upper end there, too"
    return Claim(
        "int8-bounded", "III-C, Fig. 8", "Bounded activation functions keep their advantage after quantisation",
        RATIO_TEST,
        "read off Fig. 8", "mean wrong pixels, pruned int8: " + listed(words), tuple(checks), {PARTLY: why, NOT: why},
    )  # fmt: skip


def _accuracy(record: Record) -> Claim:
    found = {a: model_of(record, a, "pruned2")["int8"]["dpu"]["iou"] for a in ACTIVATIONS}
    checks = tuple(
        Check(f"{measure} IoU: ReLU above {TITLE[a]}", found["relu"][measure] > found[a][measure])
        for measure in ("global", "weighted") for a in BOUNDED
    )  # fmt: skip
    ours = listed((TITLE[a], f"{iou['global']:.1f} / {iou['weighted']:.1f}") for a, iou in found.items())
    why = "different pictures, shorter training, one training each"
    return Claim(
        "int8-iou", "Table III", "The pruned int8 network with ReLU is the most accurate",
        "one training each, so no interval", listed((TITLE[a], f"{g} / {w}") for a, (g, w) in PAPER_INT8.items()),
        f"global / weighted IoU in percent, DPU-like: {ours}", checks, {PARTLY: why, NOT: why},
    )  # fmt: skip


def _even(record: Record) -> dict[str, Record]:
    """Return the rows of the paper's operations, the Sigmoid on the host."""
    rows = [r for r in record["deployment"]["rows"] if r["thinning"] == EVEN and r["sigmoid"] in ("", HOST)]
    return {r["activation"]: r for r in rows}


def _table_row(record: Record) -> Record:
    found: Record = next(r for r in record["deployment"]["rows"] if r["thinning"] == EVEN and r["sigmoid"] == TABLE)
    return found


def _measured(record: Record, key: str, unit: str) -> str:
    return listed((TITLE[a], f"{m[key]:g} {unit}") for a, m in record["deployment"]["measured"].items())


def _throughput(record: Record) -> Claim:
    rows = _even(record)
    fps = {a: r["fps_with_rest"] for a, r in rows.items()}
    checks = (
        Check("ReLU above HardSigmoid", fps["relu"] > fps["hardsigmoid"]),
        Check("HardSigmoid above Sigmoid on the host", fps["hardsigmoid"] > fps["sigmoid"]),
        Check("Sigmoid on the host below 1 picture/s", fps["sigmoid"] < 1),
    )
    table = _table_row(record)
    ours = (
        listed((TITLE[a], f"{v:.2f} (array alone {rows[a]['fps_array']:.0f})") for a, v in fps.items())
        + f"; Sigmoid as a table in the array {table['fps_with_rest']:.1f} (alone {table['fps_array']:.0f})"
    )
    return Claim(
        "throughput", "Table IV", "ReLU is the fastest, Sigmoid on the processor by far the slowest", MODEL,
        _measured(record, "fps", "pictures/s"),
        f"pictures/s at the paper's operations, with the host time that the ReLU row implies: {ours}", checks,
        {PARTLY: CALIBRATED, NOT: CALIBRATED, "reproduced": CALIBRATED},
    )  # fmt: skip


def _close(record: Record) -> Claim:
    rows = _even(record)
    found, rest = rows["hardsigmoid"]["fps_with_rest"], record["deployment"]["rest_s"]
    measured = record["deployment"]["measured"]["hardsigmoid"]["fps"]
    checks = (Check("within 15 % of the measured rate", abs(found / measured - 1) < 0.15),)
    why = (
        "the widths of the paper's layers are not published; an even thinning to the same operations stands in for them"
    )
    return Claim(
        "hardsigmoid-close", "IV", "HardSigmoid follows ReLU closely in frame rate",
        MODEL + "; host time fixed by the ReLU row, HardSigmoid predicted", "19.83 against 22.68 pictures/s",
        f"{found:.1f} pictures/s predicted, with {1e3 * rest:.0f} ms of host time a picture", checks,
        {PARTLY: why, NOT: why, "reproduced": why},
    )  # fmt: skip


def _power(record: Record) -> Claim:
    power = {a: r["power_w"] for a, r in _even(record).items()}
    checks = tuple(Check(f"Sigmoid below {TITLE[a]}", power["sigmoid"] < power[a]) for a in ("relu", "hardsigmoid"))
    return Claim(
        "power", "Table IV", "Sigmoid on the processor draws the least power", MODEL, _measured(record, "power_w", "W"),
        "while array and host take turns: " + listed((TITLE[a], f"{p:.2f} W") for a, p in power.items()), checks,
        {PARTLY: CALIBRATED, NOT: CALIBRATED, "reproduced": CALIBRATED},
    )  # fmt: skip


def _energy(record: Record) -> Claim:
    rows = _even(record)
    energy = {a: r["energy_j"] for a, r in rows.items()}
    checks = (
        Check("Sigmoid above HardSigmoid", energy["sigmoid"] > energy["hardsigmoid"]),
        Check("HardSigmoid above ReLU", energy["hardsigmoid"] > energy["relu"]),
    )
    table = _table_row(record)
    return Claim(
        "energy", "Table IV, V", "ReLU needs the least energy per picture, Sigmoid on the processor the most", MODEL,
        _measured(record, "energy_j", "J"),
        listed((TITLE[a], f"{e:.3f} J") for a, e in energy.items())
        + f"; Sigmoid as a table in the array {table['energy_j']:.3f} J", checks,
        {PARTLY: CALIBRATED, NOT: CALIBRATED, "reproduced": CALIBRATED},
    )  # fmt: skip
