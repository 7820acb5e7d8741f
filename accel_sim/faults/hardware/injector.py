"""Hardware faults judged: dead bits without a run, upsets of tensors on the engine, the others on the machine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.config.memories import DDR_ROW_BYTES
from accel_sim.engine import Upset
from accel_sim.faults.hardware.effect import Translator
from accel_sim.faults.hardware.fault import MEMORY, REGISTERS, HardwareFault
from accel_sim.faults.hardware.idle_fields import changes_nothing
from accel_sim.faults.hardware.lasting import NOTHING, StuckBits, once, struck_images
from accel_sim.faults.hardware.life import Life, MemoryLife, Place
from accel_sim.faults.hardware.replay import LayerReplay
from accel_sim.faults.hardware.space import HardwareSpace, hardware_space
from accel_sim.faults.hardware.stored import ACTIVATIONS, PARAMETERS
from accel_sim.faults.hardware.wrong_instructions import WrongInstructions
from accel_sim.faults.injector import Injector
from accel_sim.faults.outcome import CRITICAL, DUE, MASKED, TOLERABLE, Verdict
from accel_sim.machine import BitUpset, Machine, MachineResult
from accel_sim.program import Program

Array = NDArray[Any]
SEVERITY = (MASKED, TOLERABLE, CRITICAL, DUE)


@dataclass(frozen=True, eq=False)
class HardwareInjection:
    """A fault's verdict and what led to it.

    Attributes
    ----------
    outputs
        Image by image; none of an inference that did not end.
    ran
        ``machine``, ``engine``, or ``nothing`` for a fault that changes no byte of the layer that meets it.
    """

    fault: HardwareFault
    verdict: Verdict
    outputs: tuple[Mapping[str, Array], ...]
    ran: str


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
    def _lives(self) -> dict[str, MemoryLife]:
        return {n: life for n, life in self.space(MEMORY).lives.items() if isinstance(life, MemoryLife)}

    @cached_property
    def translator(self) -> Translator:
        """Finds upsets of tensors from the program alone."""
        return Translator(self.injector.graph, self.program, self.machine.schedule, self._lives, self._ddr_of)

    @cached_property
    def replay(self) -> LayerReplay:
        """Finds upsets of tensors by running one layer."""
        return LayerReplay(self.program, self.injector.engine.run_node, self.images, self._lives)

    @cached_property
    def wrong_instructions(self) -> WrongInstructions:
        """Finds upsets of tensors by running the layer of a wrong instruction."""
        return WrongInstructions(self.replay)

    @cached_property
    def stuck(self) -> StuckBits:
        """Finds what stuck bits amount to."""
        lives: dict[str, Life] = {**self.space(MEMORY).lives, **self.space(REGISTERS).lives}
        return StuckBits(self.program, lives, self._ddr_of, self._flip)

    def _ddr_of(self, image: int) -> NDArray[np.uint8]:
        return self.replay.golden(image).ddr

    def effect(self, fault: HardwareFault, image: int | None = None) -> Upset | None:
        """Return the upset of tensors that a fault amounts to in one inference; None is for the machine.

        Parameters
        ----------
        image
            Which one, the fault's own by default; a fault that lasts can be something else in each.

        Returns
        -------
        Upset or None
            An empty one where the fault cannot matter.
        """
        image = fault.image if image is None else image
        if image not in struck_images(fault, len(self.images)):
            return NOTHING
        if fault.stuck is not None:
            return self.stuck.effect(fault, image)
        if not fault.persistent:
            return self._flip(fault)
        if fault.memory == "ins":
            return self._flip(once(fault, image)) if image == fault.image else None
        later = [u for u in fault.upsets if image == fault.image or self._is_constant(u)]
        return self._flip(once(fault, image, later)) if later else NOTHING

    def _is_constant(self, upset: BitUpset) -> bool:
        return upset.row * DDR_ROW_BYTES + upset.bit // 8 < self.program.constants.size

    def _flip(self, fault: HardwareFault) -> Upset | None:
        if fault.space == MEMORY and fault.memory in self._lives and fault.memory != "ins":
            found = self.translator.upset(fault)  # of dead bits an empty one
            return self.replay.upset(fault) if found is None else found
        if not self._is_live(fault):
            return NOTHING
        if fault.memory == "ins":
            return NOTHING if changes_nothing(self.program, fault.upsets) else self.wrong_instructions.upset(fault)
        return self.replay.upset(fault)

    def _is_live(self, fault: HardwareFault) -> bool:
        life = self.space(fault.space).lives.get(fault.memory)
        return life is not None and any(life.is_live(Place(u.bank, u.row, u.bit, u.cycle)) for u in fault.upsets)

    def inject(self, fault: HardwareFault) -> HardwareInjection:
        """Run one fault and keep its outputs.

        Raises
        ------
        InputError
            The fault does not exist in this program.
        """
        fault.check(self.program, self.machine.schedule.cycles, len(self.images))
        outputs, judged, ran = list(self.injector.outputs), [], set[str]()
        effects = self._effects(fault)
        results = self._run(fault, [image for image, upset in effects.items() if upset is None])
        for image, upset in effects.items():
            if upset is None:
                judged.append(self._judge(image, results[image]))
                outputs[image] = dict(results[image].outputs)
                ran.add("machine")
            elif upset.parameters or upset.activations:
                judged.append(self._struck(image, upset))
                outputs[image] = dict(self.injector.faulty_outputs(image, upset))
                ran.add("engine")
        by = "machine" if "machine" in ran else "engine" if ran else "nothing"
        return HardwareInjection(fault, self._verdict(judged), tuple(outputs), by)

    def evaluate(self, fault: HardwareFault) -> Verdict:
        """Return the verdict of one fault; of a dead one without a run."""
        effects = self._effects(fault)
        results = self._run(fault, [image for image, upset in effects.items() if upset is None])
        return self._verdict(
            [
                self._judge(image, results[image]) if upset is None else self._struck(image, upset)
                for image, upset in effects.items()
            ]
        )

    def needs_machine(self, fault: HardwareFault) -> bool:
        """Whether any inference has to run on the machine."""
        return None in self._effects(fault).values()

    def _effects(self, fault: HardwareFault) -> dict[int, Upset | None]:
        """Return what a fault is in every inference that it can change."""
        images = struck_images(fault, len(self.images))
        return {image: self.effect(fault, image) if self.level == "engine" else None for image in images}

    def _struck(self, image: int, upset: Upset) -> tuple[str, float]:
        """Judge an upset of tensors in one inference."""
        if not upset.parameters and not upset.activations:
            return MASKED, 0.0
        found = self._judge_element(image, upset)
        differs, share = self.injector.judge(image, upset) if found is None else found
        return (CRITICAL if share > 0 else TOLERABLE if differs else MASKED), share

    def _judge_element(self, image: int, upset: Upset) -> tuple[bool, float] | None:
        """Judge an upset of one element in a single compiled call; None where that is not possible."""
        upsets = [*upset.parameters.items(), *upset.activations.items()]
        if len(upsets) != 1 or upsets[0][1][0].size != 1:
            return None
        ((name, (positions, masks)),) = upsets
        space = PARAMETERS if upset.parameters else ACTIVATIONS
        return self.injector.judge_element(image, space, name, int(positions[0]), int(masks[0]))

    def _run(self, fault: HardwareFault, images: Sequence[int]) -> dict[int, MachineResult]:
        """Run inferences on the machine; of a fault that persists all from the first one on, in order."""
        results: dict[int, MachineResult] = {}
        for image in images:
            self._agree(image)
        if fault.stuck is not None or not fault.persistent:
            for image in images:
                self._clear()
                upsets = () if fault.stuck is not None else fault.upsets
                results[image] = self.machine.run(self.images[image], upsets, stuck=fault.stuck_bits)
        elif images:
            self._clear()
            for image in range(fault.image, max(images) + 1):
                first = image == fault.image
                upsets = fault.upsets if first else ()
                results[image] = self.machine.run(self.images[image], upsets, reload=first)
        return results

    def _agree(self, image: int) -> None:
        """Make sure, once, that machine and engine agree without a fault."""
        if image not in self._agreed:
            self._clear()
            self._check_golden(image, self.machine.run(self.images[image]).outputs)
            self._agreed.add(image)

    def _clear(self) -> None:
        for memory in self.machine.memories.values():
            memory.data.fill(0)
        for sums in self.machine.accumulators.values():
            sums.fill(0)

    def _check_golden(self, image: int, found: Mapping[str, Array]) -> None:
        for name, value in self.injector.outputs[image].items():
            if found[name].tobytes() != value.tobytes():
                raise AssertionError(f"machine and engine differ in {name!r} of image {image} without a fault")

    def _judge(self, image: int, result: MachineResult) -> tuple[str, float]:
        """Compare an inference of the machine with the golden run."""
        if result.status != "ok":
            return DUE, 0.0
        golden, criterion = self.injector.outputs[image], self.injector.criterion
        if all(same_bytes(result.outputs[name], value) for name, value in golden.items()):
            return MASKED, 0.0
        share = criterion.changed(self.injector.decisions[image], criterion.decisions(result.outputs))
        return (CRITICAL if share > 0 else TOLERABLE), share

    def _verdict(self, judged: Sequence[tuple[str, float]]) -> Verdict:
        """Combine inferences: the worst outcome, the mean share over all images, also those that are not touched."""
        outcome = max((outcome for outcome, _ in judged), key=SEVERITY.index, default=MASKED)
        return Verdict(outcome, sum(share for _, share in judged) / len(self.images))


def same_bytes(a: Array, b: Array) -> bool:
    """Whether two arrays hold the same bytes (NaN equals itself, 0.0 differs from -0.0)."""
    return bool(np.array_equal(a.view(f"u{a.itemsize}"), b.view(f"u{b.itemsize}")))
