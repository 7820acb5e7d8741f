"""Load a model that exists only in memory, and read what ``verify`` reports."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import onnx

import accel_sim


@contextmanager
def loaded(model: onnx.ModelProto) -> Iterator[Any]:
    """The simulator's model, while its file exists."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(model.SerializeToString())
        yield accel_sim.load(path)


def field(record: Any, name: str) -> Any:
    return record[name] if isinstance(record, Mapping) else getattr(record, name)


def nodes_of(verdict: Any) -> Sequence[Any]:
    nodes: Sequence[Any] = field(verdict, "nodes")
    return nodes
