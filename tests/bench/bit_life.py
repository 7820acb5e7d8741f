"""A bit's life: ``python -m tests.bench.bit_life [--svg OUT.svg]``.

Takes one bit of the weight buffer while an accelerator runs a bundled network once, and draws which instructions write
and read its row, when it is live, and how many pixels of the answer a flip at each cycle changes.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from accel_sim.faults.hardware import HardwareFault, HardwareInjector
from accel_sim.faults.hardware.life import MemoryLife
from accel_sim.isa import Load
from accel_sim.isa.geometry import MEMORY_NAMES
from tests.conformance.hardware_faults import injector, network

NETWORK, ARCH, MEMORY, BIT = "hsi-unet-relu", "b4096", "wgt", 6
WIDTH, LEFT, RIGHT = 960, 150, 20
SAMPLES = 240
COLOURS = {"write": "#c0392b", "read": "#2c7fb8", "live": "#c7e9c0", "dead": "#eeeeee", "line": "#222222"}


@dataclass(frozen=True)
class Life:
    """One bit during one inference.

    Attributes
    ----------
    place
        Bank and row.
    writes, reads
        Instructions that touch the row: number, first and last edge.
    live
        Intervals of cycles at which a flip can matter.
    changed
        Cycle of a flip, and pixels of the answer that differ.
    cycles
        Cycles of the inference.
    """

    place: tuple[int, int]
    writes: list[tuple[int, int, int]]
    reads: list[tuple[int, int, int]]
    live: list[tuple[int, int]]
    changed: list[tuple[int, int]]
    cycles: int


def choose(case: HardwareInjector) -> tuple[int, int]:
    """Return bank and row: of those that the first LOAD writes the one that is live most often."""
    life = case.space("memory").lives[MEMORY]
    assert isinstance(life, MemoryLife)
    i = life.intervals
    first = np.flatnonzero(i.owner == i.owner.min())
    often = [len(life.of_row(int(i.bank[n]), int(i.row[n]))) for n in first]
    best = first[int(np.argmax(often))]
    return int(i.bank[best]), int(i.row[best])


def observe(case: HardwareInjector) -> Life:
    """Follow the bit."""
    bank, row = choose(case)
    life, cycles = case.space("memory").lives[MEMORY], case.machine.schedule.cycles
    assert isinstance(life, MemoryLife)
    numbers = life.of_row(bank, row)
    live = [(int(life.intervals.start[n]), int(life.intervals.end[n])) for n in numbers]
    times, writes, reads = case.machine.schedule, [], []
    for n, i in enumerate(case.program.instructions):
        span = n, int(times.start[n]), int(times.end[n])
        for access in case.replay.accesses[n]:
            if access.memory == MEMORY and access.low <= row < access.high:
                if isinstance(i, Load) and MEMORY_NAMES[i.memory] == MEMORY:
                    writes.append(span)
                else:
                    reads.append(span)
    edges = [k for start, end in live for k in (start - 1, start, end - 1, end)]
    at = sorted({*np.linspace(0, cycles - 1, SAMPLES).astype(int).tolist(), *(k for k in edges if 0 <= k < cycles)})
    changed = []
    total = case.injector.decisions[0].size
    for cycle in at:
        verdict = case.evaluate(HardwareFault("memory", MEMORY, bank, row, (BIT,), cycle))
        changed.append((cycle, round(verdict.changed_fraction * total)))
    return Life((bank, row), writes, reads, live, changed, cycles)


def draw(life: Life) -> str:
    """Return the picture."""
    scale = (WIDTH - LEFT - RIGHT) / life.cycles
    most = max(1, max(count for _, count in life.changed))
    parts: list[str] = []

    def x(cycle: float) -> str:
        return f"{LEFT + cycle * scale:.1f}"

    def box(start: int, end: int, y: int, height: int, colour: str) -> None:
        width = max((end - start) * scale, 0.8)
        parts.append(f'<rect x="{x(start)}" y="{y}" width="{width:.1f}" height="{height}" fill="{colour}"/>')

    def text(at: float, y: int, words: str, anchor: str = "start") -> None:
        parts.append(f'<text x="{at:.1f}" y="{y}" text-anchor="{anchor}">{words}</text>')

    bank, row = life.place
    title = f"Bit {BIT} of row {row}, bank {bank} of the weight buffer, during one inference of {NETWORK} on {ARCH}"
    text(LEFT, 22, title)
    for y, label, spans in ((40, "written by LOAD", life.writes), (66, "read by CONV", life.reads)):
        text(LEFT - 10, y + 13, label, "end")
        for _, start, end in spans:
            box(start, end, y, 18, COLOURS["write" if y == 40 else "read"])
    text(LEFT - 10, 105, "live", "end")
    box(0, life.cycles, 92, 18, COLOURS["dead"])
    for start, end in life.live:
        box(start, end, 92, 18, COLOURS["live"])
    bottom, height = 250, 110
    text(LEFT - 10, bottom - height + 10, f"{most}", "end")
    text(LEFT - 10, bottom - height + 30, "pixels changed", "end")
    text(LEFT - 10, bottom - height + 46, "by a flip at", "end")
    text(LEFT - 10, bottom - height + 62, "this cycle", "end")
    text(LEFT - 10, bottom, "0", "end")
    points = " ".join(f"{x(cycle)},{bottom - height * count / most:.1f}" for cycle, count in life.changed)
    parts.append(f'<polyline points="{points}" fill="none" stroke="{COLOURS["line"]}" stroke-width="1.3"/>')
    parts.append(f'<line x1="{LEFT}" y1="{bottom}" x2="{WIDTH - RIGHT}" y2="{bottom}" stroke="#999999"/>')
    for cycle in range(0, life.cycles, 50_000):
        text(LEFT + cycle * scale, bottom + 18, f"{cycle:,}".replace(",", " "), "middle")
    text(WIDTH - RIGHT, bottom + 36, "cycle", "end")
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} 296" font-family="sans-serif" font-size="13">'
    background = f'<rect width="{WIDTH}" height="296" fill="#ffffff"/>'
    return "\n".join([head, f"<title>{title}</title>", background, *parts, "</svg>"]) + "\n"


def main() -> None:
    """Draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--svg", type=Path, default=Path("docs/figures/bit_life.svg"))
    options = parser.parse_args()
    graph, inputs = network(NETWORK)
    life = observe(injector(graph, inputs, ARCH))
    options.svg.write_text(draw(life), encoding="utf-8")
    print(life.place, life.live, max(count for _, count in life.changed))


if __name__ == "__main__":
    main()
