"""The committed record of planted mistakes: all of those that exist today, each caught."""

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("cocotb_tools.runner", reason="pip install '.[rtl]'")

from accel_sim.rtl.toolchain import SOURCES
from tests.bench.rtl_mutations import AXI, control, planted

RECORD = Path(__file__).parents[2] / "docs/measurements/rtl_mutations.json"


@pytest.mark.rtl
def test_every_planted_mistake_is_in_the_record_and_was_caught() -> None:
    sets: dict[str, Any] = json.loads(RECORD.read_text())["sets"]
    expected: dict[str, set[str]] = {}
    for group, name, _ in planted():
        expected.setdefault(group, set()).add(name)
    assert {group: set(found["mistakes"]) for group, found in sets.items()} == expected
    for group, found in sets.items():
        missed = [name for name, mistake in found["mistakes"].items() if not mistake["caught"]]
        assert not missed, group
        assert found["planted"] == found["caught"] == len(expected[group])
        assert all(mistake["by"] for mistake in found["mistakes"].values())
    assert sum(found["caught"] for found in sets.values()) >= 100


@pytest.mark.rtl
def test_every_mistake_can_be_planted() -> None:
    """Texts of the design move; a mistake that is no longer there would be noticed only by the long run."""
    texts = {path.name: path.read_text() for path in SOURCES.glob("*.sv")}
    for mistake in AXI:
        assert texts[mistake.file].count(mistake.old) == 1, mistake.name
    for name, (file, right, wrong) in control.MUTATIONS.items():
        assert texts[file].count(right) == 1, name
        assert wrong != right
