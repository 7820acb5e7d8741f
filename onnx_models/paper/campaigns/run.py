"""All campaigns of a run; each does what is possible with the models that are there, and goes on where it stopped."""

from collections.abc import Callable
from typing import Any

import onnx

from onnx_models.paper.campaigns.float_campaign import Campaign, run_float
from onnx_models.paper.campaigns.int8_campaign import run_int8
from onnx_models.paper.campaigns.memory_campaign import run_memories
from onnx_models.paper.campaigns.pictures import Folder, buffer_names, float_names, int8_names
from onnx_models.paper.campaigns.speed import Speed, measure
from onnx_models.paper.mitigations.clipping import POLICIES
from onnx_models.paper.mitigations.limits_campaign import run_limited
from onnx_models.paper.mitigations.protected_runs import run_fault_free
from onnx_models.paper.recipe import ACTIVATIONS
from onnx_models.paper.retrained import repeat_folder, repeat_name, repeat_seeds

Say = Callable[[str], None]


def floats(folder: Folder, margin: float | None, say: Say) -> dict[str, Campaign]:
    """Run the float campaigns of the models that are there."""
    return {name: one_float(folder, name, margin, say) for name in _present(folder, float_names(), say)}


def one_float(folder: Folder, name: str, margin: float | None, say: Say) -> Campaign:
    """Run the campaign of a float model."""
    return _strike(run_float, folder, name, margin, say)


def repeated(folder: Folder, margin: float | None, say: Say) -> dict[tuple[str, int], Campaign]:
    """Strike the originals of other seeds that are there.

    Returns
    -------
    dict
        (activation function, seed of the training) to campaign.
    """
    found = {}
    for activation in ACTIVATIONS:
        for seed in repeat_seeds(folder.recipe):
            if (repeat_folder(folder.path, seed) / f"{activation}-original.onnx").exists():
                found[activation, seed] = one_repeat(folder, activation, seed, margin, say)
            else:
                say(f"{repeat_name(activation, seed)}: not there yet")
    return found


def one_repeat(folder: Folder, activation: str, seed: int, margin: float | None, say: Say) -> Campaign:
    """Strike an original of another seed with a quarter of the faults, drawn as for the first one."""
    recipe, name = folder.recipe, repeat_name(activation, seed)
    return run_float(
        repeat_folder(folder.path, seed) / f"{activation}-original.onnx", folder.struck, folder.rows(name),
        seed=recipe.seed, per_set=None if margin else max(1, recipe.per_set // 4),
        margin=min(2 * margin, 0.99) if margin else None, report=_counter(name, say),
    )  # fmt: skip


def integers(folder: Folder, margin: float | None, say: Say) -> dict[str, Campaign]:
    """Run the int8 campaigns of the models that are there."""
    return {name: one_int8(folder, name, margin, say) for name in _present(folder, int8_names(), say)}


def one_int8(folder: Folder, name: str, margin: float | None, say: Say) -> Campaign:
    """Run the campaign of an int8 model."""
    return _strike(run_int8, folder, name, margin, say)


def _strike(campaign: Callable[..., Campaign], folder: Folder, name: str, margin: float | None, say: Say) -> Campaign:
    """Run a campaign with the recipe's number of faults, or as many as a margin needs."""
    return campaign(
        folder.model(name), folder.struck, folder.rows(name), seed=folder.recipe.seed,
        per_set=None if margin else folder.recipe.per_set, margin=margin, report=_counter(name, say),
    )  # fmt: skip


def limited(folder: Folder, done: dict[str, Campaign], say: Say) -> dict[str, list[Campaign]]:
    """Run a quarter of every finished float campaign's faults with range limits, once per policy."""
    return {
        name: [one_limited(folder, campaign, policy, say) for policy in POLICIES] for name, campaign in done.items()
    }


def one_limited(folder: Folder, campaign: Campaign, policy: str, say: Say) -> Campaign:
    """Run a quarter of a float campaign's faults with range limits."""
    name = campaign.model
    return run_limited(
        folder.model(name), campaign, policy, folder.struck, folder.calibration, folder.rows(f"{name}-{policy}"),
        _counter(f"{name} {policy}", say),
    )  # fmt: skip


def one_policy(folder: Folder, name: str, policy: str, margin: float | None, say: Say) -> Campaign:
    """Run a quarter of a float model's faults with range limits, after those without that are left."""
    return one_limited(folder, one_float(folder, name, margin, say), policy, say)


def one_fault_free(folder: Folder, name: str, say: Say) -> dict[str, Any]:
    """Run a float model with and without protection on all test pictures, without faults."""
    images, labels = folder.test()
    target = folder.path / "campaigns" / f"{name}-fault-free.json"
    if not target.exists():
        say(f"{name}: fault-free runs with protection")
    return run_fault_free(folder.model(name), images, labels, folder.calibration, target)


def buffers(folder: Folder, say: Say) -> dict[str, Any]:
    """Run the campaigns on the accelerator's buffers, originals and pruned networks of the TensorFlow Lite scheme."""
    return {name: one_buffers(folder, name, say) for name in _present(folder, buffer_names(), say)}


def one_buffers(folder: Folder, name: str, say: Say) -> dict[str, Any]:
    """Run the campaigns on the accelerator's buffers with one int8 model."""
    faults = max(10, folder.recipe.per_set // 10)
    found = run_memories(
        folder.model(name), folder.struck, folder.path / "campaigns", seed=folder.recipe.seed, faults=faults
    )
    say(f"{name}: {faults} upsets in each buffer")
    return found


def speed(folder: Folder, name: str, campaign: Campaign, faults: int) -> Speed:
    """Compare some faulty runs of a campaign with runs of the whole model: bits of the answers, and time."""
    return measure(onnx.load(folder.model(name)), folder.struck, campaign, faults)


def _present(folder: Folder, names: list[str], say: Say) -> list[str]:
    for name in names:
        if not folder.model(name).exists():
            say(f"{name}: not there yet")
    return [name for name in names if folder.model(name).exists()]


def _counter(name: str, say: Say) -> Callable[[int, int], None]:
    def report(done: int, total: int) -> None:
        if done == total or done % 500 == 0:
            say(f"{name}: {done} of {total} faults")

    return report
