"""``accel_pkg.sv``: opcodes, instruction fields and memory numbers for the RTL, from their only definition in Python.

``python -m accel_sim.rtl.package FILE`` writes it; with ``--check`` it is compared instead.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from accel_sim.config.accelerator import ENGINES
from accel_sim.config.memories import INSTRUCTION_BYTES, MEMORY_IDS, PARAMETER_BYTES, TABLE_BYTES, TABLES
from accel_sim.isa import ALU_OPS, MODES, OPCODES, layout
from accel_sim.isa.encoding import OPCODE_BITS
from accel_sim.isa.instructions import Alu, Conv, Instruction, Load

RENAMED = {"wait": "wait_mask", "signal": "signal_mask"}  # `wait` is a keyword there
HEADER = """\
// Opcodes, instruction layouts and memory numbers. Generated from accel_sim/isa and accel_sim/config by
//   python -m accel_sim.rtl.package rtl/accel_pkg.sv
// Do not edit. Structures list the highest bits first; instructions are {width} bits wide.
"""


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _enum(name: str, width: int, values: Iterable[tuple[str, int]]) -> Iterator[str]:
    lines = [f"    {label} = {width}'d{value}" for label, value in values]
    yield f"  typedef enum logic [{width - 1}:0] {{"
    yield ",\n".join(lines)
    yield f"  }} {name};"
    yield ""


def _struct(name: str, kind: type[Instruction], first: int, last: int | None = None) -> Iterator[str]:
    """Fields of an instruction with bit positions in ``[first, last)``, highest first."""
    fields = [f for f in layout(kind) if first <= f[1] and (last is None or f[1] < last)]
    yield "  typedef struct packed {"
    for field, _, width in reversed(fields):
        size = f"logic [{width - 1}:0]" if width > 1 else "logic"
        yield f"    {size:<15}{RENAMED.get(field, field)};"
    yield f"  }} {name};"
    yield ""


def _end(kind: type[Instruction]) -> int:
    _, position, width = layout(kind)[-1]
    return position + width


def package() -> str:
    """Return the text of ``accel_pkg.sv``."""
    word = 8 * INSTRUCTION_BYTES
    shared = layout(Conv)[: len(layout(Conv)) - 2][-1]
    compute_end = shared[1] + shared[2]
    assert layout(Alu)[: len(layout(Conv)) - 2] == layout(Conv)[:-2], "CONV and ALU share the fields of Compute"
    constants = {
        "InstructionBits": word,
        "OpcodeBits": OPCODE_BITS,
        "Engines": len(ENGINES),
        "ParameterBytes": PARAMETER_BYTES,
        "TableBytes": TABLE_BYTES,
        "Tables": TABLES,
        **{f"Engine{_camel(name.lower())}": number for number, name in enumerate(ENGINES)},
        "TransferBits": _end(Load),
        "ConvBits": _end(Conv),
        "AluBits": _end(Alu),
    }
    lines = [HEADER.format(width=word) + "package accel_pkg;", ""]
    lines += [f"  parameter int unsigned {name} = {value};" for name, value in constants.items()] + [""]
    lines += _enum("opcode_e", OPCODE_BITS, [(f"Op{kind.__name__}", number) for number, kind in OPCODES.items()])
    lines += _enum("mode_e", 2, [(f"Mode{_camel(name)}", number) for number, name in enumerate(MODES)])
    lines += _enum("alu_op_e", 3, [(f"Alu{_camel(op.name.lower())}", int(op)) for op in ALU_OPS])
    lines += _enum("memory_e", 3, [(f"Mem{_camel(name)}", number) for name, number in MEMORY_IDS.items()])
    base = layout(Load)[len(layout(OPCODES[6]))][1]
    lines += ["  // What every instruction has.", *_struct("common_t", OPCODES[6], 0)]
    lines += ["  // LOAD and SAVE, above common_t.", *_struct("transfer_t", Load, base)]
    lines += ["  // CONV and ALU, above common_t.", *_struct("compute_t", Conv, base, compute_end)]
    lines += ["  // CONV, above compute_t.", *_struct("conv_t", Conv, compute_end)]
    lines += ["  // ALU, above compute_t.", *_struct("alu_t", Alu, compute_end)]
    lines += ["  // HOST, above common_t.", *_struct("host_t", OPCODES[5], base)]
    lines += ["endpackage", ""]
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Write the package, or compare it with ``--check``; 1 when it is stale."""
    check = "--check" in arguments
    paths = [Path(a) for a in arguments if a != "--check"]
    if len(paths) != 1:
        print("usage: python -m accel_sim.rtl.package [--check] FILE", file=sys.stderr)
        return 2
    if not check:
        paths[0].write_text(package())
        return 0
    if not paths[0].exists() or paths[0].read_text() != package():
        print(f"{paths[0]}: is stale; run python -m accel_sim.rtl.package {paths[0]}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
