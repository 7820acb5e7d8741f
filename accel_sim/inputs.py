"""Input data: read without trusting it, checked against the model, split into images."""

import math
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from accel_sim.errors import InputError
from accel_sim.model import Graph, Tensor

Array = NDArray[Any]
MAX_BYTES = 2 << 30


@dataclass(frozen=True, eq=False)
class Images:
    """Inputs of a number of inferences.

    Attributes
    ----------
    items
        For each image the arrays of all inputs, in the model's own shapes.
    leading
        How images were laid out: ``none`` (a single one, as the model takes it), ``batch`` (along axis 0) or
        ``extra`` (an axis of their own in front). Outputs are laid out alike.
    """

    items: tuple[Mapping[str, Array], ...]
    leading: str

    def join(self, outputs: list[Mapping[str, Array]]) -> dict[str, Array]:
        """Lay the outputs of all images out as the inputs were."""
        names = list(outputs[0])
        if self.leading == "none":
            return {n: outputs[0][n] for n in names}
        if self.leading == "extra":
            return {n: np.stack([o[n] for o in outputs]) for n in names}
        joined = {}
        for n in names:
            parts = [o[n] for o in outputs]
            joined[n] = np.concatenate(parts) if parts[0].ndim else np.stack(parts)
        return joined

    def digest(self) -> str:
        """SHA-256 of names, types, shapes and bytes."""
        state = sha256(str(len(self.items)).encode())
        for item in self.items:
            for name in sorted(item):
                array = item[name]
                state.update(f"{name}|{array.dtype.str}|{array.shape}|".encode())
                state.update(np.ascontiguousarray(array).tobytes())
        return state.hexdigest()


def read_npz(path: str | Path) -> dict[str, Array]:
    """Read an .npz file; pickled objects are refused.

    Raises
    ------
    InputError
        The file is missing, damaged, too large or no .npz file.
    """
    path = Path(path)
    if os.path.isdir(path):
        raise InputError(f"{path}: is a folder; give an .npz file")
    if not os.path.exists(path):
        raise InputError(f"{path}: no such file; give an .npz file whose keys are the model's inputs")
    if not os.path.isfile(path):
        raise InputError(f"{path}: is a device or a pipe; give an .npz file")
    try:
        with zipfile.ZipFile(path) as archive:
            total = sum(entry.file_size for entry in archive.infolist())
            if total > MAX_BYTES:
                raise InputError(f"{path}: unpacks to {total} bytes; the limit is {MAX_BYTES}: give fewer images")
            arrays = {e.filename.removesuffix(".npy"): _read_member(archive, e, path) for e in archive.infolist()}
    except InputError:
        raise
    except zipfile.BadZipFile as error:
        raise InputError(f"{path}: not an .npz file, or a damaged one; write it with numpy.savez") from error
    except Exception as error:  # decoders raise whatever they like on bytes made to break them
        text = str(error)[:200] or type(error).__name__
        raise InputError(f"{path}: cannot be read ({text}); write it with numpy.savez") from error
    if not arrays:
        raise InputError(f"{path}: holds no array; write it with numpy.savez")
    return arrays


def _read_member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> Array:
    """Read one array; its header is compared with the bytes there are before memory is taken for it."""
    with archive.open(entry) as stream:
        if npy.read_magic(stream) == (1, 0):
            shape, _, dtype = npy.read_array_header_1_0(stream)
        else:
            shape, _, dtype = npy.read_array_header_2_0(stream)
        present = entry.file_size - stream.tell()
    if dtype.hasobject:
        raise InputError(f"{path}: {entry.filename} holds pickled objects, which are never loaded; save plain arrays")
    if math.prod(shape) * dtype.itemsize != present:
        raise InputError(
            f"{path}: {entry.filename} declares {dtype} of shape {list(shape)} and holds {present} bytes; save it again"
        )
    with archive.open(entry) as stream:
        return npy.read_array(stream, allow_pickle=False)


def split_images(graph: Graph, arrays: Mapping[str, Any], label: str = "inputs") -> Images:
    """Check arrays against the model's inputs and split them into images.

    Parameters
    ----------
    arrays
        Name to array: of the input's own type and shape for one image; with one more axis in front, or another length
        along the batch axis, for several.

    Raises
    ------
    InputError
        A name, type, shape or value does not fit.
    """
    if not isinstance(arrays, Mapping):
        raise InputError(f"{label}: must map input names to arrays, not be {type(arrays).__name__}")
    wanted = ", ".join(f"{n} {graph.tensors[n].dtype} {list(graph.tensors[n].shape)}" for n in graph.inputs)
    for name in arrays:
        if name not in graph.inputs:
            raise InputError(f"{label}: the model has no input {name!r}; it takes {wanted}")
    found: dict[str, tuple[str, list[Array]]] = {}
    for name in graph.inputs:
        if name not in arrays:
            raise InputError(f"{label}: input {name!r} is missing; the model takes {wanted}")
        found[name] = _split(np.asarray(arrays[name]), graph.tensors[name], label)
    lengths = {name: len(parts) for name, (_, parts) in found.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{n}: {count}" for n, count in lengths.items())
        raise InputError(f"{label}: the inputs hold different numbers of images ({listed})")
    kinds = {kind for kind, _ in found.values()}
    count = next(iter(lengths.values()))
    items = tuple({name: parts[i] for name, (_, parts) in found.items()} for i in range(count))
    return Images(items, "extra" if "extra" in kinds else kinds.pop())


def _split(array: Array, tensor: Tensor, label: str) -> tuple[str, list[Array]]:
    wanted = np.dtype(tensor.dtype)
    if array.dtype != wanted:
        raise InputError(f"{label}: input {tensor.name!r} has type {array.dtype}; the model takes {wanted}")
    if array.dtype.kind == "f" and not np.all(np.isfinite(array)):
        raise InputError(f"{label}: input {tensor.name!r} holds NaN or infinity")
    shape = tensor.shape
    if array.shape == shape:
        return "none", [np.asarray(array, order="C")]
    if array.ndim == len(shape) + 1 and array.shape[1:] == shape and array.shape[0]:
        return "extra", [np.asarray(part, order="C") for part in array]
    same_rest = array.ndim == len(shape) and array.ndim > 0 and array.shape[1:] == shape[1:]
    if same_rest and array.shape[0] and array.shape[0] % shape[0] == 0:
        parts = np.split(array, array.shape[0] // shape[0])
        return "batch", [np.asarray(part, order="C") for part in parts]
    raise InputError(
        f"{label}: input {tensor.name!r} has shape {list(array.shape)}; the model takes {list(shape)}, "
        f"or several images as [n, {', '.join(map(str, shape))}] or along the first axis"
    )
