"""Real quantised networks and labelled data: where they are and how they are read.

The bundled networks are part of the package. The others lie in a folder ``shared`` beside the checkout; it is not part
of the project, and the tests that need it are skipped where it is absent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from accel_sim.bundled import bundled_folder, bundled_models
from accel_sim.inputs import read_npz

Array = NDArray[Any]
SHARED = Path(__file__).resolve().parents[2].parent / "shared"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"{SHARED.name}/ is not beside this checkout")

# Short name, file, whether onnxruntime runs every operator in integers, and images of which the network is not sure:
# most of the others end in a saturated softmax that hides a fault.
_SHARED_MODELS: tuple[tuple[str, str, bool, tuple[int, ...]], ...] = (
    ("ds-cnn", "mlperf_tiny_kws_ref_model", True, (58, 38, 61, 9)),
    ("resnet-8", "mlperf_tiny_pretrainedResnet_quant", True, (22, 14, 13, 41)),
    ("wake-word", "mlperf_tiny_str_ww_ref_model", True, (20, 27, 21, 0)),
    ("autoencoder", "mlperf_tiny_ad01_int8", True, (1, 20, 40, 60)),
    ("mobilenet-v1", "coral_mobilenet_v1_0.25_128_quant", True, (1, 4, 0, 7)),
    ("pp-ocr-qdq", "ppocr_v2_cls_48x192_int8_qdq", False, (1, 4, 0, 7)),
    ("pp-ocr-qop", "ppocr_v2_cls_48x192_int8_qop", False, (1, 4, 0, 7)),
)


@dataclass(frozen=True)
class RealModel:
    """A network with real inputs.

    Attributes
    ----------
    name
        Short name.
    path
        The ONNX file.
    data
        ``.npz`` with the inputs of several images.
    key
        The array in it: None where the keys are the model's own input names.
    integer
        Whether onnxruntime runs every operator in integers.
    sensitive
        Numbers of images on which faults show.
    """

    name: str
    path: Path
    data: Path
    key: str | None
    integer: bool
    sensitive: tuple[int, ...]

    def inputs(self, count: int | None = None, first: int = 0) -> dict[str, Array]:
        """Return the first images (all by default), one along the leading axis each."""
        stop = None if count is None else first + count
        return {name: array[first:stop] for name, array in self._arrays().items()}

    def image(self, number: int) -> dict[str, Array]:
        """Return one image as the model takes it."""
        return {name: array[number : number + 1] for name, array in self._arrays().items()}

    def _arrays(self) -> Mapping[str, Array]:
        found = read_npz(self.data)
        if self.key is None:
            return found
        graph = onnx.load(self.path).graph
        (name,) = [i.name for i in graph.input if i.name not in {t.name for t in graph.initializer}]
        return {name: found[self.key]}


def bundled() -> list[RealModel]:
    """The networks that come with the package."""
    folder = bundled_folder()
    return [
        RealModel(entry["name"], folder / entry["file"], folder / entry["inputs"], None, False, (1, 0, 2, 3))
        for entry in bundled_models()
    ]


def shared() -> list[RealModel]:
    """The networks of the shared folder, whether it is there or not."""
    folder = SHARED / "models"
    return [
        RealModel(name, folder / f"{stem}.onnx", folder / f"{stem}_io.npz", "x", integer, sensitive)
        for name, stem, integer, sensitive in _SHARED_MODELS
    ]


def shared_model(name: str) -> RealModel:
    """One of :func:`shared` by its short name."""
    (found,) = [model for model in shared() if model.name == name]
    return found


@dataclass(frozen=True)
class Labelled:
    """Labelled data for a network, and the share of right answers that is known for it.

    Attributes
    ----------
    images
        int8 codes, one image along the leading axis each.
    labels
        Class numbers.
    right
        Right answers among all images, as onnxruntime gives them.
    """

    model: RealModel
    images: Array
    labels: Array
    right: int


def labelled(name: str) -> Labelled:
    """Labelled data of the keyword, image or wake-word network."""
    model = shared_model(name)
    if name == "ds-cnn":
        data = read_npz(SHARED / "eval" / "kws01_1000.npz")
        return Labelled(model, data["x"], data["y"].astype(int), 902)
    if name == "resnet-8":
        data = read_npz(SHARED / "eval" / "cifar10_test_1000_from_jpeg.npz")
        # The network takes pixel values 0..255 shifted to int8.
        return Labelled(model, (data["images"] ^ np.uint8(128)).view(np.int8), data["labels"].astype(int), 750)
    if name == "wake-word":
        data = read_npz(model.data)
        return Labelled(model, data["x"], data["y"].astype(int), 41)
    raise ValueError(f"no labelled data for {name!r}")
