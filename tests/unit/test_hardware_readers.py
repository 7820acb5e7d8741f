"""Which bytes of DDR a transfer touches, against the loops written out."""

from hypothesis import given
from hypothesis import strategies as st

from accel_sim.config import PRESETS
from accel_sim.faults.hardware.readers import ddr_byte, element_at, loads_of, onnx_position
from accel_sim.isa import Load
from accel_sim.program import TensorSymbol

SIZES = st.integers(1, 5)


@st.composite
def loads(draw: st.DrawFn) -> Load:
    return Load(
        memory=0, address=draw(st.integers(0, 50)), ny=draw(SIZES), nx=draw(SIZES), nc=1, valid=draw(st.integers(1, 4)),
        ddr_pitch_y=draw(st.integers(0, 30)), ddr_pitch_x=draw(st.integers(0, 12)), base=draw(st.integers(0, 9)),
        pitch_y=3, pitch_x=1,
    )  # fmt: skip


@given(load=loads(), byte=st.integers(0, 150))
def test_words_that_hold_a_byte(load: Load, byte: int) -> None:
    found = 0
    for y in range(load.ny):
        for x in range(load.nx):
            offset = byte - load.address - y * load.ddr_pitch_y - x * load.ddr_pitch_x
            found += 0 <= offset < load.valid
    assert loads_of(load, byte) == found


@given(load=loads())
def test_bytes_of_a_buffer(load: Load) -> None:
    config = PRESETS["tiny"]
    lanes, seen = config.pixel_parallel, 0
    for y in range(load.ny):
        for x in range(load.nx):
            line = load.base + y * load.pitch_y + x // lanes * load.pitch_x
            for byte in range(config.word_bytes):
                expected = load.address + y * load.ddr_pitch_y + x * load.ddr_pitch_x + byte
                if byte >= load.valid:
                    expected = None  # type: ignore[assignment]
                assert ddr_byte(load, config, x % lanes, line, byte) == expected
                seen += 1
    assert seen == load.ny * load.nx * config.word_bytes
    assert ddr_byte(load, config, 0, load.base - 1, 0) is None


def test_elements_of_a_tensor_inside_a_concatenation() -> None:
    """Three channels from channel 2 on of a tensor of six, 2 x 4 pixels."""
    symbol = TensorSymbol("t", (1, 3, 2, 4), "int8", 102, (1, 2, 4, 3), (48, 24, 6))
    found = {byte: at for byte in range(90, 160) if (at := element_at(symbol, byte)) is not None}
    expected = {102 + 24 * y + 6 * x + c: (0, y, x, c) for y in range(2) for x in range(4) for c in range(3)}
    assert found == expected
    assert sorted(onnx_position(symbol, at) for at in found.values()) == list(range(24))
    assert onnx_position(symbol, (0, 1, 2, 1)) == 1 * 8 + 1 * 4 + 2
