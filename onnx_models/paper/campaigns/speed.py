"""What reusing the fault-free prefix saves, and the proof that it changes no bit."""

import time
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray

from onnx_models.paper.campaigns.float_campaign import Campaign
from onnx_models.paper.campaigns.float_runner import Flip, FloatRunner, open_session, same_bits
from onnx_models.paper.campaigns.network import read_network


@dataclass(frozen=True)
class Speed:
    """Times on this machine, one thread, and agreement.

    Attributes
    ----------
    faults
        Faults compared.
    differing
        Of these, runs whose logits differ in any bit from a run of the whole model with the bit flipped in its file.
    reused_s, whole_s
        Median seconds of a faulty run that reuses the prefix, and of a run of the whole model (without opening it).
    """

    faults: int
    differing: int
    reused_s: float
    whole_s: float


def measure(model: onnx.ModelProto, images: NDArray[np.float32], campaign: Campaign, faults: int) -> Speed:
    """Run evenly spaced faults of a campaign both ways.

    Parameters
    ----------
    model
        The campaign's float model.
    images
        Its pictures; the first one is taken.
    campaign
        Where the faults come from.
    faults
        How many.
    """
    images = images[:1]
    runner = FloatRunner(read_network(model), images)
    session = open_session(model.SerializeToString())
    rows = campaign.rows[:: max(1, len(campaign.rows) // faults)][:faults]
    reused, whole, differing = [], [], 0
    for row in rows:
        flip = Flip(row.variable, row.element, row.bit)
        start = time.perf_counter()
        found = runner.run(flip)
        reused.append(time.perf_counter() - start)
        start = time.perf_counter()
        session.run(None, {runner.network.input: images})
        whole.append(time.perf_counter() - start)
        differing += not same_bits(found, runner.whole(flip))
    return Speed(len(rows), differing, float(np.median(reused)), float(np.median(whole)))
