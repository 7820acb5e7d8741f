"""The committed record of the long tests: each of them passed, and is a test that exists."""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
RECORD = ROOT / "docs/measurements/rtl_long.json"
# What the record is there for.
WANTED = (
    "test_other_widths", "test_a_whole_network", "test_coverage_reaches_the_floor", "test_requantiser_on_millions",
    "test_pair_unit_on_millions",
    "test_large_sizes", "test_bundled_models", "test_real_models", "test_chunks", "test_two_hundred_of_every_class",
    "test_tiny", "test_mistake_breaks_the_proof",
)  # fmt: skip


def test_every_long_test_has_passed() -> None:
    record: dict[str, Any] = json.loads(RECORD.read_text())
    assert record["outcomes"] == {"passed": len(record["tests"])}
    names = set()
    for place in record["tests"]:
        file, name = place.split("[")[0].split("::")
        assert f"def {name}(" in (ROOT / file).read_text(), place
        names.add(name)
    assert set(WANTED) <= names
