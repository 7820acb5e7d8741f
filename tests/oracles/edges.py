"""The accelerator clock edge by clock edge: what every port and register does at every edge, and nothing clever.

At an edge all reads sample first, then all writes take effect, then the bits flip that are due after this edge. The
only thing taken from the package is when instructions start, and the requantiser's arithmetic in ``numerics``.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from accel_sim.config import AcceleratorConfig, register_map
from accel_sim.isa import MODES, Alu, AluOp, Compute, Conv, Host, Load, Save
from accel_sim.numerics import requantise
from accel_sim.numerics.rounding import fused_multiply_add, round_half_up

Commit = Callable[[], None]
Micro = tuple[int, Callable[[], Commit]]
NAMES = ("img", "wgt", "dwt", "bias", "rqp", "tab")
WIDE = ("img", "wgt", "rqp")


class Edges:
    """State and micro-operations of one run."""

    def __init__(self, machine: Any, image: Mapping[str, Any]) -> None:
        self.machine, self.program, self.config = machine, machine.program, machine.program.config
        machine.reload()
        machine._on_host = {}
        for name in self.program.inputs:
            machine._write(name, image[name])
        self.memory = {name: memory.data for name, memory in machine.memories.items()}
        self.registers = {
            name: np.zeros((spec.banks, spec.rows), np.int64) for name, spec in register_map(self.config).items()
        }
        self.micro: dict[int, list[Callable[[], Commit]]] = defaultdict(list)
        for i, start in zip(self.program.instructions, machine.schedule.start, strict=True):
            for edge, operation in self.expand(i, int(start)):
                self.micro[edge].append(operation)

    def run(self, upsets: list[Any]) -> None:
        flips = defaultdict(list)
        for upset in upsets:
            flips[upset.cycle].append(upset)
        for edge in range(self.machine.schedule.cycles):
            for commit in [sample() for sample in self.micro.get(edge, [])]:
                commit()
            for upset in flips[edge]:
                if upset.memory in self.memory:
                    self.memory[upset.memory][upset.bank, upset.row, upset.bit // 8] ^= 1 << upset.bit % 8
                else:
                    bits = register_map(self.config)[upset.memory].row_bits
                    value = int(self.registers[upset.memory][upset.bank, upset.row]) ^ 1 << upset.bit
                    # Accumulators are signed words, the others bytes.
                    wrapped = (value + (1 << 31)) % (1 << 32) - (1 << 31) if bits == 32 else value
                    self.registers[upset.memory][upset.bank, upset.row] = wrapped

    # --- what instructions do ----------------------------------------------------------------------------------
    def expand(self, i: Any, start: int) -> Iterator[Micro]:
        if isinstance(i, Load | Save):
            yield from self.transfer(i, start)
        elif isinstance(i, Compute):
            yield from self.compute(i, start)
        elif isinstance(i, Host):
            yield start, lambda: self.host(i)

    def host(self, i: Host) -> Commit:
        call = self.program.calls[i.call]
        results = self.machine.host(call.node, {name: self.machine._read(name) for name in call.inputs})

        def commit() -> None:
            for name in call.outputs:
                self.machine._write(name, results[name])

        return commit

    def place(self, name: str, line: int, x: int) -> tuple[int, int]:
        """Bank and row of a word: image memory goes on in the next group of banks."""
        c: AcceleratorConfig = self.config
        if name == "img":
            return line // c.image_rows * c.pixel_parallel + x % c.pixel_parallel, line % c.image_rows
        return (x % c.output_channel_parallel if name in WIDE else 0), line

    def transfer(self, i: Any, start: int) -> Iterator[Micro]:
        c, name = self.config, NAMES[i.memory]
        lanes = {"img": c.pixel_parallel, "wgt": c.output_channel_parallel, "rqp": c.output_channel_parallel}.get(
            name, 1
        )
        width = self.memory[name].shape[2]
        rate = c.dma_words_per_cycle if name in WIDE else 1
        ddr, sent, number = self.memory["ddr"].reshape(-1), 0, 0
        for y in range(i.ny):
            for x in range(i.nx):
                for w in range(i.nc):
                    count = min(width, i.valid - w * width)
                    sent, number = sent + count, number + 1
                    edge = start + max(-(-sent * 1024 // c.ddr_bytes_per_1024_cycles), -(-number // rate))
                    address = i.address + y * i.ddr_pitch_y + x * i.ddr_pitch_x + w * width
                    bank, row = self.place(name, i.base + y * i.pitch_y + x // lanes * i.pitch_x + w, x)
                    carried: dict[str, Any] = {}
                    if isinstance(i, Load):
                        fetch, put = self.load(name, bank, row, address, count, ddr, carried)
                    else:
                        fetch, put = self.save(name, bank, row, address, count, ddr, carried)
                    yield edge, fetch
                    yield edge + c.ddr_latency_cycles, put

    def load(self, name: str, bank: int, row: int, address: int, count: int, ddr: Any, carried: Any) -> Any:
        def fetch() -> Commit:
            value = ddr[address : address + count].copy()
            return lambda: carried.update(value=value)

        def put() -> Commit:
            def commit() -> None:
                banks = slice(None) if name == "tab" else bank
                self.memory[name][banks, row] = 0
                self.memory[name][banks, row, :count] = carried["value"]

            return commit

        return fetch, put

    def save(self, name: str, bank: int, row: int, address: int, count: int, ddr: Any, carried: Any) -> Any:
        def fetch() -> Commit:
            value = self.memory[name][bank, row, :count].copy()
            return lambda: carried.update(value=value)

        def put() -> Commit:
            def commit() -> None:
                ddr[address : address + count] = carried["value"]

            return commit

        return fetch, put

    def compute(self, i: Any, start: int) -> Iterator[Micro]:
        c, is_conv = self.config, isinstance(i, Conv)
        unit = Unit(self, i, "pe" if is_conv else "alu")
        lanes = c.pixel_parallel if is_conv else c.alu_pixel_parallel
        turns = max(1, lanes * np.gcd(i.stride_x, c.pixel_parallel) // c.pixel_parallel)
        edge = start
        for o in range(i.out_groups):
            for j in range(c.bias_words if unit.requantises else 0):
                edge += 1
                yield edge, unit.bias_row(o, j)
                if j == c.bias_words - 1:
                    yield edge, unit.parameters(o)
            for y in range(i.out_height):
                for x in range(0, i.out_width, lanes):
                    for tap, steps in enumerate(taps := list(unit.taps(o, y, x))):
                        first = edge + 1
                        for turn in range(turns):
                            edge += 1
                            block = range(turn * lanes // turns, (turn + 1) * lanes // turns)
                            yield edge, unit.operands([steps[lane] for lane in block], block)
                        yield first, unit.weights(o, tap)
                        if tap == 0:
                            yield first, unit.latch()
                        yield edge + 1, unit.sum(tap)
                    assert taps
                    if getattr(i, "last", 1):
                        yield edge + 2, unit.capture()
                        yield edge + 3, unit.result()
                        yield edge + 4, unit.store(o, y, x)


class Unit:
    """One instruction on the array or the ALU."""

    def __init__(self, edges: Edges, i: Any, prefix: str) -> None:
        self.edges, self.i, self.is_conv = edges, i, prefix == "pe"
        self.memory, self.config = edges.memory, edges.config
        self.act, self.wop, self.acc, self.rqa, self.rqo = (
            edges.registers[f"{prefix}_{name}"] for name in ("act", "wgt", "acc", "rqa", "rqo")
        )
        self.op = None if self.is_conv else AluOp(i.op)
        self.requantises = self.op in (None, AluOp.DEPTHWISE, AluOp.SUM)
        self.staged = np.zeros((self.config.bias_words, self.config.word_bytes), np.uint8)
        self.fixed = np.zeros(self.acc.shape[1], np.int64)
        self.entries: list[tuple[int, int, int]] = []

    def bias_row(self, o: int, j: int) -> Callable[[], Commit]:
        def sample() -> Commit:
            value = self.memory["bias"][0, self.i.bias_base + o * self.config.bias_words + j].copy()
            return lambda: self.staged.__setitem__(j, value)

        return sample

    def parameters(self, o: int) -> Callable[[], Commit]:
        def sample() -> Commit:
            rows = [bytes(self.memory["rqp"][c, self.i.parameter_base + o]) for c in range(self.acc.shape[1])]
            parsed = [
                (
                    int.from_bytes(r[:4], "little"),
                    int.from_bytes(r[4:5], "little", signed=True),
                    int.from_bytes(r[5:7], "little", signed=True),
                )
                for r in rows
            ]
            return lambda: setattr(self, "entries", parsed)

        return sample

    def latch(self) -> Callable[[], Commit]:
        def sample() -> Commit:
            words = self.staged.reshape(-1)[: 4 * self.acc.shape[1]].copy().view("<i4").astype(np.int64)
            return lambda: setattr(self, "fixed", words)

        return sample

    def taps(self, o: int, y: int, x: int) -> Iterator[list[Any]]:
        """Per slot what each lane reads: (line of image memory, lane, valid bytes), or None for padding."""
        i, lanes = self.i, self.act.shape[0]
        if self.op in (AluOp.ADD, AluOp.MULTIPLY):
            first, second = (i.in_base, i.in_pitch_y, i.in_pitch_x), (i.second_base, i.second_pitch_y, i.second_pitch_x)
            yield [self.word(first, y, x + p, o) if x + p < i.out_width else None for p in range(lanes)]
            if i.broadcast:
                yield [self.word(second, 0, 0, o)] * lanes
            else:
                yield [self.word(second, y, x + p, o) if x + p < i.out_width else None for p in range(lanes)]
            return
        view = i.in_base, i.in_pitch_y, i.in_pitch_x
        for ky in range(i.kernel_y):
            for kx in range(i.kernel_x):
                for group in range(i.in_groups) if self.is_conv else [o]:
                    iy = y * i.stride_y - i.pad_top + ky * i.dilation_y
                    found = []
                    for p in range(lanes):
                        ix = (x + p) * i.stride_x - i.pad_left + kx * i.dilation_x
                        inside = 0 <= iy < i.in_height and 0 <= ix < i.in_width and x + p < i.out_width
                        found.append(self.word(view, iy, ix, group) if inside else None)
                    yield found

    def word(self, view: tuple[int, int, int], y: int, x: int, group: int) -> tuple[int, int, int]:
        line = view[0] + y * view[1] + x // self.config.pixel_parallel * view[2] + group
        valid = self.i.tail if self.is_conv and group == self.i.in_groups - 1 else self.config.word_bytes
        return line, x, valid

    def operands(self, words: list[Any], lanes: range) -> Callable[[], Commit]:
        def sample() -> Commit:
            values = np.full((len(words), self.act.shape[1]), self.i.x_zero, np.int64)
            for p, word in enumerate(words):
                if word is not None:
                    values[p, : word[2]] = self.memory["img"][self.edges.place("img", word[0], word[1])][: word[2]]
            return lambda: self.act.__setitem__(slice(lanes.start, lanes.stop), values)

        return sample

    def weights(self, o: int, tap: int) -> Callable[[], Commit]:
        def sample() -> Commit:
            if self.is_conv:
                count = self.i.kernel_y * self.i.kernel_x * self.i.in_groups
                value = self.memory["wgt"][:, self.i.weight_base + o * count + tap].astype(np.int64)
            elif self.op == AluOp.DEPTHWISE:
                count = self.i.kernel_y * self.i.kernel_x
                value = self.memory["dwt"][:, self.i.weight_base + o * count + tap].astype(np.int64)
            else:
                return lambda: None
            return lambda: self.wop.__setitem__(slice(None), value)

        return sample

    def sum(self, tap: int) -> Callable[[], Commit]:
        def sample() -> Commit:
            x, w = self.act.copy(), (self.wop + 128) % 256 - 128
            fresh = tap == 0 and getattr(self.i, "first", 1)
            old = np.zeros_like(self.acc) if fresh else self.acc.copy()
            zeros = np.array([entry[2] for entry in self.entries] or [0], np.int64)
            if self.is_conv:
                value = old + ((x - self.i.x_zero)[:, None, :] * (w - zeros[:, None])[None]).sum(axis=2)
            elif self.op == AluOp.DEPTHWISE:
                value = old + (x - self.i.x_zero) * (w[0] - zeros)
            elif self.op == AluOp.SUM:
                value = old + x - self.i.x_zero
            elif self.op == AluOp.MAX:
                value = np.maximum(old, x)
            elif self.op == AluOp.TABLE:
                value = x
            else:
                value = old | x << 8 * tap
            wrapped = value.astype(np.int32).astype(np.int64)
            return lambda: self.acc.__setitem__(slice(None), wrapped)

        return sample

    def capture(self) -> Callable[[], Commit]:
        def sample() -> Commit:
            value = self.acc.copy()
            if self.requantises:
                value = ((value << self.i.shift) + self.fixed).astype(np.int32).astype(np.int64)
            return lambda: self.rqa.__setitem__(slice(None), value)

        return sample

    def result(self) -> Callable[[], Commit]:
        def sample() -> Commit:
            value = np.array([[self.byte(p, c) for c in range(self.rqa.shape[1])] for p in range(self.rqa.shape[0])])
            return lambda: self.rqo.__setitem__(slice(None), value)

        return sample

    def byte(self, p: int, c: int) -> int:
        i, acc = self.i, int(self.rqa[p, c])
        if self.op == AluOp.MAX:
            return acc & 255
        if self.op == AluOp.TABLE:
            return int(self.memory["tab"][p * self.act.shape[1] + c, 256 * i.weight_base + (acc & 255), 0])
        if self.op in (AluOp.ADD, AluOp.MULTIPLY):
            return self.pair(acc & 255, acc >> 8 & 255)
        word, exponent, _ = self.entries[c]
        mode = MODES[i.mode]
        scale = np.uint32(word).view(np.float32) if mode == "float32" else 0.0
        if mode == "float32" and not np.isfinite(scale):
            with np.errstate(invalid="ignore"):
                product = np.float32(acc) * scale
            return i.low if np.isnan(product) or product < 0 else i.high
        if mode == "float32":
            with np.errstate(over="ignore"):
                return int(requantise(mode, acc, scale, i.zero, i.low, i.high))
        from accel_sim.numerics import requantise_shift

        assert mode == "shift"
        return int(requantise_shift(acc, exponent, i.zero, i.low, i.high))

    def pair(self, first: int, second: int) -> int:
        i = self.i
        a, b, c = np.array([i.real_a, i.real_b, i.real_c], np.uint32).view(np.float32)
        left, right = np.int32(first - i.x_zero), np.int32(second - i.second_zero)
        if self.op == AluOp.ADD:
            value = fused_multiply_add(np.float32(left), a, fused_multiply_add(np.float32(right), b, c))
        else:
            value = np.float32(left * right) * a + c
        value = np.clip(np.float64(value), i.low - i.zero, i.high - i.zero)
        return int((round_half_up(value) if i.mode else np.rint(value)) + i.zero)

    def store(self, o: int, y: int, x: int) -> Callable[[], Commit]:
        def sample() -> Commit:
            value = self.rqo.astype(np.uint8)

            def commit() -> None:
                i = self.i
                for p in range(min(self.rqo.shape[0], i.out_width - x)):
                    line = i.out_base + y * i.out_pitch_y + (x + p) // self.config.pixel_parallel * i.out_pitch_x + o
                    self.memory["img"][self.edges.place("img", line, x + p)] = value[p]

            return commit

        return sample


__all__ = ["Alu", "Edges"]
