"""Scores of a network one of whose layers was changed: only what comes behind that layer is computed again."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from onnx_models.hsi.bands import CLASSES
from onnx_models.metrics import confusion, iou_table
from onnx_models.paper.data import Split
from onnx_models.paper.models.network import layer
from onnx_models.paper.models.scoring import batches
from onnx_models.paper.models.topology import layer_names, norm_name, walk
from onnx_models.unet import UNet


class _Steps:
    """Steps by the network's own modules; those before `start` return what is kept of them."""

    def __init__(self, model: UNet, kept: dict[str, Tensor], start: str) -> None:
        self.model, self.kept, self.start, self.running = model, kept, start, False

    def _do(self, name: str, compute: Callable[[], Tensor]) -> Tensor:
        self.running = self.running or name == self.start
        if not self.running:
            return self.kept[name]
        made = compute()
        self.kept.setdefault(name, made)  # only the first run, with nothing changed, is kept
        return made

    def block(self, name: str, x: Tensor) -> Tensor:
        convolve, normalise = layer(self.model, name), layer(self.model, norm_name(name))
        # One activation module serves the whole stage.
        stage = layer(self.model, name.split(".")[0] + ".activation")
        return self._do(name, lambda: stage(normalise(convolve(x))))

    def pool(self, name: str, x: Tensor) -> Tensor:
        return self._do(name, lambda: functional.max_pool2d(x, 2))

    def up(self, name: str, x: Tensor) -> Tensor:
        return self._do(name, lambda: layer(self.model, name)(x))

    def join(self, name: str, skip: Tensor, x: Tensor) -> Tensor:
        return self._do(name, lambda: torch.cat([skip, x], dim=1))

    def head(self, name: str, x: Tensor) -> Tensor:
        return self._do(name, lambda: layer(self.model, name)(x))


class Replay:
    """A network and pictures, with every tensor of the unchanged network kept.

    Parameters
    ----------
    model
        The network in evaluation mode. It may be changed between calls of `score_from`, but not before the first one.
    data
        Pictures and labels.
    """

    def __init__(self, model: UNet, data: Split) -> None:
        self.model, self.data = model, data
        self._kept: list[dict[str, Tensor]] = [{} for _ in batches(data)]

    def first_of(self, modules: Sequence[Any]) -> str:
        """Return the name of the first of some layers in the order of execution."""
        wanted = {id(module) for module in modules}
        return next(name for name in layer_names(self.model.levels) if id(layer(self.model, name)) in wanted)

    def score_from(self, start: str) -> float:
        """Score with nothing changed before a layer.

        Parameters
        ----------
        start
            The first layer that may be changed; `enc1.conv1` in the first call, which keeps all tensors.

        Returns
        -------
        Mean of global and weighted IoU, in percent.
        """
        matrix = np.zeros((len(CLASSES), len(CLASSES)), np.int64)
        with torch.no_grad():
            for rows, kept in zip(batches(self.data), self._kept, strict=True):
                steps = _Steps(self.model, kept, start)
                logits = walk(self.model.levels, steps, torch.from_numpy(self.data.inputs(rows)))
                matrix += confusion(self.data.labels[rows], logits.argmax(1).numpy(), len(CLASSES))
        table = iou_table(matrix, CLASSES)
        return 0.5 * (table["global"] + table["weighted"])
