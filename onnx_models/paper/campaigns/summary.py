"""A campaign in numbers: means by kind of parameter, bit position, tensor and zone."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from accel_sim.stats import clopper_pearson
from onnx_models.paper.campaigns.estimates import (
    TENSORS,
    Sample,
    changed,
    critical,
    error,
    mean,
    nonfinite,
    pick,
    samples,
    spread,
    struck,
)
from onnx_models.paper.campaigns.float_campaign import Campaign
from onnx_models.paper.campaigns.plan import EXPONENT, MANTISSA, MSB, SIGN
from onnx_models.paper.campaigns.rows import Row

OUTER, MIDDLE, CENTRE = "outer", "middle", "centre"
ZONES: Final = (OUTER, MIDDLE, CENTRE)
BATCH_NORM: Final = ("gamma", "beta", "moving_mean", "moving_variance")
Record = dict[str, Any]


def zone_of(block: str, levels: int) -> str:
    """Return where in the U a layer is: `OUTER` (first level and head), `CENTRE` (base and deepest levels), or between.

    The centre are the levels below the middle one: of five levels the fourth, the fifth and the base.
    """
    found = re.match(r"(?:enc|dec)(\d+)", block)
    if found is None:
        return CENTRE if block.startswith("base") else OUTER
    level = int(found.group(1))
    if level == 1:
        return OUTER
    return CENTRE if level > (levels + 1) / 2 else MIDDLE


def levels_of(blocks: Iterable[str]) -> int:
    """Return how many encoder levels the blocks have."""
    return max(int(n) for block in blocks for n in re.findall(r"^enc(\d+)", block))


def means(of: Sequence[Sample]) -> Record:
    """Return the mean error rate, every tensor and bit position alike, with NaN as an error and as a class."""
    return {
        "faults": sum(len(s.rows) for s in of),
        "tensors": mean(of, TENSORS).to_dict(),
        "argmax": mean(of, TENSORS, changed).to_dict(),
    }


def upsets(rows: Sequence[Row]) -> Record:
    """Return what upsets of stored bits do: mean error rate, share with a wrong pixel, share not finite."""
    values = {"error": error, "critical": critical, "nonfinite": nonfinite}
    return {"faults": len(rows)} | {name: struck(rows, value).to_dict() for name, value in values.items()}


def summary(campaign: Campaign) -> Record:
    """Return what both kinds of campaigns have: sets, bit positions and tensors."""
    of = samples(campaign)
    sets = tuple(dict.fromkeys(cell.set for cell in campaign.plan.cells))
    kinds = {kind: pick(of, sets=[kind]) for kind in sets}
    return {
        "model": campaign.model,
        "sha256": campaign.sha256,
        "seed": campaign.plan.seed,
        "faults": campaign.plan.n,
        "parameters": _parameters(campaign),
        "bits_stored": sum(cell.population for cell in campaign.plan.cells),
        "outcomes": dict(Counter(row.outcome for row in campaign.rows)),
        "all": means(of),
        "upsets": upsets(campaign.uniform),
        "sets": {kind: means(own) for kind, own in kinds.items()},
        "set_bits": {kind: _by_bit(own) for kind, own in kinds.items()},
        "bit_positions": _by_bit(of),
        "spread": dict(zip(("low", "best", "high"), spread(of), strict=True)),
        "tensors": [_tensor(of, name) for name in dict.fromkeys(cell.variable for cell in campaign.plan.cells)],
    }


def _parameters(campaign: Campaign) -> int:
    return sum({cell.variable: cell.elements for cell in campaign.plan.cells}.values())


def _by_bit(of: Sequence[Sample]) -> Record:
    groups = sorted({s.cell.bits for s in of}, reverse=True)
    return {name_of(bits): mean([s for s in of if s.cell.bits == bits]).to_dict() for bits in groups}


def name_of(bits: tuple[int, ...]) -> str:
    """Return how a group of bit positions is called in the data: `30`, `22-0`."""
    return str(bits[0]) if len(bits) == 1 else f"{bits[0]}-{bits[-1]}"


def _tensor(of: Sequence[Sample], name: str) -> Record:
    own = pick(of, variable=name)
    first = own[0]
    return {
        "variable": name, "set": first.cell.set, "layer": first.layer, "block": first.block,
        "elements": first.cell.elements, "mean": mean(own).to_dict(),
    }  # fmt: skip


def float_summary(campaign: Campaign, values: Mapping[str, NDArray[np.float32]]) -> Record:
    """Return the summary of a float campaign with what only floats have.

    Parameters
    ----------
    campaign
        A finished campaign.
    values
        Variable to its values, for the share of them with 1 < |x| < 2 (at 1 an exponent's highest flipped bit gives
        infinity, between 1 and 2 NaN).
    """
    found, of = summary(campaign), samples(campaign)
    levels = levels_of(block for _, block in campaign.layers.values())
    zones = {zone: [s for s in of if zone_of(s.block, levels) == zone] for zone in ZONES}
    zones = {zone: own for zone, own in zones.items() if own}  # two levels have nothing in the middle
    for entry in found["tensors"]:
        own = pick(of, variable=entry["variable"], bits=[MSB])
        entry["msb"] = mean(own).to_dict()
        entry["ratio_1_2"] = share_1_2(values[entry["variable"]])
        entry["zone"] = zone_of(entry["block"], levels)
    no_msb = [SIGN, *EXPONENT[1:]]  # what Fig. 2 shows, less the bit that hides everything else
    kernels = ("kernel", "bias")
    return found | {
        "growth": _growth(of),
        "msb": mean(pick(of, bits=[MSB])).to_dict(),
        "upper": mean(pick(of, bits=[SIGN, *EXPONENT])).to_dict(),
        "other_exponent": mean(pick(of, bits=EXPONENT[1:])).to_dict(),
        "sign": mean(pick(of, bits=[SIGN])).to_dict(),
        "mantissa": mean(pick(of, bits=MANTISSA)).to_dict(),
        "convolutions": mean(pick(of, sets=kernels)).to_dict(),
        "normalisation": mean(pick(of, sets=BATCH_NORM)).to_dict(),
        "zones_without_msb": {zone: mean(pick(own, bits=no_msb)).to_dict() for zone, own in zones.items()},
        "zones_msb": {zone: _origin(pick(own, bits=[MSB])) for zone, own in zones.items()},
        "ratio_1_2": {kind: _pooled(found, values, kind, share_1_2) for kind in found["sets"]},
        "ratio_2": {kind: _pooled(found, values, kind, share_2) for kind in found["sets"]},
        "spread_upper": dict(zip(("low", "best", "high"), spread(pick(of, bits=[SIGN, *EXPONENT])), strict=True)),
    }


def share_1_2(values: NDArray[np.float32]) -> float:
    """Return the share of values with 1 <= |x| < 2."""
    size = np.abs(values)
    return float(np.mean((size >= 1) & (size < 2)))


def share_2(values: NDArray[np.float32]) -> float:
    """Return the share of values with |x| >= 2: bit 30 is set in them, and the exponent bits below it are not."""
    return float(np.mean(np.abs(values) >= 2))


def _pooled(
    found: Record,
    values: Mapping[str, NDArray[np.float32]],
    kind: str,
    share: Callable[[NDArray[np.float32]], float],
) -> float:
    """Return the mean over the tensors of a kind of a share of their values."""
    return float(np.mean([share(values[t["variable"]]) for t in found["tensors"] if t["set"] == kind]))


def _growth(of: Sequence[Sample]) -> Record:
    """Compare faults that make a value larger with faults that make it smaller; the sign bit does neither."""
    rows = [row for s in of if s.cell.bits != (SIGN,) for row in s.rows]
    found: Record = {}
    for name, own in (("grows", [r for r in rows if grows(r)]), ("shrinks", [r for r in rows if not grows(r)])):
        hits = sum(critical(r) > 0 for r in own)
        found[name] = {"hits": hits, **clopper_pearson(hits, len(own)).to_dict()}
    found["share_of_errors"] = _share_of_growth(of)
    found["share_without_variance"] = _share_of_growth([s for s in of if s.cell.set != "moving_variance"])
    return found


def _share_of_growth(of: Sequence[Sample]) -> float:
    """Return the share of all wrong pixels that comes from values made larger, tensors and bits alike."""
    mass = {True: 0.0, False: 0.0}
    for s in of:
        for row in s.rows:
            if s.cell.bits != (SIGN,):
                mass[grows(row)] += error(row) * len(s.cell.bits) / len(s.rows)
    total = sum(mass.values())
    return mass[True] / total if total else float("nan")


def grows(row: Row) -> bool:
    """Whether a flip made a value larger in size; NaN and infinity count as larger."""
    return not abs(row.new) <= abs(row.old)


def _origin(of: Sequence[Sample]) -> Record:
    """Split the error rate of the exponent's highest bit by whether the value was within 1 <= |x| < 2."""
    inside = mean(of, TENSORS, lambda row: error(row) if 1 <= abs(row.old) < 2 else 0.0)
    outside = mean(of, TENSORS, lambda row: 0.0 if 1 <= abs(row.old) < 2 else error(row))
    struck = mean(of, TENSORS, lambda row: float(1 <= abs(row.old) < 2))
    return {"all": mean(of).to_dict(), "inside": inside.to_dict(), "outside": outside.to_dict(),
            "struck_inside": struck.to_dict()}  # fmt: skip
