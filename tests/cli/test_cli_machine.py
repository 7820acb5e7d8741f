"""The machine at the command line: the same bytes as the engine, counted cycles, compiled programs."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import accel_sim
from accel_sim.errors import UsageError
from accel_sim.machine import Machine, MachineResult
from accel_sim.program import Program
from accel_sim.rtl import toolchain
from tests.cli.conftest import Files
from tests.cli.refusal import content, refused
from tests.cli.test_commands import answer, text
from tests.cli.tiny_models import images

ARCHITECTURES = ("tiny", "b512", "b4096", "small.toml")
SMALL = 'base = "tiny"\nname = "small"\nimage_rows = 64\nweight_rows = 64\n'


@pytest.fixture
def small(here: Path) -> Path:
    (here / "small.toml").write_text(SMALL)
    return here


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_run(arch: str, small: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    for model, inputs in ((files.segmentation, files.several), (files.classifier, files.classifier_inputs)):
        common = ["run", model, "--inputs", inputs, "--arch", arch, "--outputs"]
        engine = answer(capfd, *common, "engine.npz")
        machine = answer(capfd, *common, "machine.npz", "--level", "machine")
        assert (small / "engine.npz").read_bytes() == (small / "machine.npz").read_bytes()
        assert machine["outputs"] == engine["outputs"]
        assert machine["arch"] == arch.removesuffix(".toml")
        assert machine["cycles"] == answer(capfd, "compile", model, "--arch", arch)["cycles"] > 0
        assert "cycles" not in engine


def test_a_slower_memory_costs_cycles(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    (here / "slow.toml").write_text('base = "tiny"\nddr_bytes_per_1024_cycles = 64\n')
    cycles = [answer(capfd, "compile", files.segmentation, "--arch", arch)["cycles"] for arch in ("tiny", "slow.toml")]
    assert cycles[1] > 2 * cycles[0]


def test_run_for_a_reader(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    out = text(capfd, "run", files.segmentation, "--inputs", files.inputs, "--level", "machine", "--arch", "tiny")
    cycles = accel_sim.load(files.segmentation, arch="tiny").machine.cycles
    assert f"{cycles} cycles an image on tiny: " in out


def test_python(files: Files) -> None:
    model = accel_sim.load(files.segmentation, arch="b512")
    expected = model.run({"x": images(3)})
    found = model.run({"x": images(3)}, level="machine")
    assert (expected.cycles, found.images) == (None, 3)
    assert found.cycles == model.machine.machine.schedule.cycles
    np.testing.assert_array_equal(found.outputs["y"], expected.outputs["y"])
    assert isinstance(model.compile(), Program)
    with pytest.raises(UsageError, match="is unknown"):
        model.run({"x": images(1)}, level="gates")


@pytest.mark.parametrize("arch", ["tiny", "b4096"])
def test_verify(arch: str, here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    for model, inputs in ((files.segmentation, files.several), (files.classifier, files.classifier_inputs)):
        common = ["verify", model, "--inputs", inputs]
        engine = answer(capfd, *common)
        machine = answer(capfd, *common, "--level", "machine", "--arch", arch)
        assert machine.keys() == engine.keys()
        assert machine["ok"] is True
        assert machine["end_to_end"] == engine["end_to_end"]
        for ours, theirs in zip(machine["nodes"], engine["nodes"], strict=True):
            assert (ours["name"], ours["compared"], ours["mismatched"]) == (theirs["name"], theirs["compared"], 0)
        hosted = {node["name"] for node in machine["nodes"] if node["where"] == "host"}
        calls = accel_sim.load(model, arch=arch).compile().calls
        assert hosted == {call.name for call in calls}


def test_verify_fails_when_the_machine_computes_something_else(
    here: Path, files: Files, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine whose convolutions are one step off in one element."""
    run = Machine.run

    def wrong(self: Machine, inputs: Mapping[str, Any], *rest: Any, **options: Any) -> MachineResult:
        result = run(self, inputs, *rest, **options)
        if self.program.name == "c1:Conv":
            next(iter(result.outputs.values())).reshape(-1)[5] += 1
        return result

    monkeypatch.setattr(Machine, "run", wrong)
    common = ["verify", files.segmentation, "--inputs", files.inputs]
    found = answer(capfd, *common, "--level", "machine", "--arch", "tiny", status=1)
    different = [(n["name"], n["mismatched"], n["max_lsb"]) for n in found["nodes"] if n["mismatched"]]
    assert different == [("c1:Conv", 1, 1)]
    assert answer(capfd, *common)["ok"] is True


