"""The formula of docs/fit.md, factor by factor, against the code that composes failures."""

import importlib
import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import accel_sim
from accel_sim.config import PRESETS
from accel_sim.devices import environments, find_environment, rate_table
from accel_sim.machine.occupancy import occupancy
from accel_sim.report.estimate_tables import estimate_tables
from accel_sim.session import Model
from tests.cli.tiny_models import images, save, segmentation
from tests.unit.snippets import ROOT, blocks, printed_by, python_with_output

PAGE = ROOT / "docs" / "fit.md"
PLACED = replace(PRESETS["tiny"], uram_banks={"img": 1, "wgt": 2})
RATES = "[bram]\nfit_per_mbit = 11.0\nlow = 9.0\nhigh = 14.0\n[uram]\nfit_per_mbit = 5.0\n"
PLACE = "40_kft_iec"


def formula() -> dict[str, str]:
    """Name of a quantity to its formula, from the first block of the page."""
    text = next(text for language, text in blocks(PAGE) if language == "text")
    lines = [line.split("=", 1) for line in text.splitlines() if "=" in line]
    return {name.strip(): value.strip() for name, value in lines}


def factors() -> dict[str, tuple[str, str]]:
    """Name of a factor to the code that makes it and to its source, from the table of the page."""
    rows = re.findall(
        r"^\| ([a-z ]+) \| .* \| `(accel_sim\.[\w.]+)` \| (.+) \|$", PAGE.read_text("utf-8"), re.MULTILINE
    )
    return {name: (code, source) for name, code, source in rows}


def test_every_factor_has_its_code_and_its_source() -> None:
    found = factors()
    for quantity in ("raw FIT", "derated FIT", "AVF"):
        words = re.sub(r"sum over parts( and layers)?", "", formula()[quantity])
        for factor in words.split("*"):
            assert factor.strip() in found, (quantity, factor)
    for name, (code, source) in found.items():
        module, kind, attribute = code.rsplit(".", 2)
        assert hasattr(getattr(importlib.import_module(module), kind), attribute) or attribute in getattr(
            getattr(importlib.import_module(module), kind), "__dataclass_fields__", {}
        ), name
        assert len(source) > 10, name


def test_the_examples_print_what_they_say() -> None:
    examples = python_with_output(PAGE)
    assert len(examples) == 2
    for code, expected in examples:
        assert printed_by(code) == expected


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return accel_sim.load(save(segmentation(), tmp_path_factory.mktemp("model") / "m.onnx"), arch=PLACED)


