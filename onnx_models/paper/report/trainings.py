"""What the trainings beside the main ones say: other seeds, unpruned controls, fast fine-tuning where much is lost."""

from collections.abc import Iterator, Mapping, Sequence
from math import comb
from typing import Any, Final

from onnx_models.hsi.bands import CLASSES
from onnx_models.paper.recipe import ACTIVATIONS
from onnx_models.paper.report.claims import TITLE, Check, listed, model_of, ordered, percent

Record = Mapping[str, Any]
MEASURES: Final = ("global", "weighted")
SETTING: Final = {
    "extremes": "ranges of the extremes",
    "kernels4": "kernels of 4 bits",
    "replaced": "HardSigmoid in Sigmoid's place",
    "tflite": "the TFLite-like scheme itself",
    "dpu": "the DPU-like scheme itself",
}


def seeds_of(record: Record) -> list[int]:
    """Return the seeds that every original was trained from, the main one first."""
    found = [{entry["seed"] for entry in _repeats(record, a)} for a in ACTIVATIONS]
    return [record["recipe"]["seed"], *sorted(set.intersection(*found))]


def _repeats(record: Record, activation: str) -> list[Record]:
    """Return the other trainings of an original."""
    repeats = (record.get("retraining") or {"repeats": []})["repeats"]
    return [entry for entry in repeats if entry["activation"] == activation]


def original_scores(record: Record, activation: str) -> list[Record]:
    """Return the IoU of an original, one entry per training, the main one first."""
    seeds = seeds_of(record)
    own = [entry["iou"] for entry in _repeats(record, activation) if entry["seed"] in seeds]
    return [model_of(record, activation, "original")["iou"], *own]


def average(scores: Sequence[Record], measure: str) -> float:
    """Return the mean of a measure over trainings."""
    return float(sum(iou[measure] for iou in scores) / len(scores))


def spread_of(scores: Sequence[Record], measure: str) -> str:
    """Return the mean of a measure over trainings, and its range."""
    values = [iou[measure] for iou in scores]
    if len(values) == 1:
        return f"{values[0]:.1f}"
    return f"{average(scores, measure):.1f} ({min(values):.1f} to {max(values):.1f})"


def trainings(record: Record) -> str:
    """Return mean and range of global and weighted IoU of the originals."""
    found = {a: original_scores(record, a) for a in ACTIVATIONS}
    return listed((TITLE[a], " / ".join(spread_of(found[a], m) for m in MEASURES)) for a in ACTIVATIONS)


def apart(record: Record, a: str, b: str, measure: str) -> Check:
    """Check that all trainings of one activation function are above all of another; open where they overlap."""
    high, low = ([iou[measure] for iou in original_scores(record, x)] for x in (a, b))
    holds = True if min(high) > max(low) else False if max(high) < min(low) else None
    return Check(f"{measure} IoU: {TITLE[a]} above {TITLE[b]}", holds)


def trainings_test(record: Record) -> str:
    """Return the test that `apart` is, with its one-sided probability under no difference."""
    n = len(seeds_of(record))
    if n == 1:
        return "one training each, so no interval: point scores on the test pictures"
    return (
        f"{n} trainings each (other start values and order, same pictures); clear when all of one lie above all of "
        f"the other, p = {1 / comb(2 * n, n):.2f} one-sided"
    )


def over_seeds(record: Record, key: str, pairs: Sequence[tuple[str, str]]) -> tuple[tuple[Check, ...], str]:
    """Return whether the error rates of the other trainings are ordered as a claim says, and the numbers.

    Parameters
    ----------
    record
        Everything.
    key
        `all` or `convolutions`.
    pairs
        Activation functions, the one with the higher error rate first.
    """
    checks, words = [], []
    for seed in seeds_of(record)[1:]:
        own = {a: e for a in ACTIVATIONS if (e := repeat_rate(record, a, seed, key)) is not None}
        if len(own) == len(ACTIVATIONS):
            checks += [ordered(f"seed {seed}: {TITLE[a]} above {TITLE[b]}", own[a], own[b]) for a, b in pairs]
            words.append(f"trained from seed {seed}: {listed((TITLE[a], percent(e)) for a, e in own.items())}")
    return tuple(checks), "".join(f"; {word}" for word in words)


def repeat_rate(record: Record, activation: str, seed: int, key: str) -> Record | None:
    """Return the error rate of an original of another seed, None where it was not struck."""
    for entry in record.get("repeats") or ():
        if (entry["activation"], entry["seed"]) == (activation, seed):
            found: Record = entry["all"]["tensors"] if key == "all" else entry[key]
            return found
    return None


