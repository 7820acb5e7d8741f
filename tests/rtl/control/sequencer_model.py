"""What a sequencer says at every edge of an instruction: the loops of the machine's closed forms, written out."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from accel_sim.config import AcceleratorConfig
from accel_sim.isa import Alu, AluOp, Compute, Conv
from accel_sim.isa.geometry import Walk, walk
from accel_sim.isa.instructions import TWO_OPERANDS

# The outputs as control_bench.sv packs them, highest bits first.
FIELDS = (
    ("busy", 1), ("done", 1), ("bias_read", 1), ("parameter_read", 1), ("slot", 1), ("wgt_read", 1), ("sum", 1),
    ("sum_start", 1), ("capture", 1), ("result", 1), ("row_inside", 1), ("everywhere", 1), ("ragged", 1),
    ("phase", 4), ("phases_log", 4), ("store", 4), ("store_bank", 4), ("bias_row", 14), ("parameter_row", 14),
    ("out_x", 14), ("step", 9), ("columns", 13), ("line", 16), ("pitch_x", 16), ("wgt_row", 16), ("store_line", 16),
    ("column", 24),
)  # fmt: skip
FLAGS = ("bias_read", "parameter_read", "slot", "wgt_read", "sum", "capture", "result", "store", "done")
Values = Mapping[str, int]


def unpack(word: int) -> dict[str, int]:
    """Return the outputs by name."""
    found = {}
    for name, width in reversed(FIELDS):
        found[name], word = word & (1 << width) - 1, word >> width
    return found


@dataclass(frozen=True)
class Sequence:
    """An instruction on a sequencer.

    Attributes
    ----------
    instruction, config
        What is executed, on which machine.
    buffer_latency, requant_latency
        Edges that operands and results come later than in the machine.
    """

    instruction: Compute
    config: AcceleratorConfig
    buffer_latency: int = 0
    requant_latency: int = 0

    @property
    def walk(self) -> Walk:
        """The loop nest."""
        return walk(self.instruction, self.config)

    @property
    def last_edge(self) -> int:
        """Edge of the last store, at which the engine says that it is done."""
        return self.walk.duration - 1 + self.buffer_latency + self.requant_latency

    def edges(self) -> dict[int, dict[str, int]]:
        """By edge after the start, the outputs that mean something there; all other flags are zero."""
        found: dict[int, dict[str, int]] = defaultdict(dict)
        for edge, values in (*self._prelude(), *self._slots(), *self._blocks()):
            assert not found[edge].keys() & values.keys()
            found[edge] |= values
        found[self.last_edge] |= {"done": 1}
        return found

    def _prelude(self) -> Iterator[tuple[int, Values]]:
        i, w = self.instruction, self.walk
        for o in range(w.groups):
            for j in range(w.prelude):
                edge = 1 + o * w.group_cycles + j
                yield edge, {"bias_read": 1, "bias_row": i.bias_base + o * w.prelude + j}
                if j == w.prelude - 1:
                    yield edge, {"parameter_read": 1, "parameter_row": i.parameter_base + o}

    def _slots(self) -> Iterator[tuple[int, Values]]:
        i, w = self.instruction, self.walk
        for o in range(w.groups):
            for block in range(w.blocks):
                y, x = block // w.across, block % w.across * w.lanes
                for tap in range(w.taps):
                    operands = self._operands(o, y, x, tap)
                    for phase in range(w.phases):
                        yield w.read_edge(o, block, tap, phase), {**operands, "slot": 1, "phase": phase}
                    if isinstance(i, Conv) or (isinstance(i, Alu) and i.op == AluOp.DEPTHWISE):
                        row = {"wgt_read": 1, "wgt_row": i.weight_base + o * w.taps + tap}
                        yield w.read_edge(o, block, tap), row
                    first = tap == 0 and (not isinstance(i, Conv) or bool(i.first))
                    edge = w.read_edge(o, block, tap, w.phases - 1) + 1 + self.buffer_latency
                    yield edge, {"sum": 1, "sum_start": int(first)}

    def _operands(self, o: int, y: int, x: int, tap: int) -> Values:
        """Where lane 0 reads; lanes go on by the step."""
        i, w = self.instruction, self.walk
        shared = {"out_x": x, "phases_log": w.phases.bit_length() - 1, "ragged": 0, "everywhere": 0}
        if isinstance(i, Alu) and i.op in TWO_OPERANDS:
            shared |= {"row_inside": 1, "columns": i.out_width, "step": 1, "column": x}
            if tap == 0:
                return {**shared, "line": i.in_base + y * i.in_pitch_y + o & 0xFFFF, "pitch_x": i.in_pitch_x}
            if i.broadcast:
                view = {"everywhere": 1, "step": 0, "column": 0, "line": i.second_base + o & 0xFFFF}
                return {**shared, **view, "pitch_x": i.second_pitch_x}
            line = i.second_base + y * i.second_pitch_y + o & 0xFFFF
            return {**shared, "line": line, "pitch_x": i.second_pitch_x}
        position, group = divmod(tap, i.in_groups) if isinstance(i, Conv) else (tap, o)
        ky, kx = divmod(position, i.kernel_x)
        iy = y * i.stride_y - i.pad_top + ky * i.dilation_y
        ix = x * i.stride_x - i.pad_left + kx * i.dilation_x
        return {
            **shared, "row_inside": int(0 <= iy < i.in_height), "column": ix & 0xFFFFFF, "columns": i.in_width,
            "step": i.stride_x, "line": i.in_base + iy * i.in_pitch_y + group & 0xFFFF, "pitch_x": i.in_pitch_x,
            "ragged": int(isinstance(i, Conv) and group == i.in_groups - 1),
        }  # fmt: skip

    def _blocks(self) -> Iterator[tuple[int, Values]]:
        """What becomes of a finished block."""
        i, w = self.instruction, self.walk
        if isinstance(i, Conv) and not i.last:
            return
        for o in range(w.groups):
            for block in range(w.blocks):
                y, x = block // w.across, block % w.across * w.lanes
                stored = w.write_edge(o, block) + self.buffer_latency + self.requant_latency
                yield w.read_edge(o, block, w.taps - 1, w.phases - 1) + 2 + self.buffer_latency, {"capture": 1}
                yield stored - 1, {"result": 1}
                line = i.out_base + y * i.out_pitch_y + x // self.config.pixel_parallel * i.out_pitch_x + o
                lanes = sum((x + p < i.out_width) << p for p in range(w.lanes))
                yield stored, {"store": lanes, "store_bank": x % self.config.pixel_parallel, "store_line": line}
