"""cocotb tests of the way from image banks to lanes: bank selection, rows, padding.

The module has no ready: pauses are edges without a slot. The bench is the memory: what a bank gives at an edge is
random, so that an operand of another bank or another edge is noticed.
"""

# mypy: disable-error-code="untyped-decorator"
from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import Any

import cocotb

from tests.rtl.control.driving import Instance, reset

SIZES = ((2, 2, 4, 0), (4, 4, 4, 1), (1, 2, 4, 1), (2, 4, 8, 0), (1, 1, 2, 1))  # lanes, banks, channels, latency
VIEWS = 60
SLOTS = 12  # of a view
GAPS = (0.0, 0.3, 0.9)  # share of edges without a slot
LAST_ROW = (1 << 16) - 1


@dataclass(frozen=True)
class View:
    """What stays as it is for an instruction."""

    step: int
    columns: int
    out_width: int
    pitch_x: int
    tail: int
    x_zero: int
    phases_log: int
    everywhere: bool


@dataclass(frozen=True)
class Lane:
    """Where the operand of a lane comes from; `bank` and `row` have no meaning where it is padding."""

    inside: bool
    bank: int
    row: int
    ragged: bool


def any_view(random: Random, lanes: int, banks: int, channels: int) -> View:
    """Draw a view; as many phases as it takes that no two lanes of a phase read the same bank."""
    step, everywhere = random.choice((1, 1, 2, 3, 4, 6, 8, random.randint(1, 511))), random.random() < 0.15
    phases = 1
    while len({n * step % banks for n in range(lanes // phases)}) < lanes // phases and not everywhere:
        phases *= 2
    return View(
        step=0 if everywhere else step,
        columns=random.choice((1, 2, 7, banks, 3 * banks + 1, 8191)),
        out_width=random.choice((1, lanes, lanes + 1, 3 * lanes, 8191)),
        pitch_x=random.choice((0, 1, 5, random.randrange(1 << 16))),
        tail=random.randint(1, channels),
        x_zero=random.choice((0, 128, 255, random.randrange(256))),
        phases_log=phases.bit_length() - 1,
        everywhere=everywhere,
    )


def any_slot(random: Random, view: View, lanes: int) -> dict[str, int]:
    """Draw what changes from edge to edge: around the borders of the view as often as within."""
    if view.everywhere:
        column = 0
    else:
        column = random.choice(
            (0, view.columns - 1, view.columns, view.columns - lanes, random.randrange(view.columns))
        )
        column = random.choice((column, -1, -lanes * view.step, column - view.step, -random.randint(1, 600)))
    beyond = max(view.out_width - lanes, 0)
    return {
        "phase": random.randrange(1 << view.phases_log),
        "row_inside": random.random() < 0.85,
        "column": column,
        "out_x": random.choice((0, beyond, view.out_width - 1, random.randrange(view.out_width))),
        "line": random.choice((0, LAST_ROW, random.randrange(LAST_ROW))),
        "ragged": random.random() < 0.5,
    }


def reading(view: View, slot: dict[str, int], lanes: int, banks: int) -> dict[int, Lane]:
    """Return the lanes of a phase, and what they read."""
    each = lanes >> view.phases_log
    found = {}
    for lane in range(slot["phase"] * each, slot["phase"] * each + each):
        column = slot["column"] + lane * view.step
        inside = slot["row_inside"] and 0 <= column < view.columns and slot["out_x"] + lane < view.out_width
        row = (slot["line"] + column // banks * view.pitch_x) % (1 << 16)
        found[lane] = Lane(bool(view.everywhere or inside), column % banks, row, bool(slot["ragged"]))
    return found


def check_requests(operands: Instance, where: object, wanted: dict[int, Lane]) -> None:
    """Compare the requests with what the lanes of this edge want."""
    rows = {lane.bank: lane.row for lane in wanted.values() if lane.inside}
    operands.expect(where, read=sum(1 << bank for bank in rows))
    lines = operands.get("read_line")
    for bank, row in rows.items():
        assert lines >> 16 * bank & LAST_ROW == row, f"{where}: row of bank {bank}, {wanted}"


def check_lanes(operands: Instance, where: object, coming: dict[int, Lane], data: int, view: View) -> None:
    """Compare the operands that are due with the data of the banks."""
    channels = SIZES[operands.number][2]
    operands.expect(where, act_load=sum(1 << lane for lane in coming))
    found = operands.get("act")
    for number, lane in coming.items():
        for channel in range(channels):
            padding = not lane.inside or (lane.ragged and channel >= view.tail)
            expected = view.x_zero if padding else data >> 8 * (lane.bank * channels + channel) & 255
            value = found >> 8 * (number * channels + channel) & 255
            assert value == expected, (
                f"{where}: lane {number}, channel {channel}: {value}, not {expected}; {lane}, {view}"
            )


async def check_operands(operands: Instance, size: tuple[int, int, int, int], seen: Counter[str]) -> None:
    """Views with slots one after the other and with pauses; requests and operands compared at every edge."""
    lanes, banks, channels, latency = size
    random = operands.random
    for number in range(VIEWS * len(GAPS)):
        view, gap = any_view(random, lanes, banks, channels), GAPS[number % len(GAPS)]
        operands.set(**vars(view))
        late: dict[int, Lane] = {}
        for edge in range(SLOTS + 1):  # nothing follows in the last edge, in which operands of the view may still come
            slot, active = any_slot(random, view, lanes), edge < SLOTS and not operands.pause(gap)
            data = random.getrandbits(8 * banks * channels)
            operands.set(slot=active, read_data=data, **{**slot, "column": slot["column"] % (1 << 24)})
            await operands.settled()
            wanted = reading(view, slot, lanes, banks) if active else {}
            coming, late = (wanted, {}) if latency == 0 else (late, wanted)
            where = f"view {number}, edge {edge}"
            check_requests(operands, where, wanted)
            check_lanes(operands, where, coming, data, view)
            for lane in wanted.values():
                seen["inside" if lane.inside else "padding"] += 1
                seen[f"bank {lane.bank} of {banks}"] += lane.inside
                seen["first row"] += lane.inside and lane.row == 0
                seen["last row"] += lane.inside and lane.row == LAST_ROW
            await operands.edge()
    operands.set(slot=0)


@cocotb.test()
async def operands(dut: Any) -> None:
    """Every bank to every lane, first and last rows, borders on both sides, strides, broadcasting, short tails."""
    seen = Counter[str]()
    found = await reset(dut, "operands", len(SIZES))
    tasks = [cocotb.start_soon(check_operands(o, size, seen)) for o, size in zip(found, SIZES, strict=True)]
    for task in tasks:
        await task
    wanted = {f"bank {bank} of {banks}" for _, banks, _, _ in SIZES for bank in range(banks)}
    assert min(seen[name] for name in wanted | {"inside", "padding", "first row", "last row"}) > 20, seen
