"""Upset rates in the draw: a stratum counts with its bits, its live cycles and the rate of its technology."""

from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from accel_sim.campaign import make_plan
from accel_sim.compiler import compile_graph
from accel_sim.config import PRESETS, AcceleratorConfig
from accel_sim.devices import UpsetRates, upset_rates
from accel_sim.errors import UsageError
from accel_sim.faults.hardware import HardwareSpace, hardware_space, run_digest
from accel_sim.machine import schedule
from accel_sim.machine.occupancy import occupancy
from accel_sim.model import Graph, import_onnx
from accel_sim.program import Program
from tests.generators import random_graph

PLACED = replace(PRESETS["tiny"], uram_banks={"img": 1, "wgt": 3, "bias": 1})
BUFFERS = ["img", "wgt", "bias"]
FIT = {"bram": 12.0, "uram": 30.0}  # a Mbit


@cache
def graph(seed: int) -> Graph:
    return import_onnx(random_graph(seed)[0])


def program(config: AcceleratorConfig = PLACED, seed: int = 9) -> Program:
    return compile_graph(graph(seed), config)


@pytest.fixture
def rates(tmp_path: Path) -> UpsetRates:
    path = tmp_path / "rates.toml"
    path.write_text("".join(f"[{kind}]\nfit_per_mbit = {fit}\n" for kind, fit in FIT.items()), encoding="utf-8")
    return upset_rates("XCK26", "nyc_sea_level", path)


def space(
    rates: UpsetRates | None, *memories: str, config: AcceleratorConfig = PLACED, images: int = 1
) -> HardwareSpace:
    made = program(config)
    times = schedule(made.instructions, made.config)
    return hardware_space("memory", made, times, images, memories or BUFFERS, rates)


def struck(made: Program, *, bits: bool = True, cycles: bool = True, fit: bool = True) -> dict[str, float]:
    """Upsets of live bits of the placed buffers, row by row of the live intervals; factors can be left out."""
    found: dict[str, float] = {}
    occupied = occupancy(made)
    for name in BUFFERS:
        i, spec = occupied.memories[name], made.memories[name]
        for bank, used, start, end in zip(i.bank, i.used, i.start, i.end, strict=True):
            kind = spec.kind_of(int(bank))
            value = (8 * int(used) if bits else 1) * (int(end - start) if cycles else 1) * (FIT[kind] if fit else 1)
            label = f"{name} ({kind})" if 0 < spec.uram_banks < spec.banks else name
            found[label] = found.get(label, 0.0) + value
    return found


def shares(counts: dict[str, float]) -> dict[str, float]:
    total = sum(counts.values())
    return {label: count / total for label, count in counts.items() if count}


def drawn_from(found: HardwareSpace) -> dict[str, float]:
    counts: dict[str, float] = {}
    for stratum in found.strata:
        label = stratum.name.split(":")[0]
        counts[label] = counts.get(label, 0) + stratum.population
    return shares(counts)


def test_a_part_counts_with_bits_cycles_and_rate(rates: UpsetRates) -> None:
    found, made = drawn_from(space(rates)), program()
    assert found == pytest.approx(shares(struck(made)), rel=1e-12)
    assert {"img (uram)", "img (bram)", "wgt (uram)", "wgt (bram)"} <= found.keys()
    for factor in ("bits", "cycles", "fit"):  # the check above can tell each of them missing
        other = shares(struck(made, **{factor: False}))
        assert max(abs(other[label] - share) for label, share in found.items()) > 0.01, factor


def test_draws_fall_as_the_parts_count(rates: UpsetRates) -> None:
    found = space(rates)
    plan = make_plan(found.strata, "uniform", 3, faults=4000)
    counts = Counter[str]()
    for n in range(plan.n):
        draw = plan.fault_at(n)
        fault = found.fault(draw.stratum, draw.k)
        assert found.is_live(fault)
        spec = found.program.memories[fault.memory]
        kind = spec.kind_of(fault.bank)
        counts[f"{fault.memory} ({kind})" if 0 < spec.uram_banks < spec.banks else fault.memory] += 1
    expected = shares(struck(program()))
    test = stats.chisquare([counts[label] for label in expected], [plan.n * share for share in expected.values()])
    assert test.pvalue > 1e-4


def test_every_bit_and_cycle_is_drawn_as_often_as_its_weight(rates: UpsetRates) -> None:
    plain, found = space(None), space(rates, images=2)
    weights = {part.label: part.weight for part in found.parts}
    assert weights == {"img (uram)": 5, "img (bram)": 2, "wgt (uram)": 5, "wgt (bram)": 2, "bias": 5}
    number = min(range(len(found.strata)), key=lambda n: found.strata[n].population)
    stratum = found.strata[number]
    faults = Counter(found.fault(number, k) for k in range(stratum.population))
    weight = weights[stratum.name.split(":")[0]]
    assert set(faults.values()) == {weight}
    assert {fault.image for fault in faults} == {0, 1}
    assert sum(s.population for s in plain.strata) * 2 == sum(
        s.population // weights[s.name.split(":")[0]] for s in found.strata
    )


