"""PyTorchFI and MRFI on the same network, as the baselines of the comparison (extra `bench`; absent ones are skipped).

The network is the float U-Net of the same shape with batch normalisation folded away, as in the quantised file. Its
weights are random: a float forward pass takes the same time whatever they are. A fault is the one of our list: the code
of the same weight element, on the grid of 127 steps to the tensor's largest weight, with the same bit inverted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.faults import Fault

Inject = Callable[[Fault], Any]
PEERS = {"PyTorchFI": "pytorchfi", "MRFI": "MRFI"}


@dataclass(frozen=True)
class Peer:
    """A baseline that is installed: how it injects one weight fault into one inference, on 1 or 2 threads."""

    name: str
    version: str
    inject: Inject
    set_threads: Callable[[int], None]


def peers(widths: tuple[int, ...], image: NDArray[np.float32]) -> list[Peer]:
    """Prepare the baselines that are installed.

    Parameters
    ----------
    widths
        Channels of every encoder level and of the base.
    image
        float32 [1, bands, height, width].
    """
    makers = {"PyTorchFI": _pytorchfi, "MRFI": _mrfi}
    found = []
    for name, package in PEERS.items():
        try:
            number = version(package)
            import torch

            inject = makers[name](_network(widths), torch.from_numpy(image))
        except (PackageNotFoundError, ImportError):
            continue
        found.append(Peer(name, number, inject, torch.set_num_threads))
    return found


def _network(widths: tuple[int, ...]) -> Any:
    import torch

    from onnx_models.unet import UNet, initialise

    network = UNet(widths=widths, activation="relu")
    initialise(network, 0)
    for stage in [*network.encoder, network.base, *network.decoder]:
        stage.norm1, stage.norm2 = torch.nn.Identity(), torch.nn.Identity()
    return network.eval()


def module_name(tensor: str) -> str:
    """Translate the name of an exported weight into that of torch's module: `dec2.up.weight_quantized` is `up.1`."""
    parts = tensor.removesuffix("_quantized").split(".")[:-1]
    stage, rest = parts[0], parts[1:]
    if stage.startswith(("enc", "dec")):
        level = str(int(stage[3:]) - 1)
        if rest == ["up"]:
            return f"up.{level}"
        return ".".join(["encoder" if stage.startswith("enc") else "decoder", level, *rest])
    return ".".join(parts)


def upset_value(weight: NDArray[np.float32], fault: Fault) -> float:
    """Value of the struck weight: its 8-bit code with the fault's bits inverted."""
    step = float(np.abs(weight).max()) / 127.0
    code = np.int8(np.rint(weight[fault.index] / step))
    flipped = int(np.array(code).view(np.uint8)) ^ fault.mask
    return float(np.uint8(flipped).view(np.int8)) * step


def _pytorchfi(network: Any, image: Any) -> Inject:
    import torch

    fault_injection = import_module("pytorchfi.core").fault_injection
    kinds = [torch.nn.Conv2d, torch.nn.ConvTranspose2d]
    injector = fault_injection(network, 1, input_shape=list(image.shape[1:]), layer_types=kinds, use_cuda=False)
    modules: list[tuple[str, Any]] = [(n, m) for n, m in network.named_modules() if isinstance(m, tuple(kinds))]
    layers = {name: (number, module.weight.detach().numpy()) for number, (name, module) in enumerate(modules)}

    def inject(fault: Fault) -> Any:
        layer, weight = layers[module_name(fault.tensor)]
        k, c, y, x = fault.index
        faulty = injector.declare_weight_fi(
            layer_num=[layer], k=[k], dim1=[c], dim2=[y], dim3=[x], value=[upset_value(weight, fault)]
        )
        with torch.no_grad():
            return faulty(image).argmax(1)

    return inject


def _mrfi(network: Any, image: Any) -> Inject:
    import torch

    mrfi = import_module("mrfi")
    setting = {
        "type": "weight",
        "module_type": ["Conv2d", "ConvTranspose2d"],
        "enabled": False,
        "selector": {"method": "FixPosition", "position": 0},
        "error_mode": {"method": "SetValue", "value": 0.0},
    }
    modules = {n: m for n, m in network.named_modules() if hasattr(m, "weight")}
    wrapped = mrfi.MRFI(network, mrfi.EasyConfig({"faultinject": [setting]}))

    def inject(fault: Fault) -> Any:
        module = modules[module_name(fault.tensor)]
        (config,) = module.FI_config.weights
        weight = module.weight.detach().numpy()
        config.selector.args.position = list(fault.index)
        config.error_mode.args.value = upset_value(weight, fault)
        config.enabled = True
        answer = wrapped(image).argmax(1)
        config.enabled = False
        with torch.no_grad():  # MRFI restores a weight only when the same module is struck again
            module.weight.copy_(config.weight_copy)
        return answer

    return inject
