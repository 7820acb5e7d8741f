"""Planted mistakes: every one has to be found."""

from pathlib import Path

import pytest

pytest.importorskip("cocotb_tools.runner", reason="pip install '.[rtl]'")

from tests.rtl.datapath.mutations import MUTATIONS, Mutation, find, plant


@pytest.mark.rtl
def test_every_mistake_can_be_planted(tmp_path: Path) -> None:
    for number, mutation in enumerate(MUTATIONS):
        plant(mutation, tmp_path / str(number))
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS)


@pytest.mark.rtl_long
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: f"{mutation.module}: {mutation.name}")
def test_mistake_is_found(verilator: None, mutation: Mutation) -> None:
    assert find(mutation) is not None