def seeds_table(record: Record) -> Iterator[list[str]]:
    """Yield a line per training of an original: scores, and error rates with limits."""
    for a in ACTIVATIONS:
        for seed, iou in zip(seeds_of(record), original_scores(record, a), strict=True):
            if seed == record["recipe"]["seed"]:
                main = record["float"][f"{a}-original"]
                rates: list[Record | None] = [main["all"]["tensors"], main["convolutions"]]
            else:
                rates = [repeat_rate(record, a, seed, key) for key in ("all", "convolutions")]
            yield [
                TITLE[a], str(seed), *(f"{iou[name]:.2f}" for name in (*CLASSES, *MEASURES)),
                *("" if rate is None else percent(rate) for rate in rates),
            ]  # fmt: skip
        scores = original_scores(record, a)
        if len(scores) > 1:
            ranges = [f"{average(scores, m):.2f}, {_range(scores, m):.2f}" for m in (*CLASSES, *MEASURES)]
            yield [TITLE[a], "mean, range", *ranges, "", ""]


def _range(scores: Sequence[Record], measure: str) -> float:
    values = [iou[measure] for iou in scores]
    return float(max(values) - min(values))


def controls_table(record: Record) -> Iterator[list[str]]:
    """Yield a line per pruned network: its scores, its control's, and what pruning costs against each."""
    for a, control, pruned in _controls(record):
        original = model_of(record, a, "original")["iou"]
        yield [
            TITLE[a], {"pruned1": "once", "pruned2": "twice"}[control["control_of"]], str(control["extra_epochs"]),
            *(" / ".join(f"{iou[m]:.2f}" for m in MEASURES) for iou in (original, control["iou"], pruned)),
            *(" / ".join(f"{iou[m] - pruned[m]:+.2f}" for m in MEASURES) for iou in (original, control["iou"])),
        ]  # fmt: skip


def _controls(record: Record) -> Iterator[tuple[str, Record, Record]]:
    for a, own in (record.get("retraining") or {"controls": {}})["controls"].items():
        for control in own:
            yield a, control, model_of(record, a, control["control_of"])["iou"]


def against_controls(record: Record) -> dict[str, dict[str, float]]:
    """Return activation function to the points that the network pruned twice lies below its unpruned control."""
    return {
        a: {m: control["iou"][m] - pruned[m] for m in MEASURES}
        for a, control, pruned in _controls(record) if control["control_of"] == "pruned2"
    }  # fmt: skip


def recovery_cases(record: Record) -> Iterator[Record]:
    """Yield every quantised network that was fine-tuned because it lost too much, then those made to lose much."""
    for model in record["models"]:
        for scheme, int8 in model["int8"].items():
            tuned = int8.get("fast_fine_tuning")
            if tuned:
                lost, left = (
                    {key: model["iou"][key] - tuned[when][key] for key in model["iou"]}
                    for when in ("iou_before", "iou_after")
                )
                yield {
                    "activation": model["activation"], "version": model["version"], "setting": scheme,
                    "iou_float": model["iou"], "iou_plain": tuned["iou_before"], "iou_tuned": tuned["iou_after"],
                    "lost_points": lost, "left_points": left,
                }  # fmt: skip
    yield from record.get("recovery") or ()


def recovery_table(record: Record) -> Iterator[list[str]]:
    """Yield a line per network and setting: scores, and points lost per class without and with fast fine-tuning."""
    for case in recovery_cases(record):
        tuned = case["iou_tuned"]
        scores = [case["iou_float"], case["iou_plain"], *([tuned] if tuned else [])]
        cells = [" / ".join(f"{iou[m]:.2f}" for m in MEASURES) for iou in scores]
        lost = [
            f"{case['lost_points'][name]:.1f}" + (f" to {case['left_points'][name]:.1f}" if tuned else "")
            for name in (*CLASSES, *MEASURES)
        ]
        yield [
            _network(case), SETTING[case["setting"]], *cells, *([] if tuned else ["not needed"]),
            *lost,
        ]  # fmt: skip


def _network(case: Record) -> str:
    return f"{TITLE[case['activation']]} {'original' if case['version'] == 'original' else 'pruned'}"


def recovery_checks(record: Record) -> tuple[tuple[Check, ...], list[tuple[str, str]]]:
    """Check, case by case, that fast fine-tuning brings back more than half of what was lost, of both measures."""
    checks, words = [], []
    for case in recovery_cases(record):
        if case["iou_tuned"] is None:
            continue
        name, lost, left = f"{_network(case)}, {SETTING[case['setting']]}", case["lost_points"], case["left_points"]
        back = [left[m] < 0.5 * lost[m] for m in MEASURES if lost[m] > 0]
        checks.append(Check(name, all(back) if back else None))  # lost on the validation pictures only
        words.append((name, " / ".join(f"{lost[m]:.1f} to {left[m]:.1f}" for m in MEASURES)))
    return tuple(checks), words
