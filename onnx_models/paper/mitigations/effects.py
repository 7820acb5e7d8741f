"""What each protection costs and how much of the error rate it takes away, from the rows of the campaigns."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from onnx_models.hsi.bands import CLASSES
from onnx_models.metrics import confusion, iou_table
from onnx_models.paper.campaigns.estimates import BITS, TENSORS, Sample, error, mean, pick, samples
from onnx_models.paper.campaigns.float_campaign import Campaign
from onnx_models.paper.campaigns.rows import Row
from onnx_models.paper.mitigations.clipping import LIMITED, POLICIES, observed_limits, with_limits
from onnx_models.paper.mitigations.hamming import Secded
from onnx_models.paper.mitigations.limits_campaign import classes_of
from onnx_models.paper.mitigations.mantissa_ecc import CHECKS, protected, survives

F32 = NDArray[np.float32]


def mantissa_effect(campaign: Campaign) -> dict[str, Any]:
    """Return the error rate with check bits in the mantissa: every fault of the campaign is put through the code.

    A fault that the code corrects leaves the protected network's own fault-free answer; none is assumed to.
    """
    left = {row.fault: 0.0 if survives(row.old, row.bit) else row.wrong_fraction for row in campaign.rows}
    of = samples(campaign)
    after: dict[str, Any] = mean(of, TENSORS, lambda row: left[row.fault]).to_dict()
    if all(survives(0.0, bit) for bit in range(32)):  # a linear code: what one word survives, every word does
        after |= {"low": 0.0, "best": 0.0, "high": 0.0, "method": "exact"}
    return {
        "before": mean(of, TENSORS).to_dict(),
        "after": after,
        "corrected": sum(survives(row.old, row.bit) for row in campaign.rows),
        "faults": len(campaign.rows),
        "bits_given_up": CHECKS,
        "extra_bits": 0,
    }


def secded_biases(campaign: Campaign) -> dict[str, Any]:
    """Return the error rate of an int8 network whose biases lie in a memory with SECDED, every bias a word of its own.

    Upsets of check bits change nothing, but they are upsets: `after_all_bits` counts them in the population.
    """
    of = samples(campaign)
    (width,) = {len(_bits(of, name)) for name in {s.cell.variable for s in of if s.cell.set == "bias"}}
    code = Secded(width)
    rows = {(r.variable, r.element, r.bit) for s in of if s.cell.set == "bias" for r in s.rows}
    corrected = sum(_corrects(code, bit) for _, _, bit in rows)

    def value(row: Row) -> float:
        return 0.0 if (row.variable, row.element, row.bit) in rows and _corrects(code, row.bit) else error(row)

    stored = sum(s.cell.population for s in of)
    biases = sum(s.cell.population for s in of if s.cell.set == "bias")
    check = biases // width * code.check_bits
    after = mean(of, BITS, value)
    return {
        "before": mean(of, BITS).to_dict(),
        "after": after.to_dict(),
        "after_all_bits": after.best * stored / (stored + check),
        "corrected": corrected,
        "bias_faults": len(rows),
        "share_of_errors_from_biases": _bias_share(of),
        "word_bits": code.word_bits,
        "data_bits": width,
        "check_bits": check,
        "stored_bits": stored,
        "bias_bits": biases,
    }


def _bits(of: Sequence[Sample], variable: str) -> set[int]:
    return {bit for s in pick(of, variable=variable) for bit in s.cell.bits}


def _corrects(code: Secded, bit: int) -> bool:
    """Put a word with one wrong data bit through the decoder; the code is linear, so one word speaks for all."""
    clean = np.zeros(1, np.uint64)
    found, bad = code.decode(clean ^ np.uint64(1 << bit), code.checks(clean))
    return bool(found[0] == 0 and not bad[0])


def _bias_share(of: Sequence[Sample]) -> float:
    """Return the share of the mean error rate over all bits that comes from biases."""
    parts = {True: 0.0, False: 0.0}
    for s in of:
        parts[s.cell.set == "bias"] += s.cell.population * sum(error(r) for r in s.rows) / len(s.rows)
    total = sum(parts.values())
    return parts[True] / total if total else float("nan")


def fault_free(
    model: onnx.ModelProto, images: F32, labels: NDArray[np.uint8], calibration: F32
) -> dict[str, dict[str, Any]]:
    """Return what the protected networks say without faults: pixels that differ, and IoU in percent.

    Parameters
    ----------
    model
        Float network.
    images, labels
        float32 [N, bands, H, W] and uint8 [N, H, W]: the test pictures.
    calibration
        float32 [N, bands, H, W]: what the limits are taken from.
    """
    limits = observed_limits(model, calibration)
    made: Mapping[str, onnx.ModelProto] = {
        "none": model, **{p: with_limits(model, limits, p) for p in POLICIES}, "mantissa": protected(model)
    }  # fmt: skip
    base = classes_of(model, images)
    found = {}
    for name, network in made.items():
        classes = base if name == "none" else classes_of(network, images)
        table = iou_table(confusion(labels, classes, len(CLASSES)), CLASSES)
        found[name] = {"changed_pixels": float(np.mean(classes != base)), "iou": table}
    return found


def comparisons(model: onnx.ModelProto, height: int, width: int) -> dict[str, float]:
    """Return what limits cost in work: compared values per picture, and that over the multiply-accumulates.

    Parameters
    ----------
    model
        Float network.
    height, width
        Of its pictures.
    """
    inferred = onnx.shape_inference.infer_shapes(_sized(model, height, width))
    known = [*inferred.graph.value_info, *inferred.graph.output, *inferred.graph.input]
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in known}
    weights = {t.name: list(t.dims) for t in model.graph.initializer}
    values = macs = 0
    for node in model.graph.node:
        if node.op_type in LIMITED:
            values += int(np.prod(shapes[node.output[0]][1:]))  # of one picture
        if node.op_type in ("Conv", "ConvTranspose"):
            # each kernel value meets every position of the smaller of the two pictures once (stride of the window)
            positions = shapes[node.output[0] if node.op_type == "Conv" else node.input[0]][2:]
            macs += int(np.prod(weights[node.input[1]]) * np.prod(positions))
    return {"values": values, "comparisons": 2 * values, "per_mac": 2 * values / macs}


def _sized(model: onnx.ModelProto, height: int, width: int) -> onnx.ModelProto:
    made = onnx.ModelProto()
    made.CopyFrom(model)
    shape = made.graph.input[0].type.tensor_type.shape.dim
    for place, size in zip((0, 2, 3), (1, height, width), strict=True):
        shape[place].dim_value = size
    return made
