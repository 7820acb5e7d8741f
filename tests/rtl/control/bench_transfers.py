"""cocotb tests of LOAD and SAVE: which words go where, with what content, and when; with memories that stall."""

# mypy: disable-error-code="untyped-decorator"
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import cocotb
import numpy as np

from accel_sim.config import AcceleratorConfig, MemorySpec, memory_map
from accel_sim.isa import IllegalInstructionError, Load, Save, Transfer, encode
from accel_sim.isa.geometry import MEMORY_NAMES, check, duration
from accel_sim.machine import execute
from accel_sim.machine.memory import Memory
from accel_sim.machine.touches import touches
from tests.rtl.control.driving import PAUSES, Instance, reset
from tests.rtl.programs import TINY
from tests.rtl.test_instructions import transfer

# As in control_bench.sv.
KINDS = (Load, Load, Save, Save)
PIXELS, RATES = (2, 4, 2, 4), (4096, 1500, 4096, 1500)
DDR_BYTES, DDR_LATENCY = 4096, TINY.ddr_latency_cycles
PORT_BYTES, TRANSFER_BITS, COMMON_BITS = 8, 193, 24
HASH = 0x9E3779B1
MOST_CYCLES = 200


def config_of(number: int) -> AcceleratorConfig:
    """Configuration of an instance."""
    return replace(TINY, name="other", pixel_parallel=PIXELS[number], ddr_bytes_per_1024_cycles=RATES[number])


def draw(number: int, memory: int, rng: np.random.Generator) -> Transfer:
    """A legal transfer of a memory, not too long."""
    config = config_of(number)
    while True:
        made = transfer(rng)
        assert isinstance(made, Transfer)
        try:
            check(made, config, DDR_BYTES, 0)
        except IllegalInstructionError:
            continue
        if isinstance(made, KINDS[number]) and made.memory == memory and duration(made, config) < MOST_CYCLES:
            return made


def image_word(lane: int, row: int) -> int:
    """What the bench's image memory holds."""
    return (row << 6 | lane) * HASH & 0xFFFFFFFF


