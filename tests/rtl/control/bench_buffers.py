"""cocotb tests of the on-chip memories and of what stands in front of their ports.

No port has a ready: pauses are edges without a read or a write. As tokens ensure it, a bank has one reader and one
writer at an edge at most, and of CONV and ALU one at most reads biases or parameters.
"""

# mypy: disable-error-code="untyped-decorator"
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

import cocotb

from tests.rtl.control.driving import Instance, reset

SIZES = ((2, 4, 1, 2, 0), (4, 8, 2, 3, 1), (1, 16, 1, 2, 1))  # banks of a group, channels, ALU pixels, groups, latency
IMG, WGT, DWT, BIAS, RQP, TAB = range(6)
ROWS = {IMG: 16, WGT: 8, DWT: 8, BIAS: 8, RQP: 4, TAB: 512}
CONSTANTS = {"wgt": WGT, "dwt": DWT, "bias": BIAS, "rqp": RQP}
READERS, WRITERS = 3, 2
EDGES = 700  # of each of the gaps
GAPS = (0.0, 0.4, 0.9)  # share of edges in which a port pauses

Bank = tuple[int, int]  # memory, number of the bank in it


@dataclass
class Edge:
    """What is asked for at an edge: for each reader and lane a linear row, for each bank what is written."""

    image: dict[tuple[int, int], int] = field(default_factory=dict)  # reader, lane
    constants: dict[str, int] = field(default_factory=dict)
    writes: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)  # writer, lane: linear row, data
    load: tuple[int, int, int, int] | None = None  # memory, lane, row, data
    table: int = 0
    codes: list[int] = field(default_factory=list)


@dataclass
class BuffersModel:
    """Rows of all banks, and what each bank has read last.

    Attributes
    ----------
    pixels, channels, alu_pixels, groups, latency
        Sizes of the instance.
    """

    pixels: int
    channels: int
    alu_pixels: int
    groups: int
    latency: int
    rows: dict[Bank, list[int]] = field(init=False)
    last: dict[Bank, int] = field(default_factory=dict)
    group: dict[tuple[int, int], int] = field(default_factory=dict)  # that a reader has read last, by lane

    def __post_init__(self) -> None:
        self.rows = {(m, bank): [0] * ROWS[m] for m in ROWS for bank in range(self.banks(m))}

    def banks(self, memory: int) -> int:
        """Banks that differ in content; those of the tables are all the same."""
        return {IMG: self.pixels * self.groups, WGT: self.channels, RQP: self.channels}.get(memory, 1)

    def lanes(self, memory: int) -> int:
        """Banks that LOAD tells apart by the lane."""
        return self.pixels if memory == IMG else self.banks(memory)

    def bits(self, memory: int) -> int:
        """Bits of a row of a bank."""
        return {RQP: 64, TAB: 8}.get(memory, 8 * self.channels)

    def target(self, memory: int, lane: int, row: int) -> tuple[Bank, int]:
        """Bank and row of a linear row."""
        group = row // ROWS[IMG] if memory == IMG else 0
        return (memory, group * self.pixels + lane), row % ROWS[memory]

    def step(self, edge: Edge) -> None:
        """One rising edge: all reads, then all writes."""
        for (reader, lane), row in edge.image.items():
            bank, place = self.target(IMG, lane, row)
            self.last[bank] = self.rows[bank][place]
            self.group[reader, lane] = row // ROWS[IMG]
        for name, row in edge.constants.items():
            for number in range(self.banks(CONSTANTS[name])):
                bank = CONSTANTS[name], number
                self.last[bank] = self.rows[bank][row]
        for (_, lane), (row, data) in edge.writes.items():
            bank, place = self.target(IMG, lane, row)
            self.rows[bank][place] = data
        if edge.load is not None:
            memory, lane, row, data = edge.load
            bank, place = self.target(memory, lane, row)
            self.rows[bank][place] = data & (1 << self.bits(memory)) - 1

    def image_outputs(self, edge: Edge) -> dict[tuple[int, int], int]:
        """Return what each reader sees; without latency the row it asks for now, otherwise what it has read last."""
        if not self.latency:
            found = {key: self.target(IMG, key[1], row) for key, row in edge.image.items()}
            return {key: self.rows[bank][row] for key, (bank, row) in found.items()}
        return {key: self.last[IMG, group * self.pixels + key[1]] for key, group in self.group.items()}

    def constant_outputs(self, name: str, edge: Edge) -> list[int] | None:
        """Return the rows that all banks of a memory show; parameters never wait for an edge."""
        banks = [(CONSTANTS[name], number) for number in range(self.banks(CONSTANTS[name]))]
        if self.latency and name != "rqp":
            return [self.last[bank] for bank in banks] if banks[0] in self.last else None
        return [self.rows[bank][edge.constants[name]] for bank in banks] if name in edge.constants else None


