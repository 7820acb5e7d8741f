"""Each module between instruction memory and datapaths alone, beside its model in Python, under stalls and pauses."""

from collections.abc import Mapping
from pathlib import Path

import pytest

pytest.importorskip("cocotb_tools.runner", reason="pip install '.[rtl]'")

from accel_sim.rtl.toolchain import SOURCES
from tests.rtl.control import mutations, simulation

CASES = {
    "bench_queues": {"queues", "a_reset_empties_queues", "issue"},
    "bench_fetch": {"decoding", "fetching"},
    "bench_transfers": {"transfers"},
    "bench_sequencers": {"sequencers"},
    "bench_parameters": {"parameters"},
    "bench_operands": {"operands"},
    "bench_buffers": {"buffers"},
}
ALL = sorted(name for names in CASES.values() for name in names)


@pytest.fixture(scope="module")
def results(tools: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Run all cocotb tests in two simulations; what became of each."""
    return simulation.run(tmp_path_factory.mktemp("control"))


@pytest.mark.rtl
@pytest.mark.parametrize("case", ALL)
def test_module(results: Mapping[str, str], case: str) -> None:
    assert results.get(case, f"did not run; {results}") == "passed"


@pytest.mark.rtl
def test_no_cocotb_test_is_forgotten(results: Mapping[str, str]) -> None:
    assert sorted(results) == ALL


def test_every_mistake_can_be_planted() -> None:
    planted = mutations.everything()
    assert len(planted) > 60
    for name, (file, right, wrong) in planted.items():
        assert (SOURCES / file).read_text().count(right) == 1, name
        assert right != wrong


@pytest.mark.rtl_long
@pytest.mark.parametrize("name", mutations.everything())
def test_a_planted_mistake_is_noticed(tools: Mapping[str, str], name: str, tmp_path: Path) -> None:
    bench = mutations.plant(tmp_path / "rtl", name)
    outcomes = simulation.run(tmp_path, tmp_path / "rtl", [bench])
    assert set(outcomes) == CASES[bench], f"the tests did not run, which is no catch: {outcomes}"
    assert any(outcome != "passed" for outcome in outcomes.values()), "nobody noticed"
