"""``inject`` and ``campaign`` on the accelerator's memories and registers."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import accel_sim
from accel_sim.cli import main
from accel_sim.faults.hardware import HardwareFault
from accel_sim.inputs import read_npz
from tests.cli.conftest import Files
from tests.cli.refusal import content

OUTCOMES = {"masked", "tolerable", "critical", "due"}
FAULT = {"space": "memory", "memory": "wgt", "bank": 1, "row": 3, "bit": 6, "cycle": 40}


def printed(capfd: pytest.CaptureFixture[str], arguments: list[str]) -> str:
    capfd.readouterr()
    assert main(arguments) == 0
    out, err = capfd.readouterr()
    assert err == ""
    return out


def inject(files: Files, fault: dict[str, Any], *more: str) -> list[str]:
    command = ["inject", files.segmentation, "--inputs", files.several, "--arch", "tiny"]
    return [*command, "--fault", json.dumps(fault), *more]


def campaign(files: Files, space: str, *more: str, results: str = "r.sqlite") -> list[str]:
    command = ["campaign", files.segmentation, "--inputs", files.inputs, "--arch", "tiny", "--space", space]
    return [*command, "--results", results, "--json", *more]


def test_inject_prints_the_fault_and_its_outcome(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    found = json.loads(printed(capfd, inject(files, FAULT, "--json")))
    assert found["fault"] == FAULT
    assert found["outcome"] in OUTCOMES
    assert 0 <= found["changed_fraction"] <= 1
    words = printed(capfd, inject(files, FAULT | {"bit": [6, 7]}))
    assert "(wgt bank 1 row 3 bit 6 7, cycle 40)" in words


def test_a_fault_strikes_one_image(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    model = accel_sim.load(files.segmentation, arch="tiny")
    inputs = read_npz(files.several)
    golden = model.run(inputs).outputs["y"]
    # Bit 7 of the first output code in DDR just before the end: exactly that element of one image.
    symbol = model.compile().tensors["c2_q"]
    assert symbol.address is not None
    place = {"bank": 0, "row": symbol.address // 16, "bit": symbol.address % 16 * 8 + 7}
    fault = {
        "space": "memory",
        "memory": "ddr",
        **place,
        "cycle": model.run(inputs, level="machine").cycles,
        "image": 1,
    }
    assert isinstance(fault["cycle"], int)
    fault["cycle"] -= 8
    found = json.loads(printed(capfd, inject(files, fault, "--outputs", "o.npz", "--json")))
    assert found["fault"] == fault
    outputs = read_npz("o.npz")["y"]
    differs = np.argwhere(outputs != golden)
    assert differs.tolist() == [[1, 0, 0, 0]]
    assert found["outcome"] in ("tolerable", "critical")


def test_python_and_the_command_agree(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    model, inputs = accel_sim.load(files.segmentation, arch="tiny"), read_npz(files.several)
    many = model.inject(inputs, [FAULT, FAULT | {"memory": "img", "cycle": 60}])
    single = model.inject(inputs, FAULT)
    assert many[0].outcome == single.outcome
    assert many[0].to_json() == json.loads(printed(capfd, inject(files, FAULT, "--json")))
    assert isinstance(single.fault, HardwareFault)


def test_an_inference_that_does_not_end_has_no_outputs(
    here: Path, files: Files, capfd: pytest.CaptureFixture[str]
) -> None:
    fault = {"space": "memory", "memory": "ins", "bank": 0, "row": 2, "bit": [0, 1, 2, 3], "cycle": 0}
    found = json.loads(printed(capfd, inject(files, fault, "--outputs", "o.npz", "--json")))
    assert found["outcome"] == "due"
    assert found["changed_fraction"] == 0
    with np.load("o.npz") as outputs:
        assert outputs.files == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"memory": "cache"}, "fault: space 'memory' has no 'cache' on tiny; use one of img"),
        ({"bank": 4}, "bank 4 of memory 'wgt' is outside 0 .. 3; choose one that exists"),
        ({"bit": 32}, "bit 32 of memory 'wgt' is outside 0 .. 31"),
        ({"cycle": 10**7}, "cycle 10000000 of memory 'wgt' is outside 0 .. "),
        ({"cycle": None}, "fault: cycle None is not a whole number from 0"),
        ({"image": 3}, "fault: image 3 of 3; images count from 0"),
    ],
)
def test_faults_that_do_not_exist(
    change: dict[str, Any], words: str, here: Path, files: Files, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(inject(files, FAULT | change)) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert words in err


@pytest.mark.parametrize("space", ["memory", "registers"])
def test_campaign_counts_bit_cycles(space: str, here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    found = json.loads(printed(capfd, campaign(files, space, "--faults", "60", "--seed", "3")))
    assert (found["arch"], found["faults"], found["space"]["name"]) == ("tiny", 60, space)
    assert sum(s["population"] for s in found["strata"]) == found["population"]
    assert found["population"] == pytest.approx(found["live_fraction"] * found["bit_cycles"])
    for key in ("low", "best", "high"):
        assert found["avf"][key] == pytest.approx(found["live_fraction"] * found["critical_rate"][key])
    memories = found["memories"].values()
    assert sum(m["bit_cycles"] for m in memories) == found["bit_cycles"]
    assert sum(m["population"] for m in memories) == found["population"]
    assert sum(m["faults"] for m in memories) == 60
    for outcome in OUTCOMES:
        assert sum(m["outcomes"][outcome] for m in memories) == found["outcomes"][outcome]


@pytest.mark.parametrize("design", ["uniform", "set"])
def test_results_do_not_depend_on_workers_or_interruptions(
    design: str, here: Path, files: Files, capfd: pytest.CaptureFixture[str]
) -> None:
    options = ["--strata", design, "--seed", "5"]
    count = {"uniform": 40, "set": 3}[design]
    printed(capfd, campaign(files, "memory", *options, "--faults", str(count // 2)))
    steps = printed(capfd, campaign(files, "memory", *options, "--faults", str(count)))
    before = content(here)
    assert printed(capfd, campaign(files, "memory", *options, "--faults", str(count))) == steps
    assert content(here) == before
    fresh = campaign(files, "memory", *options, "--faults", str(count), "--workers", "2", results="fresh.sqlite")
    assert printed(capfd, fresh) == steps


def test_only_some_memories(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    found = json.loads(
        printed(capfd, campaign(files, "memory", "--memory", "wgt", "--memory", "img", "--faults", "20"))
    )
    assert list(found["memories"]) == ["img", "wgt"]
    assert {s["name"].split(":")[0] for s in found["strata"]} == {"img", "wgt"}


def test_another_accelerator_is_another_campaign(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    printed(capfd, campaign(files, "memory", "--faults", "5"))
    other = [a if a != "tiny" else "b512" for a in campaign(files, "memory", "--faults", "5")]
    assert main(other) == 2
    assert "holds another campaign: space.architecture is tiny in the file and b512 now" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--space", "memory", "--memory", "l2"], "--memory 'l2' is not in space memory; use some of img, wgt"),
        (["--space", "parameters", "--memory", "wgt"], "--memory goes with --space memory or registers, not with"),
        (["--space", "memory", "--arch", "b5"], "architecture 'b5' is neither a .toml file nor one of b512"),
    ],
)
def test_options_that_do_not_fit(
    options: list[str], words: str, here: Path, files: Files, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["campaign", files.segmentation, "--inputs", files.inputs, "--results", "r.sqlite", *options]) == 2
    assert words in capfd.readouterr().err
    assert content(here) == {}


def test_a_report_can_be_made(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    printed(capfd, campaign(files, "memory", "--faults", "30"))
    printed(capfd, ["report", "r.sqlite", "-o", "page.html"])
    assert "wgt:" in Path("page.html").read_text(encoding="utf-8")
