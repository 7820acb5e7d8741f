"""The campaigns of a run as jobs, which wait for those that make the networks."""

import sys
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

from onnx_models.paper.campaigns import run
from onnx_models.paper.campaigns.pictures import Folder, buffer_names, float_names, int8_names
from onnx_models.paper.jobs import Job
from onnx_models.paper.mitigations.clipping import POLICIES
from onnx_models.paper.recipe import ACTIVATIONS
from onnx_models.paper.retrained import repeat_folder, repeat_name, repeat_seeds


def campaign_jobs(folder: Folder, margin: float | None, steps: Collection[str]) -> list[Job]:
    """Return the campaigns of some steps: ``float``, ``int8``, ``limits``, ``buffers``, ``controls``.

    Parameters
    ----------
    folder
        Models, pictures and results.
    margin
        Margin of error instead of the recipe's number of faults.
    steps
        Which; of the controls those on the originals of other seeds.

    Returns
    -------
    list
        Jobs that run what is left of a campaign, or say that its network is not there.
    """

    def job(kind: str, name: str, call: Callable[[], object], *waits: str) -> Job:
        return Job(f"{kind} {name}", partial(_if_there, folder.model(name), call), (name, *waits))

    found: list[Job] = []
    if "float" in steps:
        found += [job("float", name, partial(run.one_float, folder, name, margin, say)) for name in float_names()]
    if "int8" in steps:
        found += [job("int8", name, partial(run.one_int8, folder, name, margin, say)) for name in int8_names()]
    if "limits" in steps:
        found += [job("fault-free", name, partial(run.one_fault_free, folder, name, say)) for name in float_names()]
        for name in float_names():
            # Whichever comes first runs what the campaign without limits lacks, so they take turns.
            kinds = ("float", *POLICIES)
            for before, policy in zip(kinds[:-1], POLICIES, strict=True):
                call = partial(run.one_policy, folder, name, policy, margin, say)
                found.append(job(policy, name, call, f"{before} {name}"))
    if "buffers" in steps:
        found += [job("buffers", name, partial(run.one_buffers, folder, name, say)) for name in buffer_names()]
    if "controls" in steps:
        for seed in repeat_seeds(folder.recipe):
            for activation in ACTIVATIONS:
                name = repeat_name(activation, seed)
                strike = partial(run.one_repeat, folder, activation, seed, margin, say)
                path = repeat_folder(folder.path, seed) / f"{activation}-original.onnx"
                found.append(Job(f"float {name}", partial(_if_there, path, strike), (name,)))
    return found


def say(line: str) -> None:
    """Print a line of progress."""
    print(line, file=sys.stderr, flush=True)


def _if_there(path: Path, call: Callable[[], object]) -> None:
    if path.exists():
        call()
    else:
        say(f"{path}: not there yet")
