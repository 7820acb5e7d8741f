"""``accel-sim synth`` and ``estimate --synthesis``: output, refusals, and what the counts do to the failures."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

import accel_sim
from accel_sim.devices import find_device
from accel_sim.rtl import synth_record, synth_yosys
from accel_sim.rtl.synth_netlist import Netlist
from tests.cli.conftest import Files
from tests.cli.refusal import refused
from tests.cli.test_commands import answer, text

NETLIST = """\
module \\accel_top
  cell \\accel_core$accel_top.core \\core
  end
end
module \\accel_core$accel_top.core
  cell \\accel_ram$img0 \\buffers.gen_img[0].img
  end
  cell \\accel_ram$img1 \\buffers.gen_img[1].img
  end
end
module \\accel_ram$img0
  memory width 32 size 512 \\mem
end
module \\accel_ram$img1
  memory width 32 size 512 \\mem
end
"""
CELLS = {
    "accel_top": {"LUT6": 3, "FDCE": 2},
    "accel_core": {"LUT2": 1000, "FDRE": 2998, "DSP48E2": 32, "INV": 9},
    "accel_ram": {"RAMB18E2": 1},
}
TOTAL = {"lut": 1003, "lut_ram": 0, "ff": 3000, "latch": 0, "dsp": 32, "bram36": 1.0, "uram": 0}


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, int]]:
    """Yosys's part done by hand; returns the parameters that it is asked for."""
    asked: list[dict[str, int]] = []

    def by_hand(files: list[Path], top: str, parameters: dict[str, int]) -> tuple[Netlist, Any]:
        assert any(file.name == "accel_top.sv" for file in files)
        asked.append(parameters)
        return Netlist(NETLIST, "accel_top"), CELLS

    monkeypatch.setattr(synth_record, "synthesise", by_hand)
    monkeypatch.setattr(synth_record, "yosys_version", lambda: "0")
    return asked


def test_json_on_stdout(here: Path, counted: list[dict[str, int]], capfd: pytest.CaptureFixture[str]) -> None:
    found = answer(capfd, "synth", "--arch", "tiny")
    assert found["total"] == TOTAL
    assert (found["arch"], found["top"], found["family"]) == ("tiny", "accel_top", "xcup")
    modules = {entry["module"]: entry for entry in found["modules"]}
    assert modules["accel_ram"]["instances"] == 2
    assert (modules["accel_ram"]["each"]["bram36"], modules["accel_ram"]["all"]["bram36"]) == (0.5, 1.0)
    assert found["memories"]["img"] == {
        "banks": 2, "bits": 65536, "in": "bram", "bram36": 1.0, "uram": 0, "lut": 0, "ff": 0,
    }  # fmt: skip
    assert counted[0]["BufferLatency"] == 1
    assert "Yosys" in found["is"]


def test_a_file_and_a_table(here: Path, counted: list[dict[str, int]], capfd: pytest.CaptureFixture[str]) -> None:
    out = text(capfd, "synth", "--arch", "b512", "--json", "b512.json")
    assert "accel_core" in out
    assert "2998" in out.replace("\u2009", "").replace(",", "").replace(" ", "")
    assert "Yosys" in out
    assert "published for the DPU" in out
    assert "31782" in out.replace("\u2009", "").replace(",", "").replace(" ", "")
    record = json.loads((here / "b512.json").read_text())
    assert record["total"] == TOTAL
    assert [row["dsp"] for row in record["published"]] == [98, 66]
    assert "move 1 word per cycle" in record["notes"][0]
    assert counted[0]["PixelParallel"] == 4


def test_refusals(
    here: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, counted: list[dict[str, int]]
) -> None:
    refused(capfd, here, ["synth", "--arch", "b513"], "'b513'", "b512", "tiny")
    refused(capfd, here, ["synth", "--json", "no/folder.json"], "no", "does not exist")
    monkeypatch.undo()
    monkeypatch.chdir(here)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    refused(capfd, here, ["synth"], "pip install pyosys")


def test_yosys_is_found_where_it_is_installed() -> None:
    if importlib.util.find_spec("pyosys") is None:
        pytest.skip("no pyosys: pip install 'accel_sim[rtl]'")
    assert synth_yosys.yosys_version()


RATES = "[ff]\nfit_per_mbit = 100.0\n[bram]\nfit_per_mbit = 10.0\n[cram]\nfit_per_mbit = 5.0\n"


@pytest.fixture
def synthesis(here: Path, counted: list[dict[str, int]], capfd: pytest.CaptureFixture[str]) -> str:
    text(capfd, "synth", "--arch", "tiny", "--json", "tiny.json")
    (here / "rates.toml").write_text(RATES)
    return "tiny.json"


def test_flip_flops_join_the_failures(synthesis: str, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    command = ["estimate", files.segmentation, "--arch", "tiny", "--rates", "rates.toml"]
    without, found = answer(capfd, *command), answer(capfd, *command, "--synthesis", synthesis)
    registers = sum(
        m["banks"] * m["rows"] * m["row_bits"] for m in found["memories"].values() if m["kind"] == "register"
    )
    assert without["synthesis"] is None
    assert found["synthesis"]["other_ff"] == 3000 - registers > 0
    expected = (3000 - registers) / 2**20 * 100
    assert found["fit_by_memory"]["other_ff"]["best"] == pytest.approx(expected)
    assert found["fit"]["best"] == pytest.approx(without["fit"]["best"] + expected)
    assert found["raw"]["other_ff"]["bits"] == 3000 - registers
    assert not any("control logic" in note for note in found["notes"])
    assert any("upper bound" in note and "other_ff" in note for note in found["notes"])


def test_configuration_memory_scales_with_the_look_up_tables(
    synthesis: str, files: Files, capfd: pytest.CaptureFixture[str]
) -> None:
    command = ["estimate", files.segmentation, "--arch", "tiny", "--rates", "rates.toml", "--device", "XCZU3EG"]
    found = answer(capfd, *command, "--synthesis", synthesis)
    share = 1003 / find_device("XCZU3EG").lut
    assert found["synthesis"]["lut_share"] == pytest.approx(share)
    whole, part = found["configuration_memory"], found["synthesis"]["configuration_memory"]
    for key in ("raw_fit", "typical_fit", "worst_fit"):
        assert part[key] == pytest.approx(whole[key] * share)
    unknown = answer(capfd, *command[:-1], "XCK26", "--synthesis", synthesis)
    assert unknown["synthesis"]["configuration_memory"]["typical_fit"] is None


def test_unusable_synthesis_files(synthesis: str, here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    command = ["estimate", files.segmentation, "--arch", "tiny", "--synthesis"]
    refused(capfd, here, [*command, "none.json"], "none.json", "accel-sim synth --arch tiny")
    for number, content in enumerate(("{", "[]", "{}", '{"arch": "tiny", "tool": "", "total": {"lut": 1}}',
                                      '{"arch": "tiny", "tool": "", "total": {"lut": -1, "ff": 2}}')):  # fmt: skip
        (here / f"{number}.json").write_text(content)
        refused(capfd, here, [*command, f"{number}.json"], f"{number}.json", "accel-sim synth")
    other = ["estimate", files.segmentation, "--arch", "b512", "--synthesis", synthesis]
    refused(capfd, here, other, "belongs to architecture 'tiny', not 'b512'")


def test_the_python_interface_takes_it_too(synthesis: str, files: Files) -> None:
    found = accel_sim.load(files.segmentation, arch="tiny").estimate(synthesis=synthesis)
    assert found["synthesis"]["ff"] == 3000
