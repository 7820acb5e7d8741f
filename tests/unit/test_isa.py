from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_sim.config import PRESETS
from accel_sim.config.memories import INSTRUCTION_BYTES
from accel_sim.isa import (
    OPCODES,
    Alu,
    AluOp,
    Conv,
    End,
    Host,
    IllegalInstructionError,
    Instruction,
    Load,
    Save,
    decode,
    encode,
    layout,
)
from accel_sim.isa.geometry import accesses, check, duration, transfer_offset, walk

TINY, B4096 = PRESETS["tiny"], PRESETS["b4096"]
LOAD = Load(
    memory=0, address=64, ny=2, nx=3, nc=2, valid=7, ddr_pitch_y=21, ddr_pitch_x=7, base=5, pitch_y=4, pitch_x=2
)
CONV = Conv(
    in_base=0, in_pitch_y=8, in_pitch_x=2, in_height=5, in_width=6, in_groups=2, tail=3, kernel_y=3, kernel_x=3,
    pad_top=1, pad_left=1, out_base=100, out_pitch_y=3, out_pitch_x=1, out_height=5, out_width=6, out_groups=2,
)  # fmt: skip


@st.composite
def instructions(draw: st.DrawFn) -> Instruction:
    kind = draw(st.sampled_from(list(OPCODES.values())))
    return kind(**{name: draw(st.integers(0, (1 << width) - 1)) for name, _, width in layout(kind)[1:]})


@given(instructions())
def test_encoding_is_lossless(instruction: Instruction) -> None:
    word = encode(instruction)
    assert len(word) == INSTRUCTION_BYTES
    assert decode(word) == instruction
    assert encode(decode(word)) == word


@given(st.binary(min_size=INSTRUCTION_BYTES, max_size=INSTRUCTION_BYTES))
def test_every_word_is_an_instruction_or_refused(word: bytes) -> None:
    try:
        found = decode(word)
    except IllegalInstructionError:
        return
    assert encode(found) == word


@pytest.mark.parametrize("kind", OPCODES.values())
def test_fields_do_not_overlap(kind: type[Instruction]) -> None:
    position = 0
    for _, low, width in layout(kind):
        assert low == position
        position += width
    assert position <= 8 * INSTRUCTION_BYTES
    assert {name for name, _, _ in layout(kind)} == {"opcode", *(f.name for f in fields(kind))}


def test_values_beyond_their_field_are_refused() -> None:
    with pytest.raises(IllegalInstructionError, match=r"Host.call is 4096: no 12-bit number"):
        encode(Host(call=4096))
    with pytest.raises(IllegalInstructionError, match=r"End.layer is -1"):
        encode(End(layer=-1))


@pytest.mark.parametrize(("bit", "said"), [(3, "opcode 14 is unknown"), (511, "outside the fields of End")])
def test_wrong_words_are_refused(bit: int, said: str) -> None:
    word = int.from_bytes(encode(End()), "little") ^ 1 << bit
    with pytest.raises(IllegalInstructionError, match=said):
        decode(word.to_bytes(INSTRUCTION_BYTES, "little"))


def test_transfer_moves_a_word_per_cycle_on_tiny() -> None:
    # 12 words, one a cycle, 8 cycles of latency, free one edge after the last write.
    assert [transfer_offset(LOAD, TINY, pixel, c) for pixel in range(6) for c in range(2)] == list(range(1, 13))
    assert duration(LOAD, TINY) == 12 + 8 + 1


def test_transfer_is_bound_by_bandwidth_on_b4096() -> None:
    big = Load(memory=0, address=0, ny=1, nx=1000, nc=1, valid=16, ddr_pitch_x=16, base=0, pitch_x=1)
    assert duration(big, B4096) == -(-16_000 // 26) + 64 + 1


def test_convolution_takes_a_cycle_per_slot() -> None:
    w = walk(CONV, TINY)
    assert (w.across, w.blocks, w.taps, w.prelude, w.phases) == (3, 15, 18, 4, 1)
    assert duration(CONV, TINY) == 2 * (4 + 15 * 18) + 5
    assert w.write_edge(1, 14) == duration(CONV, TINY) - 1
    assert w.read_edge(0, 0, 0) == 5


def test_strided_lanes_take_turns_at_a_bank() -> None:
    from dataclasses import replace

    strided = replace(CONV, stride_x=2, out_width=3)
    assert walk(strided, B4096).phases == 2
    assert [walk(strided, B4096).phase_of(lane) for lane in range(8)] == [0, 0, 0, 0, 1, 1, 1, 1]
    assert walk(replace(CONV, stride_x=3), B4096).phases == 1


def test_rows_touched_by_a_convolution() -> None:
    found = {(a.memory, a.write): (a.low, a.high) for a in accesses(CONV, TINY)}
    assert found[("img", False)] == (0, 4 * 8 + 2 * 2 + 2)
    assert found[("img", True)] == (100, 100 + 4 * 3 + 2 + 2)
    assert found[("wgt", False)] == (0, 2 * 18)
    assert found[("bias", False)] == (0, 8)
    assert found[("rqp", False)] == (0, 2)


def changed(instruction: Instruction, **values: int) -> Instruction:
    from dataclasses import replace

    return replace(instruction, **values)


@pytest.mark.parametrize(
    ("instruction", "said"),
    [
        (changed(LOAD, nx=0), "a loop bound is zero"),
        (changed(LOAD, memory=7), "memory 7 cannot be used"),
        (changed(LOAD, valid=9), "9 bytes do not fill 2 words"),
        (changed(LOAD, base=1023), "img row 1030 of 1024"),
        (changed(LOAD, address=4090), "ddr row"),
        (Save(memory=1, address=0, ny=1, nx=1, nc=1, valid=4, base=0), "memory 1 cannot be used"),
        (changed(CONV, out_height=0), "a loop bound or stride is zero"),
        (changed(CONV, tail=5), "tail 5 of 4"),
        (changed(CONV, mode=3), "requantisation mode 3"),
        (changed(CONV, last=0), "accumulators are kept for a single block only"),
        (changed(CONV, weight_base=500), "wgt row 535 of 512"),
        (Host(call=2), "call 2 of 2"),
    ],
)
def test_what_the_hardware_traps_on(instruction: Instruction, said: str) -> None:
    with pytest.raises(IllegalInstructionError, match=said):
        check(instruction, TINY, 4096, 2)


def test_elementwise_operations_have_no_window() -> None:
    values = {f.name: getattr(CONV, f.name) for f in fields(CONV) if f.name not in ("first", "last")}
    with pytest.raises(IllegalInstructionError, match="elementwise operations have no window"):
        check(Alu(op=AluOp.ADD, **values), TINY, 4096, 0)
    check(Alu(op=AluOp.MAX, **values), TINY, 4096, 0)
