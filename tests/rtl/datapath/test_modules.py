"""The datapath's modules in simulation, compared with the Machine's arithmetic at every edge."""

from collections.abc import Mapping

import pytest

pytestmark = pytest.mark.rtl

CASES = (
    "requant", "pair", "reset_empties", "conv_registers", "alu_registers", "conv_blocks", "alu_blocks",
    "accumulators_reset",
)  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_module(cocotb_results: Mapping[str, str], case: str) -> None:
    assert cocotb_results.get(case, f"did not run; {cocotb_results}") == "passed"


def test_every_case_is_listed(cocotb_results: Mapping[str, str]) -> None:
    assert sorted(cocotb_results) == sorted(CASES)
