"""Upset rates of the study: the package's for block RAM, and what the user assumes of UltraRAM."""

from pathlib import Path
from typing import Final

from accel_sim.devices import RateTable, rate_table
from accel_sim.devices.rates import MBIT

FAMILY: Final = "ultrascale_plus"


def write_rates(path: Path, uram_over_bram: float) -> RateTable:
    """Write a table in which UltraRAM is struck as often as block RAM times a factor; return the whole table.

    Parameters
    ----------
    path
        TOML file to write.
    uram_over_bram
        The assumed factor. The limits are those of block RAM, times the factor.

    Raises
    ------
    UsageError
        The factor is not a positive number.
    """
    block = rate_table(FAMILY).require("bram")
    low, value, high = (rate * MBIT * uram_over_bram for rate in (block.low, block.fit_per_bit, block.high))
    text = (
        "# Written by python -m onnx_models.study: an assumption, not a measurement.\n"
        f"[uram]\nfit_per_mbit = {value!r}\nlow = {low!r}\nhigh = {high!r}\nverified = false\n"
        f'source = "assumed: {uram_over_bram:g} times the rate of block RAM"\n'
    )
    path.write_text(text, encoding="utf-8")
    return rate_table(FAMILY, path)
