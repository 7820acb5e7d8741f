"""Cycles and bytes against counts made by hand or by brute force."""

import itertools

import numpy as np
import pytest

from accel_sim.estimate import ArrayShape, Calibration, estimate_network, layer_table, read_topology
from accel_sim.estimate.cycles import alu_cycles, conv_cycles, is_packed, is_strided
from accel_sim.estimate.hardware import group_bytes, peak_ops_per_cycle, weight_buffer_bytes
from accel_sim.estimate.timing import times_of
from accel_sim.estimate.traffic import work_of
from onnx_models import zoo
from onnx_models.zoo.network import Network

B4096 = ArrayShape()
SMALL = ArrayShape(2, 4, 4, 1, 16, 16, 100.0)


def only(net, *ends):
    return read_topology(net.model(*ends)).layers[-1]


def counted(oh, ow, oc, taps, ic, array):
    """Walk over all tiles, one cycle each."""
    axes = [
        range(0, oh, array.pixel_parallel),
        range(ow),
        range(0, oc, array.output_channel_parallel),
        range(taps),
        range(0, ic, array.input_channel_parallel),
    ]
    return sum(1 for _ in itertools.product(*axes))


@pytest.mark.parametrize(("size", "ic", "oc", "kernel"), [(5, 9, 7, 3), (8, 16, 4, 1), (3, 33, 5, 2)])
def test_convolution_is_a_walk_over_tiles(size, ic, oc, kernel):
    net = Network("n", ic, size, size)
    layer = only(net, net.conv(net.input, oc, kernel))
    assert conv_cycles(layer, SMALL) == counted(size, size, oc, kernel * kernel, ic, SMALL)


def test_few_channels_are_packed_along_the_window():
    net = Network("n", 3, 224, 224)
    layer = only(net, net.conv(net.input, 64, 7, 2, padding=3))
    assert is_packed(layer, B4096)
    assert conv_cycles(layer, B4096) == 14 * 112 * 4 * 7 * 2  # 7 taps of 3 channels: two words of 16


def test_full_channels_are_not_packed():
    net = Network("n", 32, 8, 8)
    strided = only(net, net.conv(net.input, 16, 3, 2))
    assert not is_packed(strided, B4096)
    assert is_strided(strided, B4096)
    assert not is_strided(only(net, net.conv(net.input, 16, 1, 2)), B4096)


def test_groups_are_computed_one_after_another():
    net = Network("n", 64, 8, 8)
    layer = only(net, net.conv(net.input, 64, 3, group=2))
    assert conv_cycles(layer, B4096) == 2 * 8 * 2 * 9 * 2


def test_transposed_convolution():
    net = Network("n", 32, 8, 8)
    layer = only(net, net.up_conv(net.input, 16, 2, 2))
    assert conv_cycles(layer, B4096) == 2 * 16 * 1 * 1 * 2


def test_dense_is_one_pixel():
    net = Network("n", 64, 1, 1)
    assert conv_cycles(only(net, net.dense(net.input, 100)), B4096) == 7 * 4


def test_alu_work():
    net = Network("n", 24, 10, 6)
    columns = 3 * 6 * 2  # four rows at once, words of 16 channels
    assert alu_cycles(only(net, net.depthwise(net.input, 3)), B4096) == columns * 9
    assert alu_cycles(only(net, net.pool(net.input, 3, 1)), B4096) == columns * 3
    assert alu_cycles(only(net, net.act(net.input, "hard_swish")), B4096) == columns * 2
    assert alu_cycles(only(net, net.conv(net.input, 16, 3)), B4096) == 0
    doubled = Network("n", 3, 8, 8)
    assert alu_cycles(only(doubled, doubled.conv(doubled.input, 24, 7, group=3)), B4096) == 8 * 2 * 8 * 49


def test_sums_read_both_operands():
    net = Network("n", 16, 4, 4)
    a, b = net.conv(net.input, 16, 1), net.conv(net.input, 16, 1)
    assert alu_cycles(only(net, net.add(a, b)), B4096) == 4 * 2


def test_sizes_of_the_banks():
    assert peak_ops_per_cycle(B4096) == 4096
    assert group_bytes(B4096) == 262_144
    assert weight_buffer_bytes(B4096) == 524_288


def test_small_maps_stay_on_chip_and_large_ones_do_not():
    net = Network("n", 16, 32, 32)
    work = work_of(read_topology(net.model(net.pool(net.pool(net.input, 2, 2), 2, 2))), B4096)
    assert work.load_bytes.tolist() == [16 * 1024, 0]
    assert work.save_bytes.tolist() == [0, 16 * 64]
    net = Network("n", 16, 256, 256)
    work = work_of(read_topology(net.model(net.pool(net.pool(net.input, 2, 2), 2, 2))), ArrayShape(image_rows=64))
    assert work.load_bytes[1] == work.save_bytes[0] == 16 * 128 * 128


