"""Post-training quantisation with onnxruntime, and the score of the result.

The scheme is TensorFlow Lite's as the HSI-Drive studies used it: 8-bit activations with a zero point, 8-bit symmetric
weights per tensor, 32-bit biases. The file is QDQ.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

from onnx_models.export import INPUT, OUTPUT
from onnx_models.hsi.bands import CLASSES
from onnx_models.hsi.sensor import normalise
from onnx_models.metrics import confusion, iou_table


class _Scenes(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, codes: NDArray[np.uint8]) -> None:
        self._left: Iterator[NDArray[np.uint8]] = iter(codes)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        image = next(self._left, None)
        return None if image is None else {INPUT: normalise(image[None])}


def quantise(model: onnx.ModelProto, codes: NDArray[np.uint8], target: Path, signed: bool = False) -> None:
    """Quantise a float model to int8 QDQ.

    Parameters
    ----------
    model
        Float model with input `input`.
    codes
        uint8 [N, 25, H, W], the calibration scenes.
    target
        File to write, in one step.
    signed
        Signed, symmetric activations instead of unsigned ones.
    """
    options: dict[str, object] = {
        "ActivationSymmetric": signed,
        "WeightSymmetric": True,
        # Inputs are multiples of 1/128 (see hsi.sensor): this scale and zero point give the converter's codes back.
        "TensorQuantOverrides": {
            INPUT: [
                {
                    "scale": np.array(1 / 128, np.float32),
                    "zero_point": np.array(0, np.int8) if signed else np.array(128, np.uint8),
                }
            ]
        },
    }
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        source, result = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        onnx.save(model, source)
        quantize_static(
            source,
            result,
            _Scenes(codes),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QInt8 if signed else QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=False,
            calibrate_method=CalibrationMethod.MinMax,
            extra_options=options,
        )
        onnx.checker.check_model(onnx.load(result), full_check=True)
        result.replace(target)


def session(model: Path | bytes) -> ort.InferenceSession:
    """Open a model as the simulator's reference does: integer kernels wherever onnxruntime has them, one thread."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.add_session_config_entry("session.qdqisint8allowed", "1")
    options.intra_op_num_threads = 1
    source = model if isinstance(model, bytes) else str(model)
    return ort.InferenceSession(
        source, options, providers=["CPUExecutionProvider"], disabled_optimizers=["WeightBiasQuantization"]
    )


def score(
    model: Path | bytes,
    codes: NDArray[np.uint8],
    labels: NDArray[np.uint8],
) -> dict[str, float]:
    """IoU in percent of an ONNX file on scenes: per class, `global`, `weighted` (see `metrics.iou_table`)."""
    return iou_table(confusion_of(model, codes, labels), CLASSES)


def confusion_of(model: Path | bytes, codes: NDArray[np.uint8], labels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Count pixels of scenes by true class and the class that an ONNX file predicts (see `metrics.confusion`)."""
    runner = session(model)
    matrix = np.zeros((len(CLASSES), len(CLASSES)), np.int64)
    for image, truth in zip(codes, labels, strict=True):
        (logits,) = runner.run([OUTPUT], {INPUT: normalise(image[None])})
        matrix += confusion(truth, np.asarray(logits).argmax(axis=1)[0], len(CLASSES))
    return matrix
