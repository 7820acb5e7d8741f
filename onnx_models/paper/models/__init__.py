"""The paper's networks: trained, pruned twice, exported as float32 and quantised in two schemes.

`build` makes them all in a folder, `compare` what they are compared with. torch, torch-pruning and the scene generator
(the `[train]` extra) are imported when they are called.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from onnx_models.paper.jobs import Job, run_jobs
from onnx_models.paper.recipe import Recipe

__all__ = ["MissingExtraError", "build", "build_jobs", "compare", "compare_jobs"]


class MissingExtraError(ImportError):
    """A package of the `[train]` extra is not installed; the message names it and what to install."""


def build(folder: Path, recipe: Recipe, report: Callable[[str], None] | None = None, workers: int = 1) -> None:
    """Make what is not in the folder yet; it goes on where it was stopped.

    Every finished file appears in one step. For each activation function `AF` (relu, sigmoid, hardsigmoid) and
    `VERSION` (original, pruned1, pruned2): `AF-VERSION.onnx`, float32 with batch normalisation as nodes; for original
    and pruned2 also `AF-VERSION-tflite.onnx` and `AF-VERSION-dpu.onnx`, int8 QDQ, whose parameters are called
    `LAYER.kernel_quantized` and `LAYER.bias_quantized`. `calibration.npz` and `test.npz` hold `images` float32
    [N, 25, H, W] and `labels` uint8 [N, H, W]. `models.json` has scores, sizes, pruning ratios, seeds and versions of
    all that is finished. The originals come first, so that other work can begin on them.

    Parameters
    ----------
    folder
        Where; made if absent. Checkpoints and scenes are in its subfolders.
    recipe
        What.
    report
        Receives a line per step; by default they go to stderr.
    workers
        Processes; the files do not depend on it. With more than one, `report` has to be a function of a module.

    Raises
    ------
    MissingExtraError
        If the `[train]` extra is not installed.
    ValueError
        If the folder holds networks of another recipe.
    HsiDriveError
        If `recipe.dataset` is not HSI-Drive v2.0 as documented.
    """
    run_jobs(build_jobs(folder, recipe, report), workers)


def build_jobs(folder: Path, recipe: Recipe, report: Callable[[str], None] | None = None) -> list[Job]:
    """Return the jobs of `build` that are left, each called as the network that it makes."""
    try:
        from onnx_models.paper.models.pipeline import network_jobs
    except ImportError as error:
        raise MissingExtraError(f"the networks need {error.name}: pip install 'accel_sim[train]'") from error
    return network_jobs(folder, recipe, report or _to_stderr)


def compare(folder: Path, recipe: Recipe, report: Callable[[str], None] | None = None, workers: int = 1) -> None:
    """Make what the networks of a finished build are compared with; it goes on where it was stopped.

    Writes ``recovery.json`` (see `onnx_models.paper.models.recovery`) and ``retraining.json`` (see `retraining`).

    Parameters
    ----------
    folder, recipe, report, workers
        As for `build`.

    Raises
    ------
    MissingExtraError
        If the `[train]` extra is not installed.
    ValueError
        If the folder lacks a network or holds those of another recipe.
    """
    run_jobs(compare_jobs(folder, recipe, report), workers)


def compare_jobs(folder: Path, recipe: Recipe, report: Callable[[str], None] | None = None) -> list[Job]:
    """Return the jobs of `compare` that are left; they wait for those of `build_jobs`."""
    try:
        from onnx_models.paper.models.recovery import recovery_jobs
        from onnx_models.paper.models.retraining import retraining_jobs
    except ImportError as error:
        raise MissingExtraError(f"the controls need {error.name}: pip install 'accel_sim[train]'") from error
    say = report or _to_stderr
    return [*recovery_jobs(folder, recipe, say), *retraining_jobs(folder, recipe, say)]


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
