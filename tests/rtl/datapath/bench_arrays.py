"""cocotb tests of the two datapaths: every register after every edge, with flips, and whole blocks as a sequencer
drives them."""

# mypy: disable-error-code="untyped-decorator"
from collections.abc import Mapping
from random import Random
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.handle import Immediate
from cocotb.triggers import FallingEdge

from accel_sim.compiler.pair_arithmetic import recognise
from accel_sim.isa import AluOp
from accel_sim.numerics import CodeType, add_table, multiply_table, requantise_shift
from tests.rtl.datapath import operands
from tests.rtl.datapath.array_models import AluModel, Array, ConvModel, Datapath

SLOW_LATENCY = 3
LANES, INPUTS, OUTPUTS = 2, 4, 2
ALU_SHAPES = ((1, 2), (2, 1))
WIDTHS = {"act": 8, "wgt": 8, "wgt_zero": 16, "bias": 32, "multiplier": 32, "exponent": 8, "act_load": 1}


def packed(values: Any, width: int) -> int:
    """Return the elements of an array in one integer, the first in the lowest bits."""
    mask, word = (1 << width) - 1, 0
    for place, value in enumerate(np.asarray(values).reshape(-1).tolist()):
        word |= (value & mask) << (width * place)
    return word


def apply(dut: Any, prefix: str, instance: int, drive: Mapping[str, Any]) -> None:
    """Set the signals of an instance."""
    for name, value in drive.items():
        word = packed(value, WIDTHS[name]) if name in WIDTHS else int(value)
        getattr(dut, f"{prefix}_{name}")[instance].value = word


def draw(random: np.random.Generator, lanes: int, inputs: int, rows: int, outputs: int) -> dict[str, Any]:
    """Random values for all ports of a datapath; parameters as the requantiser's own test draws them."""
    some = operands.requant(random, outputs)
    pair = operands.pair(random, 1)
    few = random.random() < 0.5
    return {
        "act_load": random.integers(0, 2, lanes), "act": random.integers(0, 256, (lanes, inputs)).astype(np.uint8),
        "wgt_load": random.integers(0, 2), "wgt": random.integers(0, 256, (rows, inputs)).astype(np.uint8),
        "sum": random.random() < 0.8, "sum_start": random.random() < 0.3, "x_zero": int(random.integers(0, 256)),
        "wgt_zero": random.integers(*((-128, 128) if few else (-(1 << 15), 1 << 15)), outputs).astype(np.int32),
        "capture": random.random() < 0.6, "shift": int(0 if few else random.integers(0, 32)),
        "bias": operands.accumulators(random, outputs).astype(np.int64),
        "result": random.random() < 0.6, "mode": int(some["mode_i"][0]), "zero": int(some["zero_i"][0]),
        "low": int(some["low_i"][0]), "high": int(some["high_i"][0]), "multiplier": some["multiplier_i"],
        "exponent": some["exponent_i"], "op": int(random.integers(0, 6)),
        "second_zero": int(pair["second_i"][0]), "real_a": int(pair["real_a_i"][0]),
        "real_b": int(pair["real_b_i"][0]), "real_c": int(pair["real_c_i"][0]),
    }  # fmt: skip


ALU_ONLY = ("op", "second_zero", "real_a", "real_b", "real_c")


async def start(dut: Any) -> Array:
    """Start the clock, reset, fill the activation table; return it."""
    table = np.random.default_rng(cocotb.RANDOM_SEED).permutation(256).astype(np.uint8)
    for code, value in enumerate(table.tolist()):
        dut.table_mem[code].value = value
    Clock(dut.clk_i, 10, unit="ns").start()
    await reset(dut)
    return table


async def reset(dut: Any) -> None:
    """Clear the accumulators; nothing is loaded."""
    for prefix in ("conv", "alu"):
        for instance in range(2):
            for name in ("act_load", "wgt_load", "sum", "capture", "result"):
                getattr(dut, f"{prefix}_{name}")[instance].value = 0
    dut.rst_ni.value = 0
    for _ in range(2):
        await FallingEdge(dut.clk_i)
    dut.rst_ni.value = 1


