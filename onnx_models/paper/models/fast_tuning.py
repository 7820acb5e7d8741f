"""Fast fine-tuning of a quantised network: layer by layer on calibration pictures, without labels.

In the manner of I. Hubara et al., "Accurate Post Training Quantization With Small Calibration Sets" (AdaQuant, ICML
2021), which AMD's tools call fast fine-tuning: each layer learns the kernel and bias whose rounded values give, on the
inputs that the quantised network really has there, what the float network gives. Gradients pass the rounding unchanged.
What is chosen besides is the scale of the sum in front of a bounded activation, by the error behind the activation:
saturating where the curve is flat costs nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from onnx_models.export import INPUT
from onnx_models.paper.data import Split
from onnx_models.paper.models.folded import ACTIVATION, Real, apply_layer, folded_layers
from onnx_models.paper.models.quantised import Layer, Quantised
from onnx_models.paper.models.scheme import Code, Scheme
from onnx_models.paper.models.topology import walk
from onnx_models.unet import UNet

BATCH: Final = 8
KERNEL_RATE: Final = 0.02
"""Step of the optimiser in units of a kernel's scale: about one code in 50 steps of one sign."""
HALVINGS: Final = 4


@dataclass(frozen=True)
class Pair:
    """One tensor of all calibration pictures: in the float network, and real values in the quantised one."""

    real: Tensor
    quantised: Tensor


def fake(x: Tensor, code: Code) -> Tensor:
    """Quantise and dequantise; the gradient passes where nothing saturates."""
    scale = float(code.scale)
    scaled = x / scale + code.zero
    rounded = scaled + (torch.round(scaled) - scaled).detach()
    return (torch.clamp(rounded, -128, 127) - code.zero) * scale