@pytest.fixture(scope="module")
def rates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rates") / "rates.toml"
    path.write_text(RATES, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def results(model: Model, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("results")
    made = []
    for memory in ("img", "wgt"):
        made.append(folder / f"{memory}.sqlite")
        model.campaign({"x": images(1)}, space="memory", results=made[-1], faults=150, memories=[memory])
    return made


def by_hand(model: Model, found: dict[str, Any], factor: str = "") -> float:
    """The formula over rows of live intervals; one factor can be left out."""
    program, place = model.compile(), find_environment(PLACE)
    fit = {"bram": 11.0, "uram": 5.0}
    total = 0.0
    for name in ("img", "wgt"):
        i, spec = occupancy(program).memories[name], program.memories[name]
        kinds = np.array([spec.kind_of(int(bank)) for bank in i.bank])
        for kind in ("uram", "bram"):
            here, part = kinds == kind, f"{name} ({kind})"
            banks = spec.uram_banks if kind == "uram" else spec.banks - spec.uram_banks
            bits = banks * spec.rows * spec.row_bytes * 8
            live = int((8 * i.used * (i.end - i.start))[here].sum()) / (bits * found["cycles"])
            critical = found["avf"][part]["best"] / found["avf"][part]["live_fraction"]
            assert found["avf"][part]["live_fraction"] == pytest.approx(live)
            factors = {"bits": bits, "live": live, "rate": fit[kind] / 2**20, "flux": place.flux_n_cm2_h / 13.0,
                       "critical": critical}  # fmt: skip
            total += float(np.prod([value for key, value in factors.items() if key != factor]))
    return total


def test_derated_failures_are_the_product_of_all_factors(model: Model, rates: Path, results: list[Path]) -> None:
    found = model.estimate(environment=PLACE, rates=rates, results=results)
    assert found["fit"]["best"] == pytest.approx(by_hand(model, found), rel=1e-9)
    for factor in ("bits", "live", "rate", "flux", "critical"):
        assert by_hand(model, found, factor) != pytest.approx(found["fit"]["best"], rel=0.05), factor
    assert found["mtbf_hours"]["best"] == pytest.approx(1e9 / found["fit"]["best"])
    assert set(found["avf"]) == {"img (uram)", "img (bram)", "wgt (uram)", "wgt (bram)"}
    assert sum(found["avf"][part]["faults"] for part in ("img (uram)", "img (bram)")) == 150
    assert found["fit"]["n"] == 300


def test_raw_failures_are_bits_times_rate_times_flux(model: Model, rates: Path) -> None:
    found = model.estimate(environment=PLACE, rates=rates)
    spec = model.compile().memories["wgt"]
    for kind, banks, fit in (("uram", 2, 5.0), ("bram", 2, 11.0)):
        expected = banks * spec.rows * spec.row_bytes * 8 / 2**20 * fit * find_environment(PLACE).ratio
        assert found["raw"][f"wgt ({kind})"]["fit"] == pytest.approx(expected)
    assert PLACE in environments()
    assert rate_table("ultrascale_plus", rates).require("uram").factor(find_environment(PLACE)) == 6000 / 13


def test_placement_and_protection_serve_one_campaign(model: Model, rates: Path, results: list[Path]) -> None:
    """One campaign, other placements: moving weights to the technology that is struck less lowers their failures."""
    path = model.path
    everywhere = accel_sim.load(path, arch=PRESETS["tiny"]).estimate(rates=rates, results=results)
    moved = accel_sim.load(path, arch=replace(PLACED, uram_banks={"wgt": 4})).estimate(rates=rates, results=results)
    assert moved["fit_by_memory"]["wgt"]["best"] == pytest.approx(5 / 11 * everywhere["fit_by_memory"]["wgt"]["best"])
    assert moved["fit_by_memory"]["img"] == pytest.approx(everywhere["fit_by_memory"]["img"], rel=0.05)
    guarded = accel_sim.load(path, arch=replace(PRESETS["tiny"], ecc=("wgt",))).estimate(rates=rates, results=results)
    assert guarded["fit_by_memory"]["wgt"]["best"] < 1e-9 * everywhere["fit_by_memory"]["wgt"]["best"]
    assert guarded["fit"]["best"] == pytest.approx(everywhere["fit_by_memory"]["img"]["best"], rel=1e-6)


def test_layers_have_their_own_draws(model: Model, rates: Path, results: list[Path]) -> None:
    found = model.estimate(rates=rates, results=results)
    by_layer = found["fit_by_layer"]
    assert sum(entry["n"] for entry in by_layer.values()) == 300
    assert all(entry["low"] <= entry["best"] <= entry["high"] for entry in by_layer.values())
    total = sum(entry["best"] for entry in by_layer.values())
    assert total == pytest.approx(found["fit"]["best"], rel=0.25)


def test_the_terminal_has_failures_by_memory_and_layer(model: Model, rates: Path, results: list[Path]) -> None:
    found = model.estimate(rates=rates, results=results)
    console = Console(width=160, file=io.StringIO(), color_system=None)
    with console.capture() as capture:
        console.print(estimate_tables(found))
    lines = capture.get().splitlines()
    for name in ("img (uram)", "img (bram)", "wgt (uram)", "wgt (bram)"):
        (cells,) = (line.split() for line in lines if line.strip().startswith(name))
        assert cells[-1] == str(found["avf"][name]["faults"])
        assert float(cells[-4]) == pytest.approx(found["fit_by_memory"][name]["best"], rel=0.01)
    layers = [line for line in lines if line.strip().startswith("c1:Conv")]
    assert float(layers[-1].split()[-4]) == pytest.approx(found["fit_by_layer"]["c1:Conv"]["best"], rel=0.01)
    assert any("apart: configuration memory" in line for line in lines)