def compare(dut: Any, path: str, model: Datapath, names: list[str], where: str) -> None:
    """Compare registers with the model's."""
    for name in names:
        values = model.registers()[name]
        for lane, row in enumerate(values):
            for channel, value in enumerate(row.tolist()):
                got = int(dut[f"{path}.{name}"][lane][channel].value)
                expected = value & (0xFFFFFFFF if values.dtype == np.int32 else 0xFF)
                assert got == expected, f"{where}: {name}[{lane}][{channel}] is {got:#x} instead of {expected:#x}"


def flip(dut: Any, path: str, model: Datapath, random: Random) -> None:
    """Flip one bit of one register in both; the read-back shows that it happened."""
    name, values = random.choice(list(model.registers().items()))
    lane, channel = random.randrange(values.shape[0]), random.randrange(values.shape[1])
    bit = random.randrange(8 * values.dtype.itemsize)
    register = dut[f"{path}.{name}"][lane][channel]
    old = int(register.value)
    register.value = Immediate(old ^ 1 << bit)
    assert int(register.value) == old ^ 1 << bit, f"{name}[{lane}][{channel}] bit {bit} did not flip"
    values.view(f"u{values.dtype.itemsize}")[lane, channel] ^= 1 << bit


async def check_registers(
    dut: Any, prefix: str, instance: int, model: Datapath, path: str, rows: int, cycles: int, flips: float
) -> None:
    """Drive every port at random at every edge and compare every register after it."""
    seed = f"{cocotb.RANDOM_SEED} {prefix} {instance} {flips}"
    random = Random(seed)
    numbers = np.random.default_rng(random.getrandbits(64))
    lanes, inputs = model.act.shape
    outputs = model.acc.shape[1]
    # What no reset clears is loaded first.
    known = {f"{model.prefix}_acc"}
    for cycle in range(cycles):
        drive = draw(numbers, lanes, inputs, rows, outputs)
        if cycle < 4 + SLOW_LATENCY:
            loaded = int(cycle > 2 + SLOW_LATENCY)
            drive.update(act_load=np.ones(lanes, int), wgt_load=1, capture=1, sum=int(cycle > 0), result=loaded)
        if prefix == "conv":
            drive = {name: value for name, value in drive.items() if name not in ALU_ONLY}
        apply(dut, prefix, instance, drive)
        await FallingEdge(dut.clk_i)
        model.step(drive)
        known |= {name for name in model.registers() if name[-3:] in ("act", "wgt", "rqa")}
        if cycle > 2 + SLOW_LATENCY:
            known |= {name for name in model.registers() if name.endswith("rqo")}
        compare(dut, path, model, sorted(known), f"{prefix} {instance}, cycle {cycle}")
        if cycle > 4 + SLOW_LATENCY and random.random() < flips:
            flip(dut, path, model, random)


@cocotb.test()
async def conv_registers(dut: Any) -> None:
    """All registers of the array at all edges under random controls, then with bit flips in them."""
    await start(dut)
    for flips in (0.0, 0.5):
        await reset(dut)
        tasks = []
        for k in range(2):
            model = ConvModel(LANES, INPUTS, OUTPUTS, OUTPUTS, k * SLOW_LATENCY)
            check = check_registers(dut, "conv", k, model, f"gen_conv[{k}].conv", OUTPUTS, 300, flips)
            tasks.append(cocotb.start_soon(check))
        for task in tasks:
            await task


@cocotb.test()
async def alu_registers(dut: Any) -> None:
    """All registers of the ALU at all edges under random controls and operations, then with bit flips in them."""
    table = await start(dut)
    for flips in (0.0, 0.5):
        await reset(dut)
        tasks = []
        for k, (lanes, channels) in enumerate(ALU_SHAPES):
            model = AluModel(lanes, channels, k * SLOW_LATENCY, table)
            check = check_registers(dut, "alu", k, model, f"gen_alu[{k}].alu", 1, 600, flips)
            tasks.append(cocotb.start_soon(check))
        for task in tasks:
            await task


