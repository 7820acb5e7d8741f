"""Post-training quantisation: scales from calibration pictures, codes by rounding."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from onnx_models.export import INPUT
from onnx_models.paper.data import Split
from onnx_models.paper.models.folded import Real, folded_layers, observe
from onnx_models.paper.models.quantised import Layer, Quantised
from onnx_models.paper.models.scheme import INPUT_SCALE, Code, Scheme
from onnx_models.paper.models.topology import layer_names
from onnx_models.unet import UNet


def quantise(model: UNet, calibration: Split, scheme: Scheme, seed: int) -> Quantised:
    """Quantise a float network: all kernels, biases and activations to integers, without training.

    Parameters
    ----------
    model
        The network.
    calibration
        Pictures that set the ranges of the activations.
    scheme
        Which scales.
    seed
        Of the choice of observed values.

    Returns
    -------
    `Quantised`.
    """
    layers = folded_layers(model)
    seen = observe(model.activation_name, model.levels, layers, calibration, seed)
    codes = {name: scheme.activation(values, _bounded(model.activation_name, name)) for name, values in seen.items()}
    if calibration.exact_codes:
        codes[INPUT] = Code(INPUT_SCALE)
    inputs = input_names(model.levels)
    return Quantised(
        model.activation_name,
        model.levels,
        {name: quantise_layer(real, codes[inputs[name]].scale, scheme) for name, real in layers.items()},
        codes,
    )


def quantise_layer(real: Real, input_scale: np.float32, scheme: Scheme) -> Layer:
    """Quantise one layer whose input has a known scale."""
    kernel_scale = scheme.kernel(real.kernel)
    bias_scale = scheme.bias(real.bias, np.float32(input_scale * kernel_scale))
    kernel: NDArray[np.int8] = scheme.kernel_codes(real.kernel, kernel_scale)
    return Layer(kernel, kernel_scale, scheme.bias_codes(real.bias, bias_scale), bias_scale)


def input_names(levels: int) -> Mapping[str, str]:
    """Return, by layer, the tensor that it reads (names as in `Quantised.codes`; a pool has its input's code)."""
    found, before = {}, INPUT
    for name in layer_names(levels):
        found[name] = before
        before = name.replace(".up", ".concat")
    return found


def _bounded(activation: str, name: str) -> bool:
    """Whether a tensor is the output of a sigmoid."""
    return activation != "relu" and ".conv" in name and not name.endswith(".sum")
