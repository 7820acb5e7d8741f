"""What a fault-free inference leaves in the memories, kept so that any instruction can be run again on its own.

Kept are the bytes of DDR at the end (tensors have places of their own there, so that later ones do not matter), what
every compute instruction makes, and the rows that are live between two layers. Transfers are not kept: they are
repeated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.config import AcceleratorConfig
from accel_sim.faults.hardware.life import MemoryLife
from accel_sim.isa import Compute, Conv, Instruction, Load
from accel_sim.isa.geometry import MEMORY_NAMES, Access, accesses, lanes_of
from accel_sim.machine import Machine
from accel_sim.machine.kernels import find_rows, gather, scatter
from accel_sim.machine.pending import accesses_of
from accel_sim.program import TensorSymbol

Array = NDArray[Any]
Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]


class View(NamedTuple):
    """Rows of a buffer as the loops of an instruction go through them: lines, pixels, words of a pixel."""

    memory: str
    base: int
    pitch_y: int
    pitch_x: int
    height: int
    width: int
    words: int
    lanes: int

    @property
    def is_dense(self) -> bool:
        """Whether every row between the first and the last, in all lanes, is in the view."""
        across = -(-self.width // self.lanes)
        lines = self.height == 1 or self.pitch_y == across * self.words
        pixels = across == 1 or self.pitch_x == self.words
        return self.width % self.lanes == 0 and lines and pixels

    def read(self, data: Bytes) -> Bytes:
        """Copy the bytes, uint8 (height, width, bytes of a pixel), out of a memory (banks, rows, bytes)."""
        out = np.empty((self.height, self.width, self.words * data.shape[2]), np.uint8)
        gather(data, self.base, self.pitch_y, self.pitch_x, self.lanes, out)
        return out

    def write(self, data: Bytes, values: Bytes) -> None:
        """Copy such bytes into a memory."""
        scatter(data, self.base, self.pitch_y, self.pitch_x, self.lanes, values)

    def place(self, y: Ints, x: Ints, word: Ints, rows: int) -> Ints:
        """Return the rows ``bank * rows + row`` of words of the loops."""
        line = self.base + y * self.pitch_y + x // self.lanes * self.pitch_x + word
        return (line // rows * self.lanes + x % self.lanes) * rows + line % rows

    def find(self, place: Ints, rows: int) -> tuple[NDArray[np.bool_], Ints, Ints, Ints]:
        """Return which rows ``bank * rows + row`` are in the view, and their line, pixel and word."""
        inside, found = np.empty(place.size, np.bool_), np.empty((3, place.size), np.int64)
        size = self.height, self.width, self.words
        shared = self.memory == "tab"
        find_rows(
            place, rows, shared, self.base, self.pitch_y, self.pitch_x, size, self.lanes, inside.view(np.uint8), found
        )
        return inside, found[0], found[1], found[2]


def written(i: Instruction, config: AcceleratorConfig) -> View | None:
    """Return the rows on the chip that an instruction writes; of tables those of the first bank."""
    if isinstance(i, Load):
        name = MEMORY_NAMES[i.memory]
        return View(name, i.base, i.pitch_y, i.pitch_x, i.ny, i.nx, i.nc, lanes_of(name, config))
    if isinstance(i, Compute) and (not isinstance(i, Conv) or i.last):
        shape = i.out_height, i.out_width, i.out_groups
        return View("img", i.out_base, i.out_pitch_y, i.out_pitch_x, *shape, config.pixel_parallel)
    return None


def resident(symbol: TensorSymbol, config: AcceleratorConfig) -> View | None:
    """Return the rows of image memory that hold a whole tensor, or None."""
    if symbol.resident is None:
        return None
    (base, pitch_y, pitch_x), (_, height, width, channels) = symbol.resident, symbol.extent
    words = -(-channels // config.word_bytes)
    return View("img", base, pitch_y, pitch_x, height, width, words, config.pixel_parallel)


def _in_place(found: Sequence[Access]) -> bool:
    """Whether an instruction may write rows of image memory that it reads."""
    image = [a for a in found if a.memory == "img"]
    return any(a.write and not b.write and a.low < b.high and b.low < a.high for a in image for b in image)


@dataclass(frozen=True, eq=False)
class Golden:
    """One fault-free inference.

    Attributes
    ----------
    ddr
        Bytes of DDR after it.
    made
        By number of a compute instruction what it writes, as its :class:`View` reads it.
    live
        By layer and memory the rows that are written before the layer starts and read later.
    """

    ddr: Bytes
    made: Mapping[int, Bytes]
    live: Mapping[int, Mapping[str, Bytes]] = field(repr=False)

    @property
    def size(self) -> int:
        """Bytes."""
        rows = [values for memories in self.live.values() for values in memories.values()]
        return self.ddr.nbytes + sum(values.nbytes for values in (*self.made.values(), *rows))


class Recorder(Machine):
    """A machine that keeps what its fault-free inferences leave behind.

    Parameters
    ----------
    program, host
        As for :class:`Machine`.
    images
        Inputs of every image.
    lives
        Live intervals of all memories.
    budget_bytes
        Most bytes kept; the inferences used longest ago are dropped and run again when they are needed.
    """

    def __init__(
        self, program: Any, host: Any, images: Sequence[Mapping[str, Array]], lives: Mapping[str, MemoryLife],
        budget_bytes: int = 1 << 30,
    ) -> None:  # fmt: skip
        super().__init__(program, host)
        self.images, self.lives, self.budget_bytes = images, lives, budget_bytes
        self.chip = [name for name in self.memories if name not in ("ddr", "ins")]
        layers = np.array([i.layer for i in program.instructions], np.int64)
        self.first = {int(layer): int(np.argmax(layers == layer)) for layer in np.unique(layers)}
        self.end = {layer: int(np.flatnonzero(layers == layer)[-1]) + 1 for layer in self.first}
        self.writes = [written(i, self.config) for i in program.instructions]
        self._kept: dict[int, Golden] = {}
        self._held: Golden | None = None
        self.accesses = [accesses(i, self.config) for i in program.instructions]
        self.writes_of = [
            [(a.memory, a.low, a.high) for a in found if a.write and a.memory != "ddr"] for found in self.accesses
        ]
        self.memory_number = {name: n for n, name in enumerate(self.memories)}
        dense = [view is not None and view.is_dense for view in self.writes]
        self.table = accesses_of(self.accesses, dense, list(self.memories))
        needed = [[a for a in found if a.memory != "ddr" or a.write] for found in self.accesses]
        self.memories_of = [{a.memory for a in found} for found in needed]
        self.needs = [
            np.array([(self.memory_number[a.memory], a.low, a.high) for a in found], np.int64).reshape(-1, 3)
            for found in needed
        ]
        self.in_place = [_in_place(found) for found in self.accesses]
        self.waits = [isinstance(i, Compute | Load) for i in program.instructions]
        self.partial: dict[int, set[int]] = {layer: set() for layer in self.first}
        for number, i in enumerate(program.instructions):
            if isinstance(i, Conv) and not (i.first and i.last):
                self.partial[i.layer].add(number)
        self._later: dict[tuple[int, str], tuple[Ints, Ints]] = {}

    def golden(self, image: int) -> Golden:
        """Return the fault-free inference of an image."""
        found = self._kept.pop(image, None) or self._record(image)
        self._kept[image] = found
        while len(self._kept) > 1 and sum(g.size for g in self._kept.values()) > self.budget_bytes:
            del self._kept[next(iter(self._kept))]
        return found

    def begin(self, image: int) -> None:
        """Get ready for a fault-free inference: empty memories, constants, the inputs of an image."""
        self.release()
        for memory in self.memories.values():
            memory.data.fill(0)
        for sums in self.accumulators.values():
            sums.fill(0)
        self.reload()
        self._on_host = {}
        for name in self.program.inputs:
            self._write(name, np.asarray(self.images[image][name]))

    def release(self) -> None:
        """Give up what :meth:`hold` has promised: DDR may be changed at will from here on."""
        self._held = None

    @property
    def on_host(self) -> Mapping[str, Array]:
        """What the host holds of an inference that is under way."""
        return dict(self._on_host)

    def hand_to_host(self, values: Mapping[str, Array]) -> None:
        """Let the host hold what it has held at another time."""
        self._on_host = dict(values)

    def _record(self, image: int) -> Golden:
        self.begin(image)
        made, live = {}, {}
        starts = {number: layer for layer, number in self.first.items()}
        for number, instruction in enumerate(self.program.instructions):
            if number in starts:
                live[starts[number]] = {
                    name: self.flat(name)[self.read_later(number, name)[0]].copy() for name in self.chip
                }
            self.step(instruction, None, 0)
            view = self.writes[number]
            if isinstance(instruction, Compute) and view is not None:
                made[number] = view.read(self.memories["img"].data)
        return Golden(self.memories["ddr"].data.reshape(-1).copy(), made, live)

    def hold(self, golden: Golden) -> Bytes:
        """Make the bytes of DDR those of an inference and return them; whoever changes them puts them back."""
        flat = self.memories["ddr"].data.reshape(-1)
        if self._held is not golden:
            flat[...] = golden.ddr
            self._held = golden
        return flat

    def flat(self, memory: str) -> Bytes:
        """Return a memory as rows ``bank * rows + row``."""
        data = self.memories[memory].data
        return data.reshape(-1, data.shape[2])

    def read_later(self, number: int, memory: str) -> tuple[Ints, Ints]:
        """Rows that instruction `number` or a later one reads without a write before, and how many of their bytes.

        Returns
        -------
        place
            int64, ascending: ``bank * rows + row``.
        used
            int64, bytes of the row that are read, from byte 0.
        """
        if (number, memory) not in self._later:
            i = self.lives[memory].intervals
            live = (i.owner < number) & (i.reader >= number)
            place = (i.bank * self.lives[memory].rows + i.row)[live]
            order = np.argsort(place, kind="stable")
            place, first = np.unique(place[order], return_index=True)
            used = np.maximum.reduceat(i.used[live][order], first) if place.size else i.used[:0]
            self._later[number, memory] = place, used
        return self._later[number, memory]
