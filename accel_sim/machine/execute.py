"""One instruction on the memories, as the machine and its tests call it."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from accel_sim.config import AcceleratorConfig, RegisterSpec
from accel_sim.isa import Alu, Compute, Conv, Load, Save, Transfer
from accel_sim.isa.geometry import MEMORY_NAMES, lanes_of
from accel_sim.machine import fast, kernels, literal, transfers
from accel_sim.machine.memory import Memory, StuckBit

NO_EVENTS = np.zeros((0, 6), np.int64)
NO_STUCK = np.zeros((0, 5), np.int64)
REGISTER_KINDS = {
    "act": literal.ACT, "wgt": literal.WOP, "acc": literal.ACC, "rqa": literal.RQA, "rqo": literal.RQO,
}  # fmt: skip
Accumulators = Mapping[str, NDArray[np.int32]]


def engine_of(instruction: Compute) -> str:
    """Return the engine that runs an instruction."""
    return "CONV" if isinstance(instruction, Conv) else "ALU"


def stuck_registers(stuck: Sequence[StuckBit], engine: str, registers: Mapping[str, RegisterSpec]) -> NDArray[np.int64]:
    """Return the stuck register bits of an engine for :mod:`literal`: kind, bank, row, mask, value of the bit."""
    rows = [
        (REGISTER_KINDS[bit.memory.split("_")[1]], bit.bank, bit.row, 1 << bit.bit, bit.value << bit.bit)
        for bit in stuck
        if bit.memory in registers and registers[bit.memory].engine == engine
    ]
    return np.array(rows, np.int64).reshape(-1, 5)


def transfer(instruction: Transfer, config: AcceleratorConfig, memories: Mapping[str, Memory]) -> None:
    """Run a LOAD or SAVE."""
    i, name = instruction, MEMORY_NAMES[instruction.memory]
    ddr, buffer = memories["ddr"].data.reshape(-1), memories[name].data
    counts, pitches = (i.ny, i.nx, i.nc), (i.ddr_pitch_y, i.ddr_pitch_x)
    view = lanes_of(name, config), i.base, i.pitch_y, i.pitch_x
    if isinstance(i, Load):
        transfers.load(ddr, i.address, counts, i.valid, pitches, buffer, *view, name == "tab")
    else:
        assert isinstance(i, Save)
        transfers.save(ddr, i.address, counts, i.valid, pitches, buffer, *view)


def compute(
    instruction: Compute,
    config: AcceleratorConfig,
    memories: Mapping[str, Memory],
    accumulators: Accumulators,
    start: int = 0,
    events: NDArray[np.int64] | None = None,
    stuck: NDArray[np.int64] = NO_STUCK,
) -> None:
    """Run a CONV or ALU instruction; slot by slot where there are events (see :mod:`literal`), even an empty array.

    Stuck registers need events, too.
    """
    g = kernels.loops_of(instruction, config)
    img, bias, rqp, tab = (memories[n].data for n in ("img", "bias", "rqp", "tab"))
    if isinstance(instruction, Conv):
        wgt, acc = memories["wgt"].data, accumulators["CONV"]
        if events is None and fast.suits(instruction, config, rqp):
            fast.convolve(instruction, config, img, wgt, bias, rqp)
            return
        nothing, events = np.zeros(3, np.float32), NO_EVENTS if events is None else events
        literal.run(img, wgt, bias, rqp, tab, acc, g, literal.CONV, nothing, start, events, stuck)
        return
    assert isinstance(instruction, Alu)
    words = np.array([instruction.real_a, instruction.real_b, instruction.real_c], np.uint32)
    literal.run(
        img, memories["dwt"].data, bias, rqp, tab, accumulators["ALU"], g, int(instruction.op),
        words.view(np.float32), start, NO_EVENTS if events is None else events, stuck,
    )  # fmt: skip
