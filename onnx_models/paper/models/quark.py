"""AMD's quantiser on the same float networks, beside ours: ``python -m onnx_models.paper.models.quark FOLDER OUT.csv``.

Nothing here is needed to make the networks. ``amd-quark`` is not in the ``[train]`` extra (see the decision record on
quantisation); where it is installed, this command quantises every float network of a folder with its XINT8
configuration (powers of two, int8 biases: what a DPU takes), scores the result on the test pictures, and lets the
simulator run it.
"""

import argparse
import csv
import dataclasses
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader

import accel_sim
from onnx_models.export import INPUT
from onnx_models.paper.data import Split
from onnx_models.paper.models.scoring import score_file
from onnx_models.paper.recipe import QUANTISED_VERSIONS

CALIBRATION_PICTURES: Final = 16
"""Ours takes more; the other tool keeps every activation of all pictures in memory."""
KEEP_SIGMOID: Final = {"ConvertSigmoidToHardSigmoid": False}


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of one network.

    Attributes
    ----------
    network
        Name of the float network.
    options
        `default`, or `keep_sigmoid` where the replacement of Sigmoid by HardSigmoid is switched off.
    iou_float, iou_ours, iou_quark
        Global and weighted IoU in percent on the test pictures, as `global/weighted`.
    activations
        Activation nodes of the result.
    integer_mismatches, end_to_end_mismatches
        Differing values between the simulator and onnxruntime on one picture.
    seconds
        Processor time of the quantisation.
    """

    network: str
    options: str
    iou_float: str
    iou_ours: str
    iou_quark: str
    activations: str
    integer_mismatches: int
    end_to_end_mismatches: int
    seconds: float


class _Pictures(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, images: NDArray[np.float32]) -> None:
        self.images = images
        self.left: Iterator[NDArray[np.float32]] = iter(images)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        image = next(self.left, None)
        return None if image is None else {INPUT: image[None]}

    def rewind(self) -> None:
        self.left = iter(self.images)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m onnx_models.paper.models.quark", description=__doc__)
    parser.add_argument("folder", type=Path, help="what onnx_models.paper.models.build made")
    parser.add_argument("out", type=Path, help="CSV file to write")
    options = parser.parse_args(arguments)
    try:
        import quark.onnx  # noqa: F401
    except ImportError:
        print("amd-quark is not installed: pip install amd-quark, in an environment of its own", file=sys.stderr)
        return 2
    rows = list(_outcomes(options.folder))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with options.out.open("w", encoding="utf-8", newline="") as stream:
        stream.write(f"# amd-quark {version('amd-quark')}, XINT8, {CALIBRATION_PICTURES} calibration pictures\n")
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([field.name for field in dataclasses.fields(Outcome)])
        writer.writerows(dataclasses.astuple(row) for row in rows)
    return 0


def _outcomes(folder: Path) -> Iterator[Outcome]:
    with np.load(folder / "calibration.npz") as stored:
        images = np.asarray(stored["images"][:CALIBRATION_PICTURES], np.float32)
    with np.load(folder / "test.npz") as stored:
        test = Split(np.asarray(stored["images"], np.float32), np.asarray(stored["labels"], np.uint8))
    for entry in json.loads((folder / "models.json").read_text(encoding="utf-8"))["models"]:
        if entry["version"] not in QUANTISED_VERSIONS or "dpu" not in entry["int8"]:
            continue
        choices: dict[str, dict[str, bool]] = {"default": {}}
        if entry["activation"] == "sigmoid":
            choices["keep_sigmoid"] = KEEP_SIGMOID
        for name, extra in choices.items():
            yield _outcome(folder / entry["file"], entry, name, extra, images, test)


def _outcome(
    path: Path, entry: dict[str, Any], name: str, extra: dict[str, bool], images: NDArray[np.float32], test: Split
) -> Outcome:
    with tempfile.TemporaryDirectory() as work:
        target, started = Path(work) / "xint8.onnx", time.process_time()
        _quantise(path, target, images, extra)
        seconds = time.process_time() - started
        operators = Counter(node.op_type for node in onnx.load(target).graph.node)
        found = accel_sim.load(target).verify({INPUT: test.inputs(slice(0, 1))})
        iou = score_file(target, test)
    return Outcome(
        network=entry["name"],
        options=name,
        iou_float=_pair(entry["iou"]),
        iou_ours=_pair(entry["int8"]["dpu"]["iou"]),
        iou_quark=_pair(iou),
        activations=" ".join(key for key in ("Relu", "Sigmoid", "HardSigmoid") if operators[key]) or "Relu fused",
        integer_mismatches=sum(node.mismatched for node in found.nodes if node.reference == "integer"),
        end_to_end_mismatches=found.end_to_end.mismatched,
        seconds=round(seconds, 1),
    )


def _quantise(source: Path, target: Path, images: NDArray[np.float32], extra: dict[str, bool]) -> None:
    from quark.onnx import ModelQuantizer, QConfig
    from quark.onnx.quantization.config.spec import QLayerConfig, XInt8Spec

    layers = QLayerConfig(activation=XInt8Spec(), weight=XInt8Spec())
    ModelQuantizer(QConfig(global_config=layers, **extra)).quantize_model(str(source), str(target), _Pictures(images))


def _pair(iou: dict[str, float]) -> str:
    return f"{iou['global']:.2f}/{iou['weighted']:.2f}"


if __name__ == "__main__":
    raise SystemExit(main())