def any_row(random: Random, rows: int) -> int:
    """Draw a row, the first and the last ones often."""
    return random.choice((0, rows - 1, random.randrange(rows)))


def any_edge(random: Random, model: BuffersModel, gap: float) -> Edge:
    """Draw requests: of each bank one reader and one writer at most, often of the same row."""
    edge = Edge(
        table=random.randrange(2), codes=[any_row(random, 256) for _ in range(model.alu_pixels * model.channels)]
    )
    memory = random.choice(tuple(ROWS))
    if random.random() >= gap:
        lane, rows = random.randrange(model.lanes(memory)), ROWS[memory] * (model.groups if memory == IMG else 1)
        edge.load = memory, lane, any_row(random, rows), random.getrandbits(8 * max(model.channels, 8))
    for bank in range(model.pixels * model.groups):
        group, lane = divmod(bank, model.pixels)
        row = any_row(random, ROWS[IMG])
        readers = [r for r in range(READERS) if (r, lane) not in edge.image]
        if readers and random.random() >= gap:
            edge.image[random.choice(readers), lane] = group * ROWS[IMG] + row
        loaded = edge.load is not None and model.target(*edge.load[:3])[0] == (IMG, bank)
        writers = [w for w in range(WRITERS) if (w, lane) not in edge.writes and not loaded]
        if writers and random.random() >= gap:
            place = random.choice((row, any_row(random, ROWS[IMG])))
            edge.writes[random.choice(writers), lane] = (
                group * ROWS[IMG] + place,
                random.getrandbits(8 * model.channels),
            )
    for name, number in CONSTANTS.items():
        if random.random() >= gap:
            same = edge.load is not None and edge.load[0] == number and random.random() < 0.5
            edge.constants[name] = edge.load[2] if same and edge.load is not None else any_row(random, ROWS[number])
    return edge


def drive(buffers: Instance, model: BuffersModel, edge: Edge) -> None:
    """Set all inputs; where nothing is asked for, rows and data are noise."""
    random, word = buffers.random, 8 * model.channels
    memory, lane, row, data = edge.load or (random.randrange(6), 0, random.randrange(1 << 16), random.getrandbits(64))
    buffers.set(load=edge.load is not None, load_memory=memory, load_lane=lane, load_row=row, load_data=data)
    values = Counter[str]()
    for number in range(READERS * model.pixels):
        asked = edge.image.get(divmod(number, model.pixels))
        values["img_read"] += (asked is not None) << number
        values["img_read_line"] += (random.randrange(1 << 16) if asked is None else asked) << 16 * number
    for number in range(WRITERS * model.pixels):
        wanted = edge.writes.get(divmod(number, model.pixels))
        line, content = wanted or (random.randrange(1 << 16), random.getrandbits(word))
        values["img_write"] += (wanted is not None) << number
        values["img_write_line"] += line << 16 * number
        values["img_write_data"] += content << word * number
    for name in ("wgt", "dwt"):
        values[f"{name}_read"] = name in edge.constants
        values[f"{name}_row"] = edge.constants.get(name, random.randrange(1 << 16))
    for name in ("bias", "rqp"):
        engine, noise = random.randrange(WRITERS), random.randrange(1 << 14)
        values[f"{name}_read"] = (name in edge.constants) << engine
        values[f"{name}_row"] = edge.constants.get(name, noise) << 14 * engine | noise << 14 * (1 - engine)
    codes = sum(code << 8 * number for number, code in enumerate(edge.codes))
    buffers.set(tab_table=edge.table, tab_code=codes, **values)


