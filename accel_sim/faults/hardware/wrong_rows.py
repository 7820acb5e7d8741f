"""The rows that may be wrong at a moment of a run, each with what the fault-free inference has there."""

import numpy as np
from numpy.typing import NDArray

from accel_sim.faults.hardware.golden import Bytes, Ints, Recorder, View
from accel_sim.faults.hardware.reach import rows_part
from accel_sim.isa import Compute
from accel_sim.machine import pending
from accel_sim.machine.crop import EMPTY, Part
from accel_sim.machine.kernels import differing_words

Rows = tuple[Ints, Bytes]  # rows ``bank * rows + row``, ascending, and what a fault-free inference has there


def differing(a: Bytes, b: Bytes) -> Ints:
    """Return the flat places, ascending, at which two arrays of one shape differ."""
    a, b = np.ascontiguousarray(a).reshape(-1), np.ascontiguousarray(b).reshape(-1)
    whole = a.size // 8 * 8
    words = np.flatnonzero(a[:whole].view(np.uint64) != b[:whole].view(np.uint64))
    near = np.concatenate([(8 * words[:, None] + np.arange(8)).reshape(-1), np.arange(whole, a.size)])
    found: Ints = near[a[near] != b[near]]
    return found


def held_in(rows: Ints, places: Ints) -> NDArray[np.bool_]:
    """Return which places are among some rows, which ascend."""
    if not rows.size:
        return np.zeros(places.size, np.bool_)
    at = np.minimum(rows.searchsorted(places), rows.size - 1)
    found: NDArray[np.bool_] = rows[at] == places
    return found


class WrongRows:
    """Rows on the chip, struck bytes of DDR, and intervals of DDR that hold wrong bytes.

    Parameters
    ----------
    recorder
        The machine.

    Attributes
    ----------
    chip
        By memory on the chip the rows that may be wrong.
    flipped
        Struck bytes of DDR.
    saved
        Intervals of DDR that were written wrong.
    """

    def __init__(self, recorder: Recorder) -> None:
        self.recorder, self.config = recorder, recorder.config
        self.chip: dict[str, Rows] = {}
        self.flipped: set[int] = set()
        self.saved: list[tuple[int, int]] = []
        self._known: Ints | None = None

    # --- bookkeeping ---------------------------------------------------------------------------------------------
    def mark(self, memory: str, places: Ints, intact: Bytes) -> None:
        """Add rows; what is known of those that are in already stays."""
        self._known = None
        if memory not in self.chip:
            self.chip[memory] = places, intact
            return
        known, kept = self.chip[memory]
        new = ~held_in(known, places)
        places = np.concatenate([known, places[new]])
        order = np.argsort(places, kind="stable")
        self.chip[memory] = places[order], np.concatenate([kept, intact[new]])[order]

    def mark_byte(self, byte: int) -> None:
        """Add a struck byte of DDR."""
        self._known = None
        self.flipped.add(byte)

    def mark_saved(self, low: int, high: int) -> None:
        """Add an interval of DDR."""
        self._known = None
        self.saved.append((low, high))

    def clean(self, view: View) -> None:
        """Take out the rows that an instruction writes."""
        if view.memory in self.chip:
            places, intact = self.chip[view.memory]
            stay = ~view.find(places, self.recorder.program.memories[view.memory].rows)[0]
            if not stay.all():
                self._known = None
                self.chip[view.memory] = places[stay], intact[stay]

    def compare(self, view: View, intact: Bytes, used: int) -> None:
        """Find out which rows just written are wrong; bytes of a pixel from `used` on are nobody's."""
        self.clean(view)
        data = self.recorder.memories[view.memory].data
        shape = view.height * view.width, view.words, data.shape[2]
        words = np.empty(shape[0] * shape[1], np.int64)
        intact = np.ascontiguousarray(intact).reshape(shape)
        words = words[: differing_words(view.read(data).reshape(shape), intact, used, words)]
        if not words.size:
            return
        rows = intact.reshape(-1, shape[2])[words]
        pixel, word = np.divmod(words, view.words)
        y, x = np.divmod(pixel, view.width)
        places = view.place(y, x, word, data.shape[1])
        order = np.argsort(places)
        banks = range(data.shape[0] if view.memory == "tab" else 1)
        for bank in banks:
            self.mark(view.memory, places[order] + bank * data.shape[1], rows[order])

    # --- questions -----------------------------------------------------------------------------------------------
    def part(self, i: Compute) -> Part:
        """Return what of an instruction's output depends on wrong rows."""
        part = EMPTY
        for memory, (places, _) in self.chip.items():
            if places.size:
                part = part.joined(rows_part(i, memory, places, self.config))
        return part

    def ddr(self) -> list[tuple[int, int]]:
        """Return the intervals of DDR that may be wrong; they may overlap."""
        return [*self.saved, *((byte, byte + 1) for byte in self.flipped)]

    @property
    def known(self) -> Ints:
        """All of it as int64 rows (number of the memory, low, high), counted as instructions do."""
        if self._known is None:
            number = self.recorder.memory_number
            found = [(number["ddr"], low, high) for low, high in self.ddr()]
            known = np.empty((len(found) + sum(places.size for places, _ in self.chip.values()), 3), np.int64)
            known[: len(found)] = found or known[:0]
            at = len(found)
            for memory, (places, _) in self.chip.items():
                part = known[at : at + places.size]
                rows = self.recorder.program.memories[memory].rows
                part[:, 0], part[:, 1] = number[memory], places % rows
                if memory == "img":
                    part[:, 1] += places // rows // self.config.pixel_parallel * rows
                part[:, 2] = part[:, 1] + 1
                at += places.size
            self._known = known
        return self._known

    def met_by(self, number: int, *, reads: bool = False) -> bool:
        """Whether an instruction touches (or reads) anything wrong."""
        return bool(pending.first_meeting(self.recorder.table, number, number + 1, self.known, reads) == number)

    def next_met(self, number: int, end: int) -> int:
        """Return the first instruction from `number` on that touches anything wrong; `end` for none."""
        return (
            int(pending.first_meeting(self.recorder.table, number, end, self.known, False)) if self.known.size else end
        )
