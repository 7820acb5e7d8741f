"""Hardware faults judged: dead bits without a run, upsets of tensors on the engine, the others on the machine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.engine import Upset
from accel_sim.faults.hardware.effect import Translator
from accel_sim.faults.hardware.fault import MEMORY, HardwareFault
from accel_sim.faults.hardware.life import MemoryLife
from accel_sim.faults.hardware.space import HardwareSpace, hardware_space
from accel_sim.faults.injector import Injector
from accel_sim.faults.outcome import CRITICAL, DUE, MASKED, TOLERABLE, Verdict
from accel_sim.machine import Machine, MachineResult
from accel_sim.program import Program

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class HardwareInjection:
    """A fault's verdict and the faulty outputs, image by image; no outputs of an inference that did not end."""

    fault: HardwareFault
    verdict: Verdict
    outputs: tuple[Mapping[str, Array], ...]


class HardwareInjector:
    """Injects faults into the accelerator that runs a program.

    Every run starts with all memories and registers zero and the constants in DDR, so that a verdict depends on its
    fault alone.

    Parameters
    ----------
    injector
        Golden runs of the same model on the tensor level.
    images
        Inputs of every image.
    program
        The compiled model.
    level
        ``engine`` leaves to the machine only what has no equal among upsets of tensors; ``machine`` runs everything
        there. The verdicts are the same.
    """

    def __init__(
        self,
        injector: Injector,
        images: Sequence[Mapping[str, Array]],
        program: Program,
        *,
        level: str = "engine",
    ) -> None:
        self.injector, self.images, self.program, self.level = injector, images, program, level
        self.machine = Machine(program, injector.engine.run_node)
        self._spaces: dict[str, HardwareSpace] = {}
        self._agreed: set[int] = set()

    def space(self, name: str) -> HardwareSpace:
        """Return the fault space ``memory`` or ``registers``, whole."""
        if name not in self._spaces:
            self._spaces[name] = hardware_space(name, self.program, self.machine.schedule, len(self.images))
        return self._spaces[name]

    @cached_property
    def translator(self) -> Translator:
        """Finds upsets of tensors."""
        lives = {n: life for n, life in self.space(MEMORY).lives.items() if isinstance(life, MemoryLife)}
        return Translator(self.injector.graph, self.program, self.machine.schedule, lives)

    def effect(self, fault: HardwareFault) -> Upset | None:
        """Return the upset of tensors that a fault amounts to, an empty one for dead bits; None is for the machine."""
        if not self.space(fault.space).is_live(fault):
            return Upset({}, {})
        return self.translator.upset(fault)

    def inject(self, fault: HardwareFault) -> HardwareInjection:
        """Run one fault and keep its outputs.

        Raises
        ------
        InputError
            The fault does not exist in this program.
        """
        fault.check(self.program, self.machine.schedule.cycles, len(self.images))
        image, outputs = fault.image, list(self.injector.outputs)
        upset = self.effect(fault) if self.level == "engine" else None
        if upset is None:
            result = self._run(fault)
            verdict, outputs[image] = self._verdict(image, result), dict(result.outputs)
        else:
            verdict, outputs[image] = self._struck(image, upset), dict(self.injector.faulty_outputs(image, upset))
        return HardwareInjection(fault, verdict, tuple(outputs))

    def evaluate(self, fault: HardwareFault) -> Verdict:
        """Return the verdict of one fault; of a dead one without a run."""
        upset = self.effect(fault) if self.level == "engine" else None
        if upset is None:
            return self._verdict(fault.image, self._run(fault))
        return self._struck(fault.image, upset)

    def _struck(self, image: int, upset: Upset) -> Verdict:
        """Judge an upset of tensors in one image; the others count as unchanged."""
        if not upset.parameters and not upset.activations:
            return Verdict(MASKED, 0.0)
        differs, share = self.injector.judge(image, upset)
        return _verdict(differs, share, len(self.images))

    def _run(self, fault: HardwareFault) -> MachineResult:
        image = self.images[fault.image]
        if fault.image not in self._agreed:
            self._clear()
            self._check_golden(fault.image, self.machine.run(image).outputs)
            self._agreed.add(fault.image)
        self._clear()
        return self.machine.run(image, fault.upsets)

    def _clear(self) -> None:
        for memory in self.machine.memories.values():
            memory.data.fill(0)
        for sums in self.machine.accumulators.values():
            sums.fill(0)

    def _check_golden(self, image: int, found: Mapping[str, Array]) -> None:
        for name, value in self.injector.outputs[image].items():
            if found[name].tobytes() != value.tobytes():
                raise AssertionError(f"machine and engine differ in {name!r} of image {image} without a fault")

    def _verdict(self, image: int, result: MachineResult) -> Verdict:
        """Compare an inference with its golden run; the others count as unchanged."""
        if result.status != "ok":
            return Verdict(DUE, 0.0)
        golden, criterion = self.injector.outputs[image], self.injector.criterion
        if all(same_bytes(result.outputs[name], value) for name, value in golden.items()):
            return Verdict(MASKED, 0.0)
        share = criterion.changed(self.injector.decisions[image], criterion.decisions(result.outputs))
        return _verdict(True, share, len(self.images))


def _verdict(differs: bool, share: float, images: int) -> Verdict:
    if not differs:
        return Verdict(MASKED, 0.0)
    return Verdict(CRITICAL if share > 0 else TOLERABLE, share / images)


def same_bytes(a: Array, b: Array) -> bool:
    """Whether two arrays hold the same bytes (NaN equals itself, 0.0 differs from -0.0)."""
    return bool(np.array_equal(a.view(f"u{a.itemsize}"), b.view(f"u{b.itemsize}")))
