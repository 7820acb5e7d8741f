"""The run's results on disk: a JSON file that page and figures are made of, and CSV files with a line per cell."""

import csv
import dataclasses
import io
import json
import math
import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import onnx

from onnx_models.paper.campaigns import run
from onnx_models.paper.campaigns.estimates import by_cell, mean, pick, samples
from onnx_models.paper.campaigns.float_campaign import Campaign
from onnx_models.paper.campaigns.network import read_network
from onnx_models.paper.campaigns.pictures import Folder
from onnx_models.paper.campaigns.summary import float_summary, means, name_of, summary, upsets
from onnx_models.paper.mitigations.effects import comparisons, mantissa_effect, secded_biases
from onnx_models.paper.mitigations.limits_campaign import effect
from onnx_models.paper.report.deployment import deployment
from onnx_models.paper.report.exposure import buffer_exposure, parameter_exposure
from onnx_models.paper.retrained import read_recovery, read_retraining

NAME: Final = "reproduction"
PACKAGES: Final = ("numpy", "scipy", "numba", "onnx", "onnxruntime")
COMPARED: Final = 60
"""Faults of the largest model that are run in pieces and whole, for the proof and the speed."""
CELL: Final = (
    "model", "sha256", "seed", "set", "layer", "block", "variable", "bits", "elements", "n", "error_low",
    "error_best", "error_high", "critical_low", "critical_best", "critical_high", "masked", "tolerable", "critical",
    "nan", "inf", "level",
)  # fmt: skip


def gather(folder: Folder, command: str, margin: float | None, say: run.Say) -> dict[str, Any]:
    """Return all results of a run; campaigns that are not finished are finished first.

    Parameters
    ----------
    folder
        Models, pictures and campaigns.
    command
        What the user called, for the page.
    margin
        As the campaigns were told.
    say
        Receives progress.
    """
    floats, integers = run.floats(folder, margin, say), run.integers(folder, margin, say)
    limited, buffers = run.limited(folder, floats, say), run.buffers(folder, say)
    models = folder.records()
    protect = {name: _protection(folder, name, campaign, limited[name], say) for name, campaign in floats.items()}
    found = {
        "command": command,
        "synthetic": folder.recipe.dataset is None,
        "recipe": folder.recipe.plain(),
        "margin": margin,
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
        "models": models["models"],
        "training": {key: models.get(key) for key in ("data", "scene_seeds", "versions")},
        "float": {
            name: float_summary(c, read_network(onnx.load(folder.model(name))).values) for name, c in floats.items()
        },
        "int8": {name: summary(c) for name, c in integers.items()},
        "protection": protect,
        "secded": {name: secded_biases(c) for name, c in integers.items()},
        "buffers": {name: buffer_exposure(name, entry) | {"raw": entry} for name, entry in buffers.items()},
        "deployment": deployment(models["models"]),
        "speed": _speed(folder, floats, say),
    }
    found["retraining"] = read_retraining(folder.path)
    found["recovery"] = read_recovery(folder.path)
    found["repeats"] = [_repeat(*key, c) for key, c in run.repeated(folder, margin, say).items()]
    found["exposure"] = {name: parameter_exposure(s) for part in ("float", "int8") for name, s in found[part].items()}
    plain: dict[str, Any] = rounded(found)
    return plain


def _repeat(activation: str, seed: int, campaign: Campaign) -> dict[str, Any]:
    """Return what a campaign on an original of another seed says."""
    of = samples(campaign)
    return {
        "activation": activation,
        "seed": seed,
        "sha256": campaign.sha256,
        "faults": campaign.plan.n,
        "all": means(of),
        "convolutions": mean(pick(of, sets=("kernel", "bias"))).to_dict(),
        "upsets": upsets(campaign.uniform),
    }


def _protection(folder: Folder, name: str, campaign: Campaign, limited: list[Campaign], say: run.Say) -> dict[str, Any]:
    model = onnx.load(folder.model(name))
    images, _ = folder.test(1)
    return {
        "limits": effect(campaign, limited),
        "mantissa": mantissa_effect(campaign),
        "fault_free": run.one_fault_free(folder, name, say),
        "work": comparisons(model, *images.shape[2:]),
    }


def _speed(folder: Folder, floats: Mapping[str, Campaign], say: run.Say) -> dict[str, Any]:
    if not floats:
        return {}
    name = next(iter(floats))
    say(f"{name}: faulty runs in pieces against whole runs")
    return {"model": name, **dataclasses.asdict(run.speed(folder, name, floats[name], COMPARED))}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"


def rounded(value: Any) -> Any:
    """Return a nest of plain values with seven digits a number, and of every estimate what tables and tests read."""
    if isinstance(value, Mapping):
        kept = {
            k: v
            for k, v in value.items()
            if not ({"low", "high", "level"} <= value.keys() and k in ("level", "method"))
        }
        return {str(key): rounded(entry) for key, entry in kept.items()}
    if isinstance(value, list | tuple):
        return [rounded(entry) for entry in value]
    if isinstance(value, float):
        return float(f"{value:.7g}") if math.isfinite(value) else None
    return value


def write_record(out: Path, record: Mapping[str, Any]) -> None:
    """Write the JSON file into a folder, which is made if absent."""
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{NAME}.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def read_record(out: Path) -> dict[str, Any]:
    """Read what `write_record` wrote."""
    found: dict[str, Any] = json.loads((out / f"{NAME}.json").read_text(encoding="utf-8"))
    return found


def write_cells(path: Path, campaigns: Iterable[Campaign]) -> None:
    """Write a CSV file with a line per cell of all campaigns: tensor, bits, counts and 95 % intervals."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CELL)
    for campaign in campaigns:
        for sample, rate, critical in by_cell(samples(campaign)):
            counts = [sum(row.outcome == name for row in sample.rows) for name in CELL[16:21]]
            cell = sample.cell
            limits = [f"{v:.6g}" for e in (rate, critical) for v in (e.low, e.best, e.high)]
            writer.writerow([
                campaign.model, campaign.sha256[:16], campaign.plan.seed, cell.set, sample.layer, sample.block,
                cell.variable,
                name_of(cell.bits), cell.elements, len(sample.rows), *limits, *counts, rate.level,
            ])  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.getvalue(), encoding="utf-8")
