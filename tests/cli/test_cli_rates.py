"""``campaign --device``: draws as a device is struck; placement and protection as options."""

from pathlib import Path
from typing import Any

import pytest

import accel_sim
from accel_sim.devices import rate_table
from tests.cli.conftest import Files
from tests.cli.refusal import refused
from tests.cli.test_commands import answer, text

RATES = "[uram]\nfit_per_mbit = 30.0\n[bram]\nfit_per_mbit = 12.0\n"
BUFFERS = ("--memory", "img", "--memory", "wgt")


def campaign(files: Files, *more: str, results: str = "r.sqlite") -> list[str]:
    command = ["campaign", files.segmentation, "--inputs", files.inputs, "--arch", "tiny", "--space", "memory"]
    return [*command, "--results", results, "--faults", "200", *more]


@pytest.fixture
def device(here: Path) -> list[str]:
    (here / "rates.toml").write_text(RATES)
    return ["--device", "XCK26", "--environment", "40_kft_iec", "--rates", "rates.toml"]


def test_a_draw_by_rates(here: Path, files: Files, device: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    placed = ["--uram", "img=1", "--uram", "wgt=4"]
    found = answer(capfd, *campaign(files, *BUFFERS, *placed, *device))
    assert (found["device"], found["environment"]["name"]) == ("XCK26", "40_kft_iec")
    assert found["space"]["weights"] == {"img (uram)": 5, "img (bram)": 2, "wgt": 5}
    assert found["rates"]["uram"]["fit_per_mbit"] == pytest.approx(30)
    memories: dict[str, Any] = found["memories"]
    assert {name: entry["kind"] for name, entry in memories.items()} == {
        "img (uram)": "uram", "img (bram)": "bram", "wgt": "uram",
    }  # fmt: skip
    assert sum(entry["faults"] for entry in memories.values()) == found["faults"] == 200
    for entry in memories.values():
        bits = entry["bit_cycles"] / found["cycles"]
        fit = 30.0 if entry["kind"] == "uram" else 12.0
        assert entry["raw_fit"] == pytest.approx(bits / 2**20 * fit * 6000 / 13)
        assert entry["avf"]["best"] == pytest.approx(entry["live_fraction"] * entry["critical_rate"]["best"])
    assert found["raw_fit"] == pytest.approx(sum(entry["raw_fit"] for entry in memories.values()))
    # Of all upsets the critical ones are: those of each memory as often as it is struck.
    together = sum(entry["raw_fit"] * entry["live_fraction"] for entry in memories.values()) / found["raw_fit"]
    assert found["live_fraction"] == pytest.approx(together)
    assert found["avf"]["best"] == pytest.approx(found["live_fraction"] * found["critical_rate"]["best"])
    out = text(capfd, *campaign(files, *BUFFERS, *placed, *device))
    assert "drawn as XCK26 is struck, 40_kft_iec" in out
    model = accel_sim.load(files.segmentation, arch="tiny")
    assert model.config.uram_banks == {}


def test_a_rated_campaign_gives_the_failures_of_all_placements(
    here: Path, files: Files, device: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    placed = ["--uram", "img=1", "--uram", "wgt=4"]
    made = answer(capfd, *campaign(files, *BUFFERS, *placed, *device))
    common = ["estimate", files.segmentation, "--arch", "tiny", "--results", "r.sqlite", *device[2:]]
    found = answer(capfd, *common, *placed)
    for name, entry in made["memories"].items():
        assert found["fit_by_memory"][name]["best"] == pytest.approx(entry["raw_fit"] * entry["avf"]["best"])
        assert found["avf"][name]["faults"] == entry["faults"]
    plain = answer(capfd, *common)
    assert plain["fit_by_memory"]["wgt"]["best"] == pytest.approx(12 / 30 * found["fit_by_memory"]["wgt"]["best"])
    guarded = answer(capfd, *common, "--ecc", "wgt")
    assert guarded["fit_by_memory"]["wgt"]["best"] < 1e-9 * plain["fit_by_memory"]["wgt"]["best"]


def test_memories_with_ecc_are_not_drawn(
    here: Path, files: Files, device: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    found = answer(capfd, *campaign(files, *BUFFERS, "--ecc", "wgt", *device))
    assert list(found["memories"]) == ["img"]
    assert list(found["not_drawn"]) == ["wgt"]


def test_the_same_command_changes_nothing_and_another_place_neither(
    here: Path, files: Files, device: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    found = answer(capfd, *campaign(files, *BUFFERS, *device))
    assert answer(capfd, *campaign(files, *BUFFERS, *device)) == found
    elsewhere = answer(capfd, *campaign(files, *BUFFERS, "--device", "XCK26", "--rates", "rates.toml"))
    assert elsewhere["critical_rate"] == found["critical_rate"]
    assert elsewhere["raw_fit"] == pytest.approx(found["raw_fit"] * 13 / 6000)
    refused(capfd, here, campaign(files, *BUFFERS), "holds another campaign")


def test_without_a_file_the_package_has_the_rate_of_block_ram(
    here: Path, files: Files, capfd: pytest.CaptureFixture[str]
) -> None:
    found = answer(capfd, *campaign(files, *BUFFERS, "--device", "XCK26"))
    assert found["rates"]["bram"]["fit_per_mbit"] == rate_table("ultrascale_plus").require("bram").fit_per_mbit
    assert found["rates"]["bram"]["verified"] is False


def test_refusals(here: Path, files: Files, device: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    refused(capfd, here, campaign(files, *device), "ddr, ins: no soft-error rate of ddr", "--memory img")
    refused(capfd, here, campaign(files, *BUFFERS, *device[2:]), "--environment goes with --device")
    refused(capfd, here, campaign(files, *BUFFERS, *device[4:]), "--rates goes with --device")
    refused(capfd, here, campaign(files, "--device", "abacus"), "device 'abacus' is unknown")
    refused(capfd, here, campaign(files, *BUFFERS, *device[:2], "--rates", "none.toml"), "--rates: none.toml: no such")
    refused(capfd, here, campaign(files, "--uram", "wgt=many"), "--uram 'wgt=many' is not NAME=BANKS")
    refused(capfd, here, campaign(files, "--uram", "wgt=99"), "uram_banks of wgt is 99")
    refused(capfd, here, campaign(files, "--ecc", "cache"), "ecc names the memory 'cache'")
    command = ["campaign", files.segmentation, "--inputs", files.inputs, "--results", "p.sqlite", *device]
    refused(capfd, here, command, "--device goes with --space memory or registers, not with parameters")
