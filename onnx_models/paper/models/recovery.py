"""What fast fine-tuning recovers where quantisation costs much: three settings harder than the two schemes.

With the scales that calibration finds, int8 may cost so little that there is nothing to recover. Three settings of the
DPU-like scheme that lose more, two by intent: `extremes` takes the smallest power of two that holds every value seen,
without a search for the least error; `kernels4` has kernels of 4 bits, everything else as it is; `replaced` puts
HardSigmoid in Sigmoid's place, as AMD's quantisers do unless told otherwise (see `quark`), in Sigmoid networks only.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from onnx_models.paper.jobs import Job
from onnx_models.paper.models.fast_tuning import fine_tune
from onnx_models.paper.models.int8_networks import scores
from onnx_models.paper.models.pipeline import Report, in_workshop
from onnx_models.paper.models.post_training import quantise
from onnx_models.paper.models.quantised import Quantised
from onnx_models.paper.models.scheme import DPU, Code, Floats, Scheme, smallest_power_of_two
from onnx_models.paper.models.scoring import drop, worst_drop
from onnx_models.paper.models.workshop import Workshop, claim, read_network_record, write_text
from onnx_models.paper.recipe import ACTIVATIONS, QUANTISED_VERSIONS, Recipe
from onnx_models.paper.retrained import RECOVERY

KERNEL_BITS: Final = 4


class Extremes(Scheme):
    """Powers of two of the largest value seen, without saturation."""

    def activation(self, observed: Floats, bounded: bool) -> Code:
        """Choose the code of an activation tensor, as `Scheme.activation`."""
        return super().activation(observed, bounded) if bounded else Code(smallest_power_of_two(observed))

    def kernel(self, values: Floats) -> np.float32:
        """Choose the scale of a kernel."""
        return smallest_power_of_two(values)

    def bias(self, values: Floats, product: np.float32) -> np.float32:
        """Choose the scale of a bias, never finer than the accumulator."""
        return max(smallest_power_of_two(values), product)


class NarrowKernels(Scheme):
    """Kernels of `KERNEL_BITS` bits: scales that much coarser, codes that much fewer."""

    def kernel(self, values: Floats) -> np.float32:
        """Choose the scale of a kernel."""
        return np.float32(super().kernel(values) * 2 ** (8 - KERNEL_BITS))

    def kernel_codes(self, values: Floats, scale: np.float32) -> NDArray[np.int8]:
        """Return the codes of a kernel, saturated at the few that there are."""
        limit = 2 ** (KERNEL_BITS - 1)
        return np.clip(super().kernel_codes(values, scale), -limit, limit - 1)


SETTINGS: Final[dict[str, Scheme]] = {
    "extremes": Extremes(DPU.name, DPU.bias_bits),
    "kernels4": NarrowKernels(DPU.name, DPU.bias_bits),
    "replaced": DPU,
}


def recovery_jobs(folder: Path, recipe: Recipe, report: Report) -> list[Job]:
    """Return the jobs that quantise every float network in every setting and fine-tune it where that costs much.

    Parameters
    ----------
    folder
        What `onnx_models.paper.models.build` fills. Gets a record per case among its own, and the last job writes
        ``recovery.json``.
    recipe
        That of the folder.
    report
        Receives a line per case.

    Raises
    ------
    ValueError
        The folder belongs to another recipe.
    """
    claim(folder, recipe)
    jobs = [
        Job(_label(network, setting), partial(in_workshop, folder, recipe, report, _case, network, setting), (network,))
        for network, setting in cases()
        if read_network_record(folder, _label(network, setting)) is None
    ]
    return [*jobs, Job(RECOVERY, partial(gather_recovery, folder), tuple(job.name for job in jobs))]


def gather_recovery(folder: Path) -> None:
    """Write ``recovery.json``: the records of all cases."""
    found = [read_network_record(folder, _label(*case)) for case in cases()]
    write_text(folder / RECOVERY, json.dumps([record for record in found if record is not None], indent=1) + "\n")


def _label(network: str, setting: str) -> str:
    return f"{network}-{setting}.recovery"


def cases() -> Iterator[tuple[str, str]]:
    """Yield network and setting of every case."""
    for version in QUANTISED_VERSIONS:
        for activation in ACTIVATIONS:
            for setting in SETTINGS:
                if setting != "replaced" or activation == "sigmoid":
                    yield f"{activation}-{version}", setting


def _case(shop: Workshop, network: str, setting: str) -> None:
    """Make the record of a case."""
    float_record = shop.record(network)
    if float_record is None:
        raise ValueError(f"{shop.folder} has no {network}: run the step 'models' first")
    record = _measured(shop, float_record, setting)
    write_text(shop.work / f"{_label(network, setting)}.json", json.dumps(record, indent=1) + "\n")
    shop.report(f"{network}, {setting}: lost {record['lost_points']}, left {record['left_points']}")


def _measured(shop: Workshop, float_record: dict[str, Any], setting: str) -> dict[str, Any]:
    """Quantise, and fine-tune if more is lost on the validation pictures than the recipe allows."""
    recipe, scheme, activation = shop.recipe, SETTINGS[setting], float_record["activation"]
    model = shop.weights(float_record["name"], activation)
    calibration = shop.pictures.training.first(recipe.calibration_scenes)
    network: Quantised = quantise(model, calibration, scheme, recipe.seed)
    if setting == "replaced":
        network = replace(network, activation="hardsigmoid")
    plain = scores(shop, network)
    lost = worst_drop(float_record["iou_validation"], plain["iou_validation"])
    record = {
        "network": float_record["name"],
        "activation": activation,
        "version": float_record["version"],
        "setting": setting,
        "iou_float": float_record["iou"],
        "iou_plain": plain["iou"],
        "lost_validation_points": lost,
        "lost_points": drop(float_record["iou"], plain["iou"]),
        "iou_tuned": None,
        "left_points": None,
    }
    if lost > recipe.tuned_from_points:
        tuned = scores(
            shop, fine_tune(model, network, calibration, scheme, recipe.tuning_steps, recipe.seed, shop.report)
        )
        record |= {"iou_tuned": tuned["iou"], "left_points": drop(float_record["iou"], tuned["iou"])}
    return record
