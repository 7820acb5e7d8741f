"""The U-Net in torch with layers of any width: names, widths, and networks from stored weights."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from onnx_models.paper.models.topology import layer_names, norm_name
from onnx_models.unet import UNet

State = Mapping[str, Tensor]


def module_name(name: str) -> str:
    """Return torch's name of a layer: `enc1.conv2` is `encoder.0.conv2`, `dec1.up` is `up.0`."""
    if name == "head":
        return name
    stage, part = name.split(".")
    part = part.replace("bn", "norm")
    if stage == "base":
        return f"base.{part}"
    index = int(stage[3:]) - 1
    if part == "up":
        return f"up.{index}"
    return f"{'encoder' if stage.startswith('enc') else 'decoder'}.{index}.{part}"


def layer(model: UNet, name: str) -> Any:
    """Return a layer (a torch module) by its name in the ONNX files."""
    return model.get_submodule(module_name(name))


def widths_of(model: UNet) -> dict[str, int]:
    """Return the output channels of every layer but the head, by name."""
    return {name: int(layer(model, name).out_channels) for name in layer_names(model.levels) if name != "head"}


def from_state(activation: str, levels: int, state: State) -> UNet:
    """Build a network, pruned or not, around stored weights.

    Parameters
    ----------
    activation, levels
        As for `UNet`.
    state
        State dictionary; the shapes of its kernels decide the widths.

    Returns
    -------
    The network in evaluation mode.
    """
    model = UNet(filters=1, levels=levels, activation=activation)
    for name in layer_names(levels):
        where = module_name(name)
        _replace(model, where, _like(layer(model, name), tuple(state[f"{where}.weight"].shape)))
        if ".conv" in name:
            where = module_name(norm_name(name))
            _replace(model, where, nn.BatchNorm2d(len(state[f"{where}.weight"])))
    model.load_state_dict(dict(state))
    model.eval()
    return model


def _like(old: nn.Module, shape: tuple[int, ...]) -> nn.Module:
    if isinstance(old, nn.ConvTranspose2d):
        return nn.ConvTranspose2d(shape[0], shape[1], shape[2], stride=2)
    return nn.Conv2d(shape[1], shape[0], shape[2], padding=shape[2] // 2)


def _replace(model: nn.Module, where: str, new: nn.Module) -> None:
    parent, _, last = where.rpartition(".")
    setattr(model.get_submodule(parent), last, new)
