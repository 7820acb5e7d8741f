"""Bytes between DDR and the banks: what stays on chip, what is streamed, and which steps run as one."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.estimate.cycles import alu_cycles, conv_cycles, is_strided
from accel_sim.estimate.hardware import Array, group_bytes, weight_buffer_bytes
from accel_sim.estimate.layer import Layer, Topology


@dataclass(frozen=True)
class Work:
    """What every layer asks of the accelerator; arrays have one entry a layer.

    Parameters
    ----------
    conv_cycles, alu_cycles : ndarray of float64, (layers,)
        Cycles of the array and of the ALU.
    strided : ndarray of bool, (layers,)
        Convolutions that read rows with gaps.
    weight_bytes, load_bytes, save_bytes : ndarray of float64, (layers,)
        Bytes of weights and feature maps from DDR, and to DDR.
    steps : ndarray of float64, (layers,)
        1 where the layer is scheduled on its own, 0 where it runs inside the step in front of it, or on the host.
    """

    conv_cycles: NDArray[np.float64]
    alu_cycles: NDArray[np.float64]
    strided: NDArray[np.bool_]
    weight_bytes: NDArray[np.float64]
    load_bytes: NDArray[np.float64]
    save_bytes: NDArray[np.float64]
    steps: NDArray[np.float64]


def _can_stream(first: Layer, second: Layer, array: Array) -> bool:
    """Tell whether the second layer can take the first one's tiles as they come: one pixel in, one pixel out."""
    if first.kind not in ("conv", "depthwise"):
        return False
    pointwise = second.kind == "conv" and second.taps == 1 and second.op_type != "ConvTranspose"
    fits = first.weight_bytes + second.weight_bytes <= weight_buffer_bytes(array)
    return fits and (pointwise or (first.kind == "conv" and second.kind == "elementwise"))


def work_of(topology: Topology, array: Array) -> Work:
    """Return cycles and bytes of every layer.

    Weights are read once an image. A feature map is kept in the banks for the next layer when it fits one bank group;
    it is not written at all when nothing else reads it. A depthwise or ordinary convolution followed by a 1x1
    convolution (both fitting the weight banks), or by an element-wise operation, passes its tiles on without a detour
    through DDR, whatever their size.
    """
    layers = topology.layers
    count = len(layers)
    readers = Counter(t.name for layer in layers for t in layer.inputs)
    readers.update(t.name for t in topology.outputs)
    load, save, steps = np.zeros(count), np.zeros(count), np.ones(count)
    streamed = False  # whether the layer in front already receives a stream: chains stay two layers long
    for i, layer in enumerate(layers):
        if layer.kind == "host":
            steps[i] = 0
        load[i], save[i] = layer.input_bytes, layer.output.bytes
        front = layers[i - 1] if i else None
        if front is None or "host" in (front.kind, layer.kind) or front.output not in layer.inputs:
            streamed = False
            continue
        alone = readers[front.output.name] == 1
        stream = alone and not streamed and _can_stream(front, layer, array)
        if stream or front.output.bytes <= group_bytes(array):
            load[i] -= front.output.bytes
            save[i - 1] = 0 if alone else save[i - 1]
        if alone and front.kind == "depthwise" and layer.kind == "conv" and layer.taps == 1:
            steps[i] = 0
        streamed = stream
    on_array = [layer.kind != "host" for layer in layers]
    return Work(
        np.array([conv_cycles(x, array) for x in layers], np.float64),
        np.array([alu_cycles(x, array) for x in layers], np.float64),
        np.array([is_strided(x, array) for x in layers], np.bool_),
        np.array([x.weight_bytes for x in layers], np.float64) * on_array,
        load * on_array,
        save * on_array,
        steps,
    )
