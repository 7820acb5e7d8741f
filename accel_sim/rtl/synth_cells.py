"""Cells of UltraScale+ as the resources that data sheets count."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

# LUTs that a cell of distributed RAM takes (AMD UG974, UltraScale architecture libraries guide: RAM primitives).
LUT_RAM = {"RAM32M16": 8, "RAM32M": 4, "RAM64M8": 8, "RAM64M": 4, "RAM32X1D": 2, "RAM64X1D": 2, "RAM128X1D": 4,
           "RAM256X1D": 8, "RAM32X1S": 1, "RAM64X1S": 1, "RAM128X1S": 2, "RAM256X1S": 4, "RAM512X1S": 8,
           "RAM64X8SW": 8, "SRL16E": 1, "SRLC16E": 1, "SRLC32E": 1}  # fmt: skip
FLIP_FLOPS = ("FDRE", "FDSE", "FDCE", "FDPE")
LATCHES = ("LDCE", "LDPE")
HALVES = {"RAMB36E2": 2, "RAMB18E2": 1}


@dataclass(frozen=True)
class Resources:
    """What a piece of hardware takes.

    Attributes
    ----------
    lut
        Look-up tables, those used as RAM or shift register among them.
    lut_ram
        Of these, the ones used as memory.
    ff, latch
        Flip-flops; latches, of which there should be none.
    dsp
        DSP48E2.
    bram36
        Block RAM in units of 36 Kbit; a half is an RAMB18E2.
    uram
        URAM288.
    """

    lut: int = 0
    lut_ram: int = 0
    ff: int = 0
    latch: int = 0
    dsp: int = 0
    bram36: float = 0.0
    uram: int = 0

    def times(self, count: int) -> "Resources":
        """Return the resources of several copies."""
        return Resources(*(count * value for value in vars(self).values()))

    def plus(self, other: "Resources") -> "Resources":
        """Return the sum."""
        return Resources(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))


def resources(cells: Mapping[str, int]) -> Resources:
    """Count cells by resource.

    Parameters
    ----------
    cells
        Number by type, as Yosys's ``stat`` gives them. Inverters are left out: they go into the LUTs behind them.
    """
    found = Counter[str]()
    for cell, count in cells.items():
        if cell in LUT_RAM:
            found["lut_ram"] += LUT_RAM[cell] * count
        elif cell.startswith("LUT"):
            found["lut"] += count
        elif cell in FLIP_FLOPS:
            found["ff"] += count
        elif cell in LATCHES:
            found["latch"] += count
        elif cell.startswith("DSP48"):
            found["dsp"] += count
        elif cell in HALVES:
            found["halves"] += HALVES[cell] * count
        elif cell.startswith("URAM"):
            found["uram"] += count
    return Resources(
        found["lut"] + found["lut_ram"], found["lut_ram"], found["ff"], found["latch"], found["dsp"],
        found["halves"] / 2, found["uram"],
    )  # fmt: skip