class _Tuner:
    """Steps on pairs; every layer is tuned when the walk reaches it."""

    def __init__(self, model: UNet, start: Quantised, scheme: Scheme, steps: int, seed: int) -> None:
        self.real: dict[str, Real] = folded_layers(model)
        self.scheme, self.steps, self.seed = scheme, steps, seed
        self.real_activation, self.activation = model.activation_name, start.activation
        self.layers, self.codes = dict(start.layers), dict(start.codes)
        self.improvement: dict[str, tuple[float, float]] = {}

    def block(self, name: str, x: Pair) -> Pair:
        curve = ACTIVATION[self.real_activation]
        wanted = Pair(curve(self._real(name, x.real)), x.quantised)
        if self.activation != "relu":
            self.codes[f"{name}.sum"] = self._sum_code(name, wanted)
        return self._tune(name, wanted)

    def pool(self, name: str, x: Pair) -> Pair:
        return Pair(functional.max_pool2d(x.real, 2), functional.max_pool2d(x.quantised, 2))

    def up(self, name: str, x: Pair) -> Pair:
        return self._tune(name, Pair(self._real(name, x.real), x.quantised))

    def join(self, name: str, skip: Pair, x: Pair) -> Pair:
        quantised = torch.cat([skip.quantised, x.quantised], dim=1)
        return Pair(torch.cat([skip.real, x.real], dim=1), fake(quantised, self.codes[name]))

    def head(self, name: str, x: Pair) -> Pair:
        return self._tune(name, Pair(self._real(name, x.real), x.quantised))

    def _real(self, name: str, x: Tensor) -> Tensor:
        real = self.real[name]
        with torch.no_grad():
            return apply_layer(name, x, torch.from_numpy(real.kernel), torch.from_numpy(real.bias))

    def _finish(self, name: str, total: Tensor) -> Tensor:
        """Go from the sum to the layer's output as the quantised network does."""
        if ".conv" in name and self.activation != "relu":
            total = ACTIVATION[self.activation](fake(total, self.codes[f"{name}.sum"]))
        elif ".conv" in name:
            total = torch.relu(total)
        return fake(total, self.codes[name])

    def _stored(self, name: str, layer: Layer, x: Tensor) -> Tensor:
        kernel = torch.from_numpy(layer.kernel.astype(np.float32) * layer.kernel_scale)
        bias = torch.from_numpy(layer.bias.astype(np.float32) * layer.bias_scale)
        return apply_layer(name, x, kernel, bias)

    def _error(self, name: str, layer: Layer, pair: Pair) -> float:
        with torch.no_grad():
            made = self._finish(name, self._stored(name, layer, pair.quantised))
            return float(functional.mse_loss(made, pair.real))

    def _sum_code(self, name: str, pair: Pair) -> Code:
        """Choose among the code of the sum and those of half, a quarter, ... of its range."""
        start = self.codes[f"{name}.sum"]
        errors: dict[float, Code] = {}
        for halving in range(HALVINGS):
            code = Code(np.float32(start.scale / 2**halving), start.zero if halving == 0 else 0)
            self.codes[f"{name}.sum"] = code
            errors.setdefault(self._error(name, self.layers[name], pair), code)
        return errors[min(errors)]

    def _tune(self, name: str, pair: Pair) -> Pair:
        """Tune a layer to give `pair.real` from the inputs `pair.quantised`; keep what is best on all pictures."""
        best = self.layers[name]
        before = least = self._error(name, best, pair)
        for candidate in self._learned(name, pair):
            error = self._error(name, candidate, pair)
            if error < least:
                best, least = candidate, error
        self.layers[name], self.improvement[name] = best, (before, least)
        with torch.no_grad():
            return Pair(pair.real, self._finish(name, self._stored(name, best, pair.quantised)))

    def _learned(self, name: str, pair: Pair) -> list[Layer]:
        start, real = self.layers[name], self.real[name]
        kernel_code, bias_unit = Code(start.kernel_scale), float(start.bias_scale)
        kernel = torch.from_numpy(real.kernel.copy()).requires_grad_()
        bias = torch.from_numpy(real.bias.copy()).requires_grad_()
        rate = KERNEL_RATE * float(start.kernel_scale)
        bias_rate = max(rate, KERNEL_RATE * bias_unit)
        optimiser = torch.optim.Adam([{"params": [kernel], "lr": rate}, {"params": [bias], "lr": bias_rate}])
        rng = np.random.default_rng([self.seed, *name.encode()])
        limit = 2.0 ** (self.scheme.bias_bits - 1)
        found = []
        for step in range(self.steps):
            rows = torch.from_numpy(rng.permutation(len(pair.real))[:BATCH])
            scaled = bias / bias_unit
            codes = scaled + (torch.round(scaled) - scaled).detach()
            stored_bias = torch.clamp(codes, -limit, limit - 1) * bias_unit
            total = apply_layer(name, pair.quantised[rows], fake(kernel, kernel_code), stored_bias)
            loss: Any = functional.mse_loss(self._finish(name, total), pair.real[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            if step + 1 in (self.steps // 2, self.steps):
                found.append(self._layer(start, kernel, bias))
        return found

    def _layer(self, start: Layer, kernel: Tensor, bias: Tensor) -> Layer:
        values, shifts = kernel.detach().numpy(), bias.detach().numpy()
        return replace(
            start,
            kernel=self.scheme.kernel_codes(values, start.kernel_scale),
            bias=self.scheme.bias_codes(shifts, start.bias_scale),
        )


def fine_tune(
    model: UNet,
    start: Quantised,
    calibration: Split,
    scheme: Scheme,
    steps: int,
    seed: int,
    report: Callable[[str], None],
) -> Quantised:
    """Tune a quantised network to its float original.

    Parameters
    ----------
    model
        The float network.
    start
        The quantised network; its activation function may be another one than the float network's, which it then
        learns to stand in for.
    calibration
        Pictures; their labels are not used.
    scheme
        That of `start`.
    steps
        Optimiser steps per layer.
    seed
        Of the choice of batches.
    report
        Receives a line at the end.

    Returns
    -------
    `Quantised` with the same scales of kernels and biases, other codes, and possibly other scales of sums.
    """
    tuner = _Tuner(model, start, scheme, steps, seed)
    images = torch.from_numpy(calibration.inputs(slice(None)))
    walk(model.levels, tuner, Pair(images, fake(images, start.codes[INPUT])))
    ratios = [after / before for before, after in tuner.improvement.values() if before > 0]
    report(f"{start.activation}: squared error of a layer falls to {np.median(ratios):.2f} of what it was (median)")
    return replace(start, layers=tuner.layers, codes=tuner.codes)
