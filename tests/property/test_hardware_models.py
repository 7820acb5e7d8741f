"""Faults that are more than one flip: neighbouring cells, stuck bits, flips that the host does not repair, wrong
instructions. Stuck bits on the machine are compared with the accelerator stepped edge by edge."""

from collections import Counter
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from accel_sim.config import register_map
from accel_sim.errors import InputError
from accel_sim.faults.hardware import HardwareFault, HardwareInjector
from accel_sim.isa import Conv, Load, encode
from accel_sim.machine import BitUpset, Machine, StuckBit
from accel_sim.machine.machine import BUDGET
from accel_sim.model import import_onnx
from tests.conformance.hardware_faults import (
    compare,
    draw,
    injector,
    pattern_fault,
    persistent_fault,
    same_outputs,
    stuck_fault,
)  # fmt: skip
from tests.generators import random_graph
from tests.oracles.edges import Edges

COUNT = 60
SEEDS = (1, 2, 9, 12, 17, 25)
MOST_CYCLES = 6000


@cache
def struck(seed: int, arch: str, images: int = 2) -> HardwareInjector:
    model, feeds = random_graph(seed)
    return injector(import_onnx(model), feeds, arch, images=images)


def judge_of(case: HardwareInjector) -> HardwareInjector:
    return HardwareInjector(case.injector, case.images, case.program, level="machine")


