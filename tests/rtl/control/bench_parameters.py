"""cocotb tests of the registers of biases and requantisation parameters.

The module takes what it is given and has no ready: pauses are edges without a row.
"""

# mypy: disable-error-code="untyped-decorator"
from dataclasses import dataclass, field
from random import Random
from struct import pack
from typing import Any

import cocotb

from tests.rtl.control.driving import Instance, reset

SIZES = ((4, 0), (4, 1), (8, 1), (2, 0))  # channels, edges from a read to its row of biases
ROWS = 4  # of biases in a group
GROUPS = 60
GAPS = (0.0, 0.3, 0.9)  # share of edges without a row


def number(random: Random, bits: int) -> int:
    """Any signed number of so many bits, with its corners."""
    most = (1 << bits - 1) - 1
    return random.choice((0, 1, -1, most, -most - 1, random.randint(-most - 1, most)))


@dataclass(frozen=True)
class Group:
    """Constants of one group of channels."""

    biases: list[int]
    multipliers: list[int]
    exponents: list[int]
    zeros: list[int]

    def rows(self, channels: int) -> list[int]:
        """Return the rows of biases, as the compiler lays them down: little-endian, channel after channel."""
        data = pack(f"<{channels}i", *self.biases)
        return [int.from_bytes(data[n : n + channels], "little") for n in range(0, len(data), channels)]

    def entries(self, random: Random) -> int:
        """Return multiplier, exponent, weight zero point and a byte without a meaning, of every channel."""
        found = zip(self.multipliers, self.exponents, self.zeros, strict=True)
        data = b"".join(pack("<IbhB", m & 0xFFFFFFFF, e, z, random.randrange(256)) for m, e, z in found)
        return int.from_bytes(data, "little")


def any_group(random: Random, channels: int) -> Group:
    """Draw constants."""
    return Group(*([number(random, bits) for _ in range(channels)] for bits in (32, 32, 8, 16)))


def bus(values: list[int], bits: int) -> int:
    """Put values beside each other, the first lowest."""
    return sum((value & (1 << bits) - 1) << bits * n for n, value in enumerate(values))


@dataclass
class ParametersModel:
    """What the outputs show: biases when the last row has come, parameters at once."""

    channels: int
    biases: list[int] = field(default_factory=list)
    entries: Group | None = None

    def expect(self, parameters: Instance, where: object) -> None:
        """Compare all outputs that have a value."""
        if self.biases:
            parameters.expect(where, bias=bus(self.biases, 32))
        if self.entries is not None:
            one = self.entries
            parameters.expect(
                where, multiplier=bus(one.multipliers, 32), exponent=bus(one.exponents, 8), wgt_zero=bus(one.zeros, 16)
            )


async def check_parameters(parameters: Instance, channels: int, latency: int) -> None:
    """Groups with every kind of pause; the row that is due comes at its edge, and noise at all others."""
    random, model, edge = parameters.random, ParametersModel(channels), 0
    pending: list[tuple[int, Group | None]] = []  # row that comes at this edge, and its group where it is the last
    for gap in GAPS:
        for _ in range(GROUPS):
            group = any_group(random, channels)
            for number_of_row, row in enumerate(group.rows(channels)):
                last = number_of_row == ROWS - 1
                while True:
                    read = not parameters.pause(gap)
                    coming = [(row, group if last else None)] if read else []
                    pending, now = ([], coming) if latency == 0 else (coming, pending)
                    data = now[0][0] if now else random.getrandbits(8 * channels)
                    taken = read and last
                    entries = group.entries(random) if taken else random.getrandbits(64 * channels)
                    parameters.set(bias_read=read, parameter_read=taken, bias_data=data, parameter_data=entries)
                    await parameters.settled()
                    model.expect(parameters, edge)
                    if now and now[0][1] is not None:
                        model.biases = now[0][1].biases
                    if taken:
                        model.entries = group
                    edge += 1
                    await parameters.edge()
                    if read:
                        break
    parameters.set(bias_read=0, parameter_read=0, bias_data=pending[0][0] if pending else 0)
    await parameters.edge()
    model.biases = group.biases
    model.expect(parameters, "over")


@cocotb.test()
async def parameters(dut: Any) -> None:
    """Biases row by row that take effect together, parameters at once, groups one after the other and with pauses."""
    found = await reset(dut, "parameters", len(SIZES))
    tasks = [cocotb.start_soon(check_parameters(p, *size)) for p, size in zip(found, SIZES, strict=True)]
    for task in tasks:
        await task
