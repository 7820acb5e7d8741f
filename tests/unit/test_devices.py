"""Devices, rates and environments: figures, origins, and what is said when one is missing."""

import pytest

from accel_sim.devices import devices, environments, find_device, find_environment, rate_table
from accel_sim.errors import UsageError


def test_the_six_devices_and_their_arithmetic():
    found = devices()
    assert set(found) == {"XCK26", "XCZU3EG", "XCZU5EV", "XCZU7EV", "XCZU9EG", "XC7Z020"}
    for device in found.values():
        assert device.bram_bits == device.bram36 * 36 * 1024
        assert device.uram_bits == device.uram288 * 288 * 1024
        assert device.ff == 2 * device.lut
        assert len(device.source) > 20
    assert (found["XCK26"].bram36, found["XCK26"].uram288) == (144, 64)


@pytest.mark.parametrize("name", ["ZU3EG", "zu3eg", "XCZU3EG", "xczu3eg"])
def test_names_of_devices_are_forgiving(name):
    assert find_device(name).name == "XCZU3EG"


def test_an_unknown_device_lists_the_known():
    with pytest.raises(UsageError, match="device 'XC9' is unknown; use one of XCK26, XCZU3EG"):
        find_device("XC9")


def test_only_what_was_read_is_verified():
    assert [d.name for d in devices().values() if d.verified] == ["XCK26"]
    assert not any(e.verified for e in environments().values())
    assert rate_table("ultrascale_plus").unverified == ("cram", "bram")


def test_rates_come_from_cross_sections():
    table = rate_table("ultrascale_plus")
    assert table.require("bram").fit_per_mbit == pytest.approx(12.02, abs=0.01)
    assert table.require("cram").fit_per_mbit == pytest.approx(3.64, abs=0.01)
    assert rate_table("7_series").require("bram").fit_per_mbit == pytest.approx(86.15, abs=0.01)
    assert table.require("bram").source.startswith("from memory, unverified")


@pytest.mark.parametrize("kind", ["uram", "ff", "ddr", "lutram"])
def test_there_is_no_silent_default(kind):
    with pytest.raises(UsageError, match=rf"no soft-error rate of {kind} .*supply one .*\[{kind}\]"):
        rate_table("ultrascale_plus").require(kind)


def test_a_kind_that_does_not_exist():
    with pytest.raises(UsageError, match="memory kind 'sram' is unknown"):
        rate_table("ultrascale_plus").require("sram")


def test_users_rates_in_toml(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('[uram]\nfit_per_mbit = 10.0\nlow = 8.0\nhigh = 13.0\nverified = true\nsource = "UG116, table 3"\n')
    table = rate_table("ultrascale_plus", path)
    rate = table.require("uram")
    assert rate.fit_per_mbit == pytest.approx(10)
    assert (rate.low / rate.fit_per_bit, rate.high / rate.fit_per_bit) == pytest.approx((0.8, 1.3))
    assert rate.verified
    assert "uram" not in table.unknown
    assert "bram" in table.rates


def test_users_rates_in_csv(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("kind,cross_section_cm2,source\nbram,1e-15,own beam time\n")
    rate = rate_table("ultrascale_plus", path).require("bram")
    assert rate.fit_per_bit == pytest.approx(1e-15 * 13 * 1e9)
    assert (rate.low, rate.high, rate.verified) == (rate.fit_per_bit, rate.fit_per_bit, False)


def test_rates_of_an_orbit_are_taken_as_they_are(tmp_path):
    path = tmp_path / "geo.toml"
    path.write_text("[bram]\nupsets_per_bit_day = 2.4e-9\n")
    rate = rate_table("ultrascale_plus", path).require("bram")
    assert rate.fit_per_bit == pytest.approx(0.1)
    assert rate.factor(find_environment("40_kft_iec")) == 1
    assert rate_table("ultrascale_plus").require("bram").factor(find_environment("26")) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[sram]\nfit_per_mbit = 1\n", "memory kind 'sram' is unknown; use one of bram"),
        ("[uram]\n", "uram needs exactly one of cross_section_cm2, fit_per_mbit, upsets_per_bit_day, not 0"),
        ("[uram]\nfit_per_mbit = 1\ncross_section_cm2 = 1e-15\n", "exactly one of .*, not 2"),
        ("[uram]\nfit_per_mbit = -1\n", "fit_per_mbit of uram is -1; it must be a positive number"),
        ("[uram]\nfit_per_mbit = 'ten'\n", "fit_per_mbit of uram is 'ten'"),
        ("[uram]\nfit_per_mbit = 1\nlow = 2\n", r"low 2\.0, value 1\.0, high 1\.0; they must ascend"),
        ("uram = 3\n", r"uram is no section; write \[uram\]"),
        ("[uram\n", "cannot be read"),
    ],
)
def test_bad_tables_of_rates(tmp_path, text, message):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        rate_table("ultrascale_plus", path)


def test_a_missing_table_of_rates(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        rate_table("ultrascale_plus", tmp_path / "none.toml")


def test_environments():
    found = environments()
    assert found["nyc_sea_level"].ratio == 1
    assert found["40_kft_jesd89a"].ratio == pytest.approx(561.7)
    assert found["40_kft_iec"].ratio == pytest.approx(461.5, abs=0.1)
    assert found["40_kft_formula"].ratio == pytest.approx(628.6, abs=0.1)
    assert all(e.low <= e.flux_n_cm2_h <= e.high for e in found.values())
    assert find_environment("130").ratio == 10


@pytest.mark.parametrize("name", ["moon", "-3", "0", "nan", "inf"])
def test_impossible_environments(name):
    with pytest.raises(UsageError, match=r"is unknown; use one of|must be a positive number"):
        find_environment(name)
