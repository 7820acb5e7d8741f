"""Golden runs kept, faults injected against them, outcomes judged."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.engine import Engine, Upset
from accel_sim.engine.sparse import (
    FaultRunner,
    Kept,
    SingleFaults,
    affordable_accumulators,
    compile_tables,
    make_scratch,
    memory_of,
)
from accel_sim.faults.fault import Fault
from accel_sim.faults.many_elements import has_many, run_whole
from accel_sim.faults.outcome import CRITICAL, MASKED, TOLERABLE, Criterion, Verdict
from accel_sim.faults.space import index_of, make_space
from accel_sim.model import Dequantise
from accel_sim.numerics import dequantise

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
    paranoid
        Recompute every faulty run node by node beside the incremental one, and fail on the first difference.
    memory_limit_bytes
        Most bytes that the golden state and the working space may take (see `memory`); what does not fit is recomputed
        when it is needed. None keeps everything.
    golden
        Folder of the golden state of the same model and images, written by `save_golden`; it is mapped, not rebuilt.

    Raises
    ------
    UsageError
        The limit is too small even if nothing is kept that can be recomputed.
    """

    def __init__(
        self,
        engine: Engine,
        images: Sequence[Mapping[str, Array]],
        criterion: Criterion,
        *,
        paranoid: bool = False,
        memory_limit_bytes: int | None = None,
        golden: Path | None = None,
    ) -> None:
        self.engine, self.graph, self.criterion, self.paranoid = engine, engine.graph, criterion, paranoid
        kept = None
        if memory_limit_bytes is not None:
            nothing = compile_tables(self.graph, engine.steps, 0)
            kept = affordable_accumulators(nothing, len(images), memory_limit_bytes)
        tables = compile_tables(self.graph, engine.steps, kept)
        self.memory = memory_of(tables, len(images))
        scratch = make_scratch(tables)
        self._real_tensors = [n for n in self.graph.tensors if n not in tables.numbers]
        self.runners = [
            FaultRunner(
                engine,
                tables,
                engine.run(image) if golden is None else Kept.load(golden, i, self._real_tensors),
                scratch=scratch,
            )
            for i, image in enumerate(images)
        ]
        self.outputs = [engine.outputs(runner.golden) for runner in self.runners]
        self.decisions = [criterion.decisions(outputs) for outputs in self.outputs]
        self._codes = {name: self._code_tensor(name) for name in self.graph.outputs}
        self._singles = self._single_faults()

    def save_golden(self, folder: Path) -> None:
        """Write the golden state of every image, so that other processes can map it."""
        for i, runner in enumerate(self.runners):
            ordered = {n: runner.kept.values[n] for n in self._real_tensors}
            Kept(runner.kept.codes, runner.kept.accumulators, runner.kept.slack, ordered).save(folder, i)

    def inject(self, fault: Fault) -> Injection:
        """Run one fault on every image that it touches.

        Raises
        ------
        InputError
            The fault does not exist in this model.
        """
        make_space(fault.space, self.graph, len(self.runners)).check(fault)
        outputs: list[Mapping[str, Array]] = list(self.outputs)
        upset, images = self._upset(fault)
        judged = []
        for image in images:
            runner = self.runners[image]
            with runner.struck(upset) as floats:
                self._check(image, upset, floats)
                judged.append(self._judge(image, floats))
                outputs[image] = self.engine.outputs(runner.golden, runner.changed(floats))
        return Injection(fault, self._verdict(judged), tuple(outputs))

    def evaluate(self, fault: Fault) -> Verdict:
        """Run one fault and return its verdict only.

        Raises
        ------
        AssertionError
            A paranoid injector found that the incremental run differs from the dense one.
        """
        quick = self._evaluate_single(fault)
        if quick is not None and not self.paranoid:
            return quick
        upset, images = self._upset(fault)
        verdict = self._verdict([self.judge(image, upset) for image in images])
        if quick is not None and quick != verdict:  # the one call is what campaigns run: it is checked as well
            raise AssertionError(f"the run in one call gives {quick}, the general path {verdict} after {upset}")
        return verdict

    def _evaluate_single(self, fault: Fault) -> Verdict | None:
        """Run one fault in one call per image; None if it has to take the general path."""
        if not self._singles:
            return None
        images = range(len(self.runners)) if fault.space == "parameters" else range(fault.image, fault.image + 1)
        found = [self._singles[i].run(fault.space, fault.tensor, fault.index, fault.mask) for i in images]
        total = self._singles[0].limit
        judged = [(n >= 0, max(n, 0) / total) for n in found if n is not None]
        return self._verdict(judged) if len(judged) == len(found) else None

    def judge_element(self, image: int, space: str, name: str, position: int, mask: int) -> tuple[bool, float] | None:
        """Run an upset of one stored element on one image, as :meth:`judge` does, in a single compiled call.

        Parameters
        ----------
        space, name
            Where the element is stored.
        position
            Its flat index in ONNX order.
        mask
            Its flipped bits.

        Returns
        -------
        tuple or None
            None where the general path has to run it.
        """
        if not self._singles or self.paranoid:
            return None
        shape = (self.graph.parameters[name].values if space == "parameters" else self.graph.tensors[name]).shape
        changed = self._singles[image].run(space, name, index_of(position, shape), mask)
        return None if changed is None else (changed >= 0, max(changed, 0) / self._singles[image].limit)

    def judge(self, image: int, upset: Upset) -> tuple[bool, float]:
        """Run an upset on one image: whether any output byte differs, and the share of its decisions that do."""
        if has_many(upset) and not self.paranoid:
            return self._judge_values(image, run_whole(self.engine, self.runners[image].golden, upset))
        with self.runners[image].struck(upset) as floats:
            self._check(image, upset, floats)
            return self._judge(image, floats)

    def faulty_outputs(self, image: int, upset: Upset) -> Mapping[str, Array]:
        """Run an upset on one image and return the graph's outputs."""
        runner = self.runners[image]
        if has_many(upset) and not self.paranoid:
            return self.engine.outputs(runner.golden, run_whole(self.engine, runner.golden, upset))
        with runner.struck(upset) as floats:
            self._check(image, upset, floats)
            return self.engine.outputs(runner.golden, runner.changed(floats))

    def _upset(self, fault: Fault) -> tuple[Upset, range]:
        if fault.space == "parameters":
            return upset_of(fault, self.graph.parameters[fault.tensor].values.shape), range(len(self.runners))
        return upset_of(fault, self.graph.tensors[fault.tensor].shape), range(fault.image, fault.image + 1)

    def _code_tensor(self, output: str) -> str | None:
        """Return the codes that decide an output: its own, or those that it dequantises to distinct values."""
        if self.graph.tensors[output].is_code:
            return output
        producer = self.graph.producer.get(output)
        if producer is None or not isinstance(producer.operation, Dequantise):
            return None
        scale, zero, code = producer.operation.source
        values = dequantise(np.arange(code.low, code.high + 1), scale, zero)
        return producer.inputs[0] if np.all(np.diff(values) > 0) else None

    def _single_faults(self) -> list[SingleFaults]:
        """Make one per image where a single tensor of codes decides, in compiled code; else none."""
        (output, tensor), *others = self._codes.items()
        total = self.decisions[0].size
        if others or tensor is None or tensor not in self.runners[0].tables.numbers:
            return []
        shape, classes = self.graph.tensors[output].shape, 0
        if self.criterion.name != "any":
            classes = shape[1] if len(shape) > 1 else 0
            if self.graph.tensors[tensor].shape != shape or not classes or math.prod(shape) != total * classes:
                return []
        elif math.prod(shape) != total:
            return []
        return [SingleFaults(runner, tensor, classes) for runner in self.runners]

    def _judge(self, image: int, floats: Mapping[str, Array]) -> tuple[bool, float]:
        """Return whether any output byte differs, and the share of decisions that do."""
        runner, criterion = self.runners[image], self.criterion
        if all(self._codes.values()):
            if not any(runner.has_changed(tensor) for tensor in self._codes.values() if tensor):
                return False, 0.0
            total = self.decisions[image].size
            if criterion.name == "any":
                return True, sum(runner.count(tensor) for tensor in self._codes.values() if tensor) / total
            tensor = self._codes[criterion.output]
            shape = self.graph.tensors[criterion.output].shape
            if tensor and self.graph.tensors[tensor].shape == shape and math.prod(shape) == total * shape[1]:
                return True, runner.changed_decisions(tensor, shape[1]) / total
        return self._judge_values(image, runner.changed(dict(floats)))

    def _judge_values(self, image: int, changed: Mapping[str, Array]) -> tuple[bool, float]:
        """Return the same, given all tensors that differ, in stored form."""
        if not any(name in changed for name in self.graph.outputs):
            return False, 0.0
        faulty = self.criterion.decisions(self.engine.outputs(self.runners[image].golden, changed))
        return True, self.criterion.changed(self.decisions[image], faulty)

    def _verdict(self, judged: Sequence[tuple[bool, float]]) -> Verdict:
        """Combine images: the share of changed decisions is a mean over all, also those that are not touched."""
        share = sum(fraction for _, fraction in judged) / len(self.runners)
        if not any(differs for differs, _ in judged):
            return Verdict(MASKED, 0.0)
        return Verdict(CRITICAL if share > 0 else TOLERABLE, share)

    def _check(self, image: int, upset: Upset, floats: Mapping[str, Array]) -> None:
        if not self.paranoid:
            return
        runner = self.runners[image]
        quick, slow = runner.changed(dict(floats)), self.engine.run_faulty(runner.golden, upset)
        wrong = [n for n in sorted(quick.keys() | slow.keys()) if n not in quick or n not in slow]
        wrong += [n for n in quick if n in slow and quick[n].tobytes() != slow[n].tobytes()]
        if wrong:
            raise AssertionError(f"the incremental run differs from the dense one at {wrong[0]!r} after {upset}")
