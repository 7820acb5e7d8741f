"""What a user waits for and what a worker takes: cold starts and resident memory, each in a new process."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from accel_sim.inputs import Images
from accel_sim.session import Model

ROOT = Path(__file__).parents[2]
STARTS = 5


def help_seconds() -> list[float]:
    """Seconds of `accel-sim --help`, after one start that is not counted."""
    command = [sys.executable, "-m", "accel_sim", "--help"]

    def start() -> float:
        begin = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
        return time.perf_counter() - begin

    return _after_the_first(start)


def first_row_seconds(network: str) -> list[float]:
    """Seconds from the start of a process to the first recorded rows of a campaign, with compiled code on disk."""

    def start() -> float:
        begin = time.time()
        return _child(network, 16)["first_row"] - begin

    return _after_the_first(start)


def peak_gib(network: str, faults: int = 300) -> float:
    """Largest resident memory in GiB of a process that runs a campaign with one worker."""
    return _child(network, faults)["peak_bytes"] / 2**30


def _child(network: str, faults: int) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.child", network, str(faults)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _after_the_first(start: Callable[[], float]) -> list[float]:
    start()
    return [start() for _ in range(STARTS)]


def campaign_seconds(model: Model, images: Images, faults: int, workers: int) -> float:
    """Seconds per fault of a campaign over all parameter bits, once its workers are at work.

    The first quarter of the faults is not timed: workers start, load the network and make the golden run meanwhile.
    """
    moments: list[tuple[int, float]] = []

    def progress(done: int, total: int) -> None:
        if 4 * done >= total:
            moments.append((done, time.perf_counter()))

    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "rows.sqlite"
        model.campaign(images, results=results, faults=faults, workers=workers, progress=progress)
    (first, begin), (last, end) = moments[0], moments[-1]
    return (end - begin) / (last - first)


def spread_of(values: list[float]) -> tuple[float, float, float]:
    """Return median, smallest and largest."""
    return float(np.median(values)), min(values), max(values)
