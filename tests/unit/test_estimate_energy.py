"""The energy table and its terms."""

import pytest

from accel_sim.errors import UsageError
from accel_sim.estimate import energy_of, estimate_network, read_energy_table
from onnx_models import zoo

HEAD = "item,value,low,high,unit,verified,source\n"


def test_every_figure_names_its_source():
    table = read_energy_table()
    assert all(len(item.source) > 20 for item in table.items.values())
    assert set(table.unverified) == {n for n, item in table.items.items() if not item.verified}


def test_terms_add_up():
    table = read_energy_table()
    found = energy_of(table, accelerator_s=0.01, host_s=0.03, macs=1e9, buffer_bytes=1e7, ddr_bytes=1e6)
    assert found.static_j == pytest.approx(5.74 * 0.04)
    assert found.mac_j == pytest.approx(2.7e-3)
    assert found.ddr_j == pytest.approx(120e-6)
    assert found.total_j == pytest.approx(5.74 * 0.04 + 2.7e-3 + 120e-6)


def test_a_table_of_ones_own_replaces_rows(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text(HEAD + "static_power,2.5,,,W,true,own shunt\nhost_power,1,,,W,true,own shunt\n")
    table = read_energy_table(path)
    assert table.value("static_power") == 2.5
    assert table.value("mac") == read_energy_table().value("mac")
    assert "static_power" not in table.unverified
    found = estimate_network(zoo.build("squeezenet"), energy=table, host_s=0.002)
    assert found.energy.host_j == pytest.approx(0.002)
    assert found.energy.unverified == table.unverified


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("watts,1,,,W,true,x", "unknown item 'watts'; use one of static_power"),
        ("mac,many,,,pJ,true,x", "mac needs a number"),
        ("mac,1,,,eV,true,x", "unit of mac is 'eV'; use W, pJ or ns"),
        ("mac,-1,,,pJ,true,x", "it cannot be negative"),
    ],
)
def test_bad_rows_are_refused_with_their_line(tmp_path, row, message):
    path = tmp_path / "bad.csv"
    path.write_text(HEAD + row + "\n")
    with pytest.raises(UsageError, match=f"bad.csv, line 2: .*{message}"):
        read_energy_table(path)


def test_a_missing_table(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        read_energy_table(tmp_path / "none.csv")