def memories(config: AcceleratorConfig, rng: np.random.Generator) -> dict[str, Memory]:
    """Random contents; image memory as the bench has it."""
    specs = {**memory_map(config), "ddr": MemorySpec("ddr", 1, DDR_BYTES // 16, 16, "ddr", "")}
    found = {name: Memory(spec) for name, spec in specs.items()}
    for memory in found.values():
        memory.data[...] = rng.integers(256, size=memory.data.shape)
    image = found["img"].data
    for bank in range(image.shape[0]):
        group, lane = divmod(bank, config.pixel_parallel)
        lines = np.arange(config.image_rows, dtype=np.uint64) + group * config.image_rows
        words = (lines << np.uint64(6) | np.uint64(lane)) * np.uint64(HASH) & np.uint64(0xFFFFFFFF)
        image[bank] = words.astype("<u4").view(np.uint8).reshape(config.image_rows, 4)
    return found


@dataclass(frozen=True)
class Word:
    """One word of a transfer.

    Attributes
    ----------
    address, count
        Bytes of DDR.
    lane, row
        Of the buffer; the row is linear in image memory.
    edge
        At which it passes the memory port if nothing stalls, counted from the start.
    """

    address: int
    count: int
    lane: int
    row: int
    edge: int


def words(i: Transfer, config: AcceleratorConfig) -> Iterator[Word]:
    """The words in order, from the machine's closed forms; the port passes one per edge."""
    ddr, buffer = sorted(touches(i, 0, config), key=lambda touch: touch.memory != "ddr")
    storing, spread = isinstance(i, Save), config.banks("tab") if buffer.memory == "tab" else 1
    bank, row, edge = (values[: values.size // spread].tolist() for values in (buffer.bank, buffer.row, buffer.edge))
    at, before, byte = ddr.row.tolist(), 0, 0
    width = memory_map(config)[MEMORY_NAMES[i.memory]].row_bytes
    for n in range(len(bank)):
        count = min(width, i.valid - n % i.nc * width)
        group, lane = divmod(bank[n], config.pixel_parallel) if buffer.memory == "img" else (0, bank[n])
        before = max(before + 1, edge[n] - (0 if storing else config.ddr_latency_cycles))
        yield Word(at[byte], count, lane, row[n] + group * config.image_rows, before)
        byte += count
    assert byte == ddr.row.size


class Engine:
    """A transfer engine between a memory that stalls and a buffer; checks each signal at each edge.

    Parameters
    ----------
    signals
        Of the instance.
    pauses
        Share of edges at which the memory takes no request, and at which it gives no answer.
    """

    def __init__(self, signals: Instance, pauses: tuple[float, float], rng: np.random.Generator) -> None:
        self.signals, self.pauses, self.rng = signals, pauses, rng
        self.config, self.stalls = config_of(signals.number), pauses != (0.0, 0.0)
        self.storing = KINDS[signals.number] is Save
        self.latency = DDR_LATENCY - 1 if self.storing else DDR_LATENCY  # from the request that is taken to the answer

    async def run(self, i: Transfer) -> int:
        """Run one instruction to its end; return the edges."""
        signals, wanted = self.signals, list(words(i, self.config))
        content, expected = (memories(self.config, np.random.default_rng(i.address)) for _ in range(2))
        execute.transfer(i, self.config, expected)
        self.content, self.sent, self.stored = content, 0, 0
        self.answers: deque[tuple[int, Word]] = deque()
        instruction = int.from_bytes(encode(i), "little") >> COMMON_BITS & (1 << TRANSFER_BITS) - 1
        signals.set(start=1, instruction=instruction, request_ready=0, answer=0)
        await signals.settled()
        signals.expect("start", busy=0, request=0, buffer=0, done=0)
        await signals.edge()
        signals.set(start=0, instruction=0)
        edge, over, waiting = 1, False, None
        while not over:
            ready = not signals.pause(self.pauses[0])
            due = bool(self.answers) and self.answers[0][0] <= edge and not signals.pause(self.pauses[1])
            self._answer(ready, due)
            await signals.settled()
            signals.expect(edge, busy=1)
            waiting = self._request(edge, ready, waiting, wanted)
            self._buffer(edge, wanted)
            over = self._ends(due, wanted)
            signals.expect(edge, done=over)
            if due:
                self.answers.popleft()
            edge += 1
            assert edge < 60 * MOST_CYCLES, f"{i} hangs"
            await signals.edge()
        signals.set(answer=0)
        await signals.settled()
        signals.expect("over", busy=0, request=0, done=0, buffer=0)
        assert self.sent == self.stored == len(wanted)
        for name, memory in expected.items():
            assert np.array_equal(content[name].data, memory.data), (name, i)
        if not self.stalls:
            assert edge == wanted[-1].edge + DDR_LATENCY + 1
            if RATES[signals.number] == TINY.ddr_bytes_per_1024_cycles:
                assert edge == duration(i, self.config)
        await signals.edge()
        return edge

    def _answer(self, ready: bool, due: bool) -> None:
        """Set what the memory says; behind the bytes asked for, a wide bus has others."""
        data = int(self.rng.integers(1 << 64, dtype=np.uint64))
        if due and not self.storing:
            word = self.answers[0][1]
            known = self.content["ddr"].data.reshape(-1)[word.address : word.address + word.count]
            data = data >> 8 * word.count << 8 * word.count | int.from_bytes(known.tobytes(), "little")
        self.signals.set(request_ready=ready, answer=due, answer_data=data)

    def _request(self, edge: int, ready: bool, waiting: Any, wanted: list[Word]) -> Any:
        """Look at the request port; return what waits there."""
        names = ("address", "count", *(("write_data",) if self.storing else ()))
        if not self.signals.get("request"):
            assert waiting is None, f"edge {edge}: a request was taken back"
            return None
        now = tuple(self.signals.get(name) for name in names)
        assert waiting in (None, now), f"edge {edge}: a request changed from {waiting} to {now}"
        assert self.sent < len(wanted), f"edge {edge}: a request too much"
        word = wanted[self.sent]
        assert now[:2] == (word.address, word.count), f"edge {edge}: {now}, {word}"
        passed = edge - self.storing  # SAVE reads its buffer an edge before it asks
        assert passed >= word.edge, f"edge {edge}: more than the bandwidth, {word}"
        if not self.stalls:
            assert passed == word.edge, f"edge {edge}: {word}"
        if not ready:
            return now
        if self.storing:
            self.content["ddr"].data.reshape(-1)[word.address : word.address + word.count] = np.frombuffer(
                (now[2] & (1 << 8 * word.count) - 1).to_bytes(word.count, "little"), np.uint8
            )
        late = 0 if not self.stalls else self.signals.random.randrange(6)
        self.answers.append((edge + self.latency + late, word))
        self.sent += 1
        return None

    def _buffer(self, edge: int, wanted: list[Word]) -> None:
        """Look at the buffer's port."""
        if not self.signals.get("buffer"):
            return
        memory, lane, row = (self.signals.get(name) for name in ("memory", "lane", "row"))
        word = wanted[self.stored]
        assert (lane, row) == (word.lane, word.row), f"edge {edge}: lane {lane}, row {row}, {word}"
        self.stored += 1
        if self.storing:
            assert memory == 0
            return
        name = MEMORY_NAMES[memory]
        data = self.content[name].data
        value = self.signals.get("buffer_data").to_bytes(PORT_BYTES, "little")
        row_bytes = np.frombuffer(value[: data.shape[2]], np.uint8)
        group, line = divmod(row, self.config.image_rows) if name == "img" else (0, row)
        data[slice(None) if name == "tab" else group * self.config.pixel_parallel + lane, line] = row_bytes

    def _ends(self, due: bool, wanted: list[Word]) -> bool:
        """Whether this is the edge of the last write."""
        return due and len(self.answers) == 1 and self.sent == len(wanted)


async def check_transfers(signals: Instance, pauses: tuple[float, float], count: int, seen: Counter[Any]) -> None:
    """Random transfers, some of them without an edge between them."""
    rng = np.random.default_rng(signals.random.getrandbits(64))
    engine = Engine(signals, pauses, rng)
    for number in range(count):
        memory = number % len(MEMORY_NAMES) if KINDS[signals.number] is Load else 0
        instruction = draw(signals.number, memory, rng)
        await engine.run(instruction)
        seen[signals.number, MEMORY_NAMES[instruction.memory]] += 1


@cocotb.test()
async def transfers(dut: Any) -> None:
    """Every memory, two widths, two bandwidths, buffers at once and registered, memories that stall in every way."""
    found, seen = await reset(dut, "transfer", len(KINDS)), Counter[Any]()
    for pauses in PAUSES:
        tasks = [cocotb.start_soon(check_transfers(signals, pauses, 6, seen)) for signals in found]
        for task in tasks:
            await task
    assert len(seen) == 2 * len(MEMORY_NAMES) + 2, seen
