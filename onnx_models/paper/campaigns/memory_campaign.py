"""Upsets of the accelerator's buffers while they hold something live: how often per inference, and with what effect."""

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import accel_sim

ARCH: Final = "b4096"
MEMORIES: Final = ("wgt", "bias", "img")


def run_memories(path: Path, images: NDArray[np.float32], folder: Path, *, seed: int, faults: int) -> dict[str, Any]:
    """Run, or go on with, one campaign per buffer of an int8 network on a B4096.

    Parameters
    ----------
    path
        Int8 ONNX file.
    images
        float32 [N, bands, H, W].
    folder
        Of the results files.
    seed, faults
        Seed, and faults per buffer: a bit at a cycle while it is live, all of these with the same chance.

    Returns
    -------
    dict
        Cycles and latency of an inference; by buffer its bits, live share, share of live upsets that change a pixel,
        and mean share of pixels changed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model = accel_sim.load(path, arch=ARCH)
    inputs = dict.fromkeys(model.graph.inputs, images)
    whole = model.estimate()
    found: dict[str, Any] = {"arch": ARCH, "cycles": whole["cycles"], "latency_s": whole["latency_s"], "memories": {}}
    for memory in MEMORIES:
        done = model.campaign(
            inputs, space="memory", results=folder / f"{path.stem}-{memory}.sqlite", faults=faults, seed=seed,
            memories=[memory],
        )  # fmt: skip
        found["memories"][memory] = {
            "bits": whole["memories"][memory]["bits"],
            "live_fraction": done["live_fraction"],
            "critical": done["critical_rate"],
            "changed": done["changed_fraction"],
            "faults": done["faults"],
            "due": done["outcomes"]["due"],
        }
    return found
