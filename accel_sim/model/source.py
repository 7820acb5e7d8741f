"""Read an ONNX file and make sure that it can be trusted before anything else looks at it."""

import hashlib
import heapq
import os
from pathlib import Path, PurePosixPath, PureWindowsPath

import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, external_data_helper

from accel_sim.errors import ModelError
from accel_sim.model.limits import MAX_GEOMETRY, check_elements

MIN_OPSET = 10
# Attributes that count steps or positions, with their least value: runtimes divide by some of them.
LOWEST = {
    "kernel_shape": 1,
    "strides": 1,
    "dilations": 1,
    "group": 1,
    "blocksize": 1,
    "output_padding": 0,
    "output_shape": 0,
    "pads": -MAX_GEOMETRY,
}
DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")


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
    # Functions of os.path answer False where those of Path raise: names too long, folders that cannot be searched.
    if os.path.isdir(path):
        raise ModelError(f"{path}: is a folder; give the path of an ONNX file")
    if not os.path.exists(path):
        raise ModelError(f"{path}: no such file; give the path of an ONNX file or a name listed by `accel-sim models`")
    if not os.path.isfile(path):
        raise ModelError(f"{path}: is a device or a pipe; give the path of an ONNX file")
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
        raise ModelError(f"{label}: not an ONNX model, or one without any node; is the file complete?")
    if not model.graph.output:
        raise ModelError(f"{label}: the graph declares no output; export the model again")
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
            raise ModelError(
                f"{label}: tensor {tensor.name!r}: {location!r} is a link out of the model's folder; copy it there"
            )
        if not path.is_file():
            raise ModelError(
                f"{label}: tensor {tensor.name!r}: its data file {location!r} is missing; put it beside the model"
            )
        _read_external(tensor, entries, path, label)
        digest.update(tensor.raw_data)


def _read_external(tensor: TensorProto, entries: dict[str, str], path: Path, label: str) -> None:
    try:
        offset = int(entries.get("offset", 0))
        length = int(entries.get("length", path.stat().st_size - offset))
    except ValueError as error:
        raise ModelError(
            f"{label}: tensor {tensor.name!r}: offset or length of its external data is no number"
        ) from error
    size = path.stat().st_size
    if offset < 0 or length < 0 or offset + length > size:
        raise ModelError(
            f"{label}: tensor {tensor.name!r} wants {length} bytes from {offset} of {path.name}, which has {size}; "
            "is the file complete?"
        )
    with path.open("rb") as stream:
        stream.seek(offset)
        tensor.raw_data = stream.read(length)
    tensor.data_location = TensorProto.DEFAULT
    del tensor.external_data[:]


def _check(model: onnx.ModelProto, label: str) -> None:
    for tensor in external_data_helper._get_all_tensors(model):
        check_elements(tensor.dims, f"{label}: tensor {tensor.name!r}")
    _check_values(model.graph, label)
    opsets = {entry.domain: entry.version for entry in model.opset_import}
    version = opsets.get("", opsets.get("ai.onnx", 0))
    if not version:
        raise ModelError(f"{label}: no opset of the ONNX domain is declared; export the model with opset 13 or newer")
    newest = onnx.defs.onnx_opset_version()
    if version < MIN_OPSET or version > newest:
        raise ModelError(
            f"{label}: opset {version} is outside {MIN_OPSET}..{newest}; convert it with onnx.version_converter"
        )
    _sort_nodes(model.graph)
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError, RuntimeError) as error:
        text = " ".join(str(error).split())
        raise ModelError(f"{label}: breaks the ONNX rules: {text[:300]}; repair it or export it again") from error
    _check_nodes(model, label)


def _sort_nodes(graph: onnx.GraphProto) -> None:
    """Put nodes in topological order, as onnxruntime does for itself: some quantisers append nodes where they please.

    The order of the file is kept where it is possible. A cycle is left for the checker to name.
    """
    makers = {output: i for i, node in enumerate(graph.node) for output in node.output if output}
    if len(makers) != sum(1 for node in graph.node for output in node.output if output):
        return  # a value made twice: the checker says so
    waiting = [{makers[n] for n in node.input if n in makers} for node in graph.node]
    if all(max(before, default=-1) < i for i, before in enumerate(waiting)):
        return
    readers: dict[int, list[int]] = {}
    for i, before in enumerate(waiting):
        for j in before:
            readers.setdefault(j, []).append(i)
    ready = [i for i, before in enumerate(waiting) if not before]
    heapq.heapify(ready)
    order: list[int] = []
    while ready:
        i = heapq.heappop(ready)
        order.append(i)
        for j in readers.get(i, []):
            waiting[j].discard(i)
            if not waiting[j]:
                heapq.heappush(ready, j)
    if len(order) == len(graph.node):
        nodes = [graph.node[i] for i in order]
        del graph.node[:]
        graph.node.extend(nodes)


def _check_values(graph: onnx.GraphProto, label: str) -> None:
    """Refuse declared values of unknown type or impossible size; unknown sizes (0, -1, symbols) count as 1."""
    known = set(TensorProto.DataType.values())
    for info in (*graph.input, *graph.output, *graph.value_info):
        kind = info.type.tensor_type
        if kind.elem_type not in known:
            raise ModelError(
                f"{label}: value {info.name!r} has the unknown element type {kind.elem_type}; export it again"
            )
        check_elements([max(d.dim_value, 1) for d in kind.shape.dim], f"{label}: value {info.name!r}")


def _check_nodes(model: onnx.ModelProto, label: str) -> None:
    """Refuse, all at once, nodes that neither the array nor onnxruntime can be given."""
    own = {(function.domain, function.name) for function in model.functions}
    found = []
    for node in (*model.graph.node, *(n for function in model.functions for n in function.node)):
        name = f"{node.name or next(iter(node.output), '')!r} ({node.op_type})"
        if any(entry.HasField("g") or entry.graphs for entry in node.attribute):
            found.append(f"{name} is control flow")
        elif node.domain not in DOMAINS and (node.domain, node.op_type) not in own:
            found.append(f"{name} is of the unknown domain {node.domain!r}")
        found += [f"{name} has {entry.name} {text}" for entry in node.attribute if (text := _impossible(entry))]
    if found:
        raise ModelError(
            f"{label}: nodes that cannot be run: {'; '.join(found)}; unroll or replace them and export the model again"
        )


def _impossible(entry: onnx.AttributeProto) -> str:
    """Return the value of a geometry attribute that is out of range, with the range; an empty string for any other."""
    values = list(entry.ints) if entry.type == onnx.AttributeProto.INTS else [entry.i]
    low = LOWEST.get(entry.name)
    bad = [] if low is None else [v for v in values if not low <= v <= MAX_GEOMETRY]
    return f"{bad[0]}, outside {low}..{MAX_GEOMETRY}" if bad else ""
