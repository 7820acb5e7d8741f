"""Compile a Graph into the flat tables that the propagation reads."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.engine.layout import offset, stored_map
from accel_sim.engine.linear_steps import ConvStep, ConvTransposeStep, GemmStep, Group
from accel_sim.engine.operands import Stage, stage
from accel_sim.engine.requant import FLOAT32, SHIFT, STEPS
from accel_sim.engine.sparse import fields as F
from accel_sim.engine.sparse.arena import ALIGNMENT, Arena
from accel_sim.engine.sparse.cost import PER_ROW, dense_pixel
from accel_sim.engine.sparse.entries import SPARE
from accel_sim.engine.sparse.products import MOST_CHANNELS, MOST_COLUMNS
from accel_sim.engine.sparse.residual import measure_margins
from accel_sim.engine.sparse.slack import MOST, MOST_UNIT
from accel_sim.engine.steps import ConcatStep, Lookup2Step, LookupStep, MoveStep, Step, real_table, window_tuple
from accel_sim.model import AveragePool, Concat, Dequantise, GlobalAveragePool, Graph, MaxPool, Move, Node

Array = NDArray[Any]
ROOM_SHARE, MOST_LISTED = 8, 1 << 12  # of a tensor's pairs of channels its list has room for; for so many always
WIDTH = 8  # accumulator rows are padded to whole vectors


@dataclass(frozen=True, eq=False)
class Tables:
    """A model as compiled propagation takes it; shared by all runs, never written."""

    tensors: Array
    numbers: dict[str, int]
    nodes: Array
    weights: Array
    packed: Array
    tables: Array
    ints: Array
    floats: Array
    accumulators: int
    codes: int
    pixels: int
    entries: int
    starts: int
    listed: int
    sums: int


class _Compiler:
    def __init__(self, graph: Graph, steps: list[Step]) -> None:
        self.graph, self.steps = graph, steps
        names = [n for n, t in graph.tensors.items() if t.is_code]
        self.numbers = {n: i for i, n in enumerate(names)}
        self.tensors = np.zeros((len(names), F.TENSOR_FIELDS), np.int64)
        self.codes, self.pixels = 0, 0
        for row, name in zip(self.tensors, names, strict=True):
            shape = _stored(graph.tensors[name].shape)
            size, channels = graph.tensors[name].size, shape[-1] if shape else 1
            width = shape[-2] if len(shape) >= 3 else 1
            row[: F.ENTRY] = self.codes, size, channels, width, size // (channels * width), self.pixels
            self.codes += -(-size // ALIGNMENT) * ALIGNMENT + ALIGNMENT
            self.pixels += -(-(size // channels) // ALIGNMENT) * ALIGNMENT + ALIGNMENT
        self.nodes = np.zeros((len(graph.nodes), F.NODE_FIELDS), np.int64)
        self.listed, self.joins = 0, dict[int, list[int]]()
        self.weights, self.packed = Arena(np.int16), Arena(np.int8)
        self.tables, self.ints, self.floats = Arena(np.uint8), Arena(np.int32), Arena(np.float32)
        self.accumulators, self.entries, self.starts, self.sums = 0, 0, 0, 0

    def compile(self, accumulator_bytes: int | None) -> Tables:
        for number, node in enumerate(self.graph.nodes):
            self._node(number, node)
        self._note_last_readers()
        self._reserve_lists()
        self._keep_accumulators(accumulator_bytes)
        weights, ints, floats = self.weights.array(), self.ints.array(), self.floats.array()
        for row in self.nodes:
            if row[F.KIND] in (F.LINEAR, F.TRANSPOSED):
                row[F.RESIDUAL] = measure_margins(row, ints, floats, weights)
        return Tables(
            self.tensors, self.numbers, self.nodes, weights, self.packed.array(), self.tables.array(),
            ints, floats, self.accumulators + 16, self.codes, self.pixels, self.entries,
            self.starts, self.listed, self.sums,
        )  # fmt: skip

    def _reserve_lists(self) -> None:
        """Give a list of changes of its own to every tensor that a node reads entry by entry.

        It comes after the scratch for the longest input. Of tensors with more changes than a list has room for, the
        codes are written.
        """
        self.listed = int(self.tensors[:, F.ROWS].max(initial=1)) + 8
        wanted = {int(row[F.IN]) for row in self.nodes if row[F.KIND] in (F.LINEAR, F.TRANSPOSED) and row[F.GROUP] == 1}
        for joined, parts in self.joins.items():
            wanted.update(parts if joined in wanted else ())
        for number in sorted(wanted):
            row = self.tensors[number]
            if row[F.WIDTH] > MOST_COLUMNS or row[F.CHANNELS] > MOST_CHANNELS:
                continue
            pairs = row[F.ROWS] * row[F.WIDTH] * -(-row[F.CHANNELS] // 2)
            row[F.ENTRY], row[F.ROOM] = self.entries, max(pairs // ROOM_SHARE, MOST_LISTED)
            row[F.START], row[F.MARK] = self.starts, self.listed
            self.entries += int(row[F.ROOM]) + 16
            self.starts += int(row[F.ROWS] * (row[F.WIDTH] + SPARE))
            self.listed += int(row[F.ROWS])

    def _note_last_readers(self) -> None:
        """Note for every node which tensors of codes it is the last to read, unless it only turns them into results."""
        last = {name: number for number, node in enumerate(self.graph.nodes) for name in node.inputs}
        for number, row in enumerate(self.nodes):
            done = [self.numbers[n] for n, reader in last.items() if reader == number and n in self.numbers]
            if row[F.KIND] != F.OUTPUT and done:
                row[F.DONE], row[F.DONE_COUNT] = self.ints.add(np.array(done, np.int32)), len(done)

    def _node(self, number: int, node: Node) -> None:
        row, step, operation = self.nodes[number], self.steps[number], node.operation
        row[F.IN2] = -1
        inputs = list(dict.fromkeys(node.inputs))
        if all(n in self.numbers for n in (*inputs, *node.outputs)) and len(node.outputs) == 1:
            row[F.OUT] = self.numbers[node.outputs[0]]
            row[F.IN] = self.numbers[inputs[0]]
            if isinstance(step, ConvStep):
                self._conv(row, step)
            elif isinstance(step, ConvTransposeStep):
                self._transpose(row, step)
            elif isinstance(step, GemmStep) and step.rank == 2:
                self._gemm(row, step)
            elif isinstance(step, LookupStep):
                row[F.KIND], row[F.TABLE] = F.LOOKUP, self.tables.add(step.table)
            elif isinstance(step, Lookup2Step) and step.view is None and step.same:
                row[F.KIND], row[F.TABLE] = F.PAIR, self.tables.add(step.table)
                row[F.IN2] = self.numbers[node.inputs[-1]]
            elif isinstance(operation, MaxPool):
                self._window(row, node, window_tuple(operation.window))
                row[F.KIND] = F.MAXPOOL
            elif isinstance(operation, AveragePool) and operation.fused:
                self._average(row, node, operation)
            elif isinstance(operation, GlobalAveragePool):
                self._global(row, node, operation)
            elif isinstance(step, ConcatStep) and isinstance(operation, Concat):
                self._join(row, node, step)
            elif isinstance(step, MoveStep) and isinstance(operation, Move):
                self._move(row, node, step, operation)
        if isinstance(operation, Dequantise) and not self.graph.consumers[node.outputs[0]]:
            row[F.KIND] = F.OUTPUT
        elif row[F.KIND] == F.FOREIGN:
            codes = [self.numbers[n] for n in inputs if n in self.numbers]
            row[F.COUNT] = len(codes)
            row[F.INDEX] = self.ints.add(np.array([[c, 0, 0, 0, 0] for c in codes] or [[0] * 5]))

    def _window(self, row: Array, node: Node, window: tuple[int, ...]) -> None:
        source, target = self.graph.tensors[node.inputs[0]], self.graph.tensors[node.outputs[0]]
        for shape, place in ((source.shape, F.IH), (target.shape, F.OH)):
            spatial = [1, 1, *shape[2:]][-2:] if len(shape) >= 3 else [1, 1]
            row[place : place + 3] = (*spatial, shape[1])
        row[F.KH : F.DW + 1] = window

    def _unit(self, prepared: Stage, outputs: int) -> int:
        """Place the units of slack, as powers of two: 255 of them are about half a step from one code to the next."""
        if prepared.mode == FLOAT32:
            step = 1 / prepared.scale.astype(np.float64)
        elif prepared.mode == STEPS:
            ends = prepared.thresholds[:, [0, -1]].astype(np.float64)
            step = (ends[:, 1] - ends[:, 0]) / prepared.thresholds.shape[1]
        else:
            step = np.exp2(prepared.exponent.astype(np.float64) * (1 if prepared.mode == SHIFT else -1))
        units = np.ceil(np.log2(np.maximum(step, 1) / MOST) - 1).clip(0, MOST_UNIT).astype(np.int32)
        return self.ints.add(np.resize(units, -(-outputs // 16) * 16))

    def _stage(self, row: Array, prepared: Stage, bias: Array) -> None:
        row[F.MODE] = prepared.mode
        row[F.SCALE] = self.floats.add(prepared.scale)
        pairs = np.stack([prepared.significand, prepared.exponent], axis=1)
        row[F.CHANNEL_INTS] = self.ints.add(np.concatenate([pairs.reshape(-1), bias]))
        row[F.LOW : F.BYTE + 1] = prepared.limits
        if prepared.mode == STEPS:
            row[F.STEP_COUNT] = prepared.thresholds.shape[1]
            row[F.STEP_PLACE] = self.ints.add(np.concatenate([prepared.thresholds, prepared.codes], axis=1))

    def _linear(
        self, row: Array, step: Any, group: int, inputs: int, outputs: int, weights: Array, bias: Array
    ) -> None:
        """Place weights (ic, taps, outputs per group) and accumulators of a linear node."""
        ocg, taps = outputs // group, weights.shape[1]
        length, pairs = -(-outputs // WIDTH) * WIDTH, -(-inputs // 2)
        if group == 1:  # (channels, taps, outputs) -> (taps, pairs of channels, outputs, 2)
            padded = np.zeros((taps, pairs, length, 2), np.int16)
            for half in (0, 1):
                part = weights[half::2].transpose(1, 0, 2)
                padded[:, : part.shape[1], :outputs, half] = part
        else:  # (group * inputs, taps, ocg) -> (taps, inputs, outputs)
            padded = np.zeros((taps, inputs, length), np.int16)
            ordered = weights.reshape(group, inputs, taps, ocg).transpose(2, 1, 0, 3)
            padded[:, :, :outputs] = ordered.reshape(taps, inputs, outputs)
        row[F.GROUP], row[F.ICG], row[F.OCG], row[F.ROW] = group, inputs, ocg, length
        row[F.WEIGHT] = self.weights.add(padded)
        row[F.UNITS] = int(self.tensors[row[F.OUT], F.SIZE]) // outputs
        self.sums = max(self.sums, outputs)
        if group == 1:
            lines, width = (int(n) for n in self.tensors[row[F.IN], [F.ROWS, F.WIDTH]])
            self.entries = max(self.entries, lines * width * pairs)
            self.starts = max(self.starts, lines * (width + SPARE))
            apart = 1 if row[F.KIND] == F.TRANSPOSED else int(row[F.SW])
            slots = int(row[F.OW]) * apart + 2 * int(row[F.KW] - 1) * int(row[F.DW])
            self.sums = max(self.sums, slots * (8 if outputs <= 8 else -(-outputs // 16) * 16))
        row[F.ACC_SHIFT], row[F.X_ZERO] = step.shift, step.x_zero
        self._stage(row, step.stage, bias)
        row[F.UNIT] = self._unit(step.stage, outputs)
        row[F.MARGIN], row[F.REACH] = (self.weights.add(np.zeros(-(-outputs // 32) * 32)) for _ in range(2))
        with np.errstate(divide="ignore"):
            row[F.STEP] = self.floats.add(np.float32(1) / step.stage.scale)

    def _keep_accumulators(self, limit_bytes: int | None) -> None:
        """Give a place to the accumulators that save most per byte; a node without them is always recomputed.

        Nodes whose input is wider or deeper than entries have bits for get none.
        """
        linear = [row for row in self.nodes if row[F.KIND] in (F.LINEAR, F.TRANSPOSED)]
        left = float("inf") if limit_bytes is None else float(limit_bytes)
        for row in sorted(linear, key=lambda row: -row[F.DENSE_PS] / (row[F.OW] * row[F.ROW])):
            size = -(-int(row[F.UNITS] * row[F.ROW]) // ALIGNMENT) * ALIGNMENT
            row[F.ACC] = -1
            listable = row[F.IW] <= MOST_COLUMNS and row[F.IC] <= MOST_CHANNELS
            if listable and 6 * size <= left:  # four bytes, and two of slack
                left -= 6 * size
                row[F.ACC] = self.accumulators
                self.accumulators += size

    def _dense(self, row: Array, part: Group) -> None:
        row[F.DEPTH], row[F.COLUMNS], row[F.PACKED_SIZE] = part.depth, part.columns, part.packed.size
        row[F.PACKED], row[F.FIXED] = self.packed.add(part.packed), self.ints.add(part.fixed)
        row[F.W_ZERO] = self.ints.add(part.zero)
        depth, columns, outputs = part.depth, part.columns, int(row[F.OC])
        pixels = 2 if row[F.DIRECT] and outputs <= columns // 2 else 1
        if row[F.KIND] == F.TRANSPOSED:  # the product has a column for every tap of a channel
            pixels = int(row[F.SH] * row[F.SW])
        gathered, dots = 0 if row[F.DIRECT] else depth, depth // 4 * (columns // 16)
        row[F.DENSE_PS] = int(int(row[F.OW]) * dense_pixel(dots, gathered, pixels, outputs) + PER_ROW)

    def _conv(self, row: Array, step: ConvStep) -> None:
        self._window(row, step.node, step.window)
        row[F.KIND] = F.LINEAR
        codes, zero, bias = step.operands(None)
        wide = codes.astype(np.int16) - zero.astype(np.int16)[:, None, None, None]
        group, inputs, outputs = step.group, step.inputs, step.channels
        ocg = outputs // group
        # (group, ocg, icg, taps) -> (group, icg, taps, ocg): one row of outputs per input channel and tap.
        ordered = wide.reshape(group, ocg, inputs, -1).transpose(0, 2, 3, 1).reshape(group * inputs, -1, ocg)
        self._linear(row, step, group, inputs, outputs, ordered, bias)
        row[F.BOTTOM], row[F.RIGHT] = step.operation.window.pads[2:]
        if group == 1:
            row[F.DIRECT] = step.is_direct
            self._dense(row, step.prepared[0])

    def _transpose(self, row: Array, step: ConvTransposeStep) -> None:
        self._window(row, step.node, step.window)
        row[F.KIND] = F.TRANSPOSED
        codes, zero, bias = step.operands(None)
        group, inputs, per_group = step.group, step.inputs, step.per_group
        shaped = codes.astype(np.int16).reshape(group, inputs, per_group, -1)
        wide = shaped - zero.astype(np.int16).reshape(group, 1, per_group, 1)
        ordered = wide.transpose(0, 1, 3, 2).reshape(group * inputs, -1, per_group)
        self._linear(row, step, group, inputs, step.channels, ordered, bias)
        if group == 1:
            row[F.DIRECT] = step.is_direct
            self._dense(row, step.prepared[0][0])

    def _gemm(self, row: Array, step: GemmStep) -> None:
        row[F.IH : F.IC + 1] = (1, 1, step.depth)
        row[F.OH : F.OC + 1] = (1, 1, step.channels)
        row[F.KH : F.DW + 1] = (1, 1, 1, 1, 0, 0, 1, 1)
        row[F.KIND] = F.LINEAR
        codes, zero, bias = step.operands(None)
        wide = (codes.astype(np.int16) - zero.astype(np.int16)[:, None]).T[:, None, :]
        self._linear(row, step, 1, step.depth, step.channels, wide, bias)
        self._dense(row, step.prepared)

    def _average(self, row: Array, node: Node, operation: AveragePool) -> None:
        self._window(row, node, window_tuple(operation.window))
        row[F.KIND] = F.AVERAGE
        row[F.BOTTOM], row[F.RIGHT] = operation.window.pads[2:]
        row[F.INCLUDE_PAD] = operation.count_include_pad
        scale, zero, code = operation.target
        row[F.SCALE] = self.floats.add(np.append(real_table(operation.source), np.float32(scale)))
        byte = offset(self.graph.tensors[node.outputs[0]])
        row[F.LOW], row[F.HIGH], row[F.ZERO], row[F.BYTE] = code.low, code.high, zero, byte

    def _global(self, row: Array, node: Node, operation: GlobalAveragePool) -> None:
        self._window(row, node, (1, 1, 1, 1, 0, 0, 1, 1))
        source, target = self.graph.tensors[node.inputs[0]], self.graph.tensors[node.outputs[0]]
        row[F.IH], row[F.IW] = int(np.prod(source.shape[2:])), 1
        row[F.KIND] = F.GLOBAL
        row[F.X_ZERO] = operation.x_zero + offset(source)
        row[F.ACC] = self.accumulators
        self.accumulators += -(-target.size // ALIGNMENT) * ALIGNMENT
        channels = source.shape[1]
        self._stage(row, stage(operation.epilogue, channels, target), np.zeros(channels, np.int32))

    def _join(self, row: Array, node: Node, step: ConcatStep) -> None:
        entries, start = [], 0
        target = self.graph.tensors[node.outputs[0]]
        out_shape = _stored(target.shape)
        inner = int(np.prod(out_shape[step.axis + 1 :]))
        for name, table in zip(node.inputs, step.tables, strict=True):
            length = _stored(self.graph.tensors[name].shape)[step.axis]
            place = -1 if table is None else self.tables.add(table)
            entries.append([self.numbers[name], place, length * inner, out_shape[step.axis] * inner, start * inner])
            start += length
        row[F.KIND], row[F.COUNT] = F.JOIN, len(entries)
        row[F.INDEX] = self.ints.add(np.array(entries))
        self.joins[int(row[F.OUT])] = [self.numbers[name] for name in node.inputs]

    def _move(self, row: Array, node: Node, step: MoveStep, operation: Move) -> None:
        row[F.KIND] = F.MOVE
        row[F.TABLE] = -1 if step.table is None else self.tables.add(step.table)
        if step.is_alias:
            return
        source = self.graph.tensors[node.inputs[0]]
        forward = stored_map(operation.index, source.shape).reshape(-1)
        used = np.flatnonzero(forward >= 0)
        order = used[np.argsort(forward[used], kind="stable")]
        starts = np.zeros(source.size + 1, np.int64)
        np.add.at(starts, forward[used] + 1, 1)
        row[F.COUNT] = 1
        row[F.INDEX] = self.ints.add(np.concatenate([np.cumsum(starts), order]))


def _stored(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (shape[0], *shape[2:], shape[1]) if len(shape) >= 3 else shape


def compile_tables(graph: Graph, steps: list[Step], accumulator_bytes: int | None = None) -> Tables:
    """Compile a model; nodes without a compiled form are left to their steps.

    The golden tensors' sizes, not their values, enter: one set of tables serves every image and every worker.

    Parameters
    ----------
    accumulator_bytes
        Most bytes of golden accumulators of linear nodes that an image may keep (the sums of global pools are always
        kept); None keeps all.
    """
    return _Compiler(graph, steps).compile(accumulator_bytes)