def test_equal_rates_leave_the_draw_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text("[bram]\nfit_per_mbit = 7.7\n[uram]\nfit_per_mbit = 7.7\n", encoding="utf-8")
    same = space(upset_rates("XCK26", "40_kft_iec", tmp_path / "r.toml"))
    assert {part.weight for part in same.parts} == {1}
    assert sum(s.population for s in same.strata) == sum(s.population for s in space(None).strata)


def test_an_environment_scales_all_alike_but_not_rates_of_the_place(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text("[bram]\nfit_per_mbit = 12.0\n[uram]\nfit_per_mbit = 24.0\n", encoding="utf-8")
    kinds = {"img": "bram", "wgt": "uram"}
    places = [upset_rates("XCK26", name, path) for name in ("nyc_sea_level", "40_kft_iec")]
    assert [place.weights(kinds) for place in places] == [{"img": 1, "wgt": 2}] * 2
    assert places[1].fit_per_bit("bram") == pytest.approx(6000 / 13 * places[0].fit_per_bit("bram"))
    path.write_text("[bram]\nfit_per_mbit = 12.0\n[uram]\nupsets_per_bit_day = 1e-9\n", encoding="utf-8")
    ratio = upset_rates("XCK26", "nyc_sea_level", path).weights(kinds)
    per_bit = 1e-9 * 1e9 / 24 / (12.0 / 2**20)
    assert ratio["wgt"] / ratio["img"] == pytest.approx(per_bit, rel=1 / 2000)


@pytest.mark.parametrize("ratio", [1.0, 2.5, 1.337, 10.0, 3.14159265, 123.456])
def test_weights_meet_the_ratio_of_the_rates(ratio: float, tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text(f"[bram]\nfit_per_mbit = 8\n[uram]\nfit_per_mbit = {8 * ratio!r}\n", encoding="utf-8")
    found = upset_rates("XCK26", rates=path).weights({"a": "bram", "b": "uram"})
    assert found["b"] / found["a"] == pytest.approx(ratio, rel=1 / 2000)
    assert 1 <= found["a"] <= 1000


def test_a_technology_without_a_rate_is_refused_with_the_way_out() -> None:
    only_package = upset_rates("XCK26")
    with pytest.raises(UsageError) as refused:
        space(only_package)
    text = str(refused.value)
    for fragment in (
        "a draw by the rates of XCK26 needs all of them", "img (uram), wgt (uram), bias: no soft-error rate of uram",
        "a TOML section [uram]",
    ):  # fmt: skip
        assert fragment in text
    assert "only" not in text  # part of every memory is unknown
    with pytest.raises(UsageError, match=r"ddr: no soft-error rate.*, or draw from --memory img only$"):
        space(only_package, "img", "ddr", config=PRESETS["tiny"])
    made = program(PRESETS["tiny"])
    times = schedule(made.instructions, made.config)
    with pytest.raises(UsageError, match=r"ddr, ins: no soft-error rate of ddr.*TOML section \[ddr\]"):
        hardware_space("memory", made, times, 1, None, only_package)
    with pytest.raises(UsageError, match=r"no soft-error rate of ff"):
        hardware_space("registers", made, times, 1, None, only_package)
    assert space(only_package, "img", config=PRESETS["tiny"]).strata


def test_memories_with_ecc_are_not_drawn(rates: UpsetRates) -> None:
    guarded = replace(PLACED, ecc=("wgt",))
    found = space(rates, config=guarded)
    assert {s.name.split(":")[0] for s in found.strata} == {"img (uram)", "img (bram)", "bias"}
    assert {part.label: part.weight for part in found.parts}["wgt (uram)"] == 0
    with pytest.raises(UsageError, match="leaves nothing to strike: every memory that was asked for is guarded by ECC"):
        space(rates, "wgt", config=guarded)


def test_identity_names_what_decides_the_draw(rates: UpsetRates) -> None:
    plain, found = space(None), space(rates)
    assert found.describe() == {**plain.describe(), "weights": {part.label: part.weight for part in found.parts}}
    elsewhere = space(replace(rates, environment=upset_rates("XCK26", "40_kft_iec").environment))
    assert elsewhere.describe() == found.describe()


def test_placement_does_not_change_what_runs(rates: UpsetRates) -> None:
    made, other = program(), program(replace(PRESETS["tiny"], name="own", ecc=("img",)))
    assert made.digest != other.digest
    assert run_digest(made) == run_digest(other)
    assert run_digest(made) != run_digest(program(replace(PLACED, weight_rows=256)))
    assert run_digest(made) != run_digest(program(PLACED, 12))


def test_parts_hold_their_banks_only(rates: UpsetRates) -> None:
    found = space(rates)
    rng = np.random.default_rng(1)
    banks = {part.label: part.banks for part in found.parts}
    assert banks["img (uram)"] == (0, 1)
    assert sum(part.bits for part in found.parts if part.memory == "img") == found.program.memories["img"].bits
    for number in rng.choice(len(found.strata), 40).tolist():
        stratum = found.strata[number]
        fault = found.fault(number, int(rng.integers(stratum.population)))
        low, high = banks[stratum.name.split(":")[0]]
        assert low <= fault.bank < high
