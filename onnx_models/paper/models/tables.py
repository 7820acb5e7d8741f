"""Tables of a build: ``python -m onnx_models.paper.models.tables FOLDER OUT`` writes CSV files and its JSON files."""

import argparse
import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from onnx_models.hsi.bands import CLASSES
from onnx_models.paper.retrained import RECOVERY, RETRAINING

SCORES: Final = (*CLASSES, "global", "weighted")
Record = Mapping[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m onnx_models.paper.models.tables", description=__doc__)
    parser.add_argument("folder", type=Path, help="what onnx_models.paper.models.build made")
    parser.add_argument("out", type=Path, help="folder of the tables")
    options = parser.parse_args(arguments)
    write_tables(options.folder, options.out)
    return 0


def write_tables(folder: Path, out: Path) -> None:
    """Write the tables of what is finished.

    Parameters
    ----------
    folder
        Folder of a build, with `models.json`.
    out
        Gets `models.json` (all there is), `float_networks.csv` (the paper's Tables I and II), `pruning_by_layer.csv`
        (its Fig. 1), `sensitivity.csv` and `int8_networks.csv` (its Table III, and what fast fine-tuning recovers);
        where they are made, `retraining.json` and `recovery.json`, too, as `trainings.csv` (controls and other seeds)
        and `recovery.csv` (settings of quantisation that lose more).
    """
    out.mkdir(parents=True, exist_ok=True)
    summary = json.loads((folder / "models.json").read_text(encoding="utf-8"))
    models = summary["models"]
    _put(out / "models.json", json.dumps(summary, indent=1) + "\n")
    _write(out / "float_networks.csv", [_float_row(model) for model in models])
    _write(out / "pruning_by_layer.csv", [row for model in models for row in _layer_rows(model)])
    _write(out / "sensitivity.csv", [row for model in models for row in _sensitivity_rows(model)])
    int8 = [(model, one) for model in models for one in model["int8"].values()]
    _write(out / "int8_networks.csv", [_int8_row(model, one) for model, one in int8])
    for name, table, rows_of in (
        (RETRAINING, "trainings", partial(_training_rows, summary)),
        (RECOVERY, "recovery", _recovery_rows),
    ):
        if (folder / name).exists():
            text = (folder / name).read_text(encoding="utf-8")
            _put(out / name, text)
            _write(out / f"{table}.csv", list(rows_of(json.loads(text))))


def _training_rows(summary: Record, found: Record) -> Iterable[dict[str, Any]]:
    """Yield the unpruned controls, and the originals of other seeds."""
    own = summary["recipe"]["seed"]
    for entry in [*(control for each in found["controls"].values() for control in each), *found["repeats"]]:
        yield {
            "network": entry.get("name", f"{entry['activation']}-original"),
            "seed": entry.get("seed", own),
            "control_of": entry.get("control_of"),
            "epochs_more_than_the_original": entry.get("extra_epochs", 0),
            **{f"iou_{key}": entry["iou"][key] for key in SCORES},
            "training_seconds": entry["training_seconds"],
        }


def _recovery_rows(found: Sequence[Record]) -> Iterable[dict[str, Any]]:
    """Yield a row per network and setting; without scores after fine-tuning where little was lost."""
    for case in found:
        left = case["left_points"] or {}
        yield {
            "network": case["network"],
            "setting": case["setting"],
            "lost_validation_points": case["lost_validation_points"],
            **{f"iou_{key}": (case["iou_tuned"] or case["iou_plain"])[key] for key in SCORES},
            **{f"lost_without_tuning_{key}": case["lost_points"][key] for key in SCORES},
            **{f"lost_with_tuning_{key}": left.get(key) for key in SCORES},
        }


def _float_row(model: Record) -> dict[str, Any]:
    rule = model.get("rule")
    pruning = model.get("pruning", {})
    return {
        "network": model["name"],
        **{f"iou_{key}": model["iou"][key] for key in SCORES},
        "parameters": model["parameters"],
        "gop": model["gop"],
        "gop_at_192x384": model["gop_at_192x384"],
        **{f"bytes_{key}": value for key, value in model["bytes"].items()},
        "target_ratio": pruning.get("target_ratio"),
        "achieved_ratio": pruning.get("achieved_ratio"),
        "operations_removed": model.get("operations_removed"),
        "iou_global_before_fine_tuning": pruning.get("iou_before_fine_tuning", {}).get("global"),
        "lost_points_global": rule["lost_points"]["global"] if rule else None,
        "lost_points_weighted": rule["lost_points"]["weighted"] if rule else None,
        "within_1_5_points": rule["within_1_5_points"] if rule else None,
        "above_90_and_80": rule["above_the_floors"] if rule else None,
        "training_seconds": model["training_seconds"],
    }


def _layer_rows(model: Record) -> Iterable[dict[str, Any]]:
    for number, (layer, ratio) in enumerate(model.get("layer_pruning_ratio", {}).items(), start=1):
        yield {
            "network": model["name"],
            "number": number,
            "layer": layer,
            "channels": model["widths"][layer],
            "ratio_of_this_pruning": model["pruning"]["layers"][layer],
            "ratio_overall": ratio,
        }


def _sensitivity_rows(model: Record) -> Iterable[dict[str, Any]]:
    found = model.get("pruning", {}).get("sensitivity", {"ratios": [], "points": {}})
    for layer, points in found["points"].items():
        lost = {f"lost_at_{ratio}": value for ratio, value in zip(found["ratios"], points, strict=True)}
        yield {"before_pruning_to": model["name"], "layer": layer, **lost}


def _int8_row(model: Record, one: Record) -> dict[str, Any]:
    tuning = one.get("fast_fine_tuning", {})
    before = tuning.get("iou_before", one["iou"])
    after = tuning.get("iou_after", {})
    return {
        "network": one["name"],
        "bias_bits": one["bias_bits"],
        "bytes": one["bytes"],
        "fine_tuned": one["fine_tuned"],
        **{f"iou_{key}": one["iou"][key] for key in SCORES},
        **{f"lost_{key}": one["drop_points"][key] for key in SCORES},
        **{f"lost_without_tuning_{key}": round(model["iou"][key] - before[key], 2) for key in SCORES},
        **{f"lost_with_tuning_{key}": round(model["iou"][key] - after[key], 2) if after else None for key in SCORES},
    }


def _write(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        return
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    _put(path, text.getvalue())


def _put(path: Path, text: str) -> None:
    """Write a file in one step."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


if __name__ == "__main__":
    raise SystemExit(main())
