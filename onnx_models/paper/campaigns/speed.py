"""What reusing the fault-free prefix saves, why not more, and the proof that it changes no bit."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray

from onnx_models.paper.campaigns.float_campaign import Campaign
from onnx_models.paper.campaigns.float_runner import Flip, FloatRunner, open_session, same_bits
from onnx_models.paper.campaigns.network import read_network

ROUNDS: Final = 5
"""Times that everything is timed, in turn; the least counts, for what else the machine does only adds to it."""
Timer = Callable[[], float]


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
        Seconds of a faulty run that reuses the prefix, and of a run of the whole model (without opening it): means over
        faults of the least of `ROUNDS`.
    pieces_s
        Seconds of all pieces one after the other without a fault: what cutting the model costs is the difference to
        `whole_s`.
    behind_s
        Mean seconds of the pieces from the fault's layer to the end, without a fault: what reuse can at best come to
        unless a fault's effect dies out on the way.
    batched_s
        Seconds per picture of a whole run of all pictures along the batch axis.
    opening_s
        Seconds to open the model, which a run without replaceable parameters needs for every fault.
    """

    faults: int
    differing: int
    reused_s: float
    whole_s: float
    pieces_s: float
    behind_s: float
    batched_s: float
    opening_s: float


def measure(model: onnx.ModelProto, images: NDArray[np.float32], campaign: Campaign, faults: int) -> Speed:
    """Run evenly spaced faults of a campaign both ways.

    Parameters
    ----------
    model
        The campaign's float model.
    images
        Its pictures; the first one is taken, and all of them for `Speed.batched_s`.
    campaign
        Where the faults come from.
    faults
        How many.
    """
    content = model.SerializeToString()
    runner = FloatRunner(read_network(model), images[:1])
    rows = campaign.rows[:: max(1, len(campaign.rows) // faults)][:faults]
    flips = [Flip(row.variable, row.element, row.bit) for row in rows]
    differing = sum(not same_bits(runner.run(flip), runner.whole(flip)) for flip in flips)
    session = open_session(content)
    one, all_images = ({runner.network.input: own} for own in (images[:1], images))
    # Faults of one kind of run follow each other, as in a campaign: the caches hold what the last one left.
    reused, whole, pieces, batched, opening = _alternating(
        [
            [_timer(partial(runner.run, flip)) for flip in flips],
            [_timer(partial(session.run, None, one))] * len(flips),
            [_timer(partial(runner.piece, number)) for number in range(len(runner.sessions))],
            [_timer(partial(session.run, None, all_images))],
            [_timer(partial(open_session, content))],
        ]
    )
    behind = np.cumsum(pieces[::-1])[::-1]
    layer = {v.name: v.layer for v in runner.network.variables}
    return Speed(
        len(flips), differing, float(reused.mean()), float(whole.mean()), float(pieces.sum()),
        float(np.mean([behind[layer[flip.variable]] for flip in flips])), float(batched.mean() / len(images)),
        float(opening.mean()),
    )  # fmt: skip


def _alternating(kinds: Sequence[Sequence[Timer]]) -> list[NDArray[np.float64]]:
    """Return, per kind and timer, the least seconds of `ROUNDS` rounds in which the kinds take turns."""
    times = [[[timer() for timer in timers] for timers in kinds] for _ in range(ROUNDS)]
    return [np.min([each[i] for each in times], axis=0) for i in range(len(kinds))]


def _timer(action: Callable[[], object]) -> Timer:
    def seconds() -> float:
        start = time.perf_counter()
        action()
        return time.perf_counter() - start

    return seconds
