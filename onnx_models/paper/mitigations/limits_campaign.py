"""What range limits buy: the first faults of every cell of a campaign once more, on the network with limits."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray

from onnx_models.paper.campaigns.estimates import Sample, nonfinite, pooled, samples
from onnx_models.paper.campaigns.float_campaign import Campaign, Judge, identity_of
from onnx_models.paper.campaigns.float_runner import open_session
from onnx_models.paper.campaigns.network import SETS, read_network
from onnx_models.paper.campaigns.plan import Plan
from onnx_models.paper.campaigns.rows import Row, collect
from onnx_models.paper.mitigations.clipping import observed_limits, with_limits

F32 = NDArray[np.float32]
SHARE: Final = 4  # every cell's faults over this, rounded up, are run again


def reduced(plan: Plan) -> Plan:
    """Return the first quarter of every cell; cells draw their faults in a fixed order, so they are the same faults."""
    return Plan(plan.seed, tuple(dataclasses.replace(c, faults=-(-c.faults // SHARE)) for c in plan.cells))


def first_rows(campaign: Campaign) -> list[Row]:
    """Return the rows of a campaign for the faults of its reduced plan, in the order of that."""
    kept = reduced(campaign.plan)
    return [row for s, c in zip(samples(campaign), kept.cells, strict=True) for row in s.rows[: c.faults]]


def run_limited(
    path: Path,
    campaign: Campaign,
    policy: str,
    images: F32,
    calibration: F32,
    target: Path,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Campaign:
    """Run the faults of the reduced plan on the network with limits.

    Parameters
    ----------
    path
        Float ONNX file of the campaign.
    campaign
        The campaign without limits.
    policy
        One of `clipping.POLICIES`.
    images, calibration
        float32 [N, bands, H, W]: what is struck, and what the limits are taken from.
    target
        CSV file of the rows.
    report
        Called with (recorded, planned).

    Returns
    -------
    Campaign
        Judged against the fault-free run of the network with limits.
    """
    model = onnx.load(path)
    limits = observed_limits(model, calibration)
    limited = with_limits(model, limits, policy)
    plan = reduced(campaign.plan)
    identity = identity_of(limited.SerializeToString(), images, plan)
    judge = Judge(read_network(limited, path.name), images)
    rows = collect(target, identity, plan, judge, report)
    return Campaign(f"{campaign.model}-{policy}", campaign.sha256, plan, campaign.layers, rows)


def effect(before: Campaign, after: Sequence[Campaign]) -> dict[str, Any]:
    """Return mean error rates on the same faults, without limits and with each policy, by kind of parameter."""
    kept = Campaign(before.model, before.sha256, reduced(before.plan), before.layers, first_rows(before))
    found = {}
    for name, campaign in (("none", kept), *((c.model.rsplit("-", 1)[-1], c) for c in after)):
        of = samples(campaign)
        found[name] = {
            "all": _entry(of),
            "sets": {kind: _entry([s for s in of if s.cell.set == kind]) for kind in SETS},
            "faults": campaign.plan.n,
        }
    return found


def _entry(of: Sequence[Sample]) -> dict[str, Any]:
    return {"error": pooled(of).to_dict(), "nonfinite": pooled(of, nonfinite).to_dict()}


def classes_of(model: onnx.ModelProto, images: F32) -> NDArray[np.int64]:
    """Return the predicted classes, int64 [N, H, W], one picture at a time."""
    session = open_session(model.SerializeToString())
    name = session.get_inputs()[0].name
    return np.concatenate([np.asarray(session.run(None, {name: x[None]})[0]).argmax(axis=1) for x in images])
