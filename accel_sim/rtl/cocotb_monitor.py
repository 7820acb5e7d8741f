"""Monitors of handshakes: what the AXI specification forbids, and how much went through."""

from collections import Counter, deque
from collections.abc import Sequence
from typing import Any

import cocotb  # type: ignore[import-not-found,unused-ignore]
from cocotb.triggers import ReadOnly, RisingEdge  # type: ignore[import-not-found,unused-ignore]

PAGE_BYTES = 4096
INCR = 1


class StreamMonitor:
    """One channel with valid and ready: payload and valid stay until they are taken.

    Parameters
    ----------
    dut
        Toplevel handle.
    clock, reset
        Handles; reset is low active.
    valid, ready
        Names of the handshake's ports.
    payload
        Names of the ports that belong to it.
    stable
        Whether to require that; False for channels that the bus model drives.

    Attributes
    ----------
    items
        Payloads that were taken, in order, as tuples; whoever looks at them removes them.
    counts
        Taken items, and cycles in which valid waited.
    """

    def __init__(
        self, dut: Any, clock: Any, reset: Any, valid: str, ready: str, payload: Sequence[str], *, stable: bool = True
    ) -> None:
        self.name, self.items, self.counts = valid, deque[tuple[int, ...]](), Counter[str]()
        self._clock, self._reset, self._stable = clock, reset, stable
        self._valid, self._ready = getattr(dut, valid), getattr(dut, ready)
        self._payload = [getattr(dut, name) for name in payload]
        self.task = cocotb.start_soon(self._watch())

    async def _watch(self) -> None:
        waiting: tuple[int, ...] | None = None
        while True:
            await RisingEdge(self._clock)
            if not int(self._reset.value):
                waiting = None
                continue
            valid = bool(int(self._valid.value))
            now = tuple(int(signal.value) for signal in self._payload) if valid else None
            if self._stable and waiting is not None:
                assert valid, f"{self.name} was taken back before ready"
                assert now == waiting, f"{self.name}: payload changed from {waiting} to {now} before ready"
            taken = valid and bool(int(self._ready.value))
            if taken and now is not None:
                self.items.append(now)
            self.counts["taken" if taken else "waited"] += valid
            waiting = None if taken else now


class AxiMonitor:
    """The five channels of an AXI4 master port.

    Parameters
    ----------
    dut, clock, reset
        As for :class:`StreamMonitor`.
    prefix
        Of the port names.
    data_bytes
        Width of the port.
    max_beats
        Longest burst that is allowed.

    Attributes
    ----------
    counts
        Bursts and beats in each direction; the longest bursts; data that came before all of its address.
    """

    def __init__(
        self, dut: Any, clock: Any, reset: Any, prefix: str = "m_axi", data_bytes: int = 8, max_beats: int = 256
    ) -> None:
        def channel(letter: str, fields: Sequence[str], *, stable: bool = True) -> StreamMonitor:
            names = [f"{prefix}_{letter}{field}" for field in fields]
            valid, ready = f"{prefix}_{letter}valid", f"{prefix}_{letter}ready"
            return StreamMonitor(dut, clock, reset, valid, ready, names, stable=stable)

        address = ("id", "addr", "len", "size", "burst")
        self.aw, self.ar = channel("aw", address), channel("ar", address)
        self.w = channel("w", ("strb", "last", "data"))
        self.b = channel("b", ("id", "resp"), stable=False)
        self.r = channel("r", ("id", "resp", "last"), stable=False)
        self.counts = Counter[str]()
        self._clock, self._data_bytes, self._max_beats = clock, data_bytes, max_beats
        self._expected: dict[int, deque[int]] = {}  # beats of read bursts under way, by ID
        self._writes, self._beats, self._answers = deque[int](), 0, 0
        self.tasks = [cocotb.start_soon(self._watch())]

    async def _watch(self) -> None:
        while True:
            await RisingEdge(self._clock)
            await ReadOnly()  # behind the monitors of the channels, whatever their order
            while self.ar.items:
                self._expected.setdefault(self.ar.items[0][0], deque()).append(self._burst("read", self.ar))
            while self.aw.items:
                self._writes.append(self._burst("write", self.aw))
            while self.r.items:
                self._read_beat(*self.r.items.popleft())
            while self._writes and self.w.items:
                self._write_beat(*self.w.items.popleft())
            while self.b.items:
                self.b.items.popleft()
                self._answers -= 1
                assert self._answers >= 0, "a response without a burst"

    def _burst(self, kind: str, channel: StreamMonitor) -> int:
        number, address, length, size, burst = channel.items.popleft()
        beats, what = length + 1, f"{kind} burst at {address:#x} of {length + 1} beats"
        assert burst == INCR, f"{what}: burst type {burst}"
        assert 1 << size == self._data_bytes, f"{what}: size {1 << size}"
        assert address % self._data_bytes == 0, f"{what}: not aligned"
        assert beats <= self._max_beats, f"{what}: longer than {self._max_beats}"
        last = address + beats * self._data_bytes - 1
        assert address // PAGE_BYTES == last // PAGE_BYTES, f"{what}: crosses 4 KiB"
        self.counts[f"{kind}_bursts"] += 1
        self.counts[f"{kind}_bursts_of_id_{number}"] += 1
        self.counts[f"{kind}_beats"] += beats
        self.counts[f"longest_{kind}"] = max(self.counts[f"longest_{kind}"], beats)
        return beats

    def _read_beat(self, number: int, _: int, last: int) -> None:
        waiting = self._expected.get(number)
        assert waiting, f"data of ID {number} that nobody asked for"
        waiting[0] -= 1
        assert bool(last) == (waiting[0] == 0), "RLAST at the wrong beat"
        if last:
            waiting.popleft()

    def _write_beat(self, strobe: int, last: int, _: int) -> None:
        self._beats += 1
        assert bool(last) == (self._beats == self._writes[0]), "WLAST at the wrong beat"
        self.counts["write_bytes"] += strobe.bit_count()
        if last:
            self._writes.popleft()
            self._beats, self._answers = 0, self._answers + 1

    def finish(self) -> None:
        """Make sure that nothing is under way; for when a run is over.

        Raises
        ------
        AssertionError
            A burst without its data or response.
        """
        assert not any(self._expected.values()), f"reads under way: {self._expected}"
        assert not self._writes, "a write burst without data"
        assert not self.w.items, "write data without a burst"
        assert not self._answers, "a write burst without a response"
