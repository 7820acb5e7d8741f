"""Faulty runs of one image in compiled code, with the golden state kept beside them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.engine.engine import Engine, Golden, Upset, same_bytes
from accel_sim.engine.layout import stored_position, stored_shape
from accel_sim.engine.linear_steps import ConvStep, ConvTransposeStep, GemmStep
from accel_sim.engine.microkernel import portable
from accel_sim.engine.operands import Patch, bias_row, check_flips, view_positions
from accel_sim.engine.sparse import fields as F
from accel_sim.engine.sparse.aligned import aligned_copy, aligned_zeros
from accel_sim.engine.sparse.arena import ALIGNMENT
from accel_sim.engine.sparse.attach import handles
from accel_sim.engine.sparse.entry import (
    count_changed_codes,
    count_changed_decisions,
    find_changed_code,
    run_accumulate,
    run_accumulate_pool,
    run_check_rows,
    run_measure_slack,
    run_propagate,
    run_strike_bias,
    run_strike_code,
    run_strike_weight,
    run_undo,
)
from accel_sim.engine.sparse.kept import Kept
from accel_sim.engine.sparse.tables import Tables
from accel_sim.model import View

Array = NDArray[Any]
Changed = dict[str, Array]
MODEL, DIFFERENCES, DENSE = 0, 1, 2
ALL = -1  # instead of the tensor whose changes are wanted


@dataclass(frozen=True, eq=False)
class Scratch:
    """Working space of a faulty run: empty between runs, so that the runners of one thread can share it."""

    flags: Array
    spans: Array
    touched: Array
    entries: Array
    starts: Array
    listed: Array
    sums: Array
    crossing: Array
    tally: Array


def make_scratch(tables: Tables) -> Scratch:
    """Reserve working space for a model."""
    pixels = int((tables.tensors[:, F.ROWS] * tables.tensors[:, F.WIDTH]).max(initial=1)) + 64
    return Scratch(
        flags=aligned_zeros(tables.pixels + 64, np.uint8),
        spans=np.zeros((len(tables.numbers), F.SPAN_FIELDS), np.int64),
        touched=aligned_zeros(pixels, np.uint8),
        entries=aligned_zeros(tables.entries + 16, np.int64),
        starts=aligned_zeros(tables.starts + 32, np.int32),
        listed=np.zeros(tables.listed + 8, np.uint8),
        sums=aligned_zeros(tables.sums + 32, np.int32),
        crossing=np.zeros(int(tables.tensors[:, F.WIDTH].max(initial=1)) + 16, np.int32),
        tally=np.zeros(F.TALLY_FIELDS, np.int64),
    )


class FaultRunner:
    """Runs faults against one golden run.

    Parameters
    ----------
    engine
        The prepared model.
    tables
        Its compiled form.
    golden
        A fault-free run, or what another runner kept of one.
    policy
        ``MODEL`` chooses by the cost model; ``DIFFERENCES`` and ``DENSE`` force one strategy, for tests.
    scratch
        Working space shared with other runners of the same thread.
    """

    def __init__(
        self, engine: Engine, tables: Tables, golden: Golden | Kept, policy: int = MODEL, scratch: Scratch | None = None
    ) -> None:
        self.engine, self.graph, self.tables, self.policy = engine, engine.graph, tables, policy
        self.portable = portable()
        self.kept = golden if isinstance(golden, Kept) else self._keep(golden)
        codes, tensors = self.kept.codes, dict(self.kept.values)
        for name, number in tables.numbers.items():
            start, size = tables.tensors[number, : F.SIZE + 1]
            tensors[name] = codes[start : start + size].reshape(stored_shape(self.graph.tensors[name].shape))
        self.golden = Golden(tensors)  # views of the arena: the codes are held once
        space = scratch or make_scratch(tables)
        self.state = (
            codes, aligned_copy(codes), space.flags, space.spans, self.kept.accumulators, self.kept.slack,
            space.touched, space.entries, space.starts, space.listed, space.sums, space.crossing, tables.weights,
            tables.packed, tables.tables, tables.ints, tables.floats, tables.nodes, tables.tensors, space.tally,
        )  # fmt: skip
        self._writers = {n: position for position, node in enumerate(self.graph.nodes) for n in node.outputs}
        self.handles = handles(self.state)  # the arrays themselves stay alive in `state`
        if isinstance(golden, Golden):
            self._accumulate()

    def _keep(self, golden: Golden) -> Kept:
        codes = aligned_zeros(self.tables.codes + ALIGNMENT, np.uint8)
        for name, number in self.tables.numbers.items():
            start, size = self.tables.tensors[number, : F.SIZE + 1]
            codes[start : start + size] = golden.tensors[name].reshape(-1)
        values = {n: x for n, x in golden.tensors.items() if n not in self.tables.numbers}
        outputs = self.tables.accumulators
        slack = aligned_zeros(2 * outputs + ALIGNMENT, np.uint8)
        return Kept(codes, aligned_zeros(outputs, np.int32), slack, values)

    def _accumulate(self) -> None:
        for number, row in enumerate(self.tables.nodes):
            if row[F.KIND] in (F.LINEAR, F.TRANSPOSED) and row[F.ACC] >= 0:
                run_accumulate(self.handles, number)
                run_measure_slack(self.handles, number)
            elif row[F.KIND] == F.GLOBAL:
                run_accumulate_pool(self.handles, number)

    @contextmanager
    def struck(self, upset: Upset) -> Iterator[Changed]:
        """Run an upset; inside the block the changed codes stand in the work arena.

        Yields
        ------
        dict
            Values that are not codes (of host nodes) and that changed, by name, in stored form.
        """
        try:
            yield self._run(upset)
        finally:
            run_undo(self.handles)

    def changed(self, floats: Changed) -> Changed:
        """Return every tensor that differs from the golden run, in stored form (copies)."""
        found = dict(floats)
        for name, number in self.tables.numbers.items():
            if self.state[F.SPANS][number, 1]:
                found[name] = self._codes(name).copy()
        for position in np.flatnonzero(self.tables.nodes[:, F.KIND] == F.OUTPUT):
            node = self.graph.nodes[position]
            if node.inputs[0] in found:
                found[node.outputs[0]] = self.engine.steps[position].run([found[node.inputs[0]]])[0]
        return found

    def count(self, name: str) -> int:
        """Return how many codes of a tensor changed."""
        return int(count_changed_codes(self.handles, self.tables.numbers[name]))

    def has_changed(self, name: str) -> bool:
        """Whether any code of a tensor changed."""
        return bool(find_changed_code(self.handles, self.tables.numbers[name]))

    def changed_decisions(self, name: str, classes: int) -> int:
        """Return how many positions of a channels-last tensor have another largest class."""
        number = self.tables.numbers[name]
        limit = int(self.tables.tensors[number, F.SIZE]) // classes
        return int(count_changed_decisions(self.handles, number, classes, limit))

    def _codes(self, name: str) -> Array:
        start, size = self.tables.tensors[self.tables.numbers[name], : F.SIZE + 1]
        return self.state[F.WORK][start : start + size].reshape(self.golden.tensors[name].shape)

    def _run(self, upset: Upset) -> Changed:
        floats: Changed = {}
        nodes = len(self.graph.nodes)
        waiting = sorted(self._origins(upset))
        for name in self.graph.inputs:
            self._flip(name, upset)
        number = 0 if any(n in upset.activations for n in self.graph.inputs) else (waiting[0] if waiting else nodes)
        while number < nodes:
            stop = next((w for w in waiting if w >= number), nodes)
            at = stop
            if number < stop:
                at = int(run_propagate(self.handles, number, stop, self.portable, self.policy, ALL))
            if at < stop:
                self._foreign(at, floats, {})
                number = at + 1
            elif stop < nodes:
                self._origin(stop, upset, floats)
                number = stop + 1
            else:
                break
            if floats:
                number = self._through_floats(number, waiting, floats)
        return floats

    def _origins(self, upset: Upset) -> set[int]:
        """Nodes at which an upset enters: readers of upset parameters, writers of upset tensors."""
        found = {p for name in upset.parameters for p in self.graph.readers[name]}
        found.update(self._writers[name] for name in upset.activations if name in self._writers)
        return found

    def _origin(self, number: int, upset: Upset, floats: Changed) -> None:
        node, row = self.graph.nodes[number], self.tables.nodes[number]
        touched = any(v.parameter in upset.parameters for v in node.views)
        inputs_changed = any(self._has_changed(n, floats) for n in node.inputs)
        if touched and (inputs_changed or not self._strike(number, row, upset.parameters)):
            self._foreign(number, floats, upset.parameters)
        elif not touched and inputs_changed:
            at = run_propagate(self.handles, number, number + 1, self.portable, self.policy, ALL)
            if at == number:
                self._foreign(number, floats, {})
        for name in node.outputs:
            self._flip(name, upset)

    def _has_changed(self, name: str, floats: Changed) -> bool:
        return name in floats or (name in self.tables.numbers and self.state[F.SPANS][self.tables.numbers[name], 1] > 0)

    def _strike(self, number: int, row: Array, patch: Patch) -> bool:
        """Apply upset weights and biases of a linear node in compiled code; False where that is not possible."""
        step = self.engine.steps[number]
        if row[F.KIND] not in (F.LINEAR, F.TRANSPOSED) or not isinstance(step, ConvStep | ConvTransposeStep | GemmStep):
            return False
        operation = step.operation
        struck = [v for v in (operation.weight, operation.bias) if v is not None and v.parameter in patch]
        if len(struck) != 1:
            return False
        view = struck[0]
        positions = view_positions(view, patch[view.parameter])
        if view is operation.bias:
            before = bias_row(self.graph, view, step.channels)
            after = bias_row(self.graph, view, step.channels, patch)
            for channel in np.flatnonzero(before != after):
                difference = np.int32((int(after[channel]) - int(before[channel]) + 2**31) % 2**32 - 2**31)
                run_strike_bias(self.handles, number, int(channel), difference)
            return True
        if positions.size != 1:
            return False
        self._strike_weight(number, row, step, view, int(positions[0]), patch)
        return True

    def _strike_weight(self, number: int, row: Array, step: Any, view: View, position: int, patch: Patch) -> None:
        element = position if view.index is None else int(view.index.reshape(-1)[position])
        where = np.flatnonzero(patch[view.parameter][0] == element)
        mask = int(np.bitwise_xor.reduce(patch[view.parameter][1][where]))
        stored = self.graph.parameters[view.parameter].values
        before = int(stored.reshape(-1)[element])
        intact = np.array([before], stored.dtype)
        flipped = (intact.view(np.uint8) ^ np.uint8(mask)).view(stored.dtype)
        check_flips(intact, flipped, patch[view.parameter][1][where])
        difference = np.int32(int(flipped[0]) - before)
        index = [int(i) for i in np.unravel_index(position, view.shape)]
        if isinstance(step, GemmStep):
            channel, source, ky, kx = index[0], index[1], 0, 0
        elif isinstance(step, ConvTransposeStep):
            source, local, ky, kx = index
            channel = source // step.inputs * step.per_group + local
        else:
            channel, local, ky, kx = index
            source = channel // int(row[F.OCG]) * step.inputs + local
        run_strike_weight(self.handles, number, channel, source, ky, kx, difference)

    def _flip(self, name: str, upset: Upset) -> None:
        if name not in upset.activations:
            return
        tensor, number = self.graph.tensors[name], self.tables.numbers[name]
        start = int(self.tables.tensors[number, F.OFFSET])
        for position, mask in zip(*upset.activations[name], strict=True):
            stored = stored_position(int(position), tensor.shape)
            intact = self.state[F.WORK][start + stored : start + stored + 1].copy()
            run_strike_code(self.handles, number, stored, int(mask))
            check_flips(intact, self.state[F.WORK][start + stored : start + stored + 1], np.array([mask]))

    def _inputs(self, number: int, floats: Mapping[str, Array]) -> list[Array]:
        found = []
        for name in self.graph.nodes[number].inputs:
            if name in self.tables.numbers:
                found.append(self._codes(name))
            else:
                found.append(floats.get(name, self.golden.tensors[name]))
        return found

    def run_on_host(self, number: int) -> bool:
        """Run a node by its step on the changes that stand; False, and nothing done, if it gives real values."""
        if not all(name in self.tables.numbers for name in self.graph.nodes[number].outputs):
            return False
        self._foreign(number, {}, {})
        return True

    def _foreign(self, number: int, floats: Changed, patch: Patch) -> None:
        """Run a node by its step and note what differs."""
        node, step = self.graph.nodes[number], self.engine.steps[number]
        inputs = self._inputs(number, floats)
        if patch:
            outputs: tuple[Array, ...] = (step.run_patched(inputs, step.run(inputs)[0], patch),)
        else:
            outputs = step.run(inputs)
        for name, value in zip(node.outputs, outputs, strict=True):
            if name in self.tables.numbers:
                self._codes(name)[...] = value
                tensor = self.tables.numbers[name]
                run_check_rows(self.handles, tensor, 0, int(self.tables.tensors[tensor, F.ROWS]))
            elif not same_bytes(value, self.golden.tensors[name]):
                floats[name] = value

    def _through_floats(self, number: int, waiting: list[int], floats: Changed) -> int:
        """Run the nodes that directly follow and read changed real values."""
        while number < len(self.graph.nodes) and number not in waiting:
            if not any(n in floats for n in self.graph.nodes[number].inputs):
                later = any(n in floats for node in self.graph.nodes[number:] for n in node.inputs)
                if not later:
                    break
                at = run_propagate(self.handles, number, number + 1, self.portable, self.policy, ALL)
                if at == number:
                    self._foreign(number, floats, {})
            else:
                self._foreign(number, floats, {})
            number += 1
        return number
