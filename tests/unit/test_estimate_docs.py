"""The page of the performance model says what the model says."""

import tomllib
from importlib import resources
from pathlib import Path

import pytest

from accel_sim.estimate import default_calibration, estimate_network
from accel_sim.estimate.calibrate import read_cases, report
from onnx_models import zoo

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "performance_model.md").read_text(encoding="utf-8")


def test_the_table_is_the_programs_own():
    printed = report(read_cases(), default_calibration(), loo=False).split("\n\nddr_bytes")[0].rstrip()
    shown = PAGE.split("```text\n")[1].split("\n```")[0]
    assert shown.startswith(printed)


def test_the_calibration_shown_is_the_one_shipped():
    text = (resources.files("accel_sim.estimate") / "data" / "calibration.toml").read_text(encoding="utf-8")
    values = tomllib.loads(text)
    assert f"| {values['ddr_bytes_per_s'] / 1e9:.2f}e9 |" in PAGE
    assert f"| {values['step_overhead_cycles']:.0f} (" in PAGE
    assert f"| {values['strided_slowdown']:.2f} |" in PAGE


# Column of Table IV: activation, widths, measured frames a second, and the page's own figures.
COLUMNS = [
    ("relu", (16, 31, 62, 124, 248, 496), 22.68, 8.48, 8.8, 0.268),
    ("sigmoid", (22, 44, 88, 175, 350, 700), 0.59, 16.48, 18.5, 9.76),
    ("hard_sigmoid", (17, 35, 69, 139, 278, 555), 19.83, 10.36, 17.0, 0.310),
]


@pytest.mark.parametrize(("act", "widths", "fps", "gop", "array_ms", "energy_j"), COLUMNS)
def test_the_worked_example(act, widths, fps, gop, array_ms, energy_j):
    model = zoo.unet_hsi(act, widths)
    alone = estimate_network(model)
    frame = estimate_network(model, host_s=1 / fps - alone.latency_s - alone.host_s)
    assert " ".join(map(str, widths)) in PAGE
    assert alone.gop == pytest.approx(gop, abs=0.005)
    assert alone.latency_s * 1e3 == pytest.approx(array_ms, abs=0.05)
    assert frame.energy.total_j == pytest.approx(energy_j, rel=0.003)
