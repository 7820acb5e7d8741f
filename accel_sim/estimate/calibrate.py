"""Fits the three quantities of the time model to published frame rates and shows what it says of the others.

Run ``python -m accel_sim.estimate.calibrate``; ``--write`` stores the result as the package's calibration.
"""

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from accel_sim.estimate.hardware import ArrayShape
from accel_sim.estimate.layer import Topology
from accel_sim.estimate.published import FrameRate, frame_rates, trivial_seconds
from accel_sim.estimate.timing import Calibration, times_of
from accel_sim.estimate.topology import read_topology
from accel_sim.estimate.traffic import Work, work_of

ARRAY = ArrayShape()
# Scales that bring all three to the order of one, and the box they are sought in.
SCALES = np.array([1e9, 1e3, 1.0])
START, LOW, HIGH = (8.0, 5.0, 0.2), (1.0, 0.0, 0.0), (19.2, 50.0, 3.0)


@dataclass(frozen=True)
class Case:
    """A measured row with its topology and the work that follows from it."""

    row: FrameRate
    topology: Topology
    work: Work


def read_cases() -> list[Case]:
    """Build every network of the table and return it with its measurement."""
    from onnx_models import zoo

    built: dict[str, Topology] = {}
    cases = []
    for row in frame_rates():
        topology = built.setdefault(row.network, read_topology(zoo.build(row.network)))
        cases.append(Case(row, topology, work_of(topology, ARRAY)))
    return cases


def seconds(case: Case, calibration: Calibration) -> float:
    """Return the predicted time of a frame."""
    return float(times_of(case.work, ARRAY, calibration).total_cycles.sum()) / (ARRAY.clock_mhz * 1e6)


def fit(cases: Sequence[Case]) -> Calibration:
    """Fit the three quantities to relative errors, with a loss that outliers do not dominate."""

    def errors(point: NDArray[np.float64]) -> list[float]:
        calibration = Calibration(*(float(v) for v in point * SCALES))
        return [seconds(case, calibration) / case.row.frame_s - 1 for case in cases]

    found = least_squares(errors, START, bounds=(LOW, HIGH), loss="soft_l1", f_scale=0.03, xtol=1e-10, ftol=1e-10)
    return Calibration(*(float(v) for v in found.x * SCALES))


def leave_one_out(cases: Sequence[Case]) -> list[float]:
    """Return each case's error under a fit to all others."""
    found = []
    for left in cases:
        calibration = fit([case for case in cases if case.row.network != left.row.network])
        found.append(seconds(left, calibration) / left.row.frame_s - 1)
    return found


def _summary(name: str, errors: Sequence[float]) -> str:
    sizes = [abs(e) for e in errors]
    return f"{name:44} n {len(sizes):2}  mean |error| {np.mean(sizes):6.1%}  worst {max(sizes):6.1%}"


def report(cases: Sequence[Case], calibration: Calibration, loo: bool = True) -> str:
    """Return the table of errors, per network and per role, beside those of the trivial predictor."""
    lines = [
        f"{'network':24} {'role':9} {'rel':4} {'GOP':>7} {'published':>9} {'measured ms':>11} {'model ms':>9} "
        f"{'error':>7} {'trivial':>8} {'host ms':>8}"
    ]
    errors: dict[str, list[tuple[float, float]]] = {}
    for case in cases:
        row = case.row
        model = seconds(case, calibration)
        error, naive = model / row.frame_s - 1, trivial_seconds(case.topology) / row.frame_s - 1
        errors.setdefault(row.role, []).append((error, naive))
        lines.append(
            f"{row.network:24} {row.role:9} {row.release:4} {case.topology.gop:7.2f} {row.gop:9.2f} "
            f"{row.frame_s * 1e3:11.3f} {model * 1e3:9.3f} {error:+7.1%} {naive:+8.1%} {row.host_s * 1e3:8.2f}"
        )
    lines.append("")
    for role, pairs in errors.items():
        lines.append(_summary(f"model, {role}", [e for e, _ in pairs]))
        lines.append(_summary(f"trivial predictor, {role}", [n for _, n in pairs]))
    if loo:
        chosen = [case for case in cases if case.row.role in ("fit", "held_out")]
        lines.append(_summary("model, each left out of the fit in turn", leave_one_out(chosen)))
    lines.append("")
    lines += [f"{name} = {value:.6g}" for name, value in asdict(calibration).items()]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit, print the table and, with ``--write``, store the calibration beside this file."""
    parser = argparse.ArgumentParser(prog="python -m accel_sim.estimate.calibrate", description=__doc__)
    parser.add_argument("--write", action="store_true", help="store the result as the package's calibration")
    parser.add_argument("--no-leave-one-out", action="store_true", help="skip the slower cross-check")
    options = parser.parse_args(arguments)
    cases = read_cases()
    calibration = fit([case for case in cases if case.row.role == "fit"])
    print(report(cases, calibration, loo=not options.no_leave_one_out))
    if options.write:
        text = "# Written by: python -m accel_sim.estimate.calibrate --write\n"
        text += "".join(f"{name} = {value:.6g}\n" for name, value in asdict(calibration).items())
        (Path(__file__).parent / "data" / "calibration.toml").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
