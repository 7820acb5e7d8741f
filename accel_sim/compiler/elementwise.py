"""Jobs of pools, tables and binary operators."""

import numpy as np
from numpy.typing import NDArray

from accel_sim.compiler.constants import (
    ConstantImage,
    NotOnTheArrayError,
    add_bias,
    add_parameters,
    epilogue_stage,
    operand_codes,
)
from accel_sim.compiler.convolution import MOST_KERNEL, check_window, later, output_fields, window_fields
from accel_sim.compiler.jobs import Constants, Job, Part
from accel_sim.compiler.pair_arithmetic import recognise
from accel_sim.compiler.regions import Extent, extent_of
from accel_sim.config import AcceleratorConfig
from accel_sim.engine.layout import offset, stored_table
from accel_sim.isa import Alu, AluOp
from accel_sim.model import GlobalAveragePool, Graph, Lookup, Lookup2, MaxPool, Node, Window
from accel_sim.model.graph import Side
from accel_sim.numerics import CodeType

IDENTITY = np.arange(256, dtype=np.int32)


def table_template() -> Alu:
    """Return the instruction of a table lookup."""
    return Alu(op=AluOp.TABLE, **later())


class AluJobs:
    """Makes the jobs of nodes for the ALU.

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
        if isinstance(operation, MaxPool):
            return [self._max_pool(node, operation)]
        if isinstance(operation, GlobalAveragePool):
            return [self._mean(node, operation, layer)]
        if isinstance(operation, Lookup):
            source, target = (self.graph.tensors[n] for n in (node.inputs[0], node.outputs[0]))
            return [self.lookup(node, stored_table(operation.table, source, target), layer)]
        assert isinstance(operation, Lookup2)
        return [self._pair(node, operation, layer)]

    def _ends(self, node: Node) -> tuple[Extent, Part, Part]:
        extent = extent_of(self.graph.tensors[node.outputs[0]])
        return extent, Part(node.inputs[0], 0, extent[3]), Part(node.outputs[0], 0, extent[3])

    def _max_pool(self, node: Node, operation: MaxPool) -> Job:
        check_window(operation.window)
        extent, source, target = self._ends(node)
        template = Alu(op=AluOp.MAX, **later(), **window_fields(operation.window))
        return Job(template, source, target, extent[1:3], operation.window.pads[:2])

    def _mean(self, node: Node, operation: GlobalAveragePool, layer: int) -> Job:
        tensor = self.graph.tensors[node.inputs[0]]
        _, height, width, channels = extent_of(tensor)
        if len(tensor.shape) not in (3, 4) or max(height, width) > MOST_KERNEL:
            raise NotOnTheArrayError(f"a mean over {height} x {width} positions exceeds a window of {MOST_KERNEL}")
        stage = epilogue_stage(operation.epilogue, channels, self.graph.tensors[node.outputs[0]])
        template = Alu(
            op=AluOp.SUM, x_zero=operation.x_zero + offset(tensor), **later(),
            **window_fields(Window((height, width))), **output_fields(stage),
        )  # fmt: skip
        whole = slice(0, channels)
        bias = add_bias(self.image, self.graph, None, whole, channels, self.config, layer, f"{node.name}:no_bias")
        zeros = np.zeros(channels, np.int32)
        parameters = add_parameters(self.image, stage, whole, zeros, self.config, layer, node.name)
        source, target = Part(node.inputs[0], 0, channels), Part(node.outputs[0], 0, channels)
        constants = Constants(None, bias, parameters, names=(f"{node.name}:requantisation",))
        return Job(template, source, target, (1, 1), constants=constants)

    def lookup(self, node: Node, table: NDArray[np.uint8], layer: int, operand: int = 0) -> Job:
        """Return the job of a table over stored bytes."""
        address = self.add_table(table, f"{node.name}:table", layer)
        extent = extent_of(self.graph.tensors[node.outputs[0]])
        source, target = Part(node.inputs[operand], 0, extent[3]), Part(node.outputs[0], 0, extent[3])
        constants = Constants(table=address, names=(f"{node.name}:table",))
        return Job(table_template(), source, target, extent[1:3], constants=constants)

    def add_table(self, table: NDArray[np.uint8], name: str, layer: int) -> int:
        """Store a table of 256 bytes."""
        return self.image.add(table, IDENTITY, name, "table", layer)

    # --- two operands --------------------------------------------------------------------------------------------
    def _pair(self, node: Node, operation: Lookup2, layer: int) -> Job:
        graph, target = self.graph, self.graph.tensors[node.outputs[0]]
        sides: list[Side] = [graph.tensors[n].side for n in node.inputs]
        shapes = [graph.tensors[n].shape for n in node.inputs]
        names = list(node.inputs)
        view, position = operation.constant, 0 if operation.constant_first else 1
        if view is not None:
            kind = CodeType(str(graph.parameters[view.parameter].values.dtype))
            sides.insert(position, (1.0, int(view.zero_point.reshape(-1)[0]), kind))
            shapes.insert(position, view.shape)
            names.insert(position, "")
        if len(names) == 1:  # both operands are one tensor
            sides, shapes, names = sides * 2, shapes * 2, names * 2
        rows, columns = (np.arange(256) ^ (128 if side[2].name == "int8" else 0) for side in sides)
        table = np.ascontiguousarray(operation.table[rows][:, columns] ^ np.uint8(offset(target)))
        if view is not None and int(np.prod(view.shape)) == 1:
            code = int(operand_codes(graph, view)[0].reshape(-1)[0])
            if shapes[1 - position] == target.shape:
                row = np.ascontiguousarray(table[code] if position == 0 else table[:, code])
                return self.lookup(node, row, layer)
        if view is not None:
            raise NotOnTheArrayError("an elementwise operator with a constant operand of more than one element")
        return self._two_tensors(node, table, sides, shapes, names)

    def _two_tensors(
        self, node: Node, table: NDArray[np.uint8], sides: list[Side], shapes: list[tuple[int, ...]], names: list[str]
    ) -> Job:
        target = self.graph.tensors[node.outputs[0]]
        small = [s != target.shape for s in shapes]
        extents = [extent_of(self.graph.tensors[n]) for n in names]
        extent = extent_of(target)
        if all(small) or (any(small) and not self._is_pixel(extents[small.index(True)], extent, shapes)):
            raise NotOnTheArrayError("operands broadcast along other axes than height and width")
        for order in ((0, 1), (1, 0)):
            if any(small) and not small[order[1]]:
                continue  # the operand that is one pixel has to be the second
            oriented = table if order == (0, 1) else np.ascontiguousarray(table.T)
            found = recognise(node.onnx_op, oriented, sides[order[0]], sides[order[1]], target.side)
            if found is not None:
                break
        else:
            raise NotOnTheArrayError(
                f"no addition or multiplication of the ALU gives all results of this {node.onnx_op}"
            )
        first, second = (Part(names[i], 0, extent[3]) for i in order)
        template = Alu(**later(), **found.fields())
        target_part = Part(node.outputs[0], 0, extent[3])
        return Job(template, first, target_part, extent[1:3], second=second, broadcast=any(small))

    @staticmethod
    def _is_pixel(small: Extent, extent: Extent, shapes: list[tuple[int, ...]]) -> bool:
        same_rank = len(shapes[0]) == len(shapes[1]) >= 3
        return same_rank and small[1:3] == (1, 1) and small[3] == extent[3] and small[0] in (1, extent[0])
