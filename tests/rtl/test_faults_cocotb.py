"""Bit flips of every memory and register class through cocotb, against the machine; the cycle contract edge by edge.

``python -m tests.bench.rtl_faults --cocotb 200 --json docs/measurements/rtl_faults.json`` writes the figures down.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("cocotb_tools.runner", reason="pip install '.[rtl]'")

from tests.bench.rtl_faults import fast_case, through_cocotb

pytestmark = pytest.mark.rtl
CASES = ("random_flips", "sweep_across_a_read", "sweep_across_a_write", "sweep_across_a_register")
EACH_LONG = 200


@pytest.fixture(scope="module")
def results(tools: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Run all cocotb tests in one simulation, with one flip of every class."""
    return through_cocotb(1, tmp_path_factory.mktemp("cocotb"))[0]


@pytest.mark.parametrize("case", CASES)
def test_case(results: Mapping[str, str], case: str) -> None:
    assert results.get(case, f"did not run; {results}") == "passed"


def test_every_case_is_listed(results: Mapping[str, str]) -> None:
    assert sorted(results) == sorted(CASES)


@pytest.mark.rtl_long
def test_two_hundred_of_every_class(tools: Mapping[str, str], tmp_path: Path) -> None:
    outcomes, report = through_cocotb(EACH_LONG, tmp_path, ("random_flips",))
    assert outcomes == {"random_flips": "passed"}
    assert report["memories"].keys() == fast_case(17).sizes.keys()
    assert all(count["compared"] == EACH_LONG for count in report["memories"].values())


def test_the_committed_figures_are_of_every_class() -> None:
    path = Path(__file__).parents[2] / "docs/measurements/rtl_faults.json"
    found: dict[str, Any] = json.loads(path.read_text())
    assert found["injections"] >= 100_000
    assert found["differing"] == []
    assert found["memories"].keys() == found["cocotb"]["memories"].keys() == fast_case(17).sizes.keys()
    assert all(count["compared"] >= EACH_LONG for count in found["cocotb"]["memories"].values())
    assert all(count["compared"] > 2000 for count in found["memories"].values())
