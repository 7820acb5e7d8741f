"""Jobs of Conv, ConvTranspose and Gemm."""

from dataclasses import replace
from math import gcd

import numpy as np

from accel_sim.compiler.constants import (
    ConstantImage,
    NotOnTheArrayError,
    Weights,
    add_bias,
    add_depthwise,
    add_parameters,
    add_weights,
    epilogue_stage,
    weights_of,
)
from accel_sim.compiler.jobs import Constants, Job, Part
from accel_sim.compiler.regions import Extent, extent_of
from accel_sim.config import AcceleratorConfig
from accel_sim.engine.layout import offset
from accel_sim.engine.operands import Stage
from accel_sim.isa import Alu, AluOp, Compute
from accel_sim.isa import Conv as ConvInstruction
from accel_sim.model import Conv, ConvTranspose, Gemm, Graph, Node
from accel_sim.model import Window as WindowShape

MOST_KERNEL, MOST_STRIDE, MOST_DILATION = 511, 511, 255


def check_window(window: WindowShape) -> None:
    """Make sure that a window fits the instruction's fields."""
    for what, values, most in (
        ("kernel", window.kernel, MOST_KERNEL),
        ("stride", window.strides, MOST_STRIDE),
        ("dilation", window.dilations, MOST_DILATION),
        ("padding", window.pads, MOST_KERNEL),
    ):
        if max(values) > most:
            raise NotOnTheArrayError(f"{what} {max(values)} exceeds the {most} that an instruction holds")


def window_fields(window: WindowShape) -> dict[str, int]:
    """Return the instruction fields of a window; padding belongs to tiles."""
    (ky, kx), (sy, sx), (dy, dx) = window.kernel, window.strides, window.dilations
    return {
        "kernel_y": ky, "kernel_x": kx, "stride_y": sy, "stride_x": sx, "dilation_y": dy, "dilation_x": dx,
    }  # fmt: skip


def later(**known: int) -> dict[str, int]:
    """Fields of a template that tiles fill in, with those that are known."""
    names = ("base", "pitch_y", "pitch_x", "height", "width", "groups")
    blank = {f"{side}_{name}": 0 for side in ("in", "out") for name in names}
    return blank | {"tail": 1} | known


def output_fields(stage: Stage) -> dict[str, int]:
    """Return the instruction fields of a requantisation; bytes, that is codes plus the offset of the type."""
    low, high, zero, byte = (int(v) for v in stage.limits)
    return {"mode": stage.mode, "low": low + byte, "high": high + byte, "zero": zero + byte}


