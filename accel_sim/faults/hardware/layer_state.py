"""Memories on the way through one layer: what is wrong, what still waits to be done, and what is there already.

An instruction that reads nothing wrong and is not struck makes what it always makes: it waits in a list, and its rows
are put into the memories when someone needs them.
"""

from collections.abc import Iterable

import numpy as np

from accel_sim.config.memories import DDR_ROW_BYTES
from accel_sim.faults.hardware.golden import Golden, Ints, Recorder
from accel_sim.faults.hardware.wrong_rows import WrongRows
from accel_sim.isa import Transfer
from accel_sim.machine import execute, pending
from accel_sim.machine.memory import BitUpset


class LayerState:
    """The state of one layer on its way.

    Parameters
    ----------
    recorder
        The machine; it is left as it was, but for rows that every run sets anew.
    golden
        The fault-free inference.
    layer
        The layer.

    Attributes
    ----------
    wrong
        What may be wrong.
    waiting
        Numbers of the instructions that were passed over, ascending.
    """

    def __init__(self, recorder: Recorder, golden: Golden, layer: int) -> None:
        self.recorder, self.golden, self.layer = recorder, golden, layer
        self.config, self.memories = recorder.config, recorder.memories
        self.ddr = recorder.hold(golden)
        self.wrong = WrongRows(recorder)
        self.waiting: list[int] = []
        self._started: set[str] = set()

    def leave(self) -> None:
        """Give DDR and accumulators back as they were."""
        for low, high in self.wrong.ddr():
            self.ddr[low:high] = self.golden.ddr[low:high]
        for sums in self.recorder.accumulators.values():
            sums.fill(0)

    # --- upsets --------------------------------------------------------------------------------------------------
    def flip(self, upset: BitUpset) -> None:
        """Flip a bit between two instructions."""
        if upset.memory not in self.recorder.registers:
            self.note(upset)
        self.recorder.flip(upset)

    def note(self, upset: BitUpset) -> None:
        """Make sure that a row holds what it should before it is struck, and take it for wrong from now on."""
        if upset.memory == "ddr":
            byte = upset.row * DDR_ROW_BYTES + upset.bit // 8
            self.settle([("ddr", byte, byte + 1)])
            self.wrong.mark_byte(byte)
            return
        line = upset.row
        if upset.memory == "img":
            line += upset.bank // self.config.pixel_parallel * self.config.image_rows
        self.settle([(upset.memory, line, line + 1)])
        place = upset.bank * self.recorder.program.memories[upset.memory].rows + upset.row
        self.wrong.mark(upset.memory, np.array([place]), self.recorder.flat(upset.memory)[[place]])

    # --- rows that are right -------------------------------------------------------------------------------------
    def later(self, number: int) -> None:
        """Let an instruction wait that makes what it always makes."""
        view = self.recorder.writes[number]
        self.waiting.append(number)
        if view is not None and self.wrong.met_by(number):
            made = self.recorder.writes_of[number]
            self.settle(made)
            self.wrong.clean(view)

    def prepare(self, number: int) -> None:
        """Let the rows that an instruction reads and writes on the chip, and the bytes that it writes, be right."""
        self._settle(self.recorder.needs[number], self.recorder.memories_of[number])

    def settle(self, parts: Iterable[tuple[str, int, int]]) -> None:
        """Let everything happen that waits and has to do with some rows of memories (bytes of DDR)."""
        wanted = [(self.recorder.memory_number[memory], low, high) for memory, low, high in parts]
        self._settle(np.array(wanted, np.int64).reshape(-1, 3), [memory for memory, _, _ in parts])

    def _settle(self, wanted: Ints, memories: Iterable[str]) -> None:
        for memory in memories:
            self._start(memory)
        if not self.waiting:
            return
        waiting, fate = np.array(self.waiting, np.int64), np.empty(len(self.waiting), np.uint8)
        pending.choose(self.recorder.table, self.recorder.memory_number["ddr"], waiting, wanted, fate)
        self.waiting = waiting[fate == pending.STAYS].tolist()
        for number in waiting[fate == pending.HAPPENS].tolist():
            self._do(number)

    def _start(self, memory: str) -> None:
        """Put what is live before the layer into a memory on the chip, once."""
        if memory != "ddr" and memory not in self._started:
            self._started.add(memory)
            place, _ = self.recorder.read_later(self.recorder.first[self.layer], memory)
            self.recorder.flat(memory)[place] = self.golden.live[self.layer][memory]

    def _do(self, number: int) -> None:
        instruction, view = self.recorder.program.instructions[number], self.recorder.writes[number]
        if view is not None:
            self._start(view.memory)
        if isinstance(instruction, Transfer):
            execute.transfer(instruction, self.config, self.memories)
        elif view is not None:
            view.write(self.memories["img"].data, self.golden.made[number])
