"""Cells of the datapath's modules after synthesis by Yosys for UltraScale+: ``python -m tests.rtl.datapath.synthesis``.

These are estimates of Yosys, not Vivado's: nothing is packed, placed or timed.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from tests.rtl.datapath.sources import ROOT, design

_ONE = """
import sys
from pyosys import libyosys
design = libyosys.Design()
for command in sys.stdin.read().splitlines():
    libyosys.run_pass(command, design)
"""
# Name, module, parameters.
MODULES = (
    ("requantiser", "accel_requant", {"Latency": 0}),
    ("requantiser, 4 stages", "accel_requant", {"Latency": 4}),
    ("pair unit", "accel_pair", {"Latency": 0}),
    ("pair unit, 4 stages", "accel_pair", {"Latency": 4}),
    ("array of tiny", "accel_conv_datapath", {"PixelParallel": 2, "InputChannels": 4, "OutputChannels": 4}),
    ("ALU of tiny", "accel_alu_datapath", {"AluPixels": 1, "Channels": 4}),
)


def cells(module: str, parameters: Mapping[str, int]) -> dict[str, int]:
    """Synthesise a module and count: LUT, FF, DSP, CARRY4, MUXF, LATCH, BRAM."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "stat.json"
        options = " ".join(f"-G {name}={value}" for name, value in parameters.items())
        commands = [
            f"read_slang --top {module} {options} {' '.join(str(file) for file in design())}",
            f"synth_xilinx -family xcup -top {module} -flatten -noiopad",
            f"tee -o {report} stat -json",
        ]
        done = subprocess.run(
            [sys.executable, "-c", _ONE], input="\n".join(commands), capture_output=True, text=True, cwd=ROOT
        )
        if done.returncode:
            raise RuntimeError(f"{module}: {(done.stdout + done.stderr)[-3000:]}")
        found = json.loads(report.read_text())["design"]["num_cells_by_type"]
    kinds = {
        "LUT": ("LUT",), "FF": ("FD",), "DSP": ("DSP48",), "CARRY4": ("CARRY",), "MUXF": ("MUXF",),
        "LATCH": ("LD",), "BRAM": ("RAMB",),
    }  # fmt: skip
    return {kind: sum(n for cell, n in found.items() if cell.startswith(starts)) for kind, starts in kinds.items()}


def main() -> int:
    """Print a table."""
    print(f"{'':24s}{'LUT':>8s}{'FF':>8s}{'DSP':>6s}{'CARRY4':>8s}{'MUXF':>6s}{'LATCH':>6s}{'seconds':>9s}")
    for name, module, parameters in MODULES:
        began = time.perf_counter()
        n = cells(module, parameters)
        seconds = time.perf_counter() - began
        print(
            f"{name:24s}{n['LUT']:8d}{n['FF']:8d}{n['DSP']:6d}{n['CARRY4']:8d}{n['MUXF']:6d}{n['LATCH']:6d}{seconds:9.1f}",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
