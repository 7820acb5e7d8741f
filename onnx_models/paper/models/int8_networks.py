"""The int8 networks: quantised after training, fine-tuned fast where that costs too much."""

from typing import Any

from onnx_models.paper.data import Split
from onnx_models.paper.models.fast_tuning import fine_tune
from onnx_models.paper.models.post_training import quantise
from onnx_models.paper.models.quantised import Quantised, to_qdq_onnx
from onnx_models.paper.models.scheme import SCHEME
from onnx_models.paper.models.scoring import drop, score_file, worst_drop
from onnx_models.paper.models.workshop import Workshop


def make_int8(shop: Workshop, activation: str, version: str, scheme_name: str) -> None:
    """Quantise one float network in one scheme, unless it is there.

    Whether fast fine-tuning is needed, and whether its result is taken, is decided on the validation pictures; the
    record has the scores on the test pictures with and without.
    """
    source, name = f"{activation}-{version}", f"{activation}-{version}-{scheme_name}"
    if shop.record(name) is not None:
        return
    recipe, scheme = shop.recipe, SCHEME[scheme_name]
    float_record = shop.record(source)
    assert float_record is not None
    model = shop.weights(source, activation)
    calibration = shop.pictures.training.first(recipe.calibration_scenes)
    network = quantise(model, calibration, scheme, recipe.seed)
    plain = scores(shop, network)
    record: dict[str, Any] = {
        "activation": activation,
        "version": version,
        "scheme": scheme_name,
        "bias_bits": scheme.bias_bits,
        "fine_tuned": False,
        **plain,
        "bytes": float_record["bytes"]["int8_int32" if scheme.bias_bits == 32 else "int8"],
    }
    lost = worst_drop(float_record["iou_validation"], plain["iou_validation"])
    if lost > recipe.tuned_from_points:
        shop.report(f"{name}: loses {lost:.2f} points, fast fine-tuning")
        tuned = fine_tune(model, network, calibration, scheme, recipe.tuning_steps, recipe.seed, shop.report)
        better = scores(shop, tuned)
        left = worst_drop(float_record["iou_validation"], better["iou_validation"])
        record["fast_fine_tuning"] = {
            "lost_points_before": lost,
            "lost_points_after": left,
            "iou_before": plain["iou"],
            "iou_after": better["iou"],
            "recovered_points": drop(better["iou"], plain["iou"]),
        }
        if left < lost:
            network = tuned
            record.update(better, fine_tuned=True)
    record["drop_points"] = drop(float_record["iou"], record["iou"])
    shop.finish(name, to_qdq_onnx(network, f"paper-{name}", recipe.height, recipe.width), record)
    shop.report(f"{name}: IoU {record['iou']}, lost {record['drop_points']}")


def scores(shop: Workshop, network: Quantised) -> dict[str, dict[str, float]]:
    """Return the IoU of a quantised network on the test pictures, `iou`, and the others, `iou_validation`."""
    data = to_qdq_onnx(network, "trial", shop.recipe.height, shop.recipe.width).SerializeToString()

    def of(split: Split) -> dict[str, float]:
        return score_file(data, split)

    return {"iou": of(shop.pictures.test), "iou_validation": of(shop.pictures.validation)}
