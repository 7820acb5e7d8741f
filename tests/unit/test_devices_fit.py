"""Composition of failure rates against sums made by hand, limits against known distributions."""

import math

import numpy as np
import pytest

from accel_sim.devices import (
    MemoryShare,
    Secded,
    compose,
    configuration_term,
    find_device,
    find_environment,
    rate_table,
    raw_fit,
)
from accel_sim.devices.uncertainty import rate_draws, share_draws, two_piece
from accel_sim.errors import UsageError

NYC = find_environment("13")
B4096_LOW_BITS = 34 * 2048 * 16 * 8


def exact_rates(tmp_path, text):
    path = tmp_path / "rates.toml"
    path.write_text(text)
    return rate_table("ultrascale_plus", path)


def share(memory="wgt", kind="bram", layer="conv1", bits=2**20, live=0.5, critical=(0.1, 0.2, 0.3), **more):
    return MemoryShare(memory, kind, layer, bits, live, *critical, **more)


def test_raw_fit_of_the_b4096_in_block_ram():
    rate = rate_table("ultrascale_plus").require("bram")
    assert raw_fit(B4096_LOW_BITS, rate.fit_per_mbit) == pytest.approx(102.2, abs=0.1)
    assert raw_fit(2.75 * 2**20, rate.fit_per_mbit) == pytest.approx(33, abs=0.1)
    assert raw_fit(2**20, 5, 2) == 10


def test_the_sum_by_hand(tmp_path):
    rates = exact_rates(tmp_path, "[bram]\nfit_per_mbit = 10\n[uram]\nfit_per_mbit = 4\n")
    report = compose(
        [
            share("img", "bram", "conv1", 2**21, 0.25, (0.4, 0.4, 0.4), faults=100),
            share("img", "bram", "conv2", 2**21, 0.5, (0.1, 0.1, 0.1), faults=50),
            share("wgt", "uram", "conv1", 2**20, 1.0, (0.05, 0.05, 0.05), faults=10),
        ],
        rates,
        find_environment("26"),
    )
    assert report.by_memory["img"].best == pytest.approx(2 * (20 * 0.25 * 0.4 + 20 * 0.5 * 0.1))
    assert report.by_memory["wgt"].best == pytest.approx(2 * 4 * 0.05)
    assert report.by_layer["conv1"].best == pytest.approx(2 * (20 * 0.25 * 0.4 + 4 * 0.05))
    assert report.fit.best == pytest.approx(6.4)
    assert (report.fit.low, report.fit.high) == pytest.approx((6.4, 6.4))
    assert report.fit.n == 160
    assert report.raw_fit == pytest.approx(2 * (20 + 4))
    assert report.mtbf_hours.best == pytest.approx(1e9 / 6.4)
    assert report.complete


def test_limits_of_a_single_share_are_its_own(tmp_path):
    rates = exact_rates(tmp_path, "[bram]\nfit_per_mbit = 10\n")
    report = compose([share(live=1.0, critical=(0.1, 0.2, 0.5))], rates, NYC, draws=100_000)
    assert (report.fit.low, report.fit.best, report.fit.high) == pytest.approx((1, 2, 5), rel=0.02)
    assert (report.mtbf_hours.low, report.mtbf_hours.high) == pytest.approx((1e9 / 5, 1e9), rel=0.02)


def test_limits_of_the_rate_alone(tmp_path):
    rates = exact_rates(tmp_path, "[bram]\nfit_per_mbit = 10\nlow = 5\nhigh = 30\n")
    report = compose([share(live=1.0, critical=(1, 1, 1))], rates, NYC, draws=100_000)
    assert (report.fit.low, report.fit.best, report.fit.high) == pytest.approx((5, 10, 30), rel=0.03)


