"""The networks that are timed and checked, and one image for each."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from accel_sim.bundled import bundled_inputs
from accel_sim.inputs import Images, read_npz
from accel_sim.session import Model, load

NETWORKS = Path(__file__).parent / "networks"
GOALS = ("unet_small", "unet_pruned")
"""The networks that the goals are stated for."""
SCHEMES = ("u8s8", "s8s8")
BUNDLED = ("hsi-unet-relu", "hsi-unet-sigmoid", "hsi-unet-hardsigmoid")
TIMED = {
    "mlperf_tiny_pretrainedResnet_quant": "ResNet-8",
    "mlperf_tiny_kws_ref_model": "DS-CNN",
    "coral_mobilenet_v1_0.25_128_quant": "MobileNetV1 0.25 128",
}
"""Files of a folder of real models that are timed, with the names they are known by."""
# Images of which a network is not sure: most others end in a saturated softmax that hides a fault.
_SENSITIVE = {
    "mlperf_tiny_pretrainedResnet_quant": 22,
    "mlperf_tiny_kws_ref_model": 58,
    "mlperf_tiny_str_ww_ref_model": 20,
}


@dataclass(frozen=True)
class Source:
    """Where a network and its image are.

    Attributes
    ----------
    name
        Name in tables.
    model
        File, or name of a bundled model.
    inputs
        `.npz` file with images.
    image
        Which of them.
    """

    name: str
    model: str
    inputs: str
    image: int = 0

    def load(self) -> tuple[Model, Images]:
        """Load the network and read the image."""
        model = load(self.model)
        return model, read_image(model, Path(self.inputs), self.image)


def read_image(model: Model, path: Path, number: int = 0) -> Images:
    """Read one image of a file; uint8 codes become the real values that a U-Net takes, (c - 128) / 128."""
    arrays = read_npz(path)
    (name,) = model.graph.inputs
    array = arrays[name] if name in arrays else arrays["x"]
    if array.dtype == np.uint8 and np.dtype(model.graph.tensors[name].dtype).kind == "f":
        array = (array.astype(np.float32) - np.float32(128)) / np.float32(128)
    return model.images({name: array[number : number + 1]}, str(path))


def goal_network(name: str, scheme: str) -> Source:
    """One of `GOALS` in one of `SCHEMES`."""
    return Source(f"{name}-{scheme}", str(NETWORKS / f"{name}-{scheme}.onnx"), str(NETWORKS / f"{name}.npz"))


def goal_entry(name: str) -> dict[str, Any]:
    """Recipe, accuracy and spread of one of `GOALS`."""
    entry: dict[str, Any] = json.loads((NETWORKS / f"{name}.json").read_text(encoding="utf-8"))
    return entry


def goal_widths(name: str) -> tuple[int, ...]:
    """Channels of every encoder level and of the base of one of `GOALS`."""
    recipe = goal_entry(name)["recipe"]["recipe"]
    return tuple(recipe["widths"]) or tuple(recipe["filters"] << level for level in range(recipe["levels"] + 1))


def bundled_network(name: str) -> Source:
    """A network that comes with the package."""
    return Source(name, name, str(bundled_inputs(name)))


def folder_networks(folder: Path | None) -> Iterator[Source]:
    """Yield the networks of a folder that have their inputs beside them: `FILE.onnx` and `FILE_io.npz`."""
    for path in sorted(folder.glob("*.onnx")) if folder else ():
        inputs = path.with_name(f"{path.stem}_io.npz")
        if inputs.exists():
            yield Source(path.stem, str(path), str(inputs), _SENSITIVE.get(path.stem, 1))