# --- stuck bits: the machine against every edge --------------------------------------------------------------------
class StuckEdges(Edges):
    """After every edge the stuck bits have their values, whatever was written."""

    def hold(self, stuck: list[StuckBit]) -> None:
        for s in stuck:
            if s.memory in self.memory:
                byte = int(self.memory[s.memory][s.bank, s.row, s.bit // 8])
                self.memory[s.memory][s.bank, s.row, s.bit // 8] = byte & ~(1 << s.bit % 8) | s.value << s.bit % 8
            else:
                bits = register_map(self.config)[s.memory].row_bits
                word = int(self.registers[s.memory][s.bank, s.row]) % (1 << bits)
                word = word & ~(1 << s.bit) | s.value << s.bit
                signed = word - (1 << 32) if bits == 32 and word >= 1 << 31 else word
                self.registers[s.memory][s.bank, s.row] = signed

    def run_stuck(self, stuck: list[StuckBit]) -> None:
        self.hold(stuck)
        for edge in range(self.machine.schedule.cycles):
            for commit in [sample() for sample in self.micro.get(edge, [])]:
                commit()
            self.hold(stuck)


def random_stuck(case: HardwareInjector, rng: np.random.Generator) -> StuckBit:
    while True:
        fault = stuck_fault(case, str(rng.choice(["memory", "registers"])), rng)
        if fault.memory != "ins":
            return fault.stuck_bits[0]


@pytest.mark.parametrize("arch", ["tiny", "b512"])
@pytest.mark.parametrize("seed", SEEDS)
def test_stuck_bits_act_as_edge_by_edge(seed: int, arch: str) -> None:
    case = struck(seed, arch)
    if case.machine.schedule.cycles > MOST_CYCLES or not case.space("registers").strata:
        pytest.skip("too long, or no registers")
    machine = Machine(case.program, case.injector.engine.run_node)
    image, rng = case.images[0], np.random.default_rng([seed, 11])
    golden, wrong = machine.run(image).outputs, 0
    for number in range(25):
        stuck = [random_stuck(case, rng) for _ in range(1 + number % 2)]
        if len({(s.memory, s.bank, s.row, s.bit) for s in stuck}) < len(stuck):
            continue
        for memory in machine.memories.values():
            memory.data.fill(0)
        edges = StuckEdges(machine, image)
        edges.run_stuck(stuck)
        expected = {n: machine._read(n) for n in case.program.outputs}
        for memory in machine.memories.values():
            memory.data.fill(0)
        found = machine.run(image, stuck=stuck)
        assert all(found.outputs[n].tobytes() == expected[n].tobytes() for n in expected), stuck
        wrong += any(expected[n].tobytes() != golden[n].tobytes() for n in golden)
    assert wrong
    again = machine.run(image).outputs  # nothing is stuck any more
    assert all(again[n].tobytes() == golden[n].tobytes() for n in golden)


def test_every_class_of_registers_can_be_stuck() -> None:
    """Operands, accumulators and requantiser of both engines change outputs when a high bit is stuck."""
    changed = Counter[str]()
    for seed in (9, 17):
        case = struck(seed, "tiny", 1)
        machine = judge_of(case)
        for name, spec in register_map(case.program.config).items():
            for value in (0, 1):
                fault = HardwareFault("registers", name, 0, 0, (spec.row_bits - 2,), 0, stuck=value)
                changed[name] += machine.inject(fault).verdict.outcome != "masked"
    assert {n for n in changed if changed[n]} == {"pe_act", "pe_wgt", "pe_acc", "pe_rqa", "pe_rqo"} | {
        n for n in changed if n.startswith("alu") and changed[n]
    }
    assert sum(changed[n] for n in changed if n.startswith("alu")) > 2


# --- the fast path against the machine -----------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["pattern", "stuck", "persistent"])
@pytest.mark.parametrize("arch", ["tiny", "short", "b512"])
@pytest.mark.parametrize("seed", SEEDS)
def test_fast_path_and_machine_agree(seed: int, arch: str, kind: str) -> None:
    case, rng = struck(seed, arch), np.random.default_rng([seed, 12])
    found = compare(case, [draw(case, kind, rng) for _ in range(COUNT)])
    assert not found.differing
    assert found.compared


def test_stuck_bits_of_ddr_are_decided_without_the_machine() -> None:
    """A constant's bit is a flip or nothing, a feature map's depends on the image."""
    case, machine = struck(2, "tiny"), judge_of(struck(2, "tiny"))
    rng, ran = np.random.default_rng(3), Counter[tuple[bool, str]]()
    size = case.program.constants.size
    for _ in range(4 * COUNT):
        byte = int(rng.integers(case.program.ddr_bytes))
        bit = byte % 16 * 8 + int(rng.integers(8))
        fault = HardwareFault("memory", "ddr", 0, byte // 16, (bit,), 0, stuck=int(rng.integers(2)))
        done, expected = case.inject(fault), machine.inject(fault)
        assert done.verdict == expected.verdict
        assert same_outputs(done.outputs, expected.outputs)
        ran[byte < size, done.ran] += 1
    for constant in (True, False):
        assert ran[constant, "engine"] > 5
        assert ran[constant, "nothing"] > 5
        assert ran[constant, "machine"] < ran[constant, "engine"]


def test_stuck_bits_that_have_their_value_anyway_are_nothing() -> None:
    """Of every bit one of the two values is the one that it has: constants and instructions."""
    case, rng = struck(9, "tiny"), np.random.default_rng(4)
    for memory in ("ddr", "ins"):
        for _ in range(40):
            row = int(
                rng.integers(len(case.program.instructions) if memory == "ins" else case.program.constants.size // 16)
            )
            bit = int(rng.integers(512 if memory == "ins" else 128))
            faults = [HardwareFault("memory", memory, 0, row, (bit,), 0, stuck=value) for value in (0, 1)]
            image = case.program.words[row] if memory == "ins" else case.program.constants[16 * row :]
            value = int(image[bit // 8]) >> bit % 8 & 1
            assert case.inject(faults[value]).ran == "nothing"


def test_neighbouring_rows_are_struck_together() -> None:
    """Two rows of weights that a pair of cells joins: the machine sees both flips."""
    case = struck(17, "tiny", 1)
    machine = judge_of(case)
    rng, both = np.random.default_rng(5), 0
    for _ in range(6 * COUNT):
        fault = pattern_fault(case, rng)
        if len(fault.cells) != 1 or len(fault.bits) != 1 or fault.memory != "wgt":
            continue
        (row, bit), single = fault.cells[0], replace(fault, cells=())
        other = replace(single, row=row, bits=(bit,))
        outputs = [machine.inject(f).outputs[0] for f in (fault, single, other)]
        both += all(any(outputs[0][n].tobytes() != o[n].tobytes() for n in o) for o in outputs[1:])
        run = case.machine.run(case.images[0], fault.upsets).outputs
        assert all(run[n].tobytes() == outputs[0][n].tobytes() for n in run)
    assert both  # neither of the two alone does the same


# --- flips that persist ----------------------------------------------------------------------------------------------
def parameter_faults(case: HardwareInjector) -> list[HardwareFault]:
    """The sign bit of some weights in DDR, before the first cycle of the first image."""
    found = []
    for symbol in case.program.symbols:
        if symbol.role == "weight":
            byte = symbol.address + int(np.argmax(symbol.elements >= 0))
            found.append(HardwareFault("memory", "ddr", 0, byte // 16, (byte % 16 * 8 + 7,), 0))
    return found


def test_a_weight_in_ddr_stays_wrong_until_the_host_reloads_it() -> None:
    case, seen = struck(9, "tiny", 3), Counter[str]()
    golden = case.injector.outputs
    for single in parameter_faults(case):
        once, lasting = case.inject(single), case.inject(replace(single, persistent=True))
        later = case.inject(replace(single, persistent=True, image=1))
        for image in range(3):
            alone = case.inject(replace(single, image=image))
            assert same_outputs(lasting.outputs[image : image + 1], alone.outputs[image : image + 1])
            assert same_outputs(
                later.outputs[image : image + 1], (alone.outputs if image else golden)[image : image + 1]
            )
        assert same_outputs(once.outputs[1:], golden[1:])
        seen["later images differ"] += not same_outputs(lasting.outputs[1:], golden[1:])
        assert lasting.verdict.changed_fraction >= once.verdict.changed_fraction
    assert seen["later images differ"]


def test_the_machine_keeps_a_persistent_flip_and_loses_the_others() -> None:
    case = struck(9, "tiny", 2)
    machine = Machine(case.program, case.injector.engine.run_node)
    intact = case.injector.outputs[1:]
    struck_in_both = [replace(f, image=1) for f in parameter_faults(case)]
    fault = next(f for f in struck_in_both if not same_outputs(case.inject(f).outputs[1:], intact))
    golden = machine.run(case.images[1]).outputs
    machine.run(case.images[0], fault.upsets)
    kept = machine.run(case.images[1], reload=False).outputs
    assert any(kept[n].tobytes() != golden[n].tobytes() for n in golden)
    reloaded = machine.run(case.images[1]).outputs
    assert all(reloaded[n].tobytes() == golden[n].tobytes() for n in golden)


def test_a_feature_map_is_written_again_by_the_next_inference() -> None:
    case, rng = struck(2, "tiny", 2), np.random.default_rng(6)
    seen = Counter[str]()
    for _ in range(6 * COUNT):
        fault = persistent_fault(case, rng)
        byte = fault.row * 16 + fault.bits[0] // 8
        if fault.memory == "ddr" and byte >= case.program.constants.size and fault.image == 0:
            done = judge_of(case).inject(fault)
            assert same_outputs(done.outputs[1:], case.injector.outputs[1:])
            seen[done.verdict.outcome] += 1
    assert seen["masked"] < seen.total()


def test_an_input_is_written_again_for_the_next_inference() -> None:
    """The host writes inputs, like constants, before the first cycle; only constants stay wrong."""
    struck_first = 0
    for seed in SEEDS:
        case = struck(seed, "tiny")
        intervals, size = case.replay.lives["ddr"].intervals, case.program.constants.size
        inputs = intervals.row[(intervals.owner < 0) & (intervals.row >= size)]
        for byte in inputs[:12].tolist():
            fault = HardwareFault("memory", "ddr", 0, byte // 16, (byte % 16 * 8 + 7,), 0, persistent=True)
            done, expected = case.inject(fault), judge_of(case).inject(fault)
            assert done.verdict == expected.verdict
            assert same_outputs(done.outputs, expected.outputs)
            assert same_outputs(done.outputs[1:], case.injector.outputs[1:])
            struck_first += done.verdict.outcome != "masked"
    assert struck_first


# --- wrong instructions ----------------------------------------------------------------------------------------------
def flipped_field(case: HardwareInjector, kind: type, **change: int) -> tuple[int, list[int]]:
    """An instruction of a kind, and the bits that differ when a field has another value."""
    number = next(n for n, i in enumerate(case.program.instructions) if isinstance(i, kind))
    before = encode(case.program.instructions[number])
    after = encode(replace(case.program.instructions[number], **change))
    differs = np.unpackbits(np.frombuffer(before, np.uint8) ^ np.frombuffer(after, np.uint8), bitorder="little")
    return number, np.flatnonzero(differs).tolist()


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"wait": 0b1111}, "hang", "at instruction"),
        ({"out_height": 0}, "trap", "a loop bound or stride is zero"),
        ({"in_base": 65535}, "trap", "img row"),
        ({"mode": 3}, "trap", "requantisation mode 3"),
    ],
)
def test_wrong_instructions_trap_or_hang(change: dict[str, int], status: str, words: str) -> None:
    case = struck(9, "tiny", 2)
    number, bits = flipped_field(case, Conv, **change)
    fault = HardwareFault("memory", "ins", 0, number, tuple(bits), 0)
    if case.machine.schedule.fetch[number] == 0:
        pytest.skip("fetched at once")
    result = case.machine.run(case.images[0], fault.upsets)
    assert (result.status, dict(result.outputs)) == (status, {})
    assert words in result.detail
    assert result.cycles == (BUDGET if status == "hang" else 1) * case.machine.schedule.cycles
    done = case.inject(fault)
    assert (done.verdict.outcome, done.verdict.changed_fraction, done.ran) == ("due", 0.0, "machine")
    assert dict(done.outputs[0]) == {}
    assert done.outputs[1].keys() == case.injector.outputs[1].keys()


def test_a_program_that_takes_too_many_cycles_is_stopped() -> None:
    """Tokens are right and every instruction is legal; only the loops are much longer."""
    case = struck(9, "tiny", 1)
    seen = Counter[str]()
    budget = BUDGET * case.machine.schedule.cycles
    for number, instruction in enumerate(case.program.instructions):
        if not isinstance(instruction, Load) or case.machine.schedule.fetch[number] == 0:
            continue
        changed = {"pitch_y": 0, "pitch_x": 0, "ny": 8191, "nx": 63, "ddr_pitch_y": 0, "ddr_pitch_x": 0}
        before, after = encode(instruction), encode(replace(instruction, **changed))
        differs = np.unpackbits(np.frombuffer(before, np.uint8) ^ np.frombuffer(after, np.uint8), bitorder="little")
        upsets = [BitUpset("ins", 0, number, int(bit), 0) for bit in np.flatnonzero(differs)]
        result = case.machine.run(case.images[0], upsets)
        assert result.cycles <= budget
        seen[result.status] += 1
    assert seen["hang"]


def test_a_persistent_wrong_instruction_fails_every_image_from_then_on() -> None:
    case = struck(9, "tiny", 3)
    number, bits = flipped_field(case, Conv, mode=3)
    fault = HardwareFault("memory", "ins", 0, number, tuple(bits), 0, image=1, persistent=True)
    done = case.inject(fault)
    assert [bool(outputs) for outputs in done.outputs] == [True, False, False]
    assert done.verdict.outcome == "due"
    late = replace(fault, cycle=case.machine.schedule.cycles - 1)  # after the fetch: only the inferences that follow
    assert [bool(outputs) for outputs in case.inject(late).outputs] == [True, True, False]
    assert case.evaluate(late) == case.inject(late).verdict


def test_a_stuck_bit_may_not_be_outside() -> None:
    case = struck(9, "tiny", 1)
    with pytest.raises(InputError, match=r"row 100000 of memory 'wgt' is outside"):
        case.machine.run(case.images[0], stuck=[StuckBit("wgt", 0, 100000, 0, 1)])


def test_a_second_flip_that_only_a_later_layer_sees_is_not_lost() -> None:
    """Two bytes of DDR at once: requantisation parameters of one layer, a weight of a later one."""
    case, seen = struck(9, "tiny", 1), 0
    symbols = [s for s in case.program.symbols if s.role in ("parameters", "weight")]
    for first in (s for s in symbols if s.role == "parameters"):
        for second in (s for s in symbols if s.role == "weight" and s.layer > first.layer):
            bytes_of = [s.address + int(np.argmax(s.elements >= 0)) for s in (first, second)]
            (row, bit), cell = [(b // 16, b % 16 * 8 + k) for b, k in zip(bytes_of, (0, 7), strict=True)]
            alone = HardwareFault("memory", "ddr", 0, cell[0], (cell[1],), 0)
            seen += case.inject(alone).verdict.outcome != "masked"
            fault = HardwareFault("memory", "ddr", 0, row, (bit,), 0, cells=(cell,))
            effect = case.replay.upset(fault)
            expected = judge_of(case).inject(fault)
            if effect is not None:
                found = case.injector.faulty_outputs(0, effect)
                assert all(found[n].tobytes() == expected.outputs[0][n].tobytes() for n in found)
            assert not compare(case, [fault]).differing
    assert seen
