"""cocotb tests of the modules with streams: requantiser and pair unit at every latency, under back-pressure."""

# mypy: disable-error-code="untyped-decorator"
from collections.abc import Callable
from random import Random
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge
from numpy.typing import NDArray

from tests.rtl.datapath import models, operands
from tests.rtl.datapath.stream import PAUSES, check_stream

LATENCIES = range(6)
ROUNDINGS = ("even", "up", "away")
Codes = NDArray[np.uint8]
Draw = Callable[[np.random.Generator, int, int], tuple[operands.Operands, Codes]]


async def reset(dut: Any) -> None:
    """Start the clock and reset everything."""
    for k in LATENCIES:
        for prefix in ("requant", "pair"):
            getattr(dut, f"{prefix}_in_valid")[k].value = 0
            getattr(dut, f"{prefix}_out_ready")[k].value = 0
    dut.rst_ni.value = 0
    Clock(dut.clk_i, 10, unit="ns").start()
    for _ in range(2):
        await FallingEdge(dut.clk_i)
    dut.rst_ni.value = 1


def requant_codes(items: operands.Operands, rounding: str) -> Codes:
    """Codes of the Machine; other roundings of shifts than its own by the definition in numpy."""
    names = ("acc_i", "multiplier_i", "exponent_i", "mode_i", "zero_i", "low_i", "high_i")
    codes: Codes = models.requantise_all(*(items[name] for name in names))
    if rounding != "up":
        right = (items["mode_i"] == 1) & (items["exponent_i"] >= 0)
        acc, places, zero, low, high = (
            items[name][right] for name in ("acc_i", "exponent_i", "zero_i", "low_i", "high_i")
        )
        codes[right] = models.requantise_shift_numpy(acc, np.minimum(places, 40), zero, low, high, rounding)
    return codes


async def run_all(dut: Any, prefix: str, draw: Draw, count: int, pauses: tuple[float, float]) -> None:
    """Send `count` random items through the instances of all latencies at the same time."""
    tasks = []
    for latency in LATENCIES:
        random = Random(f"{cocotb.RANDOM_SEED} {prefix} {latency} {pauses}")
        items, expected = draw(np.random.default_rng(random.getrandbits(64)), count, latency)
        bits = {name: values.view(f"u{values.itemsize}").tolist() for name, values in items.items()}
        check = check_stream(dut, prefix, latency, bits, expected.tolist(), random, pauses)
        tasks.append(cocotb.start_soon(check))
    for latency, task in zip(LATENCIES, tasks, strict=True):
        cycles = await task
        if pauses == (0.0, 0.0):
            assert cycles == count + latency, "one result a cycle when nothing stalls"


def draw_requant(random: np.random.Generator, count: int, latency: int) -> tuple[operands.Operands, Codes]:
    """Operands of all kinds and their codes; the bench gives each latency a rounding of shifts."""
    items = operands.requant(random, count)
    return items, requant_codes(items, ROUNDINGS[(latency + 1) % 3])


@cocotb.test()
async def requant(dut: Any) -> None:
    """Random operands with all corners through every latency, every mode, with every kind of stall."""
    await reset(dut)
    for pauses in PAUSES:
        await run_all(dut, "requant", draw_requant, 150, pauses)


def pair_codes(items: operands.Operands) -> Codes:
    """Codes of the Machine."""
    rest = [items[name] for name in ("first_i", "second_i", "half_up_i", "zero_i", "low_i", "high_i")]
    reals = [items[f"real_{name}_i"] for name in "abc"]
    codes: Codes = models.pair_all(items["pair_i"], items["multiply_i"], reals, *rest)
    return codes


def draw_pair(random: np.random.Generator, count: int, latency: int) -> tuple[operands.Operands, Codes]:
    """Operands of all kinds and their codes."""
    items = operands.pair(random, count)
    return items, pair_codes(items)


@cocotb.test()
async def pair(dut: Any) -> None:
    """Additions and multiplications of any constants through every latency, with every kind of stall."""
    await reset(dut)
    for pauses in PAUSES:
        await run_all(dut, "pair", draw_pair, 100, pauses)


@cocotb.test()
async def reset_empties(dut: Any) -> None:
    """A reset while words are under way leaves none of them."""
    await reset(dut)
    for latency in LATENCIES[1:]:
        dut.requant_in_valid[latency].value = 1
        dut.requant_out_ready[latency].value = 0
    for _ in range(8):
        await FallingEdge(dut.clk_i)
    for latency in LATENCIES[1:]:
        assert int(dut.requant_out_valid[latency].value) == 1
        assert int(dut.requant_in_ready[latency].value) == 0
        dut.requant_in_valid[latency].value = 0
    dut.rst_ni.value = 0
    await FallingEdge(dut.clk_i)
    dut.rst_ni.value = 1
    for _ in range(8):
        await FallingEdge(dut.clk_i)
        for latency in LATENCIES[1:]:
            assert int(dut.requant_out_valid[latency].value) == 0
