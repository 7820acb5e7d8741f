"""Faults that last: stuck bits, and flips of DDR that the host does not repair; what they are in each inference."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from accel_sim.config.memories import DDR_ROW_BYTES
from accel_sim.engine import Upset
from accel_sim.faults.hardware.fault import REGISTERS, HardwareFault
from accel_sim.faults.hardware.life import Life, MemoryLife
from accel_sim.faults.hardware.register_life import RegisterLife
from accel_sim.machine.memory import BitUpset
from accel_sim.program import Program

NOTHING = Upset({}, {})


def struck_images(fault: HardwareFault, images: int) -> range:
    """Return the numbers of the inferences that a fault can change."""
    if fault.stuck is not None:
        return range(images)
    return range(fault.image, images if fault.persistent else fault.image + 1)


def once(fault: HardwareFault, image: int, upsets: Sequence[BitUpset] = ()) -> HardwareFault:
    """Return the flip that a persistent fault is in one inference.

    In the inference that it strikes it is the flip itself. The host writes inputs again and the accelerator feature
    maps, so that afterwards only constants and instructions are wrong, from the first cycle on.

    Parameters
    ----------
    upsets
        Those of its bits that are still wrong; all by default.
    """
    if image == fault.image:
        return replace(fault, persistent=False)
    first, *rest = upsets or fault.upsets
    cells = tuple((u.row, u.bit) for u in rest)
    return HardwareFault(fault.space, fault.memory, first.bank, first.row, (first.bit,), 0, image, cells)


class StuckBits:
    """Finds what stuck bits amount to, inference by inference.

    Parameters
    ----------
    program
        The compiled model.
    lives
        Live intervals of all memories and registers.
    ddr_of
        Bytes of DDR after the fault-free inference of an image.
    flip
        The upset of tensors that a flip amounts to, None for the machine.
    """

    def __init__(
        self,
        program: Program,
        lives: Mapping[str, Life],
        ddr_of: Callable[[int], NDArray[np.uint8]],
        flip: Callable[[HardwareFault], Upset | None],
    ) -> None:
        self.program, self.lives, self.ddr_of, self.flip = program, lives, ddr_of, flip

    def effect(self, fault: HardwareFault, image: int) -> Upset | None:
        """Return an upset of tensors with the same outputs, an empty one for no effect, None for the machine.

        Exact are bits that nobody ever reads, those that always have the value that they are stuck at, and bits of a
        single byte of DDR that is written once: there a stuck bit is a flip, or nothing.
        """
        used = [u for u in fault.upsets if self._is_used(u)]
        if not used:
            return NOTHING
        if fault.space == REGISTERS or fault.memory not in ("ddr", "ins"):
            return None
        wrong = [u for u in used if self._bit(u, image) != fault.stuck]
        if fault.memory == "ins":
            return None if wrong else NOTHING
        constant = [self._byte(u) < self.program.constants.size for u in used]
        if not (all(constant) or len({self._byte(u) for u in used}) == 1):
            return None  # the first wrong byte may change what is written to the second
        if not wrong:
            return NOTHING
        start = 0
        if not all(constant):
            life = self.lives["ddr"]
            assert isinstance(life, MemoryLife)
            (byte,) = {self._byte(u) for u in used}
            (number,) = life.of_row(0, byte)  # tensors have places of their own, and each byte is written once
            start = int(life.intervals.start[number])
        first, rest = wrong[0], wrong[1:]
        cells = tuple((u.row, u.bit) for u in rest)
        return self.flip(HardwareFault(fault.space, "ddr", 0, first.row, (first.bit,), start, image, cells))

    def _is_used(self, upset: BitUpset) -> bool:
        """Whether anyone ever reads a bit."""
        life = self.lives.get(upset.memory)
        if life is None:
            return False
        if isinstance(life, RegisterLife):
            return bool(np.any((life.low <= upset.bank) & (upset.bank < life.high)))
        assert isinstance(life, MemoryLife)
        row, byte = (self._byte(upset), 0) if upset.memory == "ddr" else (upset.row, upset.bit // 8)
        return bool(np.any(life.intervals.used[life.of_row(upset.bank, row)] > byte))

    @staticmethod
    def _byte(upset: BitUpset) -> int:
        return upset.row * DDR_ROW_BYTES + upset.bit // 8

    def _bit(self, upset: BitUpset, image: int) -> int:
        """Value of a bit of DDR or instruction memory in the fault-free inference."""
        if upset.memory == "ins":
            return int(self.program.words[upset.row, upset.bit // 8]) >> upset.bit % 8 & 1
        return int(self.ddr_of(image)[self._byte(upset)]) >> upset.bit % 8 & 1
