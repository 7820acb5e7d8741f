"""The command: ``python -m onnx_models.study --uram-over-bram 1``; goes on where it was stopped."""

import argparse
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from accel_sim.bundled import bundled_inputs
from accel_sim.devices import rate_table
from accel_sim.errors import AccelSimError
from onnx_models.study import campaigns, results
from onnx_models.study.assumptions import FAMILY, write_rates
from onnx_models.study.record import read_record, write_record
from onnx_models.study.variants import SIZES, VARIANTS, Size

STEPS: Final = ("train", "campaigns", "page", "notebook")
PAGE: Final = "pruning_and_failure_rate"


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    options = _parser().parse_args(arguments)
    factor = options.uram_over_bram
    if not (math.isfinite(factor) and factor > 0):
        print(f"--uram-over-bram is {factor}: it must be a positive number, for instance 1", file=sys.stderr)
        return 2
    size = SIZES["quick" if options.quick else options.size]
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        options.work.mkdir(parents=True, exist_ok=True)
        for step in options.step or STEPS:
            globals()[f"_{step}"](options, size)
    except (AccelSimError, OSError) as error:
        print(f"study: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m onnx_models.study", description=__doc__)
    parser.add_argument(
        "--uram-over-bram", type=float, required=True, metavar="FACTOR",
        help="assumed upset rate of UltraRAM over that of block RAM: no figure is at hand, so say it",
    )  # fmt: skip
    parser.add_argument("--size", choices=list(SIZES), default="standard", help="how many faults (standard)")
    parser.add_argument("--quick", action="store_true", help="the same as --size quick: a trial of some minutes")
    parser.add_argument("--step", action="append", choices=STEPS, help="only this one; may be repeated (all)")
    parser.add_argument("--out", type=Path, default=Path("docs/studies"), help="folder of page and data")
    parser.add_argument("--models", type=Path, help="folder of the networks (OUT/models)")
    parser.add_argument("--work", type=Path, default=Path("study-work"), help="folder of scenes and results files")
    return parser


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _models(options: argparse.Namespace) -> Path:
    folder: Path = options.models or options.out / "models"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _train(options: argparse.Namespace, size: Size) -> None:
    """Train the networks that are not there yet."""
    missing = [v for v in VARIANTS if not (_models(options) / f"{v.name}.json").exists()]
    if not missing:
        return
    make = _maker()
    for variant in missing:
        make(variant, _models(options), options.work, _say)


def _maker() -> Callable[..., None]:
    try:
        import torch

        from onnx_models.study.networks import make
    except ImportError as error:
        raise AccelSimError(f"training needs {error.name}: pip install 'accel_sim[train]', or give --models") from error
    torch.set_num_threads(1)
    return make


def _campaigns(options: argparse.Namespace, size: Size) -> None:
    """Run what the results files lack, and write the data."""
    folder = options.work / size.name
    folder.mkdir(parents=True, exist_ok=True)
    rates = options.work / "rates.toml"
    write_rates(rates, options.uram_over_bram)
    path = bundled_inputs("hsi-unet-relu")
    assert path is not None
    with np.load(path) as stored:
        scenes = stored["input"]
    models, rows = _models(options), []
    for case in campaigns.CASES:
        entry = json.loads((models / f"{case.variant.name}.json").read_text(encoding="utf-8"))
        summaries = campaigns.run(case, models, scenes, size, folder, _say)
        found = campaigns.estimate(case, models, summaries, rates, size, folder)
        rows.append(results.row_of(case, entry, summaries, found))
    write_record(options.out, rows, size, options.uram_over_bram, rate_table(FAMILY, rates), models)


def _page(options: argparse.Namespace, size: Size) -> None:
    """Write figures and page from the data."""
    from onnx_models.study.figures import write_figures
    from onnx_models.study.page import render

    record: dict[str, Any] = read_record(options.out)
    write_figures(record, options.out)
    (options.out / f"{PAGE}.md").write_text(render(record), encoding="utf-8")


def _notebook(options: argparse.Namespace, size: Size) -> None:
    """Write the notebook, and run it where the programs for that are installed."""
    from onnx_models.study.notebook import write_notebook

    write_notebook(options.out / f"{PAGE}.ipynb", _say)


if __name__ == "__main__":
    raise SystemExit(main())
