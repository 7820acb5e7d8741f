"""Sensitivity of each layer to pruning: channels of one layer removed in steps of a tenth, the rest frozen.

As in Section II-B of the paper. A removed channel is imitated by zeros in the kernels that read it, which gives the
same logits as taking it out: nothing else depends on it.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import torch
import torch_pruning as tp
from numpy.typing import NDArray
from torch import nn

from onnx_models.hsi.bands import BANDS
from onnx_models.paper.data import Split
from onnx_models.paper.models.network import layer
from onnx_models.paper.models.replay import Replay
from onnx_models.paper.models.topology import layer_names
from onnx_models.unet import UNet

RATIOS: Final = tuple(round(0.1 * step, 1) for step in range(1, 10))


def dependencies(model: UNet) -> Any:
    """Trace which channels belong together; a `torch_pruning.DependencyGraph`."""
    side = 2**model.levels
    # In training mode a picture of one pixel at the base would have no variance.
    model.eval()
    return tp.DependencyGraph().build_dependency(model, example_inputs=torch.zeros(1, BANDS, side, side))


def channel_group(graph: Any, module: Any, channels: list[int]) -> Any:
    """Return the `torch_pruning.Group` of some output channels of a convolution: all that goes with them."""
    return graph.get_pruning_group(module, tp.prune_conv_out_channels, channels)


def ranking(graph: Any, module: Any) -> list[int]:
    """Return a layer's output channels, the least important first.

    Importance is the L2 norm of all that belongs to the channel: its kernel, its normalisation, and the slices of the
    kernels that read it (Li et al., "Pruning Filters for Efficient ConvNets", 2017, extended over the group as in
    Fang et al., "DepGraph", CVPR 2023).
    """
    group = channel_group(graph, module, list(range(int(module.out_channels))))
    values = tp.importance.GroupMagnitudeImportance(p=2)(group)
    return [int(index) for index in torch.argsort(values, stable=True)]


def sensitivities(model: UNet, data: Split, report: Callable[[str], None]) -> dict[str, NDArray[np.float64]]:
    """Measure every layer but the head.

    Parameters
    ----------
    model
        A trained network; as it was afterwards.
    data
        Pictures to score on; not those of the final scores.
    report
        Receives a line per layer.

    Returns
    -------
    Per layer float64 [9]: the mean of the losses of global and weighted IoU, in points, with 10 % to 90 % of its
    channels removed.
    """
    graph, replay, found = dependencies(model), Replay(model, data), {}
    whole = replay.score_from("enc1.conv1")
    for name in layer_names(model.levels):
        if name == "head":
            continue
        module = layer(model, name)
        order = ranking(graph, module)
        losses, before = [], -1
        for ratio in RATIOS:
            removed = min(round(ratio * len(order)), len(order) - 1)
            if removed != before:
                lost = 0.0 if removed == 0 else whole - score_without(replay, graph, module, order[:removed])
                before = removed
            losses.append(lost)
        found[name] = np.array(losses)
        report(f"{name}: loses {' '.join(f'{value:.1f}' for value in losses)} points at 10 % to 90 %")
    return found


def score_without(replay: Replay, graph: Any, module: Any, channels: list[int]) -> float:
    """Score with some output channels of a layer not read by anyone; the network is as it was afterwards."""
    kept: list[tuple[Any, Any]] = []
    readers = []
    with torch.no_grad():
        for dependency, indices in channel_group(graph, module, channels):
            if dependency.handler == tp.prune_conv_in_channels:
                reader = dependency.target.module
                readers.append(reader)
                kept.append((reader.weight, reader.weight.detach().clone()))
                if isinstance(reader, nn.ConvTranspose2d):
                    reader.weight[indices] = 0.0
                else:
                    reader.weight[:, indices] = 0.0
        level = replay.score_from(replay.first_of(readers))
        for weight, values in reversed(kept):
            weight.copy_(values)
    return level
