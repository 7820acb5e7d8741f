"""The study's data on disk: a JSON file with everything, a CSV file with a line per network, accelerator and memory."""

import csv
import io
import json
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from accel_sim.devices import Rate, RateTable
from accel_sim.devices.rates import MBIT
from onnx_models.study.campaigns import DEVICE, ENVIRONMENT, SEED
from onnx_models.study.variants import ACCELERATORS, HEIGHT, VARIANTS, WIDTH, Size

NAME: Final = "pruning_and_failure_rate"
PACKAGES: Final = ("numpy", "scipy", "numba", "onnx", "onnxruntime")
PART: Final = ("memory", "kind", "bits", "live_fraction", "faults", "due", "changed_pixels")


def write_record(
    out: Path, rows: Sequence[Mapping[str, Any]], size: Size, uram_over_bram: float, rates: RateTable, models: Path
) -> None:
    """Write ``NAME.json`` and ``NAME.csv``.

    Parameters
    ----------
    out
        Folder.
    rows
        One per network and accelerator.
    size, uram_over_bram
        What the command was told.
    rates
        Upset rates.
    models
        Folder of the networks; their records go into the data.
    """
    record = {
        "command": f"python -m onnx_models.study --size {size.name} --uram-over-bram {uram_over_bram:g}",
        "seed": SEED,
        "size": {**vars(size), "height": HEIGHT, "width": WIDTH},
        "device": DEVICE,
        "environment": ENVIRONMENT,
        "uram_over_bram": uram_over_bram,
        "rates": {kind: _plain(rates.require(kind)) for kind in ("bram", "uram")},
        "accelerators": [vars(accelerator) for accelerator in ACCELERATORS],
        "networks": [json.loads((models / f"{v.name}.json").read_text(encoding="utf-8")) for v in VARIANTS],
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
        "rows": list(rows),
    }
    (out / f"{NAME}.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    (out / f"{NAME}.csv").write_text(_table(rows), encoding="utf-8")


def _plain(rate: Rate) -> dict[str, Any]:
    limits = {key: getattr(rate, key) * MBIT for key in ("low", "high")}
    return {"fit_per_mbit": rate.fit_per_mbit, **limits, "verified": rate.verified, "source": rate.source}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    case = ("network", "arch", "iou_global", "iou_weighted", "cycles", "latency_s", "energy_j")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*case, *PART, "critical_low", "critical_best", "critical_high"])
    for row in rows:
        for part in row["parts"]:
            limits = [part["critical"][key] for key in ("low", "best", "high")]
            writer.writerow([*(row[key] for key in case), *(part[key] for key in PART), *limits])
    return text.getvalue()


def read_record(out: Path) -> dict[str, Any]:
    """Read the data that the campaigns wrote."""
    record: dict[str, Any] = json.loads((out / f"{NAME}.json").read_text(encoding="utf-8"))
    return record


def rates_of(record: Mapping[str, Any], uram_over_bram: float | None = None) -> RateTable:
    """Return the upset rates of the data, or those with another factor for UltraRAM."""
    found = {}
    for kind, plain in record["rates"].items():
        factor = 1.0
        if kind == "uram" and uram_over_bram is not None:
            plain = record["rates"]["bram"]
            factor = uram_over_bram
        low, value, high = (plain[key] / MBIT * factor for key in ("low", "fit_per_mbit", "high"))
        found[kind] = Rate(kind, value, low, high, False, plain["verified"], plain["source"])
    return RateTable("ultrascale_plus", found, {})
