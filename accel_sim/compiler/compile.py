"""Graph to Program."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from accel_sim.compiler.constants import ConstantImage, NotOnTheArrayError
from accel_sim.compiler.convolution import ProductJobs
from accel_sim.compiler.elementwise import AluJobs, table_template
from accel_sim.compiler.emitter import Emitter
from accel_sim.compiler.hazards import with_tokens
from accel_sim.compiler.jobs import Job, Piece
from accel_sim.compiler.moves import WORDS_OF_A_PIECE, find_pieces, source_bytes
from accel_sim.compiler.pieces import emit_piece
from accel_sim.compiler.places import Places, axis_in_extent, part_of
from accel_sim.compiler.regions import Region, extent_of
from accel_sim.compiler.residency import Residency
from accel_sim.config import AcceleratorConfig
from accel_sim.engine.layout import offset, stored_map, stored_table
from accel_sim.errors import ModelError
from accel_sim.isa import ENGINE_OF, End, Host, Instruction
from accel_sim.isa.instructions import Transfer
from accel_sim.model import (
    AveragePool,
    Concat,
    Conv,
    ConvTranspose,
    Gemm,
    GlobalAveragePool,
    Graph,
    Lookup,
    Lookup2,
    MaxPool,
    Move,
    Node,
    ResizeLinear,
)
from accel_sim.program import HostCall, Origin, Program, TensorSymbol

MOST_LAYERS = 4095
PIECE_ROWS = 4 * WORDS_OF_A_PIECE  # two buffers (before and after a table) in two halves
IN_FLOAT = "onnxruntime computes it as a chain of float32 sums, which the array does not have"


@dataclass(frozen=True, eq=False)
class Carriage:
    """Rectangles from one region to another."""

    pieces: tuple[Piece, ...]
    source: Region
    target: Region
    table: int | None


@dataclass(frozen=True, eq=False)
class Plan:
    """What happens at one node: jobs, moves, or the host's reason."""

    jobs: tuple[Job, ...] = ()
    moves: tuple[Carriage, ...] = ()
    reason: str = ""