def test_limits_of_the_flux_alone(tmp_path):
    rates = exact_rates(tmp_path, "[bram]\nfit_per_mbit = 10\n")
    place = find_environment("40_kft_jesd89a")
    report = compose([share(live=1.0, critical=(1, 1, 1))], rates, place, draws=100_000)
    assert report.fit.low == pytest.approx(10 * 6000 / 13, rel=0.02)
    assert report.fit.high == pytest.approx(10 * 8171.8 / 13, rel=0.02)


def test_independent_shares_add_in_quadrature_and_a_common_rate_does_not(tmp_path):
    exact = exact_rates(tmp_path, "[bram]\nfit_per_mbit = 1\n")
    many = [share(layer=f"l{i}", live=0.01, critical=(0.4, 0.5, 0.6), bits=2**20) for i in range(100)]
    report = compose(many, exact, NYC)
    assert report.fit.high - report.fit.best == pytest.approx(100 * 0.01 * 0.1 / math.sqrt(100), rel=0.05)
    common = exact_rates(tmp_path, "[bram]\nfit_per_mbit = 1\nlow = 0.5\nhigh = 2\n")
    certain = [share(layer=f"l{i}", live=0.01, critical=(1, 1, 1), bits=2**20) for i in range(100)]
    assert compose(certain, common, NYC).fit.high == pytest.approx(2, rel=0.05)


def test_the_same_seed_gives_the_same_limits():
    rates = rate_table("ultrascale_plus")
    first, again, other = (compose([share()], rates, NYC, seed=s) for s in (1, 1, 2))
    assert first == again
    assert first.fit.low != other.fit.low
    assert first.fit.best == other.fit.best


def test_an_unknown_rate_is_said_and_not_counted_as_zero():
    report = compose([share(), share("weights", "ddr", "conv1")], rate_table("ultrascale_plus"), NYC)
    assert not report.complete
    assert "supply one" in report.unknown["weights"]
    assert [m.fit is None for m in report.raw] == [False, True]
    assert any("the sum is a lower bound" in note for note in report.notes)
    assert set(report.by_memory) == {"wgt"}


def test_unverified_figures_are_shown():
    report = compose([share()], rate_table("ultrascale_plus"), find_environment("nyc_sea_level"))
    assert any(note.startswith("the rate of bram is unverified") for note in report.notes)
    assert any(note.startswith("the flux of nyc_sea_level is unverified") for note in report.notes)
    assert not report.raw[0].verified


def test_verified_figures_raise_no_note(tmp_path):
    rates = exact_rates(tmp_path, '[bram]\nfit_per_mbit = 10\nverified = true\nsource = "x"\n')
    report = compose([share()], rates, NYC)
    assert report.notes == ("configuration memory, control logic and processors are not part of this sum",)


def test_nothing_at_all():
    report = compose([], rate_table("ultrascale_plus"), NYC)
    assert (report.fit.best, report.mtbf_hours.best) == (0, math.inf)


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ([share(live=0.7), share(layer="conv2", live=0.7)], r"live fractions of its layers add up to 1\.4"),
        ([share(), share(layer="conv2", bits=5)], "appears as 1.04858e.06 bits of bram and as 5 bits of bram"),
        ([share(), share(layer="conv2", ecc=Secded(1))], "two protections"),
    ],
)
def test_contradictions_are_refused(shares, message):
    with pytest.raises(UsageError, match=message):
        compose(shares, rate_table("ultrascale_plus"), NYC)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"live": 1.2}, "live fraction is 1.2"),
        ({"critical": (0.3, 0.2, 0.4)}, "they must ascend between 0 and 1"),
        ({"critical": (0.3, 0.4, 1.4)}, "they must ascend between 0 and 1"),
        ({"bits": -1}, "-1 bits"),
    ],
)
def test_impossible_shares_are_refused(change, message):
    with pytest.raises(UsageError, match=message):
        share(**change)


