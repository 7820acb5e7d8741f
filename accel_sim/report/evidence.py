"""Everything that a results file says, read and checked before a page is begun."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from accel_sim.campaign import Store, summarise
from accel_sim.campaign.attachments import EXAMPLE, MODEL
from accel_sim.campaign.example import Example
from accel_sim.errors import ResultsError


@dataclass(frozen=True)
class StoredTensor:
    """A parameter or an activation: ONNX `name`, `role`, `shape`, `dtype`, and the ONNX `node` and `op` that uses it.

    Role, node and op are empty, and the shape too, for a tensor of which the file records nothing but the name.
    """

    name: str
    role: str = ""
    shape: tuple[int, ...] = ()
    dtype: str = ""
    node: str = ""
    op: str = ""


@dataclass(frozen=True, eq=False)
class Evidence:
    """One results file.

    Attributes
    ----------
    path
        The file.
    label
        Short name, different for each file of a report.
    summary
        The campaign's JSON object (`accel_sim.campaign.summarise`).
    identity
        What the campaign is (`Task.identity`).
    record
        The model's record, empty when the file has none.
    tensors
        The tensors of the fault space, in order of execution.
    example
        The most damaging fault at work, or None.
    """

    path: Path
    label: str
    summary: Mapping[str, Any]
    identity: Mapping[str, Any]
    record: Mapping[str, Any]
    tensors: tuple[StoredTensor, ...]
    example: Example | None

    @property
    def model(self) -> str:
        """Name of the model."""
        return str(self.record.get("name", "model"))

    @property
    def space(self) -> str:
        """Name of the fault space."""
        return str(self.identity["space"]["name"])

    @property
    def level(self) -> float:
        """Confidence level of all intervals."""
        return float(self.summary["confidence"])

    @property
    def criterion(self) -> str:
        """Name of the decision criterion."""
        return str(self.identity["criterion"]["name"])


def read_evidence(paths: Sequence[str | Path]) -> list[Evidence]:
    """Read results files and give each a label of its own.

    Raises
    ------
    ResultsError
        A file is absent, damaged, or its campaign is not complete.
    """
    found = [_read(Path(path)) for path in paths]
    names = [e.model for e in found]
    if len(set(names)) < len(names):  # the same model twice: what differs is in the file names
        names = [e.path.stem for e in found]
    if len(set(names)) < len(names):
        names = [f"{name} ({number})" for number, name in enumerate(names, 1)]
    return [replace(e, label=name) for e, name in zip(found, names, strict=True)]


def _read(path: Path) -> Evidence:
    with Store.read(path) as store:
        summary = summarise(store)
        identity = store.identity
        record_bytes, example_bytes = store.attachment(MODEL), store.attachment(EXAMPLE)
    try:
        # The files of a report are read by name below; a foreign identity must fail here and not in the page.
        space, _ = str(identity["space"]["name"]), str(identity["criterion"]["name"])
        record = {} if record_bytes is None else _record(record_bytes)
        example = None if example_bytes is None else Example.from_bytes(example_bytes)
        tensors = _tensors(record, space, [s["name"] for s in summary["sets"]])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ResultsError(f"results file {path} is damaged ({error!r}); repeat the campaign command") from error
    return Evidence(path, path.stem, summary, identity, record, tensors, example)


def _record(data: bytes) -> dict[str, Any]:
    record = json.loads(data)
    wanted = {
        "name": str, "file_hash": str, "arithmetic": str, "images": int, "nodes": int, "host_nodes": int,
        "inputs": list, "outputs": list, "parameters": list, "activations": list,
    }  # fmt: skip
    for key, kind in wanted.items():
        if not isinstance(record[key], kind):
            raise ValueError(f"{key} of its model record is {type(record[key]).__name__}")
    assert isinstance(record, dict)
    return record


def _tensors(record: Mapping[str, Any], space: str, names: Sequence[str]) -> tuple[StoredTensor, ...]:
    """Return the description of each named tensor; of an unknown one only the name."""
    known = {
        t["name"]: StoredTensor(
            str(t["name"]), str(t["role"]), tuple(int(n) for n in t["shape"]), str(t["dtype"]), str(t["node"]),
            str(t["op"]),
        )
        for t in record.get(space, ())
    }  # fmt: skip
    return tuple(known.get(name, StoredTensor(name)) for name in names)
