"""What one fault did to one image: kept with the results, so that a report can show it without the model."""

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from accel_sim.campaign.picture import input_picture
from accel_sim.campaign.store import Row
from accel_sim.campaign.task import canonical_json
from accel_sim.faults import Fault, Injector

Array = NDArray[Any]
VERSION = 1
TOP = 5
MAX_BYTES = 1 << 28
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same bytes whenever they are written


@dataclass(frozen=True, eq=False)
class Example:
    """A fault and the decisions of one image without and with it.

    Attributes
    ----------
    kind
        Criterion: ``segmentation``, ``classification`` or ``any``.
    fault
        The fault in its public JSON form.
    outcome, changed_fraction
        As recorded: over all images of the campaign.
    image
        The image shown: the one in which the fault changed most, the first among equals.
    output
        Name of the model output shown.
    classes
        Names of the classes, empty when the model's are not known.
    arrays
        segmentation: ``golden`` and ``faulty`` class maps, (height, width), and ``picture`` of the input, uint8, where
        one can be made. classification: ``label``, ``golden`` and ``faulty``, the scores of the classes that are among
        the top five in either run, best golden first. any: ``index``, ``golden`` and ``faulty`` of the output element
        that moved furthest, and ``moved``, how many elements differ.
    """

    kind: str
    fault: Mapping[str, Any]
    outcome: str
    changed_fraction: float
    image: int
    output: str
    classes: tuple[str, ...]
    arrays: Mapping[str, Array]

    def to_bytes(self) -> bytes:
        """Return a compressed .npz file; equal examples give equal bytes."""
        meta = {
            "version": VERSION, "kind": self.kind, "fault": dict(self.fault), "outcome": self.outcome,
            "changed_fraction": self.changed_fraction, "image": self.image, "output": self.output,
            "classes": list(self.classes),
        }  # fmt: skip
        text = np.frombuffer(canonical_json(meta).encode("ascii"), np.uint8)
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, array in {"meta": text, **self.arrays}.items():
                entry = io.BytesIO()
                npy.write_array(entry, np.asarray(array), allow_pickle=False)
                info = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
                archive.writestr(info, entry.getvalue(), zipfile.ZIP_DEFLATED)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Example":
        """Read what :meth:`to_bytes` wrote.

        Raises
        ------
        ValueError
            The bytes are something else, or of another version.
        """
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                if sum(entry.file_size for entry in archive.infolist()) > MAX_BYTES:
                    raise ValueError(f"it unpacks to more than {MAX_BYTES} bytes")
                arrays: dict[str, Array] = {}
                for entry in archive.infolist():
                    stream = io.BytesIO(archive.read(entry))
                    arrays[entry.filename.removesuffix(".npy")] = npy.read_array(stream, allow_pickle=False)
            meta = json.loads(arrays.pop("meta").tobytes())
            if meta.pop("version") != VERSION:
                raise ValueError("it is of another version")
            example = cls(**{**meta, "classes": tuple(str(name) for name in meta["classes"])}, arrays=arrays)
            Fault.from_json(example.fault)
            example._check()
            return example
        except Exception as error:  # a foreign blob can break the readers in more ways than they name
            raise ValueError(f"its example cannot be read: {error}") from error

    def _check(self) -> None:
        """Raise ValueError unless the arrays are those of the kind."""
        shapes = {name: array.shape for name, array in self.arrays.items()}
        if self.kind == "segmentation":
            fits = len(shapes["golden"]) == 2 and shapes["golden"] == shapes["faulty"]
            fits &= all(self.arrays[n].dtype.kind == "u" for n in ("golden", "faulty"))
            fits &= "picture" not in shapes or (
                self.arrays["picture"].dtype == np.uint8 and shapes["picture"][2:] in ((), (3,))
            )
        elif self.kind == "classification":
            fits = len(shapes["label"]) == 1 and shapes["label"] == shapes["golden"] == shapes["faulty"]
        else:
            fits = self.kind == "any" and shapes["golden"] == shapes["faulty"] == shapes["moved"] == (1,)
        if not fits:
            raise ValueError(f"wrong arrays for {self.kind!r}: {shapes}")


