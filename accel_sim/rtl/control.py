"""Flip-flops that the machine does not model: state machines, queues, tokens, counters, addresses, held instructions.

They are found in the C++ that Verilator writes, and built into a library of their own in which they can be written; the
normal one stays as fast as it is. Memories, and the registers that the machine has, are not among them.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from math import prod
from pathlib import Path

from accel_sim.config import AcceleratorConfig
from accel_sim.rtl.build import PUBLIC, verilate
from accel_sim.rtl.harness import TOP
from accel_sim.rtl.parameters import Array, bench_parameters
from accel_sim.rtl.simulation import compact_memory
from accel_sim.rtl.toolchain import BUILDS, SOURCES, WAIVERS, digest, sources

# Module to its registers. The sources are compared with this by a test.
REGISTERS: dict[str, tuple[str, ...]] = {
    "accel_fetch": ("state_q", "number_q", "word_q", "timer_q"),
    "accel_issue": ("signal_q",),
    "accel_parameters": ("staged_q", "bias_q", "entries_q"),
    "accel_queue": ("entries", "write_q", "read_q", "count_q"),
    "accel_sequencer": (
        "state_q", "ins_q", "conv_q", "alu_q", "stages_q", "prelude_q", "group_q", "in_group_q", "y_q", "out_x_q",
        "ky_q", "kx_q", "phase_q", "row0_q", "row_q", "column0_q", "column_q", "lines0_q", "lines_q", "second_q",
        "out_line_y_q", "out_line_q", "wgt_group_q", "wgt_row_q", "bias_row_q", "parameter_row_q",
    ),
    "accel_tokens": ("count_q",),
    "accel_transfer": (
        "instruction_q", "busy_q", "y_q", "x_q", "c_q", "line_address_q", "pixel_address_q", "address_q", "left_q",
        "credit_q", "sent_q", "by_q", "bx_q", "bc_q", "line_row_q", "pixel_row_q", "lane_q", "buffer_left_q",
        "pending_q", "pending_address_q", "pending_count_q", "outstanding_q", "data_q",
    ),
}  # fmt: skip
# Registers that hardware would not have: nothing reads them there, or they are always zero.
NOT_THERE = (
    "core.alu.sequencer.conv_q",
    "core.alu.sequencer.in_group_q",
    "core.conv.sequencer.alu_q",
    "core.conv.sequencer.second_q",
    "core.save.buffer_left_q",
    "core.save.by_q",
)
# Parts of the core by the instance that a register is in; the first that is found counts.
GROUPS = {
    "fetch": "fetch",
    "queue": "queues",
    "tokens": "tokens",
    "sequencer": "sequencers",
    "parameters": "held parameters",
    "load": "transfers",
    "save": "transfers",
    "issue": "tokens",
}
CELL_BYTES = {"CData": 1, "SData": 2, "IData": 4, "QData": 8}
DECLARATION = re.compile(
    rf"^\s*(?:VlUnpacked<)*(?P<cell>[CSIQ]Data|VlWide<(?P<words>\d+)>)/\*(?P<high>\d+):0\*/(?P<sizes>(?:, \d+>)*) "
    rf"{TOP}__DOT__(?P<name>\w+);$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class ControlRegister:
    """A register of the control, or an array of them.

    Attributes
    ----------
    array
        Where the simulator has it; its memory is the register's path below ``accel_bench``.
    bits
        Of one row.
    """

    array: Array
    bits: int

    @property
    def name(self) -> str:
        """Path below ``accel_bench``."""
        return self.array.path

    @property
    def all_bits(self) -> int:
        """Bits of all rows."""
        return self.array.rows * self.bits

    @cached_property
    def group(self) -> str:
        """Part of the core."""
        instances = self.name.rpartition(".")[0]
        return next(group for part, group in GROUPS.items() if part in instances)


def public() -> str:
    """Return Verilator's control file that makes the registers writable."""
    lines = [
        f'public_flat_rw -module "{module}" -var "{name}"' for module, names in REGISTERS.items() for name in names
    ]
    return PUBLIC + "\n".join(lines) + "\n"


def control_registers(
    config: AcceleratorConfig, ddr_bytes: int, instructions: int, folder: Path = SOURCES
) -> tuple[ControlRegister, ...]:
    """Return all of them, of a compact model for programs up to a size.

    Raises
    ------
    UsageError
        A tool is missing or fails.
    """
    sizes = bench_parameters(config, ddr_bytes, instructions) | compact_memory(ddr_bytes, instructions)
    files = (*sources(folder), *(folder / name for name in WAIVERS))
    return _found(files, tuple(sizes.items()))


@cache
def _found(files: Sequence[Path], sizes: tuple[tuple[str, int], ...]) -> tuple[ControlRegister, ...]:
    place = BUILDS / f"control-{digest(files, {**dict(sizes), 'public': public()})}"
    header = place / "root.h"
    if not header.exists():
        place.mkdir(parents=True, exist_ok=True)
        (place / "public.vlt").write_text(public())
        objects = verilate(place, files, dict(sizes))
        header.write_text((objects / "Vaccel___024root.h").read_text())
    return tuple(_registers(header.read_text()))


def _registers(header: str) -> Iterator[ControlRegister]:
    """Read the declarations of the model's variables."""
    known = {name for names in REGISTERS.values() for name in names}
    for match in DECLARATION.finditer(header):
        path, words = match["name"].replace("__DOT__", "."), match["words"]
        own = path.startswith("core.") and path.rsplit(".", 1)[-1] in known
        if not own or path in NOT_THERE or ".buffers." in path:
            continue
        bits, rows = int(match["high"]) + 1, prod(int(size) for size in re.findall(r"\d+", match["sizes"]))
        stride = 4 * int(words) if words else CELL_BYTES[match["cell"]]
        yield ControlRegister(Array(path, 0, path, rows, -(-bits // 8), stride), bits)
