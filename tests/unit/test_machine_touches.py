"""Edges of reads and writes in bulk, against the loops of an instruction written out."""

import pytest

from accel_sim.config import PRESETS
from accel_sim.config.memories import MEMORY_IDS
from accel_sim.isa import Conv, Load, Save
from accel_sim.isa.geometry import duration, walk
from accel_sim.machine.touches import touches

TINY = PRESETS["tiny"]


@pytest.mark.parametrize("kind", [Load, Save])
def test_a_transfer_reads_at_the_port_and_writes_a_latency_later(kind: type[Load] | type[Save]) -> None:
    i = kind(memory=MEMORY_IDS["img"], address=0, ny=2, nx=5, nc=1, valid=3, ddr_pitch_y=30, ddr_pitch_x=3, base=0, pitch_y=3, pitch_x=1)  # fmt: skip # noqa: E501
    first, second = touches(i, 3, TINY)
    assert (first.write, second.write) == (False, True)
    assert int(first.edge.min()) == 1
    assert sorted(set((second.edge - TINY.ddr_latency_cycles).tolist())) == sorted(set(first.edge.tolist()))
    assert int(second.edge.max()) + 1 == duration(i, TINY)


@pytest.mark.parametrize("stride", [1, 2])
def test_operands_are_read_lane_by_lane_where_their_pixels_share_a_bank(stride: int) -> None:
    """With stride 2 on two pixels the lanes take turns: the second reads an edge later."""
    width = 4 * stride + 1
    i = Conv(
        in_base=0, in_pitch_y=8, in_pitch_x=1, in_height=3, in_width=width, in_groups=1, tail=4, kernel_y=1, kernel_x=1,
        stride_y=1, stride_x=stride, out_base=64, out_pitch_y=2, out_pitch_x=1, out_height=3, out_width=4, out_groups=2,
    )  # fmt: skip
    w = walk(i, TINY)
    assert w.phases == stride
    expected: dict[tuple[int, int], int] = {}
    for o in range(i.out_groups):
        for y in range(i.out_height):
            for x in range(i.out_width):
                block, lane = y * w.across + x // w.lanes, x % w.lanes
                pixel = x * stride
                at = pixel % TINY.pixel_parallel, i.in_base + y * i.in_pitch_y + pixel // TINY.pixel_parallel
                edge = 1 + o * w.group_cycles + w.prelude + block * w.taps * w.phases + (lane if stride == 2 else 0)
                expected[at] = max(expected.get(at, 0), edge)
    (found,) = (t for t in touches(i, 8, TINY) if t.memory == "img" and not t.write)
    assert (
        dict(zip(zip(found.bank.tolist(), found.row.tolist(), strict=True), found.edge.tolist(), strict=True))
        == expected
    )
    (made,) = (t for t in touches(i, 8, TINY) if t.write)
    assert int(made.edge.max()) + 1 == duration(i, TINY)
    per_group = [1 + o * w.group_cycles for o in range(2)]
    (biases,) = (t for t in touches(i, 8, TINY) if t.memory == "bias")
    assert biases.edge.tolist() == [edge + j for edge in per_group for j in range(w.prelude)]
    (entries,) = (t for t in touches(i, 8, TINY) if t.memory == "rqp")
    assert sorted(set(entries.edge.tolist())) == [edge + w.prelude - 1 for edge in per_group]
    assert set(entries.used.tolist()) == {7}  # the eighth byte is unused
