"""Who reads a byte: instructions of a program by the rows that they touch."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from accel_sim.config import AcceleratorConfig
from accel_sim.isa import Host, Load, Transfer
from accel_sim.isa.geometry import MEMORY_NAMES, accesses, lanes_of, word_bytes
from accel_sim.machine.timing import Schedule
from accel_sim.program import Program, TensorSymbol

Ints = NDArray[np.int64]
Extent = tuple[int, int, int, int]
Index = TypeVar("Index", int, Ints)


@dataclass(frozen=True, eq=False)
class Accesses:
    """Numbered intervals ``low .. high`` of rows: of a memory those that contain what instructions read, in order."""

    number: Ints
    low: Ints
    high: Ints

    def covering(self, line: int) -> list[int]:
        """Numbers of the intervals that hold a row."""
        at = bisect_right(self._bounds, line)
        if at not in self._between:
            self._between[at] = self.number[(self.low <= line) & (line < self.high)].tolist()
        return self._between[at]

    @cached_property
    def _bounds(self) -> list[int]:
        """Where an interval begins or ends, ascending: between two of them the same instructions cover all rows."""
        found: list[int] = np.unique(np.concatenate([self.low, self.high])).tolist()
        return found

    @cached_property
    def _between(self) -> dict[int, list[int]]:
        """Numbers by place among the bounds, as far as they were asked for."""
        return {}


def reads(program: Program) -> dict[str, Accesses]:
    """List the reads of every memory (bytes of DDR, linear rows of image memory); those of the host are not in it."""
    found: dict[str, list[tuple[int, int, int]]] = {}
    for number, instruction in enumerate(program.instructions):
        for access in accesses(instruction, program.config):
            if not access.write:
                found.setdefault(access.memory, []).append((number, access.low, access.high))
    return {name: Accesses(*np.array(rows, np.int64).T) for name, rows in found.items()}


def ddr_byte(i: Transfer, config: AcceleratorConfig, bank: int, line: int, byte: int) -> int | None:
    """Return the DDR byte that a transfer joins with a byte of its buffer, or None where there is none."""
    name = MEMORY_NAMES[i.memory]
    lanes, width, rest = lanes_of(name, config), word_bytes(name, config), line - i.base
    y, rest = divmod(rest, i.pitch_y) if i.ny > 1 and i.pitch_y else (0, rest)
    across, c = divmod(rest, i.pitch_x) if i.pitch_x else (0, rest)
    x, offset = across * lanes + bank % lanes, c * width + byte
    if not (0 <= y < i.ny and 0 <= x < i.nx and 0 <= c < i.nc and offset < i.valid):
        return None
    return i.address + y * i.ddr_pitch_y + x * i.ddr_pitch_x + offset


def loads_of(load: Transfer, byte: int) -> int:
    """Return how many words of a transfer hold a byte of DDR: several where a picture is enlarged by repetition."""
    if load.ddr_pitch_x > 0 and load.ddr_pitch_y >= (load.nx - 1) * load.ddr_pitch_x + load.valid:
        offset = byte - load.address  # lines follow each other: one of them at most has the byte
        offset -= min(max(offset // load.ddr_pitch_y, 0), load.ny - 1) * load.ddr_pitch_y
        end = min(offset // load.ddr_pitch_x, load.nx - 1)
        return max(0, end - max(-((load.valid - 1 - offset) // load.ddr_pitch_x), 0) + 1)
    rest = byte - load.address - np.arange(load.ny, dtype=np.int64) * load.ddr_pitch_y
    if load.ddr_pitch_x == 0:
        return load.nx * int(np.count_nonzero((rest >= 0) & (rest < load.valid)))
    last = np.minimum(rest // load.ddr_pitch_x, load.nx - 1)
    first = np.maximum(-((load.valid - 1 - rest) // load.ddr_pitch_x), 0)
    return int(np.maximum(last - first + 1, 0).sum())


def element_at(symbol: TensorSymbol, byte: int) -> Extent | None:
    """Return ``(n, y, x, c)`` of the element at a DDR byte, or None where the tensor has none there."""
    if symbol.address is None or byte < symbol.address:
        return None
    rest, place = byte - symbol.address, []
    for size, pitch in zip(symbol.extent[:3], symbol.pitches, strict=True):
        at = min(rest // pitch, size - 1)
        place.append(at)
        rest -= at * pitch
    return (place[0], place[1], place[2], rest) if rest < symbol.extent[3] else None


class Tensors:
    """Finds the tensors that have an element at a byte of DDR.

    Parameters
    ----------
    symbols
        All tensors by name.
    """

    def __init__(self, symbols: Mapping[str, TensorSymbol]) -> None:
        self.symbols = [s for s in symbols.values() if s.address is not None]
        low = np.array([s.address for s in self.symbols], np.int64)
        sizes = [sum((n - 1) * p for n, p in zip(s.extent, (*s.pitches, 1), strict=True)) for s in self.symbols]
        self.places = Accesses(np.arange(low.size), low, low + np.array(sizes, np.int64) + 1)

    def at(self, byte: int) -> dict[str, Extent]:
        """Return ``(n, y, x, c)`` of the element at a byte, by tensor."""
        near = [self.symbols[n] for n in self.places.covering(byte)]
        return {s.name: place for s in near if (place := element_at(s, byte)) is not None}


def elements_at(symbol: TensorSymbol, byte: Ints) -> tuple[NDArray[np.bool_], Ints]:
    """Return which DDR bytes hold an element of a tensor, and its flat index in the stored form."""
    assert symbol.address is not None
    rest, flat = byte - symbol.address, np.zeros_like(byte)
    inside = rest >= 0
    for size, pitch in zip(symbol.extent[:3], symbol.pitches, strict=True):
        at = np.minimum(rest // pitch, size - 1)
        rest, flat = rest - at * pitch, flat * size + at
    return inside & (rest < symbol.extent[3]), flat * symbol.extent[3] + rest


def onnx_positions(symbol: TensorSymbol, stored: Index) -> Index:
    """Flat ONNX indices of elements given by their flat index in the stored form (channels last)."""
    shape = symbol.shape
    if len(shape) < 3:
        return stored
    channels, pixels = shape[1], prod(shape[2:])
    rest, channel = divmod(stored, channels)
    batch, pixel = divmod(rest, pixels)
    return (batch * channels + channel) * pixels + pixel


def onnx_position(symbol: TensorSymbol, place: Extent) -> int:
    """Flat ONNX index of an element ``(n, y, x, c)`` of the stored form."""
    flat = 0
    for size, at in zip(symbol.extent, place, strict=True):
        flat = flat * size + at
    return int(onnx_positions(symbol, flat))


class DdrReaders:
    """Readers of single bytes of DDR.

    Parameters
    ----------
    program
        The compiled model.
    times
        Its schedule.
    """

    def __init__(self, program: Program, times: Schedule) -> None:
        self.program, self.times = program, times
        self._start, self._end = times.start.tolist(), times.end.tolist()
        self.loads = reads(program).get("ddr")
        self._latest: tuple[int, list[int]] = (-1, [])  # several questions about a byte follow each other
        self.hosts = [
            (number, program.calls[i.call].inputs)
            for number, i in enumerate(program.instructions)
            if isinstance(i, Host)
        ]

    def load_numbers(self, byte: int) -> list[int]:
        """Numbers of the LOADs that read a byte."""
        if self.loads is None:
            return []
        if self._latest[0] != byte:
            instructions = self.program.instructions
            found = [
                n for n in self.loads.covering(byte) if isinstance(i := instructions[n], Load) and loads_of(i, byte)
            ]
            self._latest = byte, found
        return self._latest[1]

    def named(self, byte: int, cycle: int) -> list[tuple[str, bool | None]]:
        """Return for every reader of a byte the tensor as which it reads it, and whether it does so after a flip.

        None stands for an instruction that is reading while the flip comes.
        """
        found: list[tuple[str, bool | None]] = []
        for n in self.load_numbers(byte):
            start, end = self._start[n], self._end[n]
            after = True if start >= cycle else False if end - 1 <= cycle else None
            found.append((self.program.origins[n].reads[0], after))
        tensors = self.program.tensors
        for n, names in self.hosts:
            after = self._start[n] > cycle
            found += [(name, after) for name in names if element_at(tensors[name], byte) is not None]
        outputs = [name for name in self.program.outputs if element_at(tensors[name], byte) is not None]
        return found + [(name, True) for name in outputs]