def test_secded_against_the_exact_poisson_sum():
    code = Secded(scrub_hours=3.0)
    x = 72 * 0.2  # upsets of a word in one interval
    fit_per_bit = x / 72 / 3.0 * 1e9
    two_or_more = 1 - math.exp(-x) * (1 + x)
    assert code.residual_fit(640, fit_per_bit) == pytest.approx(10 * two_or_more / 3.0 * 1e9)


def test_secded_leading_term_and_scrubbing():
    rate = rate_table("ultrascale_plus").require("bram").fit_per_bit
    day = Secded(24.0).residual_fit(2**20, rate)
    word = 72 * rate * 1e-9
    assert day == pytest.approx(2**20 / 64 * word**2 * 24 / 2 * 1e9, rel=1e-6)
    assert Secded(12.0).residual_fit(2**20, rate) == pytest.approx(day / 2, rel=1e-6)
    assert 0 < day < 1e-6 * raw_fit(2**20, rate * 2**20)


def test_the_series_joins_the_closed_form():
    code = Secded(1.0)
    rates = np.array([0.99e-3, 1.01e-3]) * 1e9 / 72
    below, above = code.residual_draws(64, rates)
    assert above / below == pytest.approx((1.01 / 0.99) ** 2, rel=1e-3)


def test_multi_bit_upsets_survive_the_code():
    with_them = Secded(1.0, multi_bit_fraction=0.02).residual_fit(64, 1e-5)
    assert with_them == pytest.approx(72 * 1e-5 * 0.02, rel=1e-6)


def test_protection_changes_the_answer_and_says_what_it_assumes():
    rates = rate_table("ultrascale_plus")
    plain = compose([share()], rates, NYC)
    safe = compose([share(ecc=Secded(1.0))], rates, NYC)
    assert safe.fit.best < 1e-6 * plain.fit.best
    assert safe.raw_fit == pytest.approx(plain.raw_fit * 72 / 64)
    assert any("supply one" in note for note in safe.notes)
    assert safe.fit.low < safe.fit.best < safe.fit.high


@pytest.mark.parametrize("arguments", [(0,), (-1,), (math.nan,), (1, 0), (1, 64, 0), (1, 64, 8, 2.0)])
def test_impossible_codes_are_refused(arguments):
    with pytest.raises(UsageError):
        Secded(*arguments)


def test_the_configuration_term_is_named_and_bounded():
    rates = rate_table("ultrascale_plus")
    term = configuration_term(find_device("ZU9EG"), rates, NYC)
    assert term.upper_bound
    assert term.raw_fit == pytest.approx(212_086_240 * rates.require("cram").fit_per_bit)
    assert (term.typical_fit, term.worst_fit) == pytest.approx((0.05 * term.raw_fit, 0.1 * term.raw_fit))
    assert "not simulated" in term.description
    assert "upper bound" in term.description
    assert "unverified" in term.description


def test_the_configuration_term_of_an_unknown_size():
    rates = rate_table("ultrascale_plus")
    term = configuration_term(find_device("XCK26"), rates, NYC)
    assert (term.bits, term.typical_fit) == (None, None)
    assert "configuration bits of XCK26 is unknown; give it" in term.description
    given = configuration_term(find_device("XCK26"), rates, find_environment("26"), cram_bits=2**20)
    assert not given.upper_bound
    assert given.typical_fit == pytest.approx(2 * 3.64 * 0.05, rel=1e-3)


def test_draws_have_the_quantiles_they_are_given():
    normal = np.random.default_rng(0).standard_normal(400_000)
    drawn = two_piece(1, 3, 11, 0.9, normal)
    assert np.quantile(drawn, [0.05, 0.5, 0.95]) == pytest.approx([1, 3, 11], rel=0.02)
    rate = rate_draws(1, 3, 11, 0.9, normal)
    assert np.quantile(rate, [0.05, 0.5, 0.95]) == pytest.approx([1, 3, 11], rel=0.02)
    assert rate.min() > 0
    shares = share_draws(0.0, 0.0, 0.9, 0.9, normal)
    assert shares.min() == 0
    assert shares.max() == 1
