"""Fault-free runs of the protected networks, kept on disk: many pictures, so that they are not run for every record."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray

from onnx_models.paper.mitigations.effects import fault_free

VERSION: Final = 1
"""Raised when the same networks and pictures could give other results."""


def run_fault_free(
    path: Path,
    images: NDArray[np.float32],
    labels: NDArray[np.uint8],
    calibration: NDArray[np.float32],
    target: Path,
) -> dict[str, dict[str, Any]]:
    """Return what `effects.fault_free` says, from the file where it has been kept for the same network and pictures.

    Parameters
    ----------
    path
        Float ONNX file.
    images, labels, calibration
        As for `effects.fault_free`.
    target
        JSON file; made with its folder if absent, replaced in one step if it is of another network or other pictures.
    """
    content = path.read_bytes()
    arrays = [np.ascontiguousarray(array).tobytes() for array in (images, labels, calibration)]
    identity = {
        "version": VERSION,
        "model": hashlib.sha256(content).hexdigest(),
        "pictures": hashlib.sha256(b"".join(arrays)).hexdigest(),
    }
    found: dict[str, dict[str, Any]]
    if target.exists():
        kept = json.loads(target.read_text(encoding="utf-8"))
        if kept["identity"] == identity:
            found = kept["found"]
            return found
    found = fault_free(onnx.load_from_string(content), images, labels, calibration)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    partial.write_text(json.dumps({"identity": identity, "found": found}, indent=1) + "\n", encoding="utf-8")
    os.replace(partial, target)
    return found
