"""What a wrong instruction does to the tensor of its layer: the layer run whole, from where the fault-free run was.

A wrong instruction may read rows that nobody should read any more, so that all memories have to be as they were: the
fault-free inference is stopped between layers now and then, and everything is kept. Where nothing but the layer's own
output differs afterwards among the bytes that are read later, the fault is an upset of that tensor. Left to the machine
are instructions that trap or hang, stop the program, call the host, need older sums, or spoil more than their layer.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.engine import Upset
from accel_sim.faults.hardware.fault import HardwareFault
from accel_sim.faults.hardware.golden import Bytes, Ints, resident
from accel_sim.faults.hardware.readers import elements_at, onnx_positions
from accel_sim.faults.hardware.replay import NO_BYTES, NOTHING, LayerReplay
from accel_sim.faults.hardware.wrong_rows import differing
from accel_sim.isa import Compute, Conv, IllegalInstructionError, Instruction, Transfer
from accel_sim.machine import execute


class Stop(NamedTuple):
    """The machine in front of a layer: all memories but the instructions, and what the host holds."""

    number: int
    memories: Mapping[str, Bytes]
    on_host: Mapping[str, NDArray[Any]]


class WrongInstructions:
    """Finds the upset of a tensor that flips of instruction memory amount to.

    Parameters
    ----------
    replay
        The machine that keeps fault-free inferences.
    image_bytes
        Most bytes of stops kept for one image; the fewer, the longer is the way from one to the layer that is wanted.
    images
        Images whose stops are kept; those used longest ago are dropped.
    """

    def __init__(self, replay: LayerReplay, image_bytes: int = 1 << 25, images: int = 2) -> None:
        self.replay, self.image_bytes, self.images = replay, image_bytes, images
        self._stops: dict[int, list[Stop]] = {}
        self._live: dict[int, Ints] = {}

    def upset(self, fault: HardwareFault) -> Upset | None:
        """Return the upset of one tensor with the same outputs as the flips, or None where there is none."""
        replay = self.replay
        instructions = self._fetched(fault)
        if instructions is None:
            return None
        own = replay.program.instructions
        wrong = [n for n, i in enumerate(instructions) if i is not own[n]]
        if not all(self._stays_in_its_layer(instructions[n]) for n in wrong):
            return None
        layers = {own[n].layer for n in wrong}
        name = replay.output_of(own[wrong[0]].layer) if len(layers) == 1 else None
        if name is None:
            return None
        (layer,) = layers
        replay.golden(fault.image)  # it runs the machine where it is not kept
        self._go_to(replay.first[layer], fault.image)
        for n in range(replay.first[layer], replay.end[layer]):
            # As the machine does: of a wrong instruction input and output may overlap.
            replay.step(instructions[n], execute.NO_EVENTS if n in wrong else None, 0)
        try:
            return self._outcome(name, replay.end[layer], fault.image)
        finally:
            for sums in replay.accumulators.values():
                sums.fill(0)

    @staticmethod
    def _stays_in_its_layer(i: Instruction) -> bool:
        """Whether an instruction may be run in its layer alone: not one for the host, or that needs older sums."""
        return isinstance(i, Compute | Transfer) and not (isinstance(i, Conv) and not i.first)

    def _fetched(self, fault: HardwareFault) -> list[Instruction] | None:
        """Return the instructions as they are fetched, None where the program does not come to its end."""
        replay = self.replay
        try:
            return replay.fetched(fault.upsets)
        except IllegalInstructionError:
            return None
        finally:
            replay.reload()

    # --- the fault-free run, stopped -----------------------------------------------------------------------------
    def _go_to(self, number: int, image: int) -> None:
        """Bring the machine in front of an instruction, the first one of a layer."""
        replay = self.replay
        stops = self._stops.pop(image) if image in self._stops else self._stop(image)
        self._stops[image] = stops
        if len(self._stops) > self.images:
            del self._stops[next(iter(self._stops))]
        replay.release()
        stop = max((s for s in stops if s.number <= number), key=lambda s: s.number)
        for name, data in stop.memories.items():
            replay.memories[name].data[...] = data
        replay.hand_to_host(stop.on_host)
        for n in range(stop.number, number):
            replay.step(replay.program.instructions[n], None, 0)

    def _stop(self, image: int) -> list[Stop]:
        replay, stops = self.replay, list[Stop]()
        kept = [name for name in replay.memories if name != "ins"]
        size = sum(replay.memories[name].data.nbytes for name in kept)
        starts = sorted(replay.first.values())
        every = -(-len(starts) * size // self.image_bytes)
        replay.begin(image)
        for number, instruction in enumerate(replay.program.instructions):
            if number in starts[::every]:
                memories = {name: replay.memories[name].data.copy() for name in kept}
                stops.append(Stop(number, memories, replay.on_host))
            replay.step(instruction, None, 0)
        return stops

    # --- what differs --------------------------------------------------------------------------------------------
    def _outcome(self, name: str, following: int, image: int) -> Upset | None:
        """Return the upset of a layer's output, or None when more than that differs and is read again."""
        replay, symbol = self.replay, self.replay.program.tensors[name]
        home = resident(symbol, replay.config)
        chip = self._on_chip(following, image)
        if any(rows.size and (home is None or memory != "img") for memory, (rows, _) in chip.items()):
            return None
        found = {"chip": NO_BYTES, "ddr": NO_BYTES}
        if home is not None and "img" in chip:
            rows, masks = chip["img"]
            inside, y, x, word = home.find(rows, replay.config.image_rows)
            if not inside.all():
                return None
            row, byte = np.nonzero(masks)
            channel = word[row] * replay.config.word_bytes + byte
            flat = (y[row] * symbol.extent[2] + x[row]) * symbol.extent[3] + channel
            found["chip"] = np.array([flat, masks[row, byte]], np.int64)[:, np.argsort(flat)]
        wrong, masks = self._in_ddr(following, image)
        if wrong.size:
            if symbol.address is None:
                return None
            held, flat = elements_at(symbol, wrong)
            if not held.all():
                return None
            found["ddr"] = np.array([flat, masks], np.int64)[:, np.argsort(flat)]
        if home is not None and symbol.address is not None and not np.array_equal(found["chip"], found["ddr"]):
            return None  # the two copies differ, and both may be read
        places, bits = found["ddr" if home is None else "chip"]
        return Upset({}, {name: (onnx_positions(symbol, places), bits)}) if places.size else NOTHING

    def _on_chip(self, following: int, image: int) -> dict[str, tuple[Ints, Bytes]]:
        """Return the wrong rows on the chip that are read later, ascending, and their wrong bits."""
        replay, found = self.replay, {}
        if following == len(replay.program.instructions):
            return {}
        golden = replay.golden(image).live[replay.program.instructions[following].layer]
        for memory in replay.chip:
            place, used = replay.read_later(following, memory)
            masks = replay.flat(memory)[place] ^ golden[memory]
            masks *= np.arange(masks.shape[1]) < used[:, None]
            wrong = np.flatnonzero(masks.any(axis=1))
            found[memory] = place[wrong], masks[wrong]
        return found

    def _in_ddr(self, following: int, image: int) -> tuple[Ints, Bytes]:
        """Return the wrong bytes of DDR that are read later, ascending, and their wrong bits."""
        ddr, golden = self.replay.memories["ddr"].data.reshape(-1), self.replay.golden(image).ddr
        stretches = self._read_later(following)
        parts = [low + differing(ddr[low:high], golden[low:high]) for low, high in stretches.tolist()]
        wrong = np.concatenate([np.empty(0, np.int64), *parts])
        return wrong, ddr[wrong] ^ golden[wrong]

    def _read_later(self, number: int) -> Ints:
        """Stretches ``low .. high`` of DDR that instruction `number` or a later one reads without a write before."""
        if number not in self._live:
            i = self.replay.lives["ddr"].intervals
            rows = np.unique(i.row[(i.owner < number) & (i.reader >= number)])
            breaks = np.flatnonzero(np.diff(rows) > 1)
            low = rows[np.concatenate([[0], breaks + 1])] if rows.size else rows
            high = rows[np.concatenate([breaks, [rows.size - 1]])] + 1 if rows.size else rows
            self._live[number] = np.stack([low, high], axis=1)
        return self._live[number]
