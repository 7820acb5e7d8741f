"""The common faulty run as one call into compiled code: one element upset, one deciding output.

A node of the host that turns codes into codes interrupts the call, and another call goes on behind it.

Preparing an upset for the general path (`FaultRunner.struck`) and judging it costs the interpreter as much as a small
network's mean fault. What a fault of a parameter means is looked up once per parameter here.
"""

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.engine.linear_steps import ConvStep, ConvTransposeStep, GemmStep
from accel_sim.engine.sparse import fields as F
from accel_sim.engine.sparse.entry import run_judge, run_propagate, run_single, run_undo
from accel_sim.engine.sparse.runner import FaultRunner

WEIGHT, BIAS, CODE = 0, 1, 2
HOST = -2  # and below: the node of the host that a run has come to
Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Site:
    """Where the upset elements of one parameter or tensor enter.

    Attributes
    ----------
    kind
        ``WEIGHT``, ``BIAS`` or ``CODE``.
    number
        The linear node that reads the parameter; the first node behind the tensor.
    strides
        Distance of neighbouring elements in `values` (of a tensor: in its stored form), per axis.
    values
        Stored elements, flat; none of a tensor, whose codes are flipped where they are.
    tensor
        Number of the tensor.
    """

    kind: int
    number: int
    strides: tuple[int, ...]
    values: Array | None = None
    tensor: int = -1


class SingleFaults:
    """Runs single upsets of one image.

    Parameters
    ----------
    runner
        The runner of the image.
    output
        Tensor of codes that decides.
    classes
        Classes of a decision, the channels of that tensor; 0 if every code is a decision.
    """

    def __init__(self, runner: FaultRunner, output: str, classes: int) -> None:
        self.runner, self.graph, self.classes = runner, runner.graph, classes
        self.output = runner.tables.numbers[output]
        self.limit = int(runner.tables.tensors[self.output, F.SIZE]) // max(classes, 1)
        self._sites: dict[tuple[str, str], Site | None] = {}

    def run(self, space: str, name: str, index: tuple[int, ...], mask: int) -> int | None:
        """Run an upset of one element.

        Returns
        -------
        int or None
            Changed decisions; -1 if no code of the output differs; None if the general path has to run it.

        Raises
        ------
        AssertionError
            The element does not differ in exactly the bits of the mask: no result of that injection may be used.
        """
        key = (space, name)
        if key not in self._sites:
            self._sites[key] = self._parameter(name) if space == "parameters" else self._activation(name)
        site = self._sites[key]
        if site is None or mask <= 0:
            return None
        position = sum(i * stride for i, stride in zip(index, site.strides, strict=True))
        difference, where = 0, (site.tensor, position, 0, 0)
        if site.values is not None:
            difference = _difference(site.values, position, mask)
            where = (position, 0, 0, 0) if site.kind == BIAS else self._coordinates(site.number, index)
        elif mask > 255:
            return None
        runner = self.runner
        found = run_single(
            runner.handles, site.kind, site.number, *where, difference, mask, runner.portable, runner.policy,
            self.output, self.classes, self.limit,
        )  # fmt: skip
        return int(found) if found > HOST else self._through_host(HOST - int(found))

    def _through_host(self, number: int) -> int | None:
        """Go on from a node of the host, judge and undo; None where real values would have to be followed."""
        runner, nodes = self.runner, len(self.graph.nodes)
        try:
            while number < nodes:
                if not runner.run_on_host(number):
                    return None
                number = int(
                    run_propagate(runner.handles, number + 1, nodes, runner.portable, runner.policy, self.output)
                )
            return int(run_judge(runner.handles, self.output, self.classes, self.limit))
        finally:
            run_undo(runner.handles)

    def _coordinates(self, number: int, index: tuple[int, ...]) -> tuple[int, int, int, int]:
        """Output channel, input channel, row and column of a weight."""
        step = self.runner.engine.steps[number]
        if isinstance(step, GemmStep):
            return index[0], index[1], 0, 0
        first, second, ky, kx = index
        if isinstance(step, ConvTransposeStep):
            return first // step.inputs * step.per_group + second, first, ky, kx
        assert isinstance(step, ConvStep)
        return first, first // (step.channels // step.group) * step.inputs + second, ky, kx

    def _parameter(self, name: str) -> Site | None:
        """Weights as they are stored and plain int32 biases, read once, by a linear node in compiled form."""
        values = self.graph.parameters[name].values
        views = [(k, view) for k in self.graph.readers[name] for view in self.graph.nodes[k].views]
        views = [(k, view) for k, view in views if view.parameter == name]
        if len(views) != 1 or views[0][1].index is not None or views[0][1].shape != values.shape:
            return None
        number, view = views[0]
        step, kind = self.runner.engine.steps[number], self.runner.tables.nodes[number, F.KIND]
        if kind not in (F.LINEAR, F.TRANSPOSED) or not isinstance(step, ConvStep | ConvTransposeStep | GemmStep):
            return None
        flat, strides = np.ascontiguousarray(values).reshape(-1), _strides(values.shape)
        if view is step.operation.weight:
            return Site(WEIGHT, number, strides, flat)
        plain = values.dtype == np.int32 and values.shape == (step.channels,) and view.gain is None
        return Site(BIAS, number, strides, flat) if plain else None

    def _activation(self, name: str) -> Site | None:
        if name not in self.runner.tables.numbers:
            return None
        writers = [k for k, node in enumerate(self.graph.nodes) if name in node.outputs]
        shape = self.graph.tensors[name].shape
        strides = _strides(shape)
        if len(shape) >= 3:  # stored with the channels last
            batch, *spatial, channel = _strides((shape[0], *shape[2:], shape[1]))
            strides = (batch, channel, *spatial)
        return Site(CODE, writers[0] + 1 if writers else 0, strides, None, self.runner.tables.numbers[name])


def _difference(values: Array, position: int, mask: int) -> int:
    """Difference that a flip makes to a stored element, as an int32; in whole numbers of the interpreter, for speed."""
    bits, before = 8 * values.itemsize, int(values.item(position))
    memory = before % (1 << bits)
    flipped = (memory ^ mask) % (1 << bits)
    if (flipped ^ memory).bit_count() != mask.bit_count():
        raise AssertionError(f"{mask.bit_count()} bits were to differ in an element of {bits}: mask {mask:#x}")
    after = flipped - (1 << bits) if values.dtype.kind == "i" and flipped >> (bits - 1) else flipped
    return (after - before + 2**31) % 2**32 - 2**31


def _strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(prod(shape[axis + 1 :]) for axis in range(len(shape)))
