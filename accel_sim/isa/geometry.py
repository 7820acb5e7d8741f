"""Closed forms: which rows an instruction reads and writes, and at which clock edge after its start.

Edges are counted from the edge at which the engine accepts the instruction (edge 0). A read at edge t samples what the
row holds before that edge; a write at edge t is seen by reads at later edges.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd

from accel_sim.config import AcceleratorConfig, memory_map
from accel_sim.config.memories import MEMORY_IDS, TABLES
from accel_sim.isa.encoding import IllegalInstructionError
from accel_sim.isa.instructions import (
    MODES,
    TWO_OPERANDS,
    USES_PARAMETERS,
    Alu,
    AluOp,
    Compute,
    Conv,
    Host,
    Instruction,
    Load,
    Save,
    Transfer,
)

# Edges from a block's last operand read to: sum complete, requantiser input and output, image row written.
SUM, CAPTURE, RESULT, STORE = 1, 2, 3, 4
MEMORY_NAMES = {number: name for name, number in MEMORY_IDS.items()}
WIDE = ("img", "wgt", "rqp")  # memories with a bank per lane, several words of which can be written in a cycle


@dataclass(frozen=True)
class Access:
    """Rows that an instruction touches: ``[low, high)``, linear rows of image memory, bytes of DDR."""

    memory: str
    low: int
    high: int
    write: bool


@dataclass(frozen=True)
class Walk:
    """The loop nest of a :class:`Compute` instruction in numbers.

    Attributes
    ----------
    lanes
        Output pixels of a block.
    phases
        Cycles of a slot: lanes whose pixels lie in one bank take turns.
    prelude
        Cycles before each output group: biases and parameters are read.
    across, blocks
        Blocks of a line, of the tile.
    taps
        Slots of a block.
    groups
        Output groups.
    """

    lanes: int
    phases: int
    prelude: int
    across: int
    blocks: int
    taps: int
    groups: int

    @property
    def group_cycles(self) -> int:
        """Cycles of an output group."""
        return self.prelude + self.blocks * self.taps * self.phases

    @property
    def duration(self) -> int:
        """Edges from the start to the edge at which the engine is free again."""
        return self.groups * self.group_cycles + STORE + 1

    def read_edge(self, group: int, block: int, tap: int, phase: int = 0) -> int:
        """Edge at which the operands of a slot are read."""
        slot = block * self.taps + tap
        return 1 + group * self.group_cycles + self.prelude + slot * self.phases + phase

    def write_edge(self, group: int, block: int) -> int:
        """Edge at which a block is written."""
        return self.read_edge(group, block, self.taps - 1, self.phases - 1) + STORE

    def phase_of(self, lane: int) -> int:
        """Phase in which a lane reads its operand."""
        return lane * self.phases // self.lanes


def taps_of(instruction: Compute) -> int:
    """Slots of a block."""
    window = instruction.kernel_y * instruction.kernel_x
    if isinstance(instruction, Conv):
        return window * instruction.in_groups
    assert isinstance(instruction, Alu)
    return 2 if AluOp(instruction.op) in TWO_OPERANDS else window


def has_parameters(instruction: Compute) -> bool:
    """Whether biases and requantisation parameters are read."""
    return isinstance(instruction, Conv) or (isinstance(instruction, Alu) and instruction.op in USES_PARAMETERS)


def walk(instruction: Compute, config: AcceleratorConfig) -> Walk:
    """Return the loop nest in numbers."""
    lanes = config.pixel_parallel if isinstance(instruction, Conv) else config.alu_pixel_parallel
    conflicts = gcd(instruction.stride_x, config.pixel_parallel)
    across = -(-instruction.out_width // lanes)
    return Walk(
        lanes=lanes,
        phases=max(1, lanes * conflicts // config.pixel_parallel),
        prelude=config.bias_words if has_parameters(instruction) else 0,
        across=across,
        blocks=instruction.out_height * across,
        taps=taps_of(instruction),
        groups=instruction.out_groups,
    )


def word_bytes(memory: str, config: AcceleratorConfig) -> int:
    """Bytes of a transferred word."""
    return memory_map(config)[memory].row_bytes


def lanes_of(memory: str, config: AcceleratorConfig) -> int:
    """Words of a linear row: banks that a transfer goes round."""
    if memory == "img":
        return config.pixel_parallel
    return config.output_channel_parallel if memory in WIDE else 1


def transfer_rate(memory: str, config: AcceleratorConfig) -> int:
    """Words per cycle at most."""
    return config.dma_words_per_cycle if memory in WIDE else 1


def transfer_offset(instruction: Transfer, config: AcceleratorConfig, pixel: int, c: int) -> int:
    """Cycles from the start until word `c` of a pixel (``y * nx + x``) goes over the port."""
    memory = MEMORY_NAMES[instruction.memory]
    width = word_bytes(memory, config)
    through = pixel * instruction.valid + min((c + 1) * width, instruction.valid)
    word = pixel * instruction.nc + c
    bandwidth = config.ddr_bytes_per_1024_cycles
    return max(-(-through * 1024 // bandwidth), word // transfer_rate(memory, config) + 1)


def duration(instruction: Instruction, config: AcceleratorConfig) -> int:
    """Edges from the start to the edge at which the engine is free again."""
    if isinstance(instruction, Transfer):
        last = transfer_offset(instruction, config, instruction.ny * instruction.nx - 1, instruction.nc - 1)
        return last + config.ddr_latency_cycles + 1
    if isinstance(instruction, Compute):
        return walk(instruction, config).duration
    return 1


def _extent(base: int, pitch_y: int, pitch_x: int, size: tuple[int, int, int], lanes: int) -> tuple[int, int]:
    height, width, groups = size
    last = (height - 1) * pitch_y + (width - 1) // lanes * pitch_x + groups
    return base, base + last


def _transfer_accesses(i: Transfer, config: AcceleratorConfig) -> Iterator[Access]:
    memory, storing = MEMORY_NAMES[i.memory], isinstance(i, Save)
    low, high = _extent(i.base, i.pitch_y, i.pitch_x, (i.ny, i.nx, i.nc), lanes_of(memory, config))
    yield Access(memory, low, high, not storing)
    last = i.address + (i.ny - 1) * i.ddr_pitch_y + (i.nx - 1) * i.ddr_pitch_x + i.valid
    yield Access("ddr", i.address, last, storing)


def _compute_accesses(i: Compute, config: AcceleratorConfig) -> Iterator[Access]:
    w, pixels = walk(i, config), config.pixel_parallel
    in_groups = i.in_groups if isinstance(i, Conv) else i.out_groups
    size = (i.in_height, i.in_width, in_groups)
    yield Access("img", *_extent(i.in_base, i.in_pitch_y, i.in_pitch_x, size, pixels), False)
    if isinstance(i, Conv) or i.op == AluOp.DEPTHWISE:  # type: ignore[attr-defined]
        memory = "wgt" if isinstance(i, Conv) else "dwt"
        yield Access(memory, i.weight_base, i.weight_base + w.groups * w.taps, False)
    if isinstance(i, Alu) and i.op in TWO_OPERANDS:
        size = (1, 1, w.groups) if i.broadcast else (i.out_height, i.out_width, w.groups)
        view = i.second_base, i.second_pitch_y, i.second_pitch_x
        yield Access("img", *_extent(*view, size, pixels), False)
    if isinstance(i, Alu) and i.op == AluOp.TABLE:
        yield Access("tab", 256 * i.weight_base, 256 * (i.weight_base + 1), False)
    if has_parameters(i):
        yield Access("bias", i.bias_base, i.bias_base + w.groups * config.bias_words, False)
        yield Access("rqp", i.parameter_base, i.parameter_base + w.groups, False)
    if not isinstance(i, Conv) or i.last:
        size = (i.out_height, i.out_width, i.out_groups)
        yield Access("img", *_extent(i.out_base, i.out_pitch_y, i.out_pitch_x, size, pixels), True)


def accesses(instruction: Instruction, config: AcceleratorConfig) -> tuple[Access, ...]:
    """Return the rows that an instruction touches, as intervals that contain them."""
    if isinstance(instruction, Transfer):
        return tuple(_transfer_accesses(instruction, config))
    if isinstance(instruction, Compute):
        return tuple(_compute_accesses(instruction, config))
    return ()


def _demand(condition: bool, instruction: Instruction, problem: str) -> None:
    if not condition:
        raise IllegalInstructionError(f"{type(instruction).__name__}: {problem}")


def check(instruction: Instruction, config: AcceleratorConfig, ddr_bytes: int, calls: int) -> None:
    """Make sure that an instruction can be executed; what the hardware traps on.

    Raises
    ------
    IllegalInstructionError
        A loop without turns, a memory or operation that does not exist, or an address outside of its memory.
    """
    if isinstance(instruction, Host):
        _demand(instruction.call < calls, instruction, f"call {instruction.call} of {calls}")
    if isinstance(instruction, Transfer):
        i = instruction
        _demand(min(i.ny, i.nx, i.nc, i.valid) > 0, i, "a loop bound is zero")
        allowed = MEMORY_NAMES if isinstance(i, Load) else {0: "img"}
        _demand(i.memory in allowed, i, f"memory {i.memory} cannot be used")
        width = word_bytes(MEMORY_NAMES[i.memory], config)
        _demand((i.nc - 1) * width < i.valid <= i.nc * width, i, f"{i.valid} bytes do not fill {i.nc} words")
    if isinstance(instruction, Compute):
        _check_compute(instruction, config)
    memories = memory_map(config)
    for access in accesses(instruction, config):
        rows = ddr_bytes if access.memory == "ddr" else memories[access.memory].rows
        rows = config.image_lines if access.memory == "img" else rows
        _demand(access.high <= rows, instruction, f"{access.memory} row {access.high - 1} of {rows}")


def _check_compute(i: Compute, config: AcceleratorConfig) -> None:
    bounds = (i.in_height, i.in_width, i.in_groups, i.out_height, i.out_width, i.out_groups, i.kernel_y, i.kernel_x)
    _demand(min(*bounds, i.stride_y, i.stride_x) > 0, i, "a loop bound or stride is zero")
    _demand(0 < i.tail <= config.word_bytes, i, f"tail {i.tail} of {config.word_bytes} channels")
    _demand(i.mode < len(MODES), i, f"requantisation mode {i.mode}")
    _demand(i.low <= i.high, i, "low exceeds high")
    if isinstance(i, Conv) and not (i.first and i.last):
        single = i.out_height == 1 and i.out_groups == 1 and i.out_width <= config.pixel_parallel
        _demand(single, i, "accumulators are kept for a single block only")
    if isinstance(i, Alu):
        _demand(i.op < len(AluOp), i, f"operation {i.op}")
        if i.op == AluOp.TABLE:
            _demand(i.weight_base < TABLES, i, f"table {i.weight_base} of {TABLES}")
        if i.op in TWO_OPERANDS or i.op == AluOp.TABLE:
            plain = i.kernel_y == i.kernel_x == i.stride_y == i.stride_x == 1
            _demand(plain, i, "elementwise operations have no window")
