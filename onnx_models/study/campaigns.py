"""Fault campaigns on the accelerators' memories: one per network, accelerator and memory, and what they add up to."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import accel_sim
from accel_sim.config import PRESETS
from accel_sim.session import Model
from onnx_models.study.variants import (
    ACCELERATORS,
    MAIN_MEMORIES,
    OTHER_MEMORIES,
    VARIANTS,
    Accelerator,
    Size,
    Variant,
)

DEVICE: Final = "XCK26"
ENVIRONMENT: Final = "nyc_sea_level"
SEED: Final = 0


@dataclass(frozen=True)
class Case:
    """One network on one accelerator."""

    variant: Variant
    accelerator: Accelerator

    @property
    def name(self) -> str:
        """Name of its results files."""
        return f"{self.variant.name}-{self.accelerator.arch}"

    def load(self, models: Path) -> Model:
        """Load the network, compiled for the accelerator when needed."""
        config = replace(PRESETS[self.accelerator.arch], uram_banks=self.accelerator.uram_banks)
        return accel_sim.load(models / f"{self.variant.name}.onnx", arch=config)


CASES: Final = tuple(Case(variant, accelerator) for variant in VARIANTS for accelerator in ACCELERATORS)


def files(case: Case, size: Size, folder: Path) -> Iterator[tuple[str, int, Path]]:
    """Yield memory, number of faults and results file of every campaign of a case."""
    for memory in (*MAIN_MEMORIES, *OTHER_MEMORIES):
        yield (
            memory,
            size.faults if memory in MAIN_MEMORIES else size.other_faults,
            folder / f"{case.name}-{memory}.sqlite",
        )


def run(
    case: Case, models: Path, scenes: NDArray[np.float32], size: Size, folder: Path, report: Callable[[str], None]
) -> dict[str, Any]:
    """Run, or go on with, the campaigns of a case.

    Parameters
    ----------
    case
        Network and accelerator.
    models
        Folder of the networks.
    scenes
        float32 [N, bands, H, W]; the first `size.images` are struck.
    size
        How many faults.
    folder
        Of the results files.
    report
        Receives a line per memory.

    Returns
    -------
    dict
        Memory to the campaign's JSON object; memories that the program does not use are missing.
    """
    model = case.load(models)
    inputs = dict.fromkeys(model.graph.inputs, scenes[: size.images])
    found = {}
    for memory, faults, path in files(case, size, folder):
        if memory == "tab" and not _uses_tables(model):
            continue
        found[memory] = model.campaign(
            inputs, space="memory", results=path, faults=faults, seed=SEED, memories=[memory]
        )  # fmt: skip
        rate = found[memory]["critical_rate"]
        report(f"{case.name} {memory}: {found[memory]['faults']} faults, critical {rate['best']:.3f}")
    return found


def _uses_tables(model: Model) -> bool:
    return any(symbol.role == "table" for symbol in model.compile().symbols)


def estimate(
    case: Case, models: Path, summaries: Mapping[str, Any], rates: Path, size: Size, folder: Path
) -> dict[str, Any]:
    """Return the estimate of a case with the rates that its campaigns found.

    Parameters
    ----------
    case, models, size, folder
        As for :func:`run`.
    summaries
        What :func:`run` returned.
    rates
        TOML file of assumed upset rates.
    """
    results: Sequence[Path] = [path for memory, _, path in files(case, size, folder) if memory in summaries]
    return case.load(models).estimate(device=DEVICE, environment=ENVIRONMENT, rates=rates, results=results)
