"""Where a build keeps its files: whole or not at all, one record per finished network."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

from onnx_models.paper.data import Pictures, Split
from onnx_models.paper.models.network import from_state
from onnx_models.paper.recipe import Recipe
from onnx_models.unet import UNet


@dataclass(frozen=True)
class Workshop:
    """Folder, recipe, pictures and the receiver of progress lines of one build."""

    folder: Path
    recipe: Recipe
    pictures: Pictures
    report: Callable[[str], None]

    @property
    def work(self) -> Path:
        """Folder of checkpoints and records."""
        return self.folder / "work"

    def record(self, name: str) -> dict[str, Any] | None:
        """Return the record of a finished network, None if it is not finished."""
        return read_network_record(self.folder, name)

    def finish(self, name: str, proto: onnx.ModelProto, record: Mapping[str, Any]) -> None:
        """Write a network's file and then, last, its record, which says that all of it is there."""
        data = proto.SerializeToString()
        write_bytes(self.folder / f"{name}.onnx", data)
        entry = {"name": name, "file": f"{name}.onnx", "sha256": hashlib.sha256(data).hexdigest(), **record}
        write_text(self.work / f"{name}.json", json.dumps(entry, indent=1) + "\n")

    def save_weights(self, name: str, model: UNet) -> None:
        """Keep a network's weights."""
        partial = self.work / f"{name}.pt.partial"
        torch.save(model.state_dict(), partial)
        os.replace(partial, self.work / f"{name}.pt")

    def weights(self, name: str, activation: str) -> UNet:
        """Return a finished network."""
        state = torch.load(self.work / f"{name}.pt", weights_only=True)
        return from_state(activation, self.recipe.levels, state)


def read_network_record(folder: Path, name: str) -> dict[str, Any] | None:
    """Return the record of a finished network of a folder, None if it is not finished."""
    path = folder / "work" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def claim(folder: Path, recipe: Recipe) -> None:
    """Mark a folder as that of a recipe; ValueError if it belongs to another one."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "work").mkdir(exist_ok=True)
    path = folder / "work" / "recipe.json"
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))["key"]
        if found != recipe.models_key():
            raise ValueError(f"{folder} holds networks of another recipe ({path}); delete it or use another folder")
        return
    write_text(path, json.dumps({"key": recipe.models_key(), "recipe": recipe.plain()}, indent=1) + "\n")


def write_pictures(path: Path, data: Split) -> None:
    """Write `images` float32 [N, 25, H, W] and `labels` uint8 [N, H, W], unless the file is there."""
    if path.exists():
        return
    partial = path.with_suffix(".partial.npz")
    np.savez_compressed(partial, images=data.inputs(slice(None)), labels=data.labels)
    os.replace(partial, path)


def write_text(path: Path, text: str) -> None:
    """Write a text file in one step."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file in one step; several processes may do so at once."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.write_bytes(data)
    os.replace(partial, path)


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread of torch: sums do not depend on the machine's number of cores, which may be shared."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
