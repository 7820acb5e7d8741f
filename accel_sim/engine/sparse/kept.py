"""What is kept of a golden run, how large it is, and how several processes share it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.engine.sparse import fields as F
from accel_sim.engine.sparse.tables import Tables
from accel_sim.errors import UsageError

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Kept:
    """The golden state of one image.

    Attributes
    ----------
    codes
        uint8, all stored tensors of codes one after the other.
    accumulators
        int32, of the linear nodes whose accumulators are kept.
    slack
        uint8, how far each accumulator may move without a change of its code, upwards and downwards.
    values
        Tensors that are not codes (real values of host nodes and outputs), by name, in stored form.
    """

    codes: Array
    accumulators: Array
    slack: Array
    values: Mapping[str, Array]

    def save(self, folder: Path, image: int) -> None:
        """Write the state of an image, to be mapped by other processes."""
        np.save(folder / f"{image}-codes.npy", self.codes)
        np.save(folder / f"{image}-accumulators.npy", self.accumulators)
        np.save(folder / f"{image}-slack.npy", self.slack)
        for place, name in enumerate(self.values):
            np.save(folder / f"{image}-value-{place}.npy", self.values[name])

    @classmethod
    def load(cls, folder: Path, image: int, names: list[str]) -> "Kept":
        """Map a saved state, read only; `names` are those of its values, in order."""
        codes = np.load(folder / f"{image}-codes.npy", mmap_mode="r")
        accumulators = np.load(folder / f"{image}-accumulators.npy", mmap_mode="r")
        slack = np.load(folder / f"{image}-slack.npy", mmap_mode="r")
        values = {n: np.load(folder / f"{image}-value-{i}.npy", mmap_mode="r") for i, n in enumerate(names)}
        return cls(codes, accumulators, slack, values)


@dataclass(frozen=True)
class Memory:
    """Bytes that faulty runs hold, besides the interpreter and its libraries.

    Attributes
    ----------
    codes_bytes, accumulators_bytes
        Golden codes, accumulators and their slack, per image; processes of one campaign share them.
    work_bytes
        Codes of the run under way, per image and process.
    scratch_bytes
        Flags, marks and lists, per process.
    tables_bytes
        Weights in both forms, lookup tables and constants, per process.
    images
        Number of images.
    """

    codes_bytes: int
    accumulators_bytes: int
    work_bytes: int
    scratch_bytes: int
    tables_bytes: int
    images: int

    @property
    def total_bytes(self) -> int:
        """All of it, in one process."""
        per_image = self.codes_bytes + self.accumulators_bytes + self.work_bytes
        return self.images * per_image + self.scratch_bytes + self.tables_bytes


def memory_of(tables: Tables, images: int) -> Memory:
    """State what runs on a compiled model hold."""
    arrays = (tables.weights, tables.packed, tables.tables, tables.ints, tables.floats, tables.nodes, tables.tensors)
    pixels = int((tables.tensors[:, F.ROWS] * tables.tensors[:, F.WIDTH]).max(initial=1))
    lists = 8 * tables.entries + 4 * tables.starts + tables.listed
    spans = 8 * F.SPAN_FIELDS * len(tables.tensors)
    return Memory(
        codes_bytes=tables.codes,
        accumulators_bytes=6 * tables.accumulators,
        work_bytes=tables.codes,
        scratch_bytes=tables.pixels + pixels + lists + 4 * tables.sums + spans,
        tables_bytes=sum(a.nbytes for a in arrays),
        images=images,
    )


def affordable_accumulators(without: Tables, images: int, limit_bytes: int) -> int:
    """Return how many bytes of accumulators an image may keep, given tables that keep none.

    Raises
    ------
    UsageError
        Not even a run that keeps none fits.
    """
    least = memory_of(without, images).total_bytes
    if least > limit_bytes:
        raise UsageError(
            f"the memory limit is {limit_bytes / 2**20:.1f} MiB: {images} image(s) of this model need "
            f"{least / 2**20:.1f} MiB even when nothing is kept that can be recomputed; raise the limit or use fewer "
            "images"
        )
    return (limit_bytes - least) // images