def test_compile(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    common = ["compile", files.segmentation, "--arch", "tiny"]
    found = answer(capfd, *common, "-o", "a.accel")
    program = Program.load("a.accel")
    assert found["hash"] == program.digest
    assert found["instructions"] == len(program.instructions) == sum(found["engines"].values())
    assert found["bytes"]["constants"] == program.constants.size
    assert found["bytes"]["instructions"] == 64 * found["instructions"]
    assert found["latency_s"] == found["cycles"] / 100e6
    assert [piece["op"] for piece in found["host"]] == ["QuantizeLinear", "DequantizeLinear"]
    (here / "b.accel").write_bytes(b"old")
    answer(capfd, *common, "-o", "b.accel")
    assert (here / "a.accel").read_bytes() == (here / "b.accel").read_bytes()
    assert sorted(content(here)) == ["a.accel", "b.accel"]
    assert answer(capfd, "compile", files.segmentation, "--arch", "b512")["hash"] != found["hash"]


def test_listing(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    common = ["compile", files.segmentation, "--arch", "tiny", "--list"]
    found = answer(capfd, *common)
    assert len(found["listing"]) == found["instructions"]
    for word in ("LOAD", "CONV", "SAVE", "HOST", "END", "w1_codes", "wait="):
        assert any(word in line for line in found["listing"]), word
    assert found["listing"][-1].split()[1] == str(found["cycles"])
    lines = text(capfd, *common).splitlines()
    assert lines[: found["instructions"]] == found["listing"]
    assert found["hash"] in lines[-1]


BAD_ARCHITECTURES = {
    "unknown": ("b9000", None, ("architecture 'b9000'", "b4096", ".toml")),
    "missing": ("a.toml", None, ("a.toml: cannot be read (No such file or directory)", "give a TOML file")),
    "no_toml": ("a.toml", "= 5", ("a.toml: is not TOML", "one key = value on a line")),
    "key": ("a.toml", 'base = "tiny"\nrows = 5', ("a.toml: configuration 'a': unknown key 'rows'",)),
    "value": ("a.toml", 'base = "tiny"\nimage_rows = 100', ("image_rows is 100", "a power of two from 64 to 16384")),
    "base": ("a.toml", 'base = "b1"', ("a.toml: base is 'b1', but must be one of b512",)),
    "placement": ("a.toml", 'base = "tiny"\n[uram_banks]\nimg = 99', ("uram_banks of img is 99", "0 to its 4 banks")),
    "ecc": ("a.toml", 'base = "tiny"\necc = ["rqp"]', ("ecc names the memory 'rqp'; use some of img",)),
}


@pytest.mark.parametrize("command", ["run", "verify", "compile", "estimate"])
@pytest.mark.parametrize("case", BAD_ARCHITECTURES)
def test_bad_architectures(
    command: str, case: str, here: Path, files: Files, capfd: pytest.CaptureFixture[str]
) -> None:
    arch, toml, fragments = BAD_ARCHITECTURES[case]
    if toml is not None:
        (here / arch).write_text(toml)
    refused(capfd, here, [command, files.segmentation, "--arch", arch], *fragments)


def test_what_is_no_file(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    (here / "folder.toml").mkdir()
    refused(capfd, here, ["compile", files.segmentation, "--arch", "folder.toml"], "folder.toml: is a folder")
    refused(capfd, here, ["compile", files.segmentation, "-o", "folder.toml"], "folder.toml: is a folder")
    refused(capfd, here, ["compile", files.segmentation, "-o", "no/x.accel"], "the folder no does not exist")


@pytest.mark.parametrize("command", ["run", "verify"])
def test_rtl_without_its_tools_is_refused(
    command: str, here: Path, files: Files, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toolchain, "TOOLS", ("no-such-compiler",))  # where Verilator is installed, this is missing
    common = [command, files.segmentation, "--inputs", files.inputs]
    refused(capfd, here, [*common, "--level", "rtl"], "level rtl needs")


def test_rtl_without_its_sources_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no hardware description there; level rtl needs a checkout"):
        toolchain.sources(tmp_path)


@pytest.mark.rtl
def test_rtl_gives_the_machines_bytes_and_cycles(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    try:
        toolchain.environment()
    except UsageError as missing:
        pytest.skip(str(missing))
    common = ["run", files.segmentation, "--inputs", files.inputs, "--arch", "tiny", "--outputs", "out.npz"]
    answers, outputs = [], []
    for level in ("machine", "rtl"):
        answers.append(answer(capfd, *common, "--level", level))
        outputs.append(dict(np.load(here / "out.npz")))
    assert answers[1] == {**answers[0], "level": "rtl"}
    assert all(np.array_equal(outputs[0][name], outputs[1][name]) for name in outputs[0])


@pytest.mark.rtl
def test_rtl_does_not_verify_node_by_node(files: Files) -> None:
    try:
        toolchain.environment()
    except UsageError as missing:
        pytest.skip(str(missing))
    with pytest.raises(UsageError, match="runs whole networks only"):
        accel_sim.load(files.segmentation, arch="tiny").verify({"x": images(1)}, level="rtl")


@pytest.mark.parametrize("command", ["compile", "estimate", "run", "verify"])
def test_help_loads_none_of_the_slow_packages(command: str) -> None:
    code = (
        f"import sys, accel_sim.cli; accel_sim.cli.main(['{command}', '--help']);"
        "print(sorted({'numba', 'onnx', 'onnxruntime', 'matplotlib', 'scipy', 'numpy'} & set(sys.modules)))"
    )
    root = Path(__file__).resolve().parents[2]
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root).stdout
    assert out.endswith("[]\n")