class Compiler:
    """Plans node by node, then writes the program."""

    def __init__(self, graph: Graph, config: AcceleratorConfig) -> None:
        if len(graph.nodes) > MOST_LAYERS:
            raise ModelError(
                f"{graph.name}: {len(graph.nodes)} nodes exceed the {MOST_LAYERS} that an instruction can number; "
                "split the model"
            )
        self.graph, self.config, self.image = graph, config, ConstantImage()
        self.products, self.alu = ProductJobs(graph, config, self.image), AluJobs(graph, config, self.image)
        self.tables: dict[tuple[int, int], int] = {}
        self.fills: dict[int, int] = {}
        self.plans = [self._plan(p, node) for p, node in enumerate(graph.nodes)]

    # --- planning ----------------------------------------------------------------------------------------------
    def _plan(self, position: int, node: Node) -> Plan:
        """Jobs of a node, or why the host runs it; constants of a failed attempt are dropped again."""
        before = len(self.image.blocks), self.image.size
        try:
            jobs = tuple(self._jobs(position, node))
            self._check_capacity(jobs)
            return Plan(jobs)
        except NotOnTheArrayError as reason:
            del self.image.blocks[before[0] :], self.image.symbols[before[0] :]
            self.image.size = before[1]
            return Plan(reason=str(reason))

    def _jobs(self, position: int, node: Node) -> list[Job]:
        operation = node.operation
        if node.on_host:
            raise NotOnTheArrayError(node.reason or "conversion between real values and codes")
        if isinstance(operation, AveragePool | ResizeLinear):
            raise NotOnTheArrayError(IN_FLOAT)
        if isinstance(operation, Conv | ConvTranspose | Gemm):
            return self.products.jobs(node, position)
        if isinstance(operation, MaxPool | GlobalAveragePool | Lookup | Lookup2):
            return self.alu.jobs(node, position)
        self._prepare_move(position, node)
        return []

    def _prepare_move(self, position: int, node: Node) -> None:
        """Store what a move needs besides its source, and find out whether it can be done."""
        operation, graph = node.operation, self.graph
        target = graph.tensors[node.outputs[0]]
        sources = [graph.tensors[n] for n in node.inputs]
        if isinstance(operation, Concat):
            if axis_in_extent(len(target.shape), operation.axis) is None:
                raise NotOnTheArrayError(f"a concatenation of rank {len(target.shape)}")
            for i, table in enumerate(operation.tables):
                self._add_table(position, i, node, None if table is None else stored_table(table, sources[i], target))
            return
        assert isinstance(operation, Move)
        table = None if operation.table is None else stored_table(operation.table, sources[0], target)
        index = stored_map(operation.index, sources[0].shape)
        byte = (operation.fill ^ offset(target)) & 255
        if table is not None and np.any(index < 0):
            self._check_fill(table, byte)
        size = WORDS_OF_A_PIECE * self.config.word_bytes
        filler = int(np.flatnonzero(table == byte)[0]) if table is not None and np.any(index < 0) else byte
        find_pieces(index.astype(np.int64), extent_of(target), self.config.word_bytes, 0)
        if np.any(index < 0):
            data = np.full(size, filler, np.uint8)
            self.fills[position] = self.image.add(data, np.full(size, -1), f"{node.name}:fill", "fill", position)
        self._add_table(position, 0, node, table)

    @staticmethod
    def _check_fill(table: NDArray[np.uint8], byte: int) -> None:
        if not np.any(table == byte):
            raise NotOnTheArrayError("padding with a code that the change of scale cannot give")

    def _add_table(self, position: int, operand: int, node: Node, table: NDArray[np.uint8] | None) -> None:
        if table is not None:
            name = f"{node.name}:table{operand}"
            self.tables[position, operand] = self.alu.add_table(table, name, position)

    def _check_capacity(self, jobs: tuple[Job, ...]) -> None:
        """Make sure that every job fits an empty image memory."""
        names = {p.tensor for job in jobs for p in (job.source, job.target, job.second) if p is not None}
        regions = {n: Region(n, extent_of(self.graph.tensors[n]), 0, (0, 0, 0)) for n in names}
        emitter = Emitter(self.config, regions)
        if any(emitter.tiling(job, self.config.image_lines) is None for job in jobs):
            raise NotOnTheArrayError(f"its smallest tile exceeds the {self.config.image_lines} rows of image memory")

    def _moves(self, position: int, node: Node, places: Places) -> tuple[Carriage, ...]:
        """Rectangles of a Concat or Move, once places are known."""
        operation, regions = node.operation, places.regions
        target = regions[node.outputs[0]]
        word = self.config.word_bytes
        if isinstance(operation, Move):
            if target.name in places.shared:
                return ()
            source = regions[node.inputs[0]]
            index = source_bytes(stored_map(operation.index, self.graph.tensors[source.name].shape), source)
            pieces = find_pieces(index, target.extent, word, self.fills.get(position, 0))
            return (Carriage(tuple(pieces), source, target, self.tables.get((position, 0))),)
        assert isinstance(operation, Concat)
        axis, start, found = axis_in_extent(len(self.graph.tensors[target.name].shape), operation.axis), 0, []
        assert axis is not None
        for i, name in enumerate(node.inputs):
            source = regions[name]
            if not places.is_part(name, target.name):
                index = source_bytes(np.arange(int(np.prod(source.extent)), dtype=np.int32), source)
                pieces = find_pieces(index, source.extent, word, 0)
                part = part_of(target, target.name, source.extent, axis, start)
                found.append(Carriage(tuple(pieces), source, part, self.tables.get((position, i))))
            start += source.extent[axis]
        return tuple(found)

    # --- writing -----------------------------------------------------------------------------------------------
    def program(self, keep_on_chip: bool) -> Program:
        """Place tensors, decide what stays on the chip, write instructions."""
        graph, config = self.graph, self.config
        on_host = {p for p, plan in enumerate(self.plans) if plan.reason}
        places = Places(graph, on_host, self.image.size)
        for position, node in enumerate(graph.nodes):
            if not self.plans[position].reason and isinstance(node.operation, Move | Concat):
                moves = self._moves(position, node, places)
                self.plans[position] = replace(self.plans[position], moves=moves)
        jobs = [plan.jobs for plan in self.plans]
        room = [PIECE_ROWS if plan.moves else 0 for plan in self.plans]
        residency = Residency(config, places.regions, jobs, room)
        if keep_on_chip:
            self._keep(residency)
        emitter = Emitter(config, residency.regions)
        calls = self._emit(emitter, residency)
        instructions = with_tokens(emitter.instructions, config, places.end)
        return Program(
            name=graph.name,
            model_digest=graph.digest,
            config=config,
            instructions=instructions,
            origins=tuple(emitter.origins),
            layers=tuple(node.name for node in graph.nodes),
            constants=self.image.image,
            ddr_bytes=places.end,
            tensors=self._symbols(residency.regions, instructions, emitter.origins),
            symbols=tuple(self.image.symbols),
            calls=tuple(calls),
            inputs=graph.inputs,
            outputs=graph.outputs,
        )

    def _keep(self, residency: Residency) -> None:
        graph = self.graph
        for position, node in enumerate(graph.nodes):
            for name in node.outputs:
                readers = graph.consumers[name]
                candidate = residency.candidate(name, position, readers) if graph.tensors[name].is_code else None
                if candidate is None or not residency.place(candidate):
                    continue
                if name not in graph.outputs and all(self._reads_chip(p, name) for p in readers):
                    region = residency.regions[name]
                    residency.regions[name] = replace(region, address=None)

    def _reads_chip(self, position: int, name: str) -> bool:
        jobs = self.plans[position].jobs
        return any(job.source.tensor == name or (job.second and job.second.tensor == name) for job in jobs)

    def _emit(self, emitter: Emitter, residency: Residency) -> list[HostCall]:
        calls: list[HostCall] = []
        for position, (node, plan) in enumerate(zip(self.graph.nodes, self.plans, strict=True)):
            emitter.layer = position
            emitter.scratch = residency.scratch(position)
            if plan.reason:
                emitter.add(Host(call=len(calls)), Origin(node.inputs, node.outputs[0]))
                calls.append(HostCall(position, node.name, plan.reason, node.inputs, node.outputs))
            for job in plan.jobs:
                emitter.job(job)
            for move in plan.moves:
                template = None if move.table is None else table_template()
                for piece in move.pieces:
                    emit_piece(emitter, piece, move.source, move.target, template, move.table)
        emitter.add(End())
        return calls

    def _symbols(
        self, regions: dict[str, Region], instructions: tuple[Instruction, ...], origins: list[Origin]
    ) -> dict[str, TensorSymbol]:
        first: dict[str, int] = {}
        last: dict[str, int] = {}
        for number, (instruction, origin) in enumerate(zip(instructions, origins, strict=True)):
            if origin.writes and (type(instruction) in ENGINE_OF or not isinstance(instruction, Transfer)):
                first.setdefault(origin.writes, number)
            for name in (*origin.reads, origin.writes):
                last[name] = number
        found = {}
        for name, region in regions.items():
            tensor = self.graph.tensors[name]
            interval = (first.get(name, 0), last.get(name, first.get(name, 0)))
            found[name] = TensorSymbol(
                name, tensor.shape, tensor.dtype, region.address, region.extent, region.pitches, region.resident,
                interval,
            )  # fmt: skip
        return found


def compile_graph(graph: Graph, config: AcceleratorConfig, *, keep_on_chip: bool = True) -> Program:
    """Compile a model for an accelerator.

    Parameters
    ----------
    keep_on_chip
        Keep feature maps in image memory where they fit; otherwise every layer loads from DDR and saves to it.

    Returns
    -------
    Program
        Nodes that the array cannot run are host calls with their reason.

    Raises
    ------
    ModelError
        The model has more nodes than an instruction can number.
    """
    return Compiler(graph, config).program(keep_on_chip)