IDLE = {"act_load": 0, "wgt_load": 0, "sum": 0, "sum_start": 0, "capture": 0, "result": 0}


async def run_blocks(
    dut: Any, prefix: str, instance: int, lanes: int, acts: Array, wgts: Array, constant: Mapping[str, Any]
) -> Array:
    """Drive blocks one right after the other, as a sequencer does; return the codes of each.

    Parameters
    ----------
    acts, wgts
        (blocks, taps, ...): a slot's operands; a slot is a cycle.
    constant
        Everything that stays.
    """
    blocks, taps = acts.shape[:2]
    latency = instance * SLOW_LATENCY
    codes = []
    apply(dut, prefix, instance, {**IDLE, **constant})
    for edge in range(blocks * taps + 4 + latency):
        drive: dict[str, Any] = dict(IDLE)
        if edge < blocks * taps:
            block, tap = divmod(edge, taps)
            drive.update(act_load=np.ones(lanes, int), act=acts[block, tap], wgt_load=1, wgt=wgts[block, tap])
        slot = edge - 1
        if 0 <= slot < blocks * taps:
            drive.update(sum=1, sum_start=int(slot % taps == 0))
        drive["capture"] = int(edge >= taps + 1 and (edge - 2 - (taps - 1)) % taps == 0 and edge - 2 < blocks * taps)
        result = edge - 3 - latency
        drive["result"] = int(result >= taps - 1 and (result - (taps - 1)) % taps == 0 and result < blocks * taps)
        apply(dut, prefix, instance, drive)
        await FallingEdge(dut.clk_i)
        if drive["result"]:
            codes.append(int(getattr(dut, f"{prefix}_code")[instance].value))
    apply(dut, prefix, instance, IDLE)
    assert len(codes) == blocks
    shape = (blocks, lanes, -1)
    count = lanes * (OUTPUTS if prefix == "conv" else ALU_SHAPES[instance][1])
    return np.array([[code >> 8 * k & 255 for k in range(count)] for code in codes], np.uint8).reshape(shape)


@cocotb.test()
async def conv_blocks(dut: Any) -> None:
    """Convolutions of random windows in the shift mode, one block right after the other."""
    await start(dut)
    random = np.random.default_rng(cocotb.RANDOM_SEED)
    for instance in (0, 1):
        for taps in (1, 2, 9):
            acts = random.integers(0, 256, (8, taps, LANES, INPUTS)).astype(np.uint8)
            wgts = random.integers(0, 256, (8, taps, OUTPUTS, INPUTS)).astype(np.uint8)
            x_zero, zeros = int(random.integers(0, 256)), random.integers(-128, 128, OUTPUTS)
            bias, places = random.integers(-50000, 50000, OUTPUTS), random.integers(4, 13, OUTPUTS)
            constant = {
                "x_zero": x_zero, "wgt_zero": zeros, "shift": 3, "bias": bias, "mode": 1, "zero": 128, "low": 10,
                "high": 250, "multiplier": np.zeros(OUTPUTS, int), "exponent": places,
            }  # fmt: skip
            codes = await run_blocks(dut, "conv", instance, LANES, acts, wgts, constant)
            centred = wgts.view(np.int8).astype(np.int64) - zeros[:, None]
            acc = np.einsum("btpj,btcj->bpc", acts.astype(np.int64) - x_zero, centred)
            expected = requantise_shift(((acc << 3) + bias).astype(np.int32), places, 128, 10, 250)
            np.testing.assert_array_equal(codes, expected)


def _alu_constant(random: np.random.Generator, channels: int, op: AluOp) -> dict[str, Any]:
    return {
        "op": int(op), "x_zero": int(random.integers(0, 256)), "wgt_zero": random.integers(-128, 128, channels),
        "shift": 0, "bias": random.integers(-500, 500, channels), "mode": 1, "zero": 7, "low": 0, "high": 255,
        "multiplier": np.zeros(channels, int), "exponent": random.integers(1, 9, channels), "second_zero": 0,
        "real_a": 0, "real_b": 0, "real_c": 0,
    }  # fmt: skip


