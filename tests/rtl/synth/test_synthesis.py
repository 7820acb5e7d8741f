"""Block RAM and DSPs are inferred by Yosys; the committed table says what the documentation says."""

import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from accel_sim.config import PRESETS, memory_map
from accel_sim.errors import UsageError
from accel_sim.rtl.parameters import module_parameters
from accel_sim.rtl.synth_cells import Resources, resources
from accel_sim.rtl.synth_record import published, synthesis_record
from accel_sim.rtl.synth_yosys import synthesise
from accel_sim.rtl.toolchain import sources

COMMITTED = Path(__file__).resolve().parents[3] / "docs" / "measurements" / "rtl_synthesis.json"
TINY = PRESETS["tiny"]
IN_BLOCK_RAM = ("img", "wgt", "dwt", "bias")
BUFFER_SIZES = ("PixelParallel", "Channels", "AluPixels", "ImageGroups", "ImageRows", "WeightRows", "DepthwiseRows",
                "BiasRows", "ParameterRows", "BufferLatency")  # fmt: skip


@pytest.fixture
def yosys() -> None:
    if importlib.util.find_spec("pyosys") is None:
        pytest.skip("no pyosys: pip install 'accel_sim[rtl]'")


def check(record: Mapping[str, Any], config: Any) -> None:
    """What must be true of every synthesised size."""
    products = config.pixel_parallel * config.input_channel_parallel * config.output_channel_parallel
    assert record["total"]["latch"] == 0
    assert record["total"]["dsp"] >= products
    assert record["total"]["bram36"] > 0
    specs = memory_map(config)
    assert set(record["memories"]) == set(specs)
    for name in IN_BLOCK_RAM:
        memory = record["memories"][name]
        assert (memory["in"], memory["banks"], memory["lut"], memory["ff"]) == ("bram", specs[name].banks, 0, 0), name
        assert memory["bram36"] * 36 * 1024 >= memory["bits"] == specs[name].bits
    sums = {key: sum(entry["all"][key] for entry in record["modules"]) for key in record["total"]}
    assert sums == record["total"]
    (array,) = [entry for entry in record["modules"] if entry["module"] == "accel_conv_datapath"]
    assert array["each"]["dsp"] == products, "one DSP for each product of the array"


@pytest.mark.rtl
def test_buffers_are_memories_and_not_logic(yosys: None) -> None:
    parameters = {k: v for k, v in module_parameters(TINY, block_ram=True).items() if k in BUFFER_SIZES}
    netlist, cells = synthesise(sources(), "accel_buffers", parameters)
    total = Resources()
    for kind, count in netlist.counts().items():
        total = total.plus(resources(cells[kind]).times(count))
    assert total.bram36 == 5  # ten banks of at most 18 Kbit
    assert total.lut_ram > 0  # parameters and tables are read without a clock
    assert total.ff < 100
    assert total.latch == 0


@pytest.mark.rtl
def test_a_broken_design_is_refused_in_one_line(yosys: None, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.sv"
    wrong.write_text("module wrong; assign a = b; endmodule\n")
    with pytest.raises(UsageError, match=r"Yosys cannot synthesise the hardware description: .*rror"):
        synthesise([wrong], "wrong", {})


@pytest.mark.rtl_long
def test_tiny(yosys: None) -> None:
    record = synthesis_record(TINY)
    check(record, TINY)
    (committed,) = [
        run["record"] for run in json.loads(COMMITTED.read_text())["runs"] if run["record"]["arch"] == "tiny"
    ]
    again, before = record["total"], committed["total"]
    for key in ("ff", "bram36", "uram", "latch"):
        assert again[key] == before[key], f"{key}: python -m tests.bench.rtl_synthesis"
    for key in ("lut", "dsp"):  # they depend a little on the order in which Yosys meets names
        assert again[key] == pytest.approx(before[key], rel=0.05), f"{key}: python -m tests.bench.rtl_synthesis"


def test_the_committed_results() -> None:
    runs = json.loads(COMMITTED.read_text())["runs"]
    assert {run["record"]["arch"] for run in runs} >= {"tiny"}
    for run in runs:
        check(run["record"], PRESETS[run["record"]["arch"]])
        assert run["record"]["published"] == published(run["record"]["arch"])


def test_the_table_of_the_documentation_is_the_committed_one() -> None:
    page = (COMMITTED.parents[1] / "rtl_synthesis.md").read_text()
    for run in json.loads(COMMITTED.read_text())["runs"]:
        total = run["record"]["total"]
        figures = [f"{total[key]:,}" for key in ("lut", "ff", "dsp")] + [f"{total['bram36']:g}"]
        assert f"| {run['record']['arch']} | " + " | ".join(figures) + " |" in page, run["record"]["arch"]


def test_published_figures_have_a_source() -> None:
    rows = published("b4096-high")
    assert [row["dsp_usage"] for row in rows] == ["high", "low"]
    assert all(row["source"] for row in rows)
    assert published("tiny") == []
