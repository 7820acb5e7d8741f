"""Damaged copies of valid files, always the same ones."""

import contextlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from accel_sim.cli import main
from tests.cli.tiny_models import images, qoperator, segmentation

Damage = tuple[str, str, bytes, list[str]]  # label, file to write, its bytes, arguments of the command
RUN = ["run", "model.onnx", "--inputs", "inputs.npz", "--json"]


def with_changed_bytes(data: bytes, seed: int) -> bytes:
    """One to three places overwritten with a random byte, a flipped bit or a copy of another place."""
    rng = np.random.default_rng(seed)
    result = bytearray(data)
    for _ in range(int(rng.integers(1, 4))):
        kind, place, other = int(rng.integers(3)), int(rng.integers(len(data))), int(rng.integers(len(data)))
        if kind == 0:
            result[place] = int(rng.integers(256))
        elif kind == 1:
            result[place] ^= 1 << int(rng.integers(8))
        else:
            length = min(int(rng.integers(1, 9)), len(data) - max(place, other))
            result[place : place + length] = data[other : other + length]
    return bytes(result)


def packed(**arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
    return stream.getvalue()


def changed(data: bytes, name: str, arguments: list[str], count: int = 200) -> Iterator[Damage]:
    for seed in range(count):
        yield f"{name}, seed {seed}", name, with_changed_bytes(data, seed), arguments


def prefixes() -> Iterator[Damage]:
    """Every 17th length of a model, and the last bytes one by one."""
    data = segmentation().SerializeToString()
    Path("inputs.npz").write_bytes(packed(x=images()))
    for length in sorted({*range(0, len(data), 17), *range(len(data) - 20, len(data))}):
        yield f"{length} bytes", "model.onnx", data[:length], RUN


def model_bytes() -> Iterator[Damage]:
    Path("inputs.npz").write_bytes(packed(x=images()))
    yield from changed(segmentation().SerializeToString(), "model.onnx", RUN)


def qoperator_bytes() -> Iterator[Damage]:
    rng = np.random.default_rng(0)
    Path("inputs.npz").write_bytes(packed(x=rng.integers(0, 256, (1, 2, 6, 8), np.uint8)))
    yield from changed(qoperator().SerializeToString(), "model.onnx", RUN)


def inputs() -> Iterator[Damage]:
    Path("model.onnx").write_bytes(segmentation().SerializeToString())
    yield from changed(packed(x=images()), "inputs.npz", RUN, 100)


def results() -> Iterator[Damage]:
    """A results file with bytes changed: the campaign goes on with it or refuses it."""
    Path("model.onnx").write_bytes(segmentation().SerializeToString())
    Path("inputs.npz").write_bytes(packed(x=images()))
    campaign = ["campaign", "model.onnx", "--inputs", "inputs.npz", "--faults", "5", "--json", "--results", "r.sqlite"]
    with contextlib.redirect_stdout(io.StringIO()):
        assert main(campaign) == 0
    good = Path("r.sqlite").read_bytes()
    yield from changed(good, "r.sqlite", campaign, 60)
    # A table's name that is no text: SQLite's own message about it cannot be decoded.
    yield "name", "r.sqlite", good.replace(b"CREATE TABLE faults", b"CREATE TABLE \xb0\x94lts"), campaign


KINDS: dict[str, tuple[Callable[[], Iterator[Damage]], ...]] = {
    "models": (prefixes, model_bytes, qoperator_bytes),
    "data": (inputs, results),
}


def damaged(kind: str) -> Iterator[Damage]:
    """Write the other files of a case into the working directory and yield the damaged ones."""
    for make in KINDS[kind]:
        yield from make()
