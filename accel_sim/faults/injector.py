"""Golden runs kept, faults injected against them, outcomes judged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.engine import Engine, Golden, Upset
from accel_sim.faults.fault import Fault
from accel_sim.faults.outcome import CRITICAL, MASKED, TOLERABLE, Criterion, Verdict
from accel_sim.faults.space import make_space

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Injection:
    """A fault's verdict and the faulty outputs, image by image."""

    fault: Fault
    verdict: Verdict
    outputs: tuple[Mapping[str, Array], ...]


def upset_of(fault: Fault, shape: tuple[int, ...]) -> Upset:
    """Translate a fault into flipped bits of stored values."""
    position = np.array([np.ravel_multi_index(fault.index, shape) if shape else 0], np.int64)
    place = {fault.tensor: (position, np.array([fault.mask], np.int64))}
    return Upset(place, {}) if fault.space == "parameters" else Upset({}, place)


class Injector:
    """Injects faults into inferences whose fault-free runs it keeps.

    Parameters
    ----------
    engine
        The prepared model.
    images
        Inputs of every image: name to array.
    criterion
        How outcomes are judged.
    """

    def __init__(self, engine: Engine, images: Sequence[Mapping[str, Array]], criterion: Criterion) -> None:
        self.engine, self.graph, self.criterion = engine, engine.graph, criterion
        self.golden: list[Golden] = [engine.run(image) for image in images]
        self.outputs = [engine.outputs(golden) for golden in self.golden]
        self.decisions = [criterion.decisions(outputs) for outputs in self.outputs]

    def inject(self, fault: Fault) -> Injection:
        """Run one fault on every image that it touches.

        Raises
        ------
        InputError
            The fault does not exist in this model.
        """
        make_space(fault.space, self.graph, len(self.golden)).check(fault)
        outputs = list(self.outputs)
        verdicts = []
        for image, changed in self._faulty(fault):
            outputs[image] = self.engine.outputs(self.golden[image], changed)
            verdicts.append((image, changed))
        return Injection(fault, self._verdict(verdicts), tuple(outputs))

    def evaluate(self, fault: Fault) -> Verdict:
        """Run one fault and return its verdict only."""
        return self._verdict(list(self._faulty(fault)))

    def _faulty(self, fault: Fault) -> list[tuple[int, dict[str, Array]]]:
        if fault.space == "parameters":
            shape = self.graph.parameters[fault.tensor].values.shape
            images = range(len(self.golden))
        else:
            shape = self.graph.tensors[fault.tensor].shape
            images = range(fault.image, fault.image + 1)
        upset = upset_of(fault, shape)
        return [(image, self.engine.run_faulty(self.golden[image], upset)) for image in images]

    def _verdict(self, runs: Sequence[tuple[int, dict[str, Array]]]) -> Verdict:
        """Judge: the share of changed decisions is a mean over all images, also those that the fault does not touch."""
        differs, fractions = False, 0.0
        for image, changed in runs:
            if not any(name in changed for name in self.graph.outputs):
                continue
            differs = True
            faulty = self.criterion.decisions(self.engine.outputs(self.golden[image], changed))
            fractions += self.criterion.changed(self.decisions[image], faulty)
        share = fractions / len(self.golden)
        if not differs:
            return Verdict(MASKED, 0.0)
        return Verdict(CRITICAL if share > 0 else TOLERABLE, share)