class ProductJobs:
    """Makes the jobs of nodes with weights.

    Parameters
    ----------
    image
        Receives the constants.
    """

    def __init__(self, graph: Graph, config: AcceleratorConfig, image: ConstantImage) -> None:
        self.graph, self.config, self.image = graph, config, image

    def jobs(self, node: Node, layer: int) -> list[Job]:
        """Return the jobs of a node.

        Raises
        ------
        NotOnTheArrayError
            The array cannot run it; the message is the reason.
        """
        operation = node.operation
        if isinstance(operation, Gemm):
            if len(self.graph.tensors[node.inputs[0]].shape) != 2:
                raise NotOnTheArrayError("the rows of a product of rank other than two are not adjacent in memory")
            return self._convolution(node, layer, WindowShape((1, 1)), 1)
        assert isinstance(operation, Conv | ConvTranspose)
        check_window(operation.window)
        if isinstance(operation, ConvTranspose):
            return self._transposed(node, layer, operation)
        channels = extent_of(self.graph.tensors[node.inputs[0]])[3]
        if operation.group == channels == operation.weight.shape[0] and channels > 1:
            return [self._depthwise(node, layer, operation)]
        return self._convolution(node, layer, operation.window, operation.group)

    def _output(self, node: Node) -> Extent:
        return extent_of(self.graph.tensors[node.outputs[0]])

    def _fields(self, node: Node, stage: Stage) -> dict[str, int]:
        operation = node.operation
        assert isinstance(operation, Conv | ConvTranspose | Gemm)
        x_zero = operation.x_zero + offset(self.graph.tensors[node.inputs[0]])
        return {"x_zero": x_zero, "shift": operation.accumulator_shift, **output_fields(stage)}

    def _stage(self, node: Node, channels: int) -> Stage:
        operation = node.operation
        assert isinstance(operation, Conv | ConvTranspose | Gemm)
        return epilogue_stage(operation.epilogue, channels, self.graph.tensors[node.outputs[0]])

    def _depthwise(self, node: Node, layer: int, operation: Conv) -> Job:
        _, height, width, channels = self._output(node)
        taps = operation.window.kernel[0] * operation.window.kernel[1]
        if taps > self.config.depthwise_rows:
            raise NotOnTheArrayError(f"{taps} depthwise taps exceed the {self.config.depthwise_rows} weight rows")
        stage = self._stage(node, channels)
        weights = weights_of(self.graph, operation.weight, channels)
        template = Alu(
            op=AluOp.DEPTHWISE, **later(), **window_fields(operation.window), **self._fields(node, stage)
        )  # fmt: skip
        whole = slice(0, channels)
        address = add_depthwise(self.image, weights, self.config, layer)
        constants = self._constants(node, layer, stage, whole, weights, address)
        source, target = Part(node.inputs[0], 0, channels), Part(node.outputs[0], 0, channels)
        pads = operation.window.pads[:2]
        return Job(template, source, target, (height, width), pads, constants=constants)

    def _constants(
        self, node: Node, layer: int, stage: Stage, channels: slice, weights: Weights, address: int
    ) -> Constants:
        operation = node.operation
        assert isinstance(operation, Conv | ConvTranspose | Gemm)
        total = stage.scale.size
        bias = add_bias(self.image, self.graph, operation.bias, channels, total, self.config, layer, node.name)
        parameters = add_parameters(self.image, stage, channels, weights.zero, self.config, layer, node.name)
        names = (weights.name,) if operation.bias is None else (weights.name, operation.bias.parameter)
        return Constants(address, bias, parameters, names=names)

    def _convolution(self, node: Node, layer: int, window: WindowShape, group: int) -> list[Job]:
        """One job per group of channels."""
        operation = node.operation
        assert isinstance(operation, Conv | Gemm)
        _, height, width, outputs = self._output(node)
        inputs = extent_of(self.graph.tensors[node.inputs[0]])[3]
        if isinstance(operation, Gemm):
            inputs = operation.weight.shape[1]
        stage = self._stage(node, outputs)
        weights = weights_of(self.graph, operation.weight, outputs)
        per_group, each = inputs // group, outputs // group
        found = []
        for g in range(group):
            channels = slice(g * each, (g + 1) * each)
            every = slice(None)
            job = Job(
                ConvInstruction(**later(), **window_fields(window), **self._fields(node, stage)),
                Part(node.inputs[0], g * per_group, per_group),
                Part(node.outputs[0], g * each, each),
                (height, width),
                window.pads[:2],
            )
            found.append(
                self._with_weights(job, node, layer, stage, channels, weights.part(channels, every, every, every))
            )
        return found

    def _with_weights(self, job: Job, node: Node, layer: int, stage: Stage, channels: slice, weights: Weights) -> Job:
        """Store the weights of a job, in as many parts as the weight banks need."""
        config, inputs = self.config, job.source.count
        taps = weights.codes.shape[2] * weights.codes.shape[3]
        if taps > config.weight_rows:
            raise NotOnTheArrayError(f"a window of {taps} taps exceeds the {config.weight_rows} weight rows")
        most = config.weight_rows // taps * config.word_bytes
        every, parts = slice(None), []
        for start in range(0, inputs, most):
            cut = slice(start, min(start + most, inputs))
            part = weights.part(every, cut, every, every)
            address = add_weights(self.image, part, config, layer)
            parts.append((cut.stop - start, self._constants(node, layer, stage, channels, part, address)))
        assert isinstance(job.template, Compute)
        template = replace(job.template, in_groups=-(-parts[0][0] // config.word_bytes))
        job = replace(job, template=template, constants=parts[0][1])
        return replace(job, parts=tuple(parts)) if len(parts) > 1 else job

    def _transposed(self, node: Node, layer: int, operation: ConvTranspose) -> list[Job]:
        """Return a convolution for each remainder of the output position by the stride, with the taps that reach it."""
        _, height, width, outputs = self._output(node)
        inputs = extent_of(self.graph.tensors[node.inputs[0]])[3]
        stage, group, window = self._stage(node, outputs), operation.group, operation.window
        weights = weights_of(self.graph, operation.weight, outputs)
        per_group, each = inputs // group, outputs // group
        found = []
        for g in range(group):
            channels = slice(g * each, (g + 1) * each)
            cut = slice(g * per_group, (g + 1) * per_group)
            mine = Weights(
                weights.name,
                weights.codes[cut].transpose(1, 0, 2, 3),
                weights.elements[cut].transpose(1, 0, 2, 3),
                weights.zero[channels],
            )
            for y in range(min(window.strides[0], height)):
                for x in range(min(window.strides[1], width)):
                    rows, pad_y, step_y = phase(y, *_axis(window, 0))
                    columns, pad_x, step_x = phase(x, *_axis(window, 1))
                    part = _taps(mine, rows, columns)
                    shape = WindowShape((part.codes.shape[2], part.codes.shape[3]), dilations=(step_y, step_x))
                    check_window(shape)
                    job = Job(
                        ConvInstruction(**later(), **window_fields(shape), **self._fields(node, stage)),
                        Part(node.inputs[0], g * per_group, per_group),
                        Part(node.outputs[0], g * each, each),
                        (-(-(height - y) // window.strides[0]), -(-(width - x) // window.strides[1])),
                        (pad_y, pad_x),
                        (y, x),
                        window.strides,
                    )
                    found.append(self._with_weights(job, node, layer, stage, channels, part))
        return found


def _axis(window: WindowShape, axis: int) -> tuple[int, int, int, int]:
    return window.kernel[axis], window.strides[axis], window.pads[axis], window.dilations[axis]


def phase(position: int, kernel: int, stride: int, pad: int, dilation: int) -> tuple[list[int], int, int]:
    """Taps of a transposed convolution that reach output positions ``position + i * stride``.

    Input position i + o contributes through tap k where ``position + pad - k * dilation = o * stride``.

    Returns
    -------
    taps
        In the order of ascending input positions.
    padding
        Minus the smallest o.
    step
        Distance of the input positions of neighbouring taps.
    """
    taps = [k for k in range(kernel) if (position + pad - k * dilation) % stride == 0]
    if not taps:
        return [], 0, 1
    offsets = [(position + pad - k * dilation) // stride for k in taps]
    step = dilation // gcd(dilation, stride)
    return taps[::-1], -offsets[-1], max(step, 1)


def _taps(weights: Weights, rows: list[int], columns: list[int]) -> Weights:
    """Pick taps; where none is left, a single one of zeros (the bias remains)."""
    if rows and columns:
        return Weights(
            weights.name, weights.codes[:, :, rows][:, :, :, columns], weights.elements[:, :, rows][:, :, :, columns],
            weights.zero,
        )  # fmt: skip
    codes = np.broadcast_to(weights.zero.astype(np.int8)[:, None, None, None], (*weights.codes.shape[:2], 1, 1))
    return Weights(weights.name, codes, np.full(codes.shape, -1, np.int32), weights.zero)
