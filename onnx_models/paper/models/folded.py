"""Real execution of a network whose batch normalisations are folded into its convolutions, and what it computes."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from onnx_models.export import INPUT, fold
from onnx_models.paper.data import Split
from onnx_models.paper.models.float_export import array
from onnx_models.paper.models.network import layer
from onnx_models.paper.models.scoring import batches
from onnx_models.paper.models.topology import layer_names, norm_name, walk
from onnx_models.unet import UNet

ACTIVATION = {"relu": torch.relu, "sigmoid": torch.sigmoid, "hardsigmoid": functional.hardsigmoid}
OBSERVED_PER_BATCH = 20_000
"""Values kept of every tensor and batch, besides its extremes, for scales of least squared error."""


@dataclass(frozen=True)
class Real:
    """Kernel and bias of a layer, float32, as in `quantised.Layer`."""

    kernel: NDArray[np.float32]
    bias: NDArray[np.float32]


def folded_layers(model: UNet) -> dict[str, Real]:
    """Return all layers of a network, batch normalisation folded, by name."""
    found = {}
    for name in layer_names(model.levels):
        module = layer(model, name)
        if ".conv" in name:
            found[name] = Real(*fold(module, layer(model, norm_name(name))))  # type: ignore[arg-type, unused-ignore]
        else:
            found[name] = Real(array(module.weight), array(module.bias))
    return found


def apply_layer(name: str, x: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    """Convolve as the layer of that name does: transposed for `.up`, else with the padding that keeps the size."""
    if name.endswith(".up"):
        return functional.conv_transpose2d(x, kernel, bias, stride=2)
    return functional.conv2d(x, kernel, bias, padding=kernel.shape[2] // 2)


class _Observer:
    """Steps on real tensors that keep a sample of each."""

    def __init__(self, activation: str, layers: Mapping[str, Real], seed: int) -> None:
        self.activation, self.layers = activation, layers
        self.seen: dict[str, list[NDArray[np.float32]]] = {}
        self.rng = np.random.default_rng([seed, 11])

    def note(self, name: str, x: Tensor) -> Tensor:
        values = x.numpy().ravel()
        rows = self.rng.integers(0, values.size, OBSERVED_PER_BATCH)
        self.seen.setdefault(name, []).append(np.append(values[rows], [values.min(), values.max()]))
        return x

    def _layer(self, name: str, x: Tensor) -> Tensor:
        real = self.layers[name]
        return apply_layer(name, x, torch.from_numpy(real.kernel), torch.from_numpy(real.bias))

    def block(self, name: str, x: Tensor) -> Tensor:
        total = self.note(f"{name}.sum", self._layer(name, x))
        return self.note(name, ACTIVATION[self.activation](total))

    def pool(self, name: str, x: Tensor) -> Tensor:
        return functional.max_pool2d(x, 2)

    def up(self, name: str, x: Tensor) -> Tensor:
        return self.note(name, self._layer(name, x))

    def join(self, name: str, skip: Tensor, x: Tensor) -> Tensor:
        return self.note(name, torch.cat([skip, x], dim=1))

    def head(self, name: str, x: Tensor) -> Tensor:
        return self.note(name, self._layer(name, x))


def observe(
    activation: str, levels: int, layers: Mapping[str, Real], data: Split, seed: int
) -> dict[str, NDArray[np.float32]]:
    """Run calibration pictures through a folded network.

    Parameters
    ----------
    activation, levels, layers
        The network.
    data
        Calibration pictures.
    seed
        Of the choice of values.

    Returns
    -------
    Per tensor (names as in `quantised.Quantised.codes`) float32 [n]: drawn values, and the extremes of every batch.
    """
    observer = _Observer(activation, layers, seed)
    with torch.no_grad():
        for rows in batches(data):
            walk(levels, observer, observer.note(INPUT, torch.from_numpy(data.inputs(rows))))
    return {name: np.concatenate(values) for name, values in observer.seen.items()}