def test_what_others_read_is_saved_but_not_loaded_at_once():
    net = Network("n", 16, 8, 8)
    a = net.conv(net.input, 16, 1)
    b = net.conv(a, 16, 3)
    work = work_of(read_topology(net.model(net.add(net.conv(b, 16, 3), a))), B4096)
    assert work.save_bytes.tolist() == [1024, 0, 0, 1024]
    assert work.load_bytes.tolist() == [1024, 0, 0, 1024]


def test_pointwise_convolutions_take_a_stream_of_any_size():
    net = Network("n", 64, 256, 256)
    work = work_of(read_topology(net.model(net.conv(net.depthwise(net.input, 3), 32, 1))), B4096)
    assert work.save_bytes[0] == work.load_bytes[1] == 0
    assert work.steps.tolist() == [1, 0]


def test_streams_are_two_layers_long():
    net = Network("n", 64, 256, 256)
    x = net.conv(net.conv(net.conv(net.input, 64, 3), 64, 1), 64, 1)
    work = work_of(read_topology(net.model(x)), B4096)
    assert work.save_bytes.tolist() == [0, 64 * 65536, 64 * 65536]


def test_the_host_costs_the_accelerator_nothing():
    net = Network("n", 16, 8, 8)
    found = estimate_network(net.model(net.act(net.conv(net.input, 16, 3, act=None), "sigmoid")))
    line = found.layers[1]
    assert (line.bound, line.cycles, line.load_bytes) == ("host", 0, 0)
    assert line.host_s == pytest.approx(1024 * 130e-9)
    assert found.fps_with_host < found.fps


def test_time_is_the_longer_of_computing_and_moving():
    net = Network("n", 512, 16, 16)
    work = work_of(read_topology(net.model(net.conv(net.input, 512, 3, 2))), B4096)
    fast = times_of(work, B4096, Calibration(1e12, 100, 0.5))
    conv = 8 * 32 * 9 * 32
    assert fast.total_cycles[0] == conv * 1.5 + 100
    slow = times_of(work, B4096, Calibration(1e6, 100, 0.5))
    moved = 512 * 512 * 9 + 512 + 512 * 256 + 512 * 64
    assert slow.total_cycles[0] == pytest.approx(moved / 1e6 * 300e6)


@pytest.mark.parametrize(
    ("calibration", "bound"),
    [
        (Calibration(1e12, 1, 0), "array"),
        (Calibration(1e6, 1, 0), "load"),
        (Calibration(1e12, 1e9, 0), "start"),
    ],
)
def test_the_table_says_what_bounds_a_layer(calibration, bound):
    net = Network("n", 64, 16, 16)
    found = estimate_network(net.model(net.conv(net.input, 64, 3)), calibration=calibration)
    assert found.layers[0].bound == bound
    assert layer_table(found).splitlines()[1].endswith(bound)


def test_saving_and_the_alu_can_bound_too():
    net = Network("n", 3, 64, 64)
    expand = estimate_network(net.model(net.conv(net.input, 256, 1)), calibration=Calibration(1e8, 1, 0))
    assert expand.layers[0].bound == "save"
    net = Network("n", 64, 64, 64)
    filtered = estimate_network(net.model(net.depthwise(net.input, 5)), calibration=Calibration(1e12, 1, 0))
    assert filtered.layers[0].bound == "alu"


def test_totals_are_sums_of_lines():
    found = estimate_network(zoo.build("mobilenet_v2"))
    assert found.cycles == pytest.approx(sum(line.cycles for line in found.layers))
    assert found.ddr_bytes == sum(x.load_bytes + x.weight_bytes + x.save_bytes for x in found.layers)
    assert found.latency_s == pytest.approx(found.cycles / 300e6)
    assert found.gop == pytest.approx(sum(line.ops for line in found.layers) / 1e9)
    assert all(0 <= line.efficiency <= 1 for line in found.layers)


def test_a_smaller_array_is_slower_and_a_faster_port_is_not():
    model = zoo.build("resnet18")
    big = estimate_network(model)
    small = estimate_network(model, ArrayShape(4, 8, 8, 2))
    assert small.cycles > 3 * big.cycles
    quick = estimate_network(model, calibration=Calibration(19.2e9, 5000, 0.3))
    assert quick.cycles < estimate_network(model, calibration=Calibration(5e9, 5000, 0.3)).cycles
    assert np.isfinite(quick.energy.total_j)


def test_a_full_configuration_is_an_array():
    from accel_sim.config import PRESETS

    model = zoo.build("resnet18")
    found = {name: estimate_network(model, config).cycles for name, config in PRESETS.items() if name != "tiny"}
    assert found["b4096"] == estimate_network(model, B4096).cycles
    assert found["b512"] > found["b1024"] > found["b2304"] > found["b4096"]