def make_example(
    injector: Injector, inputs: tuple[Mapping[str, Array], ...], row: Row, classes: tuple[str, ...]
) -> Example:
    """Replay a recorded fault and keep what it does to the image that it changes most.

    Parameters
    ----------
    injector
        Holds the golden runs of all images.
    inputs
        The images' inputs.
    row
        The recorded fault.
    classes
        Names of the classes, or nothing.
    """
    fault = Fault.from_json(json.loads(row.fault))
    criterion = injector.criterion
    faulty = injector.inject(fault).outputs
    changed = [
        criterion.changed(golden, criterion.decisions(outputs))
        for golden, outputs in zip(injector.decisions, faulty, strict=True)
    ]
    image = max(range(len(changed)), key=lambda i: (changed[i], i == fault.image, -i))
    output = criterion.output
    golden, upset = injector.outputs[image], faulty[image]
    if criterion.name == "segmentation":
        arrays = _class_maps(golden[output], upset[output], inputs[image])
    elif criterion.name == "classification":
        arrays = _top_scores(golden[output], upset[output])
    else:
        output, arrays = _largest_move(golden, upset)
    return Example(criterion.name, fault.to_json(), row.outcome, row.changed_fraction, image, output, classes, arrays)


def _class_maps(golden: Array, faulty: Array, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Return both maps of the sample (along the batch axis) that changed most, further axes laid below each other."""
    kind = np.uint8 if golden.shape[1] <= 256 else np.uint16
    before, after = (np.argmax(scores, axis=1).astype(kind) for scores in (golden, faulty))
    differs = (before != after).reshape(len(before), -1).sum(axis=1)
    sample = int(np.argmax(differs))
    width = before.shape[-1]
    arrays: dict[str, Array] = {"golden": before[sample].reshape(-1, width), "faulty": after[sample].reshape(-1, width)}
    picture = input_picture({n: a[sample : sample + 1] for n, a in inputs.items() if a.ndim}, before.shape[1:])
    return arrays if picture is None else {**arrays, "picture": picture}


def _top_scores(golden: Array, faulty: Array) -> dict[str, Array]:
    before, after = (scores.reshape(len(scores), -1) for scores in (golden, faulty))
    sample = int(np.argmax(np.argmax(before, axis=1) != np.argmax(after, axis=1)))
    best, then = (np.argsort(-scores[sample].astype(np.float64), kind="stable") for scores in (before, after))
    either = set(best[:TOP]) | set(then[:TOP])
    label = np.array([i for i in best if i in either], np.int64)
    return {"label": label, "golden": before[sample][label], "faulty": after[sample][label]}


def _largest_move(golden: Mapping[str, Array], faulty: Mapping[str, Array]) -> tuple[str, dict[str, Array]]:
    """Return the output and the element that moved furthest; a value that became NaN moved furthest of all."""
    moves = {}
    for name in sorted(golden):
        before, after = golden[name].reshape(-1), faulty[name].reshape(-1)
        same = (before == after) | ((before != before) & (after != after))
        with np.errstate(invalid="ignore"):
            distance = np.abs(after.astype(np.float64) - before.astype(np.float64))
        distance = np.where(same, 0.0, np.nan_to_num(distance, nan=np.inf))
        moves[name] = (float(distance.max(initial=0.0)), int(np.argmax(distance)), int(np.count_nonzero(~same)))
    name = max(moves, key=lambda n: moves[n][0])
    _, place, _ = moves[name]
    index = np.array(np.unravel_index(place, golden[name].shape), np.int64)
    moved = np.array([sum(m[2] for m in moves.values())], np.int64)
    pick = slice(place, place + 1)
    before, after = golden[name].reshape(-1)[pick], faulty[name].reshape(-1)[pick]
    return name, {"index": index, "golden": before, "faulty": after, "moved": moved}
