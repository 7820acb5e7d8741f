"""One layer again, with upsets: only what can differ is computed, the rest is taken from the fault-free inference.

The rows that may be wrong are known at every moment, with what the fault-free inference has there. An instruction that
reads none of them and is not struck makes what it always makes: it waits in a list, and its rows are put into the
memories when someone needs them.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from accel_sim.config.memories import DDR_ROW_BYTES
from accel_sim.faults.hardware.golden import Golden, Recorder, View, written
from accel_sim.faults.hardware.reach import rows_part, upset_parts
from accel_sim.isa import Compute, Conv, Instruction, Load, Save, Transfer
from accel_sim.isa.geometry import Access, accesses
from accel_sim.machine import execute
from accel_sim.machine.crop import EMPTY, Part, crop, start_of
from accel_sim.machine.memory import BitUpset
from accel_sim.machine.upsets import Strike, repeat_late_words

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
Rows = tuple[Ints, Bytes]  # rows ``bank * rows + row``, ascending, and what a fault-free inference has there


def differing(a: Bytes, b: Bytes) -> Ints:
    """Return the flat places, ascending, at which two arrays of one shape differ."""
    a, b = np.ascontiguousarray(a).reshape(-1), np.ascontiguousarray(b).reshape(-1)
    whole = a.size // 8 * 8
    words = np.flatnonzero(a[:whole].view(np.uint64) != b[:whole].view(np.uint64))
    near = np.concatenate([(8 * words[:, None] + np.arange(8)).reshape(-1), np.arange(whole, a.size)])
    found: Ints = near[a[near] != b[near]]
    return found


def _overlap(a: tuple[str, int, int], b: tuple[str, int, int]) -> bool:
    return a[0] == b[0] and a[1] < b[2] and b[1] < a[2]


def _inside(part: tuple[str, int, int], whole: tuple[str, int, int]) -> bool:
    return part[0] == whole[0] and whole[1] <= part[1] and part[2] <= whole[2]


class Rerun:
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
    dirty
        By memory on the chip the rows that may be wrong.
    flipped
        Struck bytes of DDR.
    """

    def __init__(self, recorder: Recorder, golden: Golden, layer: int) -> None:
        self.recorder, self.golden, self.layer = recorder, golden, layer
        self.config, self.memories = recorder.config, recorder.memories
        self.ddr = recorder.hold(golden)
        self.dirty: dict[str, Rows] = {}
        self.flipped: set[int] = set()
        self.saved: list[tuple[int, int]] = []  # intervals of DDR that hold wrong bytes
        self.waiting: list[int] = []
        self.started: set[str] = set()

    # --- instructions --------------------------------------------------------------------------------------------
    def step(self, number: int, instruction: Instruction, strike: Strike | None) -> None:
        """Take the layer's next instruction."""
        for upset in strike.before if strike else ():
            self.flip(upset)
        inside = strike.inside if strike else []
        if isinstance(instruction, Compute):
            partial = isinstance(instruction, Conv) and not (instruction.first and instruction.last)
            if inside or partial or self._reads_wrong(number):
                self._compute(number, instruction, inside, whole=partial)
            else:
                self._later(number)
        elif isinstance(instruction, Load):
            if inside or self._reads_wrong(number):
                self._load(number, instruction, inside)
            else:
                self._later(number)
        elif isinstance(instruction, Save) and (inside or self._touches_wrong(number)):
            self._save(number, instruction, inside)

    def flip(self, upset: BitUpset) -> None:
        """Flip a bit between two instructions."""
        if upset.memory in self.recorder.registers:
            self.recorder.flip(upset)
            return
        self._note(upset)
        self.recorder.flip(upset)

    def _note(self, upset: BitUpset) -> None:
        """Make sure that a row holds what it should before it is struck, and take it for wrong from now on."""
        if upset.memory == "ddr":
            byte = upset.row * DDR_ROW_BYTES + upset.bit // 8
            self._settle("ddr", byte, byte + 1)
            self.flipped.add(byte)
            return
        line = upset.row
        if upset.memory == "img":
            line += upset.bank // self.config.pixel_parallel * self.config.image_rows
        self._settle(upset.memory, line, line + 1)
        place = upset.bank * self.recorder.program.memories[upset.memory].rows + upset.row
        self._mark(upset.memory, np.array([place]), self.recorder.flat(upset.memory)[[place]])

    def leave(self) -> None:
        """Give DDR and accumulators back as they were."""
        for low, high in [*self.saved, *((b, b + 1) for b in self.flipped)]:
            self.ddr[low:high] = self.golden.ddr[low:high]
        for sums in self.recorder.accumulators.values():
            sums.fill(0)

    # --- wrong rows ----------------------------------------------------------------------------------------------
    def _mark(self, memory: str, places: Ints, intact: Bytes) -> None:
        """Add rows; what is known of those that are in already stays."""
        known, kept = self.dirty.get(memory, (places[:0], intact[:0]))
        new = ~np.isin(places, known)
        places = np.concatenate([known, places[new]])
        order = np.argsort(places, kind="stable")
        self.dirty[memory] = places[order], np.concatenate([kept, intact[new]])[order]

    def _clean(self, view: View) -> None:
        """Take out the rows that an instruction writes."""
        if view.memory in self.dirty:
            places, intact = self.dirty[view.memory]
            stay = ~view.find(places, self.recorder.program.memories[view.memory].rows)[0]
            self.dirty[view.memory] = places[stay], intact[stay]

    def _compare(self, view: View, intact: Bytes, used: int) -> None:
        """Find out which rows just written are wrong; bytes of a pixel from `used` on are nobody's."""
        self._clean(view)
        data = self.memories[view.memory].data
        now, width = view.read(data), data.shape[2]
        wrong = differing(now, intact)
        wrong = wrong[wrong % now.shape[2] < used]
        if not wrong.size:
            return
        words = np.unique(wrong // width)
        rows = intact.reshape(-1, width)[words]
        pixel, word = np.divmod(words, view.words)
        y, x = np.divmod(pixel, view.width)
        places = view.place(y, x, word, data.shape[1])
        order = np.argsort(places)
        banks = range(data.shape[0] if view.memory == "tab" else 1)
        for bank in banks:
            self._mark(view.memory, places[order] + bank * data.shape[1], rows[order])

    def _meets(self, access: Access) -> bool:
        """Whether a wrong row is in an interval."""
        if access.memory == "ddr":
            return any(access.low <= b < access.high for b in self.flipped) or any(
                low < access.high and access.low < high for low, high in self.saved
            )
        if access.memory not in self.dirty:
            return False
        lines = self._lines(access.memory)
        return bool(np.any((access.low <= lines) & (lines < access.high)))

    def _lines(self, memory: str) -> Ints:
        """Rows that may be wrong, counted as instructions do."""
        rows = self.recorder.program.memories[memory].rows
        bank, row = np.divmod(self.dirty[memory][0], rows)
        return bank // self.config.pixel_parallel * rows + row if memory == "img" else row

    def _reads_wrong(self, number: int) -> bool:
        return any(self._meets(a) for a in self.recorder.accesses[number] if not a.write)

    def _touches_wrong(self, number: int) -> bool:
        return any(self._meets(a) for a in self.recorder.accesses[number])

    # --- rows that are right -------------------------------------------------------------------------------------
    def _later(self, number: int) -> None:
        """Let an instruction wait that makes what it always makes."""
        view = self.recorder.writes[number]
        self.waiting.append(number)
        if view is None or view.memory not in self.dirty:
            return
        for access in self._written(number):
            if self._meets(access):
                self._settle(access.memory, access.low, access.high)
                self._clean(view)

    def _written(self, number: int) -> list[Access]:
        return [a for a in self.recorder.accesses[number] if a.write and a.memory != "ddr"]

    def _settle(self, memory: str, low: int, high: int) -> None:
        """Let everything happen that waits and has to do with some rows of a memory (bytes of DDR)."""
        if memory != "ddr" and memory not in self.started:
            self.started.add(memory)
            place, _ = self.recorder.read_later(self.recorder.first[self.layer], memory)
            self.recorder.flat(memory)[place] = self.golden.live[self.layer][memory]
        wanted, covered = [(memory, low, high)], list[tuple[str, int, int]]()
        now: list[int] = []
        waiting: list[int] = []
        for number in reversed(self.waiting):
            made = self.recorder.writes_of[number]
            if any(_inside(part, whole) for part in made for whole in covered):
                continue  # written again as a whole by one that is about to happen
            found = (a for a in self.recorder.accesses[number] if a.write or a.memory == "ddr")
            if any(_overlap((a.memory, a.low, a.high), part) for a in found for part in wanted):
                now.append(number)
                wanted += made
                covered += made if self.recorder.dense[number] else []
            else:
                waiting.append(number)
        self.waiting = waiting[::-1]
        for number in reversed(now):
            self._do(number)

    def _do(self, number: int) -> None:
        instruction, view = self.recorder.program.instructions[number], self.recorder.writes[number]
        if view is not None and view.memory not in self.started:
            self._settle(view.memory, 0, 0)
        if isinstance(instruction, Transfer):
            execute.transfer(instruction, self.config, self.memories)
        elif view is not None:
            view.write(self.memories["img"].data, self.golden.made[number])

    def _prepare(self, number: int) -> None:
        for access in self.recorder.accesses[number]:
            if access.memory != "ddr" or access.write:
                self._settle(access.memory, access.low, access.high)

    # --- instructions that differ --------------------------------------------------------------------------------
    def _compute(self, number: int, i: Compute, inside: list[BitUpset], *, whole: bool) -> None:
        self._prepare(number)
        start, view = int(self.recorder.schedule.start[number]), self.recorder.writes[number]
        wrong = self._part(i)
        parts = self._upset_parts(i, inside, start, wrong) if inside else None
        for upset in inside:
            if upset.memory in self.memories:
                self._note(upset)
        if view is None or whole or (inside and parts is None) or self._in_place(i):
            events = Strike(inside=inside).events(i, self.config)
            self.recorder.step(i, events, start)
            if view is not None:
                self._compare(view, self.golden.made[number], self._channels(number))
            return
        made, data = self.golden.made[number], self.memories["img"].data
        view.write(data, made)
        self._clean(view)
        for part in parts if parts is not None else [wrong]:
            if not part.size:
                continue
            piece = crop(i, part, self.config)
            events = Strike(inside=inside).events(i, self.config)
            self.recorder.step(piece, events, start_of(i, part, start, self.config) if inside else 0)
            self._back(inside)
            width = data.shape[2]
            intact = np.ascontiguousarray(made[part.top : part.bottom, :, part.low * width : part.high * width])
            small = written(piece, self.config)
            assert small is not None
            self._compare(small, intact, self._channels(number) - part.low * width)
        self._back(inside)

    def _back(self, inside: list[BitUpset]) -> None:
        """Flip the struck rows: every piece of an instruction has met the upset as the first one did."""
        for upset in inside:
            if upset.memory in self.memories:
                self.recorder.flip(upset)

    def _channels(self, number: int) -> int:
        return self.recorder.program.origins[number].channels

    def _part(self, i: Compute) -> Part:
        """Return what depends on wrong rows."""
        part = EMPTY
        for memory, (places, _) in self.dirty.items():
            if places.size:
                part = part.joined(rows_part(i, memory, places, self.config))
        return part

    def _upset_parts(self, i: Compute, inside: list[BitUpset], start: int, wrong: Part) -> list[Part] | None:
        """Return the pieces that an upset can change; None where the whole instruction has to run."""
        if len(inside) > 1 or wrong.size:
            return None
        (upset,) = inside
        if upset.memory == "img":
            line = upset.bank // self.config.pixel_parallel * self.config.image_rows + upset.row
            found = accesses(i, self.config)
            if any(a.write and a.memory == "img" and a.low <= line < a.high for a in found):
                return None
        return upset_parts(i, upset, start, self.config)

    def _in_place(self, i: Compute) -> bool:
        """Whether an instruction may write what it reads."""
        image = [a for a in accesses(i, self.config) if a.memory == "img"]
        return any(a.write and not b.write and a.low < b.high and b.low < a.high for a in image for b in image)

    def _load(self, number: int, i: Load, inside: list[BitUpset]) -> None:
        self._prepare(number)
        view, start = self.recorder.writes[number], int(self.recorder.schedule.start[number])
        assert view is not None
        data = self.memories[view.memory].data
        wrong = [(low, high, self.ddr[low:high].copy()) for low, high in self._wrong_bytes(i)]
        for low, high, _ in wrong:
            self.ddr[low:high] = self.golden.ddr[low:high]
        execute.transfer(i, self.config, self.memories)
        piece = self._lines_with(i, [(low, high) for low, high, _ in wrong]) if not inside else i
        small = written(piece, self.config)
        assert small is not None
        intact = small.read(data)
        self._clean(view)
        for low, high, now in wrong:
            self.ddr[low:high] = now
        if wrong:
            execute.transfer(piece, self.config, self.memories)
        for upset in inside:
            self._note(upset)
            self.recorder.flip(upset)
            repeat_late_words(i, self.config, self.memories, upset, start)
        self._compare(small, intact, intact.shape[2])

    def _lines_with(self, i: Load, wrong: list[tuple[int, int]]) -> Load:
        """Return the part of a LOAD whose lines hold bytes of DDR: where lines follow each other in DDR."""
        if not wrong or i.ddr_pitch_y < (i.nx - 1) * i.ddr_pitch_x + i.valid:
            return i
        first = max(0, (wrong[0][0] - i.address) // i.ddr_pitch_y)
        last = min(i.ny - 1, (wrong[-1][1] - 1 - i.address) // i.ddr_pitch_y)
        base, address = i.base + first * i.pitch_y, i.address + first * i.ddr_pitch_y
        return replace(i, base=base, address=address, ny=max(1, last - first + 1))

    def _wrong_bytes(self, i: Load) -> list[tuple[int, int]]:
        """Intervals of DDR that may be wrong and that a LOAD may read; they do not overlap."""
        (read,) = (a for a in accesses(i, self.config) if a.memory == "ddr")
        found: list[tuple[int, int]] = []
        for low, high in sorted([*self.saved, *((b, b + 1) for b in self.flipped)]):
            if low < read.high and read.low < high:
                if found and low < found[-1][1]:
                    found[-1] = found[-1][0], max(high, found[-1][1])
                else:
                    found.append((low, high))
        return found

    def _save(self, number: int, i: Save, inside: list[BitUpset]) -> None:
        self._prepare(number)
        execute.transfer(i, self.config, self.memories)
        for upset in inside:
            self._note(upset)
            self.recorder.flip(upset)
            repeat_late_words(i, self.config, self.memories, upset, int(self.recorder.schedule.start[number]))
        (to,) = (a for a in accesses(i, self.config) if a.memory == "ddr")
        if not np.array_equal(self.ddr[to.low : to.high], self.golden.ddr[to.low : to.high]):
            self.saved.append((to.low, to.high))
