"""How the engine stores a tensor: bytes, channels last.

Codes are kept as unsigned bytes; int8 code ``c`` is stored as ``c + 128``, so that every kernel sees one type and the
order of codes is the order of bytes. Flipping bit ``b`` of a code flips bit ``b`` of the stored byte in both types.
Tensors of rank three and more have their channel axis (ONNX axis 1) moved last.
"""

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.model import Tensor

Bytes = NDArray[np.uint8]


def offset(tensor: Tensor) -> int:
    """Difference between a stored byte and the code it stands for."""
    return 128 if tensor.dtype == "int8" else 0


def to_stored(array: NDArray[Any], tensor: Tensor) -> NDArray[Any]:
    """Turn an array in ONNX order and type into the stored form."""
    if tensor.is_code:
        array = array.view(np.uint8) ^ np.uint8(offset(tensor))
    if array.ndim >= 3:
        array = np.moveaxis(array, 1, -1)
    return np.asarray(array, order="C")  # unlike ascontiguousarray, this keeps rank 0


def from_stored(array: NDArray[Any], tensor: Tensor) -> NDArray[Any]:
    """Turn the stored form into an array in ONNX order and type."""
    if array.ndim >= 3:
        array = np.moveaxis(array, -1, 1)
    if tensor.is_code:
        return np.asarray(array ^ np.uint8(offset(tensor)), order="C").view(tensor.dtype)
    return np.asarray(array, order="C")


@functools.lru_cache(maxsize=512)
def _positions(shape: tuple[int, ...]) -> NDArray[np.int32] | None:
    if len(shape) < 3:
        return None
    count = int(np.prod(shape))
    stored = np.empty(count, np.int32)
    logical = np.arange(count, dtype=np.int32).reshape(shape)
    order = np.moveaxis(logical, 1, -1).reshape(-1)
    stored[order] = np.arange(count, dtype=np.int32)
    return stored


def stored_position(flat: int, shape: tuple[int, ...]) -> int:
    """Position in the stored form of an element given by its flat ONNX index."""
    if len(shape) < 3:
        return flat
    index = np.unravel_index(flat, shape)
    moved = (index[0], *index[2:], index[1])
    return int(np.ravel_multi_index(moved, (shape[0], *shape[2:], shape[1])))


def stored_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of the stored form."""
    return (shape[0], *shape[2:], shape[1]) if len(shape) >= 3 else shape


def stored_map(index: NDArray[np.int32], source: tuple[int, ...]) -> NDArray[np.int32]:
    """Translate an ONNX index map (output shape; flat source positions, -1 for fill) to stored positions."""
    positions = _positions(source)
    moved = index if positions is None else np.where(index < 0, np.int32(-1), positions[np.maximum(index, 0)])
    if moved.ndim >= 3:
        moved = np.moveaxis(moved, 1, -1)
    return np.ascontiguousarray(moved, np.int32)


def stored_table(table: NDArray[np.uint8], source: Tensor, target: Tensor) -> Bytes:
    """Translate a table from code bytes to stored bytes."""
    order = np.arange(256, dtype=np.uint8) ^ np.uint8(offset(source))
    return np.ascontiguousarray(table[order] ^ np.uint8(offset(target)))
