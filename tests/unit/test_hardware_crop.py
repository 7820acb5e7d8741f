"""A part of an instruction makes the same bytes as the whole; what wrong rows can reach holds what they change."""

from functools import cache

import numpy as np
import pytest

from accel_sim.compiler import compile_graph
from accel_sim.faults.hardware.golden import written
from accel_sim.faults.hardware.reach import Piece, rows_part, upset_pieces
from accel_sim.isa import Compute, Conv
from accel_sim.isa.geometry import accesses, duration
from accel_sim.machine import BitUpset, Machine
from accel_sim.machine.crop import EMPTY, Part, crop, whole
from accel_sim.machine.upsets import Strike
from accel_sim.model import import_onnx
from tests.conformance.hardware_faults import CONFIGS
from tests.generators import random_graph

SEEDS = (1, 8, 9, 12, 17, 25, 34, 40, 41)
ARCHITECTURES = ("tiny", "short", "b512")


@cache
def machine_of(seed: int, arch: str) -> Machine:
    return Machine(compile_graph(import_onnx(random_graph(seed)[0]), CONFIGS[arch]), lambda *_: {})


def noise(machine: Machine, rng: np.random.Generator) -> None:
    """Random bytes everywhere; multipliers stay finite, so that both forms of a convolution are used."""
    for name, memory in machine.memories.items():
        if name not in ("ddr", "ins"):
            memory.data[...] = rng.integers(0, 256, memory.data.shape, np.uint8)
    machine.memories["rqp"].data[..., 3] = 0x38
    machine.memories["rqp"].data[..., 4] %= 31


def complete(machine: Machine) -> list[Compute]:
    found = [i for i in machine.program.instructions if isinstance(i, Compute)]
    return [i for i in found if not isinstance(i, Conv) or (i.first and i.last)]


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_part_makes_the_same_bytes(seed: int, arch: str) -> None:
    machine, rng = machine_of(seed, arch), np.random.default_rng([seed, 1])
    for i in complete(machine)[:12]:
        noise(machine, rng)
        view = written(i, machine.config)
        assert view is not None
        data = machine.memories["img"].data
        before = data.copy()
        machine.step(i, None, 0)
        after = view.read(data)
        for _ in range(3):
            low, top = int(rng.integers(i.out_groups)), int(rng.integers(i.out_height))
            high, bottom = int(rng.integers(low, i.out_groups)) + 1, int(rng.integers(top, i.out_height)) + 1
            part, width = Part(low, high, top, bottom), data.shape[2]
            data[...] = before
            machine.step(crop(i, part, machine.config), None, 0)
            found, untouched = view.read(data), np.ones(after.shape, np.bool_)
            cut = np.s_[top:bottom, :, low * width : high * width]
            untouched[cut] = False
            assert np.array_equal(found[cut], after[cut]), (i, part)
            data_before = data.copy()
            data[...] = before
            assert np.array_equal(found[untouched], view.read(data)[untouched]), (i, part)
            data[...] = data_before


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("seed", SEEDS)
def test_what_a_wrong_row_changes_is_in_its_part(seed: int, arch: str) -> None:
    machine, rng = machine_of(seed, arch), np.random.default_rng([seed, 2])
    changed = reached = 0
    for i in complete(machine)[:10]:
        view = written(i, machine.config)
        assert view is not None
        for name in ("img", "wgt", "dwt", "bias", "rqp", "tab"):
            noise(machine, rng)
            data, struck = machine.memories["img"].data, machine.memories[name].data
            base = {"wgt": i.weight_base, "dwt": i.weight_base, "bias": i.bias_base, "rqp": i.parameter_base}
            row = base.get(name, i.in_base if name == "img" else 0) + int(rng.integers(6))
            bank = int(rng.integers(struck.shape[0]))
            row = row % struck.shape[1]
            before = data.copy()
            machine.step(i, None, 0)
            intact = view.read(data)
            data[...] = before
            struck[bank, row] ^= 0x15  # of a multiplier's high byte: still finite
            machine.step(i, None, 0)
            found = view.read(data)
            part = rows_part(i, name, np.array([bank * struck.shape[1] + row]), machine.config)
            y, _, byte = np.nonzero(found != intact)
            group = byte // data.shape[2]
            changed += y.size > 0
            reached += part.size > 0
            # The row itself may be one that is not written: it is in no part.
            assert np.all((part.top <= y) & (y < part.bottom) & (part.low <= group) & (group < part.high)), (i, name)
    assert reached >= changed


