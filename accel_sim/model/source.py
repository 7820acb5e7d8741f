"""Read an ONNX file and make sure that it can be trusted before anything else looks at it."""

import hashlib
import math
from pathlib import Path, PurePosixPath, PureWindowsPath

import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, external_data_helper

from accel_sim.errors import ModelError

MAX_ELEMENTS = 1 << 28
MIN_OPSET = 10
DOMAINS = ("", "ai.onnx", "com.microsoft")


def read_model(source: str | Path | bytes | onnx.ModelProto) -> tuple[onnx.ModelProto, str, str]:
    """Read and check a model.

    Parameters
    ----------
    source
        Path of an ONNX file, its bytes, or a parsed model.

    Returns
    -------
    model, name, sha256
        External data are loaded into the model; the name is the file's stem.

    Raises
    ------
    ModelError
        The file is missing, is no ONNX model, refers to data outside its folder, or breaks the ONNX rules.
    """
    folder: Path | None = None
    if isinstance(source, onnx.ModelProto):
        name, data = source.graph.name or "model", source.SerializeToString()
    elif isinstance(source, bytes):
        name, data = "model", source
    else:
        path = Path(source)
        name, folder = path.stem, path.parent
        data = _read_bytes(path)
    label = str(source) if isinstance(source, str | Path) else name
    model = _parse(data, label)
    digest = hashlib.sha256(data)
    _load_external(model, folder, label, digest)
    _check(model, label)
    return model, name, digest.hexdigest()


def _read_bytes(path: Path) -> bytes:
    if path.is_dir():
        raise ModelError(f"{path}: is a folder; give the path of an ONNX file")
    if not path.exists():
        raise ModelError(f"{path}: no such file; give the path of an ONNX file or a name listed by `accel-sim models`")
    try:
        size = path.stat().st_size
        if size >= 1 << 31:
            raise ModelError(f"{path}: {size} bytes; an ONNX file ends at 2 GiB: store the weights as external data")
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error


def _parse(data: bytes, label: str) -> onnx.ModelProto:
    try:
        model = onnx.load_model_from_string(data)
    except (DecodeError, ValueError) as error:
        raise ModelError(
            f"{label}: not an ONNX model (the protobuf cannot be decoded); is the file complete?"
        ) from error
    if not model.graph.node:
        raise ModelError(f"{label}: not an ONNX model, or one without any node")
    return model


def _load_external(model: onnx.ModelProto, folder: Path | None, label: str, digest: "hashlib._Hash") -> None:
    tensors = list(external_data_helper._get_all_tensors(model))
    for tensor in tensors:
        if tensor.data_location != TensorProto.EXTERNAL:
            continue
        entries = {entry.key: entry.value for entry in tensor.external_data}
        location = entries.get("location", "")
        parts = PurePosixPath(location).parts + PureWindowsPath(location).parts
        absolute = PurePosixPath(location).is_absolute() or PureWindowsPath(location).is_absolute()
        if folder is None or absolute or not location or ".." in parts:
            raise ModelError(
                f"{label}: tensor {tensor.name!r} keeps its data in {location!r}, outside the model's folder; "
                "move the data beside the model"
            )
        path = folder / location
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ModelError(f"{label}: tensor {tensor.name!r}: {location!r} is a link that leaves the model's folder")
        if not path.is_file():
            raise ModelError(f"{label}: tensor {tensor.name!r}: its data file {location!r} is missing beside the model")
        _read_external(tensor, entries, path, label)
        digest.update(tensor.raw_data)


def _read_external(tensor: TensorProto, entries: dict[str, str], path: Path, label: str) -> None:
    try:
        offset, length = int(entries.get("offset", 0)), int(entries.get("length", -1))
    except ValueError as error:
        raise ModelError(
            f"{label}: tensor {tensor.name!r}: offset or length of its external data is no number"
        ) from error
    size = path.stat().st_size
    if offset < 0 or offset > size or (length >= 0 and offset + length > size):
        raise ModelError(
            f"{label}: tensor {tensor.name!r} wants bytes {offset}..{offset + length} of {path.name}, which has {size}"
        )
    with path.open("rb") as stream:
        stream.seek(offset)
        tensor.raw_data = stream.read(length if length >= 0 else size - offset)
    tensor.data_location = TensorProto.DEFAULT
    del tensor.external_data[:]


def _check(model: onnx.ModelProto, label: str) -> None:
    for tensor in external_data_helper._get_all_tensors(model):
        _check_size(label, f"tensor {tensor.name!r}", list(tensor.dims))
    for info in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        dims = info.type.tensor_type.shape.dim
        _check_size(label, f"value {info.name!r}", [d.dim_value for d in dims if d.dim_value > 0])
    opsets = {entry.domain: entry.version for entry in model.opset_import}
    version = opsets.get("", opsets.get("ai.onnx", 0))
    if not version:
        raise ModelError(f"{label}: no opset of the ONNX domain is declared; export the model with opset 13 or newer")
    newest = onnx.defs.onnx_opset_version()
    if version < MIN_OPSET or version > newest:
        raise ModelError(
            f"{label}: opset {version} is outside {MIN_OPSET}..{newest}; convert it with onnx.version_converter"
        )
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError, RuntimeError) as error:
        text = " ".join(str(error).split())
        raise ModelError(f"{label}: breaks the ONNX rules: {text[:300]}") from error


def _check_size(label: str, what: str, dims: list[int]) -> None:
    if any(d < 0 for d in dims) or math.prod(dims) > MAX_ELEMENTS:
        shape = "x".join(map(str, dims))
        raise ModelError(f"{label}: {what} has shape {shape}; the limit is {MAX_ELEMENTS} elements a tensor")