def compare(buffers: Instance, model: BuffersModel, edge: Edge, where: str) -> None:
    """Compare every output that has a value."""
    word, image = 8 * model.channels, buffers.get("img_data")
    for (reader, lane), expected in model.image_outputs(edge).items():
        found = image >> word * (reader * model.pixels + lane) & (1 << word) - 1
        assert found == expected, f"{where}: reader {reader}, lane {lane}: {found:#x}, not {expected:#x}; {edge}"
    for name, memory in CONSTANTS.items():
        rows = model.constant_outputs(name, edge)
        if rows is not None:
            bits = model.bits(memory)
            buffers.expect(where, **{f"{name}_data": sum(row << bits * bank for bank, row in enumerate(rows))})
    table = model.rows[TAB, 0][256 * edge.table : 256 * edge.table + 256]
    buffers.expect(where, tab_data=sum(table[code] << 8 * number for number, code in enumerate(edge.codes)))


def filling(random: Random, model: BuffersModel) -> list[Edge]:
    """LOAD of every row of every bank, one each edge."""
    found = []
    for memory, rows in ROWS.items():
        for lane in range(model.lanes(memory)):
            for row in range(rows * (model.groups if memory == IMG else 1)):
                load = memory, lane, row, random.getrandbits(8 * max(model.channels, 8))
                found.append(Edge(load=load, codes=[0] * model.alu_pixels * model.channels))
    return found


def reading_all(model: BuffersModel) -> list[Edge]:
    """Read every row of every memory, the image by all readers: what has been lost or put elsewhere shows."""
    found, codes = [], model.alu_pixels * model.channels
    for row in range(ROWS[TAB]):
        edge = Edge(table=row // 256, codes=[row % 256] * codes)
        edge.constants = {name: row % ROWS[memory] for name, memory in CONSTANTS.items()}
        group, place = divmod(row // READERS, ROWS[IMG])
        if group < model.groups:
            edge.image = {(row % READERS, lane): group * ROWS[IMG] + place for lane in range(model.pixels)}
        found.append(edge)
    return found


async def check_buffers(buffers: Instance, size: tuple[int, int, int, int, int], seen: Counter[str]) -> None:
    """Fill all memories, read and write at random with every kind of pause, then read all of them."""
    model, random = BuffersModel(*size), buffers.random
    fill = filling(random, model)
    edges = [*fill, *(any_edge(random, model, gap) for gap in GAPS for _ in range(EDGES)), *reading_all(model)]
    for number, edge in enumerate([*edges, Edge(codes=edges[-1].codes)]):
        drive(buffers, model, edge)
        await buffers.settled()
        if number >= len(fill):  # until then rows hold what was there before
            compare(buffers, model, edge, f"edge {number}")
        read = {model.target(IMG, lane, row) for (_, lane), row in edge.image.items()}
        written = {model.target(IMG, lane, row) for (_, lane), (row, _) in edge.writes.items()}
        loaded = edge.load is not None and model.target(*edge.load[:3]) in read
        seen["row read and written"] += len(read & written)
        seen["row read and loaded"] += loaded
        seen["several readers"] += len({reader for reader, _ in edge.image}) > 1
        seen.update(f"size {buffers.number}, bank {bank}, row {row}" for (_, bank), row in read if row in (0, 15))
        model.step(edge)
        await buffers.edge()


@cocotb.test()
async def buffers(dut: Any) -> None:
    """All memories, banks and ports, first and last rows, reads at the edge of a write to the same row, pauses."""
    seen = Counter[str]()
    found = await reset(dut, "buffers", len(SIZES))
    tasks = [cocotb.start_soon(check_buffers(b, size, seen)) for b, size in zip(found, SIZES, strict=True)]
    for task in tasks:
        await task
    corners = {
        f"size {number}, bank {bank}, row {row}"
        for number, (pixels, _, _, groups, _) in enumerate(SIZES)
        for bank in range(pixels * groups)
        for row in (0, 15)
    }
    assert min(seen[name] for name in corners | {"row read and written", "row read and loaded", "several readers"}) > 20