def _scales(random: np.random.Generator) -> tuple[float, ...]:
    return tuple(float(np.float32(v)) for v in random.uniform(0.005, 0.1, 3))


async def _pairs(dut: Any, instance: int, random: np.random.Generator, operator: str, half_up: bool) -> None:
    """Elementwise operators with the compiler's constants against the model's own table."""
    lanes, channels = ALU_SHAPES[instance]
    code, (sa, sb, sy) = CodeType("int8"), (1 / 64, 1 / 32, 1 / 32) if half_up else _scales(random)
    a, b, y = ((s, int(random.integers(-20, 20)), code) for s in (sa, sb, sy))
    table = (add_table if operator == "Add" else multiply_table)(a, b, y, half_up)
    stored = (table + 128).astype(np.uint8)
    found = recognise(operator, stored, a, b, y)
    assert found is not None
    fields = found.fields()
    constant = _alu_constant(random, channels, AluOp(int(fields["op"])))
    constant.update({name: value for name, value in fields.items() if name in constant})
    acts = random.integers(0, 256, (60, 2, lanes, channels)).astype(np.uint8)
    wgts = np.zeros((60, 2, 1, channels), np.uint8)
    codes = await run_blocks(dut, "alu", instance, lanes, acts, wgts, constant)
    np.testing.assert_array_equal(codes, stored[acts[:, 0], acts[:, 1]])


WINDOWS = ((AluOp.DEPTHWISE, 9), (AluOp.SUM, 4), (AluOp.SUM, 1), (AluOp.MAX, 9), (AluOp.MAX, 1), (AluOp.TABLE, 1))


@cocotb.test()
async def alu_blocks(dut: Any) -> None:
    """Every operation over windows: depthwise, sum and average pool, max pool, table, Add and Mul in both schemes."""
    table = await start(dut)
    random = np.random.default_rng(cocotb.RANDOM_SEED)
    for instance, (lanes, channels) in enumerate(ALU_SHAPES):
        for op, taps in WINDOWS:
            constant = _alu_constant(random, channels, op)
            acts = random.integers(0, 256, (10, taps, lanes, channels)).astype(np.uint8)
            wgts = random.integers(0, 256, (10, taps, 1, channels)).astype(np.uint8)
            if op == AluOp.SUM:  # average pool of the power-of-two scheme: the sum of 2^k bytes, shifted by k
                constant.update(bias=np.zeros(channels, int), exponent=np.full(channels, taps.bit_length() - 1))
            codes = await run_blocks(dut, "alu", instance, lanes, acts, wgts, constant)
            values = acts.astype(np.int64) - constant["x_zero"]
            if op == AluOp.MAX:
                expected = acts.max(axis=1)
            elif op == AluOp.TABLE:
                expected = table[acts[:, 0]]
            else:
                weights = wgts.view(np.int8).astype(np.int64) - constant["wgt_zero"]
                acc = (values * weights if op == AluOp.DEPTHWISE else values).sum(axis=1) + constant["bias"]
                expected = requantise_shift(acc.astype(np.int32), constant["exponent"], 7, 0, 255)
            np.testing.assert_array_equal(codes, expected, err_msg=f"{op.name} {taps} {instance}")
        for operator in ("Add", "Mul"):
            for half_up in (False, True):
                await _pairs(dut, instance, random, operator, half_up)


@cocotb.test()
async def accumulators_reset(dut: Any) -> None:
    """Reset clears the accumulators, at once; nothing else does."""
    await start(dut)
    accumulators = dut["gen_conv[0].conv.pe_acc"]
    for p in range(LANES):
        accumulators[p][0].value = Immediate(0x12345678)
        assert int(accumulators[p][0].value) == 0x12345678
    await FallingEdge(dut.clk_i)
    assert int(accumulators[0][0].value) == 0x12345678
    dut.rst_ni.value = 0
    await FallingEdge(dut.clk_i)
    assert [int(accumulators[p][0].value) for p in range(LANES)] == [0] * LANES
