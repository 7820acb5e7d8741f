"""Yosys in a process of its own: elaboration, and synthesis for UltraScale+ of one module of each class."""

import importlib.metadata
import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from accel_sim.errors import UsageError
from accel_sim.rtl.synth_netlist import Netlist

FAMILY = "xcup"
# What is counted on its own. What these instantiate beside each other is merged into them.
UNITS = (
    "top", "core", "fetch", "decode", "queue", "tokens", "transfer", "sequencer", "operands", "parameters",
    "conv_datapath", "alu_datapath", "requant", "pair", "buffers", "ram", "axi_read", "axi_write", "axi_fetch",
    "axi_registers", "axi_control",
)  # fmt: skip
_SCRIPT = """
import sys
from pyosys import libyosys
design = libyosys.Design()
for command in sys.stdin.read().splitlines():
    libyosys.run_pass(command, design)
"""


def yosys_version() -> str:
    """Return the version of pyosys.

    Raises
    ------
    UsageError
        It is not installed.
    """
    if importlib.util.find_spec("pyosys") is None:
        raise UsageError("synth needs Yosys: pip install pyosys==0.70, or pip install 'accel_sim[rtl]'")
    return importlib.metadata.version("pyosys")


def synthesise(
    files: Sequence[Path], top: str, parameters: Mapping[str, int]
) -> tuple[Netlist, dict[str, dict[str, int]]]:
    """Synthesise a design, each distinct module once.

    Parameters
    ----------
    files
        Sources, packages first.
    top
        Name of the toplevel module.
    parameters
        Of that module.

    Returns
    -------
    tuple
        The elaborated netlist, and by class of module the cells by type: of the module itself, without what it
        instantiates.

    Raises
    ------
    UsageError
        pyosys is missing, or Yosys refuses the design.
    """
    yosys_version()
    with tempfile.TemporaryDirectory(prefix="accel-sim-synth-") as name:
        folder = Path(name)
        elaborated, reduced, report = folder / "all.il", folder / "reduced.il", folder / "stat.json"
        options = " ".join(f"-G {key}={value}" for key, value in parameters.items())
        _yosys(
            f"read_slang --keep-hierarchy --top {top} {options} {' '.join(map(str, files))}",
            *(f"setattr -mod -set keep_hierarchy 1 accel_{unit}$*" for unit in UNITS),
            "proc",
            "flatten",
            "opt_clean -purge",
            f"write_rtlil {elaborated}",
        )
        netlist = Netlist(elaborated.read_text(), top)
        reduced.write_text(netlist.reduced())
        _yosys(
            f"read_rtlil {reduced}",
            f"synth_xilinx -family {FAMILY} -top {top} -noiopad -noclkbuf",
            f"tee -q -o {report} stat -json",
        )
        modules = json.loads(report.read_text())["modules"]
    cells = {}
    for name, entry in modules.items():
        if name in netlist.kinds:
            found = entry["num_cells_by_type"]
            cells[netlist.kinds[name]] = {cell: n for cell, n in found.items() if f"\\{cell}" not in netlist.kinds}
    return netlist, cells


def _yosys(*commands: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT], input="\n".join(commands), capture_output=True, text=True, check=False
    )
    if done.returncode:
        text = done.stdout + done.stderr
        wrong = [line for line in text.splitlines() if "rror" in line] or text.splitlines()[-1:] or ["no message"]
        raise UsageError(f"Yosys cannot synthesise the hardware description: {wrong[0][:300]}")
