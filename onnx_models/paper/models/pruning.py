"""Channel pruning to an overall ratio in operations, layer by layer as the sensitivities say."""

import copy
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from onnx_models.paper.models.network import layer, widths_of
from onnx_models.paper.models.sensitivity import RATIOS, channel_group, dependencies, ranking
from onnx_models.paper.models.size import count
from onnx_models.unet import UNet

LARGEST_RATIO: Final = 0.9
"""No layer loses more of its channels in one pruning: the last step of the sensitivity analysis."""

Curves = Mapping[str, NDArray[np.float64]]


def choose_widths(levels: int, widths: Mapping[str, int], curves: Curves, ratio: float, pixels: int) -> dict[str, int]:
    """Choose how many channels every layer keeps.

    One loss is allowed to all layers, and each gives the largest share of its channels that its own curve (made
    monotone, linear between the steps) says to cost no more; the loss is the smallest with which `ratio` of the
    operations goes. Where even no loss gives too much, the share is limited instead.

    Parameters
    ----------
    levels
        Encoder levels.
    widths
        Output channels of every layer but the head.
    curves
        Sensitivities, as of `sensitivity.sensitivities`.
    ratio
        Share of the operations to remove, 0 to 1.
    pixels
        Pixels of a picture.

    Returns
    -------
    New widths, at least 1 each: those on either side of the target whose operations are nearer to it.
    """
    target = (1.0 - ratio) * count(levels, widths, pixels).operations

    def keeps(loss: float, limit: float) -> dict[str, int]:
        return {
            name: max(1, before - round(before * min(_share(curves[name], loss), limit)))
            for name, before in widths.items()
        }

    def operations(loss: float, limit: float) -> int:
        return count(levels, keeps(loss, limit), pixels).operations

    if operations(0.0, LARGEST_RATIO) <= target:
        limits = _bisect(lambda value: operations(0.0, value) <= target, LARGEST_RATIO)
        choices = [keeps(0.0, limit) for limit in limits]
    else:
        most = max(float(curve.max()) for curve in curves.values()) + 1.0
        losses = _bisect(lambda value: operations(value, LARGEST_RATIO) <= target, most)
        choices = [keeps(loss, LARGEST_RATIO) for loss in losses]
    return min(choices, key=lambda choice: abs(count(levels, choice, pixels).operations - target))


def _share(curve: NDArray[np.float64], loss: float) -> float:
    """Return the largest share of channels whose interpolated loss is allowed."""
    losses = np.maximum.accumulate(np.concatenate([[0.0], np.maximum(curve, 0.0)]))
    shares = np.array([0.0, *RATIOS])
    last = int(np.searchsorted(losses, loss, side="right")) - 1
    if last == len(losses) - 1:
        return float(shares[-1])
    rise = (loss - losses[last]) / (losses[last + 1] - losses[last])
    return float(shares[last] + rise * (shares[last + 1] - shares[last]))


def _bisect(enough: Callable[[float], bool], high: float) -> tuple[float, float]:
    """Return the values from 0 to `high` on either side of where a monotone condition begins to hold."""
    low = 0.0
    for _ in range(40):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if enough(middle) else (middle, high)
    return low, high


def prune(model: UNet, widths: Mapping[str, int]) -> UNet:
    """Return a copy of a network whose least important channels are taken out.

    Parameters
    ----------
    model
        The network; not changed.
    widths
        Channels that each layer keeps.

    Returns
    -------
    The smaller network, not yet fine-tuned, in evaluation mode.
    """
    smaller = copy.deepcopy(model)
    # All rankings are those of the network that the sensitivities were measured on.
    graph = dependencies(smaller)
    orders = {name: ranking(graph, layer(smaller, name)) for name in widths}
    for name, before in widths_of(model).items():
        removed = before - widths[name]
        if removed > 0:
            graph = dependencies(smaller)
            channel_group(graph, layer(smaller, name), orders[name][:removed]).prune()
    assert widths_of(smaller) == dict(widths)
    return smaller
