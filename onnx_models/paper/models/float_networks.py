"""The float networks of one activation function: trained, then pruned and fine-tuned twice."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from onnx_models.hsi.bands import BANDS, CLASSES
from onnx_models.paper.models.float_export import to_float_onnx
from onnx_models.paper.models.network import widths_of
from onnx_models.paper.models.pruning import choose_widths, prune
from onnx_models.paper.models.scoring import drop, score
from onnx_models.paper.models.sensitivity import RATIOS, sensitivities
from onnx_models.paper.models.size import PAPER_PIXELS, Size, count
from onnx_models.paper.models.training import Plan, train
from onnx_models.paper.models.workshop import Workshop
from onnx_models.paper.recipe import VERSIONS, Recipe
from onnx_models.unet import UNet, initialise

LARGEST_DROP_POINTS: Final = 1.5
"""Section II-B: pruning is valid while global and weighted IoU each lose no more than this ..."""
FLOORS_PERCENT: Final = {"global": 90.0, "weighted": 80.0}
"""... and stay above these."""
FINE_TUNING_RATE: Final = 0.5
"""Peak rate of fine-tuning over that of training."""


def make_original(shop: Workshop, activation: str) -> None:
    """Train the unpruned network, unless it is there."""
    name = f"{activation}-original"
    if shop.record(name) is not None:
        return
    model = untrained(shop.recipe, activation)
    plan = plan_of(shop.recipe, activation, shop.recipe.schedule(activation).epochs, 1.0)
    seconds = train(model, shop.pictures.training, plan, shop.work / f"{name}.checkpoint", name, shop.report)
    _finish(shop, name, activation, model, seconds, {})


def make_pruned(shop: Workshop, activation: str, version: str) -> None:
    """Prune the version before this one and fine-tune, unless it is there."""
    name = f"{activation}-{version}"
    if shop.record(name) is not None:
        return
    index = VERSIONS.index(version)
    before = shop.weights(f"{activation}-{VERSIONS[index - 1]}", activation)
    recipe, schedule = shop.recipe, shop.recipe.schedule(activation)
    shop.report(f"{name}: sensitivity of {len(widths_of(before))} layers")
    curves = sensitivities(before, shop.pictures.validation.first(recipe.sensitivity_scenes), shop.report)
    pixels, target = recipe.height * recipe.width, schedule.ratios[index - 1]
    widths = choose_widths(recipe.levels, widths_of(before), curves, target, pixels)
    model = prune(before, widths)
    untuned = score(model, shop.pictures.test)
    plan = plan_of(recipe, activation, schedule.fine_tuning_epochs, FINE_TUNING_RATE)
    seconds = train(model, shop.pictures.training, plan, shop.work / f"{name}.checkpoint", name, shop.report)
    old, new = (count(recipe.levels, w, pixels).operations for w in (widths_of(before), widths))
    pruning = {
        "target_ratio": target,
        "achieved_ratio": round(1.0 - new / old, 4),
        "layers": _ratios(widths_of(before), widths),
        "sensitivity": {"ratios": RATIOS, "points": {key: np.round(v, 3).tolist() for key, v in curves.items()}},
        "iou_before_fine_tuning": untuned,
    }
    _finish(shop, name, activation, model, seconds, {"pruning": pruning})


def untrained(recipe: Recipe, activation: str) -> UNet:
    """Return the network with its start values."""
    model = UNet(bands=BANDS, classes=len(CLASSES), filters=recipe.filters, levels=recipe.levels, activation=activation)
    initialise(model, recipe.seed)
    return model


def rule(original: Mapping[str, float], pruned: Mapping[str, float]) -> dict[str, Any]:
    """Apply the rule of Section II-B.

    Parameters
    ----------
    original, pruned
        IoU in percent on the test pictures.

    Returns
    -------
    Losses of global and weighted IoU in points, whether both are within 1.5, whether both floors are kept, and
    `valid`: all of it.
    """
    lost = {key: round(original[key] - pruned[key], 2) for key in FLOORS_PERCENT}
    within = all(value <= LARGEST_DROP_POINTS for value in lost.values())
    above = all(pruned[key] > floor for key, floor in FLOORS_PERCENT.items())
    return {"lost_points": lost, "within_1_5_points": within, "above_the_floors": above, "valid": within and above}


def plan_of(recipe: Recipe, activation: str, epochs: int, rate: float) -> Plan:
    """Return the training of so many epochs at a share of the activation function's peak rate."""
    return Plan(
        epochs=epochs,
        batch=recipe.batch,
        learning_rate=rate * recipe.schedule(activation).learning_rate,
        weight_decay=recipe.weight_decay,
        class_power=recipe.class_power,
        seed=recipe.seed,
        bfloat16=recipe.bfloat16,
    )


def _ratios(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, float]:
    """Share of the channels that each layer lost."""
    return {name: round(1.0 - after[name] / channels, 4) for name, channels in before.items()}


def _finish(shop: Workshop, name: str, activation: str, model: UNet, seconds: float, extra: Mapping[str, Any]) -> None:
    recipe, version = shop.recipe, name.split("-")[1]
    iou = score(model, shop.pictures.test)
    record: dict[str, Any] = {
        "activation": activation,
        "version": version,
        "iou": iou,
        "iou_validation": score(model, shop.pictures.validation),
        "widths": widths_of(model),
        **_size(recipe, widths_of(model)),
        "training_seconds": round(seconds, 1),
    }
    if version != "original":
        original = shop.record(f"{activation}-original")
        assert original is not None
        record["operations_removed"] = round(1.0 - record["operations"] / original["operations"], 4)
        record["layer_pruning_ratio"] = _ratios(original["widths"], record["widths"])
        record["rule"] = rule(original["iou"], iou)
        record["drop_points"] = drop(original["iou"], iou)
    record.update(extra)
    shop.save_weights(name, model)
    shop.finish(name, to_float_onnx(model, f"paper-{name}", recipe.height, recipe.width), record)
    (shop.work / f"{name}.checkpoint").unlink(missing_ok=True)
    shop.report(f"{name}: {record['parameters']} parameters, {record['gop']} GOP, IoU {iou}")


def _size(recipe: Recipe, widths: Mapping[str, int]) -> dict[str, Any]:
    size: Size = count(recipe.levels, widths, recipe.height * recipe.width)
    return {
        "parameters": size.parameters,
        "kernels": size.kernels,
        "biases": size.biases,
        "normalisation": size.normalisation,
        "operations": size.operations,
        "gop": round(size.operations / 1e9, 4),
        "gop_at_192x384": round(count(recipe.levels, widths, PAPER_PIXELS).operations / 1e9, 4),
        "bytes": {
            "float32": size.bytes_float32,
            "int8_int32": size.bytes_int8_int32,
            "int8": size.bytes_int8,
            "paper_8_per_parameter": size.bytes_paper,
        },
    }