def operand_rows(machine: Machine, i: Compute) -> list[tuple[str, int]]:
    """Rows (lines, of image memory) of operands that an instruction reads and does not write."""
    found = accesses(i, machine.config)
    image = {line for a in found if a.memory == "img" and a.write for line in range(a.low, a.high)}
    reads = [(a.memory, line) for a in found if not a.write for line in range(a.low, a.high)]
    return [(m, line) for m, line in reads if m in ("wgt", "dwt") or (m == "img" and line not in image)]


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_pieces_are_what_a_flip_of_an_operand_changes(arch: str) -> None:
    """Beside the pieces nothing changes; those made after the flip are as if the row had always been wrong."""
    late = struck = 0
    for seed in SEEDS:
        machine, rng = machine_of(seed, arch), np.random.default_rng([seed, 3])
        for i in complete(machine)[:10]:
            noise(machine, rng)
            for _ in range(12):
                pieces, changed = flip_inside(machine, i, rng)
                struck += any(strikes for _, strikes in pieces)
                late += changed
    assert struck
    assert late


def flip_inside(machine: Machine, i: Compute, rng: np.random.Generator) -> tuple[list[Piece], bool]:
    """Flip an operand at a cycle of an instruction; return the pieces, and whether those made later have changed."""
    view, start, rows, pixels = written(i, machine.config), 40, machine.config.image_rows, machine.config.pixel_parallel
    assert view is not None
    data, places = machine.memories["img"].data, operand_rows(machine, i)
    name, line = places[int(rng.integers(len(places)))]
    memory, before, width = machine.memories[name].data, data.copy(), data.shape[2]
    bank = int(rng.integers(pixels if name == "img" else memory.shape[0]))
    bank, line = (line // rows * pixels + bank, line % rows) if name == "img" else (bank, line)
    cycle = start + int(rng.integers(duration(i, machine.config)))
    top_bit = 8 * int(rng.integers(memory.shape[2])) + 7  # of an operand, so that results change
    upset = BitUpset(name, bank, line, top_bit, cycle)
    kept, runs = memory.copy(), []
    for when in ("never", "then", "always"):
        memory[bank, line, upset.bit // 8] ^= np.uint8((when == "always") << upset.bit % 8)
        events = Strike(inside=[upset]).events(i, machine.config) if when == "then" else None
        machine.step(i, events, start)
        runs.append(view.read(data))
        data[...] = before
        memory[...] = kept
    intact, found, flipped = runs
    pieces, beside, changed = upset_pieces(i, upset, start, machine.config), np.ones(found.shape, np.bool_), False
    assert pieces is not None
    for part, strikes in pieces:
        cut = np.s_[part.top : part.bottom, :, part.low * width : part.high * width]
        beside[cut] = False
        if not strikes:
            assert np.array_equal(found[cut], flipped[cut]), (i, upset, part)
            changed |= bool(np.any(found[cut] != intact[cut]))
    assert np.array_equal(found[beside], intact[beside]), (i, upset)
    return pieces, changed


def test_parts_join() -> None:
    a, b = Part(0, 1, 2, 4), Part(2, 3, 1, 3)
    assert a.joined(b) == Part(0, 3, 1, 4)
    assert a.joined(EMPTY) == EMPTY.joined(a) == a
    assert EMPTY.joined(EMPTY).size == 0
    assert a.size == 2


def test_the_whole_is_the_instruction_itself() -> None:
    machine = machine_of(9, "tiny")
    for i in complete(machine):
        assert crop(i, whole(i), machine.config) is i
