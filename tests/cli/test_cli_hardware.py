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


TABLE = """source = "none: made for a test"
verified = false
interleave = 2
[[pattern]]
name = "wide"
cells = [[0, 0], [0, 1], [0, 2]]
weight = 1
[[pattern]]
name = "never"
cells = [[0, 0]]
weight = 0
"""


def test_neighbouring_cells_by_name(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    found = json.loads(printed(capfd, inject(files, FAULT, "--pattern", "pair", "--json")))
    assert found["fault"] == FAULT | {"bit": [6, 7]}
    found = json.loads(printed(capfd, inject(files, FAULT, "--pattern", "square", "--interleave", "4", "--json")))
    assert found["fault"] == FAULT | {"cells": [[0, 7], [4, 7], [7, 6]]}
    again = json.loads(printed(capfd, inject(files, found["fault"], "--json")))
    assert again == found
    words = printed(capfd, inject(files, FAULT, "--pattern", "column"))
    assert "(wgt bank 1 row 3 bit 6, row 4 bit 6, cycle 40)" in words


def test_neighbouring_cells_of_a_table(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    Path("p.toml").write_text(TABLE, encoding="utf-8")
    drawn = json.loads(printed(capfd, inject(files, FAULT, "--pattern", "p.toml", "--seed", "5", "--json")))
    assert drawn["fault"] == FAULT | {"bit": [6, 7], "cells": [[2, 7]]}
    named = json.loads(printed(capfd, inject(files, FAULT, "--pattern", "p.toml:wide", "--json")))
    assert named == drawn
    plain = json.loads(printed(capfd, inject(files, FAULT, "--pattern", "p.toml:wide", "--interleave", "1", "--json")))
    assert plain["fault"] == FAULT | {"bit": [6, 7, 8]}
    single = json.loads(printed(capfd, inject(files, FAULT, "--pattern", "p.toml:never", "--json")))
    assert single["fault"] == FAULT


def test_stuck_bits(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    place = {key: value for key, value in FAULT.items() if key != "cycle"}
    found = [json.loads(printed(capfd, inject(files, place, "--stuck-at", v, "--json"))) for v in "01"]
    assert [f["fault"] for f in found] == [place | {"stuck": 0}, place | {"stuck": 1}]
    assert "bit 6, stuck at 1)" in printed(capfd, inject(files, place | {"stuck": 1}))
    sign = {"space": "registers", "memory": "pe_acc", "bank": 0, "row": 0, "bit": 30, "stuck": 1}
    assert json.loads(printed(capfd, inject(files, sign, "--json")))["outcome"] in ("tolerable", "critical")


def test_a_flip_that_the_host_does_not_repair(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    model = accel_sim.load(files.segmentation, arch="tiny")
    symbol = next(s for s in model.compile().symbols if s.role == "weight")
    fault = {"space": "memory", "memory": "ddr", "bank": 0, "row": symbol.address // 16, "bit": 7, "cycle": 0}
    fault["bit"] += symbol.address % 16 * 8
    golden = model.run(read_npz(files.several)).outputs["y"]
    changed = {}
    for name, options in (("once", []), ("lasting", ["--persistent"])):
        printed(capfd, inject(files, fault, *options, "--outputs", "o.npz"))
        outputs = read_npz("o.npz")["y"]
        changed[name] = [bool(np.any(a != b)) for a, b in zip(outputs, golden, strict=True)]
    assert changed["once"][0]
    assert not any(changed["once"][1:])
    assert any(changed["lasting"][1:])


@pytest.mark.parametrize(
    "fault",
    [
        FAULT,
        FAULT | {"memory": "img", "row": 1, "bit": 5},
        {"space": "registers", "memory": "pe_act", "bank": 0, "row": 0, "bit": 7, "cycle": 300},
        {"space": "memory", "memory": "ins", "bank": 0, "row": 5, "bit": 511, "cycle": 0},
    ],
)
def test_the_machine_is_asked_and_the_fast_path_agrees(
    fault: dict[str, Any], here: Path, files: Files, capfd: pytest.CaptureFixture[str]
) -> None:
    fast = json.loads(printed(capfd, inject(files, fault, "--json", "--outputs", "fast.npz")))
    found = json.loads(printed(capfd, inject(files, fault, "--level", "machine", "--json", "--outputs", "o.npz")))
    assert {key: found[key] for key in fast} == fast
    assert found["level"] == "machine"
    assert found["agrees"] is True
    assert found["fast_path"].keys() == {"ran", "outcome", "changed_fraction"}
    if fault["memory"] == "ins":
        assert found["fast_path"]["ran"] == "machine"
        assert found["outcome"] == "due"
    assert Path("o.npz").read_bytes() == Path("fast.npz").read_bytes()
    words = printed(capfd, inject(files, fault, "--level", "machine"))
    assert f"the fast path ({found['fast_path']['ran']}) agrees: {found['outcome']}" in words


def test_a_fast_path_that_differs_is_said_and_fails(
    here: Path, files: Files, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from accel_sim.engine import Upset
    from accel_sim.faults.hardware import HardwareInjector

    sign = {"space": "registers", "memory": "pe_acc", "bank": 0, "row": 0, "bit": 30, "stuck": 1}
    monkeypatch.setattr(HardwareInjector, "effect", lambda *_: Upset({}, {}))
    assert main(inject(files, sign, "--level", "machine", "--json")) == 1
    assert json.loads(capfd.readouterr().out)["agrees"] is False
    assert main(inject(files, sign, "--level", "machine")) == 1
    assert "the fast path (nothing) DIFFERS: masked" in capfd.readouterr().out


WEIGHT = {"space": "parameters", "tensor": "w", "index": [0, 0, 0, 0], "bit": 1}


@pytest.mark.parametrize(
    ("fault", "options", "words"),
    [
        (WEIGHT, ["--level", "machine"], "are for faults of the spaces memory and registers, not parameters"),
        (WEIGHT, ["--persistent"], "are for faults of the spaces memory and registers, not parameters"),
        (WEIGHT, ["--stuck-at", "0"], "are for faults of the spaces memory and registers, not parameters"),
        (FAULT, ["--stuck-at", "0"], "cycle 40 does not go with stuck, which is always; leave it out"),
        (FAULT, ["--stuck-at", "2"], "2 is not in the range 0<=x<=1"),
        (FAULT, ["--persistent"], "persistent is for ddr and ins"),
        (FAULT, ["--interleave", "2"], "--interleave and --seed go with --pattern"),
        (FAULT, ["--seed", "2"], "--interleave and --seed go with --pattern"),
        (FAULT, ["--pattern", "pair", "--interleave", "0"], "interleave is 0, but must be a whole number from 1 to 64"),
        (FAULT, ["--pattern", "pair", "--seed", "1"], "--seed draws from a file of patterns"),
        (FAULT, ["--pattern", "ring"], "--pattern 'ring' is neither a .toml file nor one of single, pair"),
        (FAULT, ["--pattern", "none.toml"], "none.toml: cannot be read"),
        (FAULT, ["--pattern", "none.toml:a"], "none.toml: cannot be read"),
        (FAULT | {"bit": [1, 2]}, ["--pattern", "pair"], "a pattern starts at one bit"),
        (FAULT | {"row": 99999}, ["--pattern", "pair"], "row 99999 of memory 'wgt' is outside"),
        (
            {"space": "registers", "memory": "pe_acc", "bank": 0, "row": 0, "bit": 3, "cycle": 4},
            ["--pattern", "pair"],
            "--pattern is for the cells of a memory, and 'pe_acc' is a class of registers",
        ),
    ],
)
def test_fault_models_that_do_not_fit(
    fault: dict[str, Any], options: list[str], words: str, here: Path, files: Files, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(inject(files, fault, *options)) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert words in " ".join(err.split())


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
