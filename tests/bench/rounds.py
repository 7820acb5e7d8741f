"""Contenders timed in turn, so that a machine that slows down slows all of them, and ratios taken inside each round."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

Contender = Callable[[], float]
"""Runs once and returns seconds: of one inference, or the mean of one fault."""
PAUSE_SECONDS = 0.2
"""Before each contender: threads of onnxruntime and OpenMP go on spinning for a while after a run."""


@dataclass(frozen=True)
class Times:
    """Seconds of every contender, one value per round."""

    seconds: Mapping[str, tuple[float, ...]]

    def median_seconds(self, name: str) -> float:
        """Median over the rounds."""
        return float(np.median(self.seconds[name]))

    def ratio(self, name: str, base: str) -> tuple[float, float, float]:
        """Median, smallest and largest of the ratios inside the rounds."""
        ratios = np.array(self.seconds[name]) / np.array(self.seconds[base])
        return float(np.median(ratios)), float(ratios.min()), float(ratios.max())

    def best_of(self, names: list[str]) -> str:
        """Return the contender with the smallest median."""
        return min(names, key=self.median_seconds)


def interleave(contenders: Mapping[str, Contender], rounds: int) -> Times:
    """Run every contender once untimed, to compile and to warm up, and then in rounds."""
    for run in contenders.values():
        run()
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            time.sleep(PAUSE_SECONDS)
            seconds[name].append(run())
    return Times({name: tuple(values) for name, values in seconds.items()})


def fastest(action: Callable[[], object], repeats: int = 9) -> float:
    """Seconds of the fastest of several runs."""
    return min(seconds_of(action) for _ in range(repeats))


def seconds_of(action: Callable[[], object]) -> float:
    """Seconds of one run."""
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin
