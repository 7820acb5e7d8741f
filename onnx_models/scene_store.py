"""Scenes on disk, so that three trainings make them once."""

import ast
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from onnx_models.hsi.scenes import scenes

_CHUNK = 50


def stored_scenes(
    folder: Path, count: int, seed: int, height: int, width: int, report: Callable[[str], None]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return scenes 0 to count - 1 of a stream, making those that are not in the folder yet.

    Parameters
    ----------
    folder
        Where the files are; made if absent. File names carry a hash of the generator's code, so a changed generator
        never meets old scenes.
    count, seed, height, width
        As for `hsi.scenes.scenes`.
    report
        Receives a line per file made.

    Returns
    -------
    Codes uint8 [count, 25, H, W] and labels uint8 [count, H, W].
    """
    folder.mkdir(parents=True, exist_ok=True)
    digest = _generator_digest()
    codes, labels = [], []
    for first in range(0, count, _CHUNK):
        size = min(_CHUNK, count - first)
        path = folder / f"scenes-{digest}-{seed}-{height}x{width}-{first}-{size}.npz"
        if not path.exists():
            made = scenes(first, size, seed, height, width)
            partial = path.with_suffix(".partial.npz")
            np.savez(partial, codes=made[0], labels=made[1])
            os.replace(partial, path)
            report(f"scenes {first + size} of {count} (stream {seed})")
        with np.load(path) as stored:
            codes.append(stored["codes"])
            labels.append(stored["labels"])
    return np.concatenate(codes), np.concatenate(labels)


def _generator_digest() -> str:
    digest = hashlib.sha256()
    for source in sorted((Path(__file__).parent / "hsi").glob("*.py")):
        if source.stem != "hsi_drive":
            tree = ast.parse(source.read_text(encoding="utf-8"))
            digest.update(ast.dump(_without_strings(tree)).encode())
    return digest.hexdigest()[:12]


def _without_strings(tree: ast.Module) -> ast.Module:
    """Drop docstrings, so that better prose does not make the scenes anew."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            kept = [s for s in body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
            node.body = kept  # type: ignore[attr-defined]
    return tree
