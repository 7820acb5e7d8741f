"""ECC without memory: the lowest bits of every mantissa make room for check bits over the rest of the word.

The idea is that of the paper's reference [5] (Jang and Hong, "MATE: Memory- and retraining-free error correction for
convolutional neural network weights", 2021). A float32 is taken as 26 data bits (sign, exponent, 17 bits of mantissa)
and 6 check bits of an extended Hamming code: one wrong bit of the 32 is corrected, two are detected. The value that is
computed with has zeros where the check bits are.
"""

from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from onnx_models.paper.campaigns.network import SETS
from onnx_models.paper.mitigations.hamming import Secded

CODE: Final = Secded(26)
CHECKS: Final = CODE.check_bits  # 6: data and checks fill the 32 bits
F32 = NDArray[np.float32]
U32 = NDArray[np.uint32]


def encode(values: F32) -> U32:
    """Return the stored words of float32 values: their upper 26 bits, and check bits in the place of the lower 6."""
    data = (values.view(np.uint32) >> np.uint32(CHECKS)).astype(np.uint64)
    return ((data << np.uint64(CHECKS)) | CODE.checks(data)).astype(np.uint32)


def decode(words: U32) -> tuple[F32, NDArray[np.bool_]]:
    """Return the values of stored words with single errors corrected, and which words cannot be corrected."""
    wide = words.astype(np.uint64)
    data, bad = CODE.decode(wide >> np.uint64(CHECKS), wide & np.uint64((1 << CHECKS) - 1))
    return (data << np.uint64(CHECKS)).astype(np.uint32).view(np.float32), bad


def protected(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model that computes with decoded parameters: every parameter loses its lowest 6 bits."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    for tensor in made.graph.initializer:
        if tensor.name.rsplit(".", 1)[-1] in SETS:
            values: NDArray[Any] = np.ascontiguousarray(numpy_helper.to_array(tensor), np.float32)
            tensor.CopyFrom(numpy_helper.from_array(decode(encode(values))[0], tensor.name))
    return made


def survives(value: float | np.float32, bit: int) -> bool:
    """Whether a value with one flipped bit of its stored word decodes to what it decodes to without the flip."""
    word = encode(np.array([value], np.float32))
    struck, bad = decode(word ^ np.uint32(1 << bit))
    clean, _ = decode(word)
    return bool(not bad[0] and struck.view(np.uint32)[0] == clean.view(np.uint32)[0])
