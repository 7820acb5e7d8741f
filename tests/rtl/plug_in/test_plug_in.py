"""The documented way to test another toplevel works; see docs/cocotb.md."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from accel_sim.config import PRESETS
from accel_sim.rtl.cocotb_run import build, run
from accel_sim.rtl.parameters import module_parameters

TOP = "plug_in_top"
CASES = ("programs", *(f"mistake_{n}_is_caught" for n in range(1, 5)))
pytestmark = pytest.mark.rtl


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    pytest.importorskip("cocotb", reason="pip install 'accel_sim[rtl]'")
    place = build(TOP, module_parameters(PRESETS["tiny"]), [Path(__file__).with_name(f"{TOP}.sv")])
    return run(place, TOP, ["tests.rtl.plug_in.bench_plug_in"], tmp_path_factory.mktemp("plug_in"))


@pytest.mark.parametrize("name", CASES)
def test_plug_in(outcomes: Mapping[str, str], name: str) -> None:
    assert outcomes.get(name, outcomes.get("simulation", "did not run")) == "passed"
