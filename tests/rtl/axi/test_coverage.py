"""How much of the RTL the cocotb tests reach: a floor, and the committed figures."""

import json
from pathlib import Path

import pytest

from tests.rtl.axi import coverage

COMMITTED = Path(__file__).resolve().parents[3] / "docs" / "measurements" / "rtl_coverage.json"
FLOORS = {"line": 0.94, "branch": 0.93, "toggle": 0.73}
DATA = (
    "# SystemC::Coverage-3\n"
    "C '\x01f\x02rtl/a.sv\x01l\x027\x01n\x023\x01page\x02v_line/a\x01o\x02block\x01h\x02top.x' 0\n"
    "C '\x01f\x02rtl/a.sv\x01l\x027\x01n\x023\x01page\x02v_line/a\x01o\x02block\x01h\x02top.y' 4\n"
    "C '\x01f\x02rtl/a.sv\x01l\x029\x01n\x023\x01page\x02v_toggle/a\x01o\x02q[1]:0->1\x01h\x02top.x' 0\n"
)


def test_instances_of_a_module_count_together() -> None:
    found = coverage.summary(coverage.points(DATA))
    assert found["total"] == {
        "line": {"met": 1, "points": 1, "share": 1.0}, "toggle": {"met": 0, "points": 1, "share": 0.0},
    }  # fmt: skip
    assert found["files"]["a.sv"] == found["total"]


def test_the_committed_figures_reach_the_floor() -> None:
    record = json.loads(COMMITTED.read_text())
    for kind, floor in FLOORS.items():
        assert record["total"][kind]["share"] >= floor, kind
    assert {"accel_core.sv", "accel_top.sv", "accel_requant.sv", "accel_axi_read.sv"} <= set(record["files"])


@pytest.mark.rtl_long
def test_coverage_reaches_the_floor(bus_models: None, tmp_path: Path) -> None:
    record = coverage.measure(tmp_path)
    for kind, floor in FLOORS.items():
        assert record["total"][kind]["share"] >= floor, (kind, record["total"])
