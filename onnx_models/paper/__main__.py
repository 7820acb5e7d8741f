"""The command: ``python -m onnx_models.paper --all``; goes on where it was stopped."""

import argparse
import dataclasses
import math
import os
import sys
from pathlib import Path
from typing import Final

from accel_sim.errors import AccelSimError
from onnx_models.paper.campaigns import run
from onnx_models.paper.campaigns.campaign_jobs import campaign_jobs, say
from onnx_models.paper.campaigns.pictures import Folder
from onnx_models.paper.jobs import Job, run_jobs
from onnx_models.paper.models import build_jobs, compare_jobs
from onnx_models.paper.recipe import ACTIVATIONS, QUANTISED_VERSIONS, SCHEMES, VERSIONS, Recipe
from onnx_models.paper.retrained import read_recovery, read_retraining, retraining_is_whole

STEPS: Final = ("models", "float", "int8", "limits", "buffers", "controls", "record", "page")
SIZES: Final = ("full", "quick", "miniature")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if not options.all and not options.step:
        parser.error("say --all, or which --step")
    try:
        recipe = recipe_of(options)
        folder = Folder(options.folder, recipe)
        out = options.out or (Path("docs") if options.size == "full" else options.folder / "report")
        steps = [step for step in STEPS if options.all or step in options.step]
        run_jobs(_jobs(steps, folder, options), options.workers)
        if "record" in steps:
            _record(folder, out, options)
        if "page" in steps:
            from onnx_models.paper.report.page import write_page

            write_page(out)
    except (AccelSimError, OSError, ImportError, ValueError) as error:
        print(f"paper: {error}", file=sys.stderr)
        return 2
    return 0


def recipe_of(options: argparse.Namespace) -> Recipe:
    """Return the recipe of the chosen size with the user's changes.

    Raises
    ------
    ValueError
        A number is out of range; the message names the option.
    """
    for name in ("images", "faults", "filters", "workers"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise ValueError(f"--{name} is {value}: it must be 1 or more")
    if options.repeats is not None and options.repeats < 0:
        raise ValueError(f"--repeats is {options.repeats}: it must be 0 or more")
    if options.margin is not None and not (math.isfinite(options.margin) and 0 < options.margin < 1):
        raise ValueError(f"--margin is {options.margin}: it must lie between 0 and 1, for instance 0.025")
    given = {
        "dataset": options.dataset, "filters": options.filters, "images": options.images, "per_set": options.faults,
        "repeats": options.repeats,
    }  # fmt: skip
    recipe: Recipe = getattr(Recipe, options.size)()
    return dataclasses.replace(recipe, **{key: value for key, value in given.items() if value is not None})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m onnx_models.paper", description=__doc__)
    parser.add_argument("--all", action="store_true", help="every step")
    parser.add_argument("--step", action="append", choices=STEPS, default=[], help="only this one; may be repeated")
    parser.add_argument("--size", choices=SIZES, default="full", help="how large a run (full)")
    parser.add_argument("--quick", dest="size", action="store_const", const="quick", help="the same as --size quick")
    parser.add_argument("--folder", type=Path, default=Path("build/paper"), help="models and results (build/paper)")
    parser.add_argument("--out", type=Path, help="folder of page, figures and data (docs; FOLDER/report unless full)")
    parser.add_argument("--dataset", type=Path, help="folder HSIDrive20 of HSI-Drive v2.0 in place of synthetic scenes")
    parser.add_argument("--filters", type=int, help="channels of the finest level (full and the paper: 32)")
    parser.add_argument("--images", type=int, help="test pictures that the faults are judged on")
    parser.add_argument("--faults", type=int, help="faults per kind of parameter (the paper: 1550)")
    parser.add_argument("--repeats", type=int, help="further seeds that the originals are trained from (full: 2)")
    parser.add_argument("--margin", type=float, help="instead: margin of error at 95 %% per kind, such as 0.025")
    parser.add_argument(
        "--workers", type=int, default=_cores(), help="processes (one per core); the results do not depend on it"
    )
    return parser


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _jobs(steps: list[str], folder: Folder, options: argparse.Namespace) -> list[Job]:
    """Return what is left of the steps before the record."""
    jobs: list[Job] = []
    if "models" in steps and (missing(folder) or folder.records()["recipe_key"] != folder.recipe.models_key()):
        jobs += build_jobs(folder.path, folder.recipe)
    jobs += campaign_jobs(folder, options.margin, [step for step in steps if step != "controls"])
    if "controls" in steps:
        whole = retraining_is_whole(read_retraining(folder.path), folder.recipe)
        if not whole or read_recovery(folder.path) is None:
            jobs += compare_jobs(folder.path, folder.recipe)
        jobs += campaign_jobs(folder, options.margin, ["controls"])
    return jobs


def _record(folder: Folder, out: Path, options: argparse.Namespace) -> None:
    from onnx_models.paper.models.tables import write_tables
    from onnx_models.paper.report.record import gather, write_cells, write_record

    data = out / "measurements" / "paper"
    write_record(data, gather(folder, command_of(options), options.margin, say))
    write_tables(folder.path, data / "models")
    quiet = lambda line: None  # noqa: E731
    write_cells(data / "float_cells.csv", run.floats(folder, options.margin, quiet).values())
    write_cells(data / "int8_cells.csv", run.integers(folder, options.margin, quiet).values())


def command_of(options: argparse.Namespace) -> str:
    """Return the command that makes the same results, without the folders."""
    words = ["python -m onnx_models.paper --all"]
    if options.size != "full":
        words.append(f"--size {options.size}")
    words += [
        f"--{name} {getattr(options, name)}"
        for name in ("filters", "images", "faults", "margin", "repeats", "dataset")
        if getattr(options, name) is not None
    ]
    return " ".join(words)


def missing(folder: Folder) -> list[Path]:
    """Return the files of a complete set of models that are not there."""
    names = [f"{activation}-{version}" for activation in ACTIVATIONS for version in VERSIONS]
    names += [f"{a}-{v}-{scheme}" for a in ACTIVATIONS for v in QUANTISED_VERSIONS for scheme in SCHEMES]
    paths = [folder.model(name) for name in names] + [
        folder.path / n for n in ("models.json", "test.npz", "calibration.npz")
    ]
    return [path for path in paths if not path.exists()]


if __name__ == "__main__":
    raise SystemExit(main())
