"""One build of ``accel_top`` per width of its port, and one simulation for all cocotb tests of it."""

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from accel_sim.config import PRESETS
from accel_sim.rtl.cocotb_run import build, run
from accel_sim.rtl.parameters import module_parameters
from accel_sim.rtl.toolchain import SOURCES

PORTS = ("m_axi_*", "s_axil_*", "clk_i", "rst_ni", "interrupt_o")


@pytest.fixture(scope="session")
def bus_models() -> None:
    """Skip, visibly, where cocotb or the bus models are not installed."""
    for name in ("cocotb", "cocotbext"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"no {name}: pip install 'accel_sim[rtl]'")


def top_parameters(*, block_ram: bool = True) -> dict[str, int]:
    """Parameters of ``accel_top`` for ``tiny``; the bus sets the pace."""
    parameters = module_parameters(PRESETS["tiny"], block_ram=block_ram)
    return {name: value for name, value in parameters.items() if name != "BytesPer1024Cycles"}


def simulate(
    results: Path,
    data_bytes: int = 8,
    folder: Path = SOURCES,
    cases: Sequence[str] = (),
    power_up: int = 0,
    **variables: str,
) -> dict[str, str]:
    """Build ``accel_top`` for ``tiny`` and run its cocotb tests, all of them where none is named."""
    parameters = top_parameters(block_ram=data_bytes != 4)
    place = build("accel_top", {**parameters, "DataBytes": data_bytes}, folder=folder, public=PORTS)
    variables["ACCEL_SIM_AXI_BYTES"] = str(data_bytes)
    modules = ["tests.rtl.axi.bench_axi"]
    return run(place, "accel_top", modules, results, cases=cases, variables=variables, power_up=power_up)


@pytest.fixture(scope="session")
def axi_results(bus_models: None, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """What became of each cocotb test at the usual width."""
    return simulate(tmp_path_factory.mktemp("axi"))
