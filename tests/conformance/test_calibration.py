"""The time model against published frame rates of the KV260, and against the predictor it has to beat."""

import numpy as np
import pytest

from accel_sim.estimate import default_calibration, estimate_network
from accel_sim.estimate.calibrate import fit, leave_one_out, main, read_cases, seconds
from accel_sim.estimate.published import ROLES, frame_rates, trivial_seconds
from onnx_models import zoo


@pytest.fixture(scope="module")
def cases():
    return read_cases()


def of(cases, *roles):
    return [case for case in cases if case.row.role in roles]


def sizes(cases, calibration):
    return [abs(seconds(case, calibration) / case.row.frame_s - 1) for case in cases]


def test_the_fit_of_the_package_is_reproduced(cases):
    found = fit(of(cases, "fit"))
    kept = default_calibration()
    assert found.ddr_bytes_per_s == pytest.approx(kept.ddr_bytes_per_s, rel=1e-3)
    assert found.step_overhead_cycles == pytest.approx(kept.step_overhead_cycles, rel=1e-3)
    assert found.strided_slowdown == pytest.approx(kept.strided_slowdown, abs=2e-3)


def test_the_fitted_quantities_are_possible():
    kept = default_calibration()
    assert 4e9 < kept.ddr_bytes_per_s < 9.6e9  # two 128-bit ports at 300 MHz
    assert 0 < kept.step_overhead_cycles < 15_000
    assert 0 <= kept.strided_slowdown <= 1  # at most half the banks collide


def test_networks_not_fitted_are_within_the_goal(cases):
    errors = sizes(of(cases, "held_out"), default_calibration())
    assert len(errors) >= 20
    assert np.mean(errors) < 0.06
    assert max(errors) < 0.13


def test_leaving_each_network_out_in_turn(cases):
    errors = np.abs(leave_one_out(of(cases, "fit", "held_out")))
    assert errors.mean() < 0.05


def test_the_trivial_predictor_is_beaten(cases):
    held = of(cases, "held_out")
    naive = [abs(trivial_seconds(case.topology) / case.row.frame_s - 1) for case in held]
    assert np.mean(naive) > 2 * np.mean(sizes(held, default_calibration()))


def test_nothing_fitted_is_held_out(cases):
    fitted = {case.row.network for case in of(cases, "fit")}
    assert not fitted & {case.row.network for case in of(cases, "held_out")}
    assert {row.role for row in frame_rates()} == set(ROLES)


def test_host_shares_are_what_one_thread_adds():
    row = next(r for r in frame_rates() if r.network == "superpoint")
    assert row.host_s == pytest.approx(1 / row.fps_1thread - 1 / row.fps_multithread)
    found = estimate_network(zoo.build("superpoint"), host_s=row.host_s)
    assert found.fps_with_host == pytest.approx(row.fps_1thread, rel=0.1)


def test_the_command_prints_the_table(capsys):
    main(["--no-leave-one-out"])
    printed = capsys.readouterr().out
    assert "resnet50_v2_slim" in printed
    assert "model, held_out" in printed
    assert "trivial predictor, held_out" in printed
