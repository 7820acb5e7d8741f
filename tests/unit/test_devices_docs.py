"""The page of failure rates says what the code does."""

import re

import pytest

from accel_sim.devices import KINDS, environments, rate_table
from tests.unit.snippets import ROOT, blocks

PAGE = ROOT / "docs" / "fit.md"


def test_the_table_of_ones_own_is_accepted(tmp_path):
    (text,) = (text for language, text in blocks(PAGE) if language == "toml")
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    table = rate_table("ultrascale_plus", path)
    assert table.require("uram").fit_per_mbit == pytest.approx(10)
    assert table.require("ff").in_place


def test_rates_and_places_shown_are_those_of_the_package():
    page = PAGE.read_text(encoding="utf-8")
    table = rate_table("ultrascale_plus")
    for kind in ("bram", "cram"):
        assert f"({table.require(kind).fit_per_mbit:.{1 if kind == 'bram' else 2}f} FIT/Mbit)" in page
    for kind in KINDS:
        assert re.search(rf"^\| `{kind}` \|", page, re.MULTILINE)
    for name, place in environments().items():
        assert f"`{name}`" in page
        assert f"{place.flux_n_cm2_h:.0f}" in page or f"{place.flux_n_cm2_h:.1f}" in page
