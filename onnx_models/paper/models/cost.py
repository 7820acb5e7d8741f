"""What training costs by width and picture size: ``python -m onnx_models.paper.models.cost OUT.csv``.

Measures one processor thread. The hours of a whole recipe are pictures x seconds, trainings and fine-tuning only, with
every network taken as large as the unpruned one: an upper limit of those, and nothing of the other steps.
"""

import argparse
import csv
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import torch
from torch.nn import functional

from onnx_models.hsi.bands import BANDS, CLASSES
from onnx_models.paper.models.size import count, original_widths
from onnx_models.paper.recipe import Recipe
from onnx_models.unet import UNet

CASES: Final = ((8, 64, 128), (16, 64, 128), (32, 64, 128), (32, 192, 384))
"""Filters, height and width."""
LEVELS: Final = 5
BATCH: Final = 4
REPEATS: Final = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m onnx_models.paper.models.cost", description=__doc__)
    parser.add_argument("out", type=Path, help="CSV file to write")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    rows = [measure(*case) for case in CASES]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with options.out.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return 0


def measure(filters: int, height: int, width: int) -> dict[str, Any]:
    """Measure one network.

    Parameters
    ----------
    filters
        Channels of the finest level.
    height, width
        Picture size in pixels.

    Returns
    -------
    Sizes, processor seconds per picture (training in bfloat16 and in float32, scoring in float32), and hours of the
    trainings of the committed recipe and of the paper's numbers of epochs and of 450 pictures.
    """
    model = UNet(filters=filters, levels=LEVELS).to(memory_format=torch.channels_last)  # type: ignore[call-overload, unused-ignore]
    images = torch.randn(BATCH, BANDS, height, width).contiguous(memory_format=torch.channels_last)
    truth = torch.randint(0, len(CLASSES), (BATCH, height, width))
    seconds = {mixed: _training_seconds(model, images, truth, mixed) for mixed in (True, False)}
    model.eval()
    with torch.no_grad():
        started = time.process_time()
        model(images)
        scoring = (time.process_time() - started) / BATCH
    size = count(LEVELS, original_widths(filters, LEVELS), height * width)
    return {
        "filters": filters,
        "height": height,
        "width": width,
        "parameters": size.parameters,
        "gop": round(size.operations / 1e9, 4),
        "training_bfloat16_s": round(seconds[True], 4),
        "training_float32_s": round(seconds[False], 4),
        "scoring_float32_s": round(scoring, 4),
        "hours_of_committed_recipe": round(
            _pictures(Recipe.full(), Recipe.full().train_scenes) * seconds[True] / 3600, 2
        ),
        "hours_of_paper_recipe": round(_pictures(Recipe.paper(), 450) * seconds[True] / 3600, 1),
    }


def _pictures(recipe: Recipe, scenes: int) -> int:
    """Pictures learned from in all trainings and fine-tunings."""
    return sum(scenes * (s.epochs + len(s.ratios) * s.fine_tuning_epochs) for s in recipe.schedules)


def _training_seconds(model: Any, images: torch.Tensor, truth: torch.Tensor, mixed: bool) -> float:
    model.train()
    optimiser: Any = torch.optim.AdamW(model.parameters())
    spent = []
    for _ in range(REPEATS):
        started = time.process_time()
        optimiser.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=mixed):
            logits = model(images)
        loss: Any = functional.cross_entropy(logits.float(), truth)
        loss.backward()
        optimiser.step()
        spent.append((time.process_time() - started) / BATCH)
    return min(spent[1:])  # the first step allocates


if __name__ == "__main__":
    raise SystemExit(main())
