"""``campaign`` and ``report``: the fields of the JSON; interruptions, workers and repetitions leave no trace."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from accel_sim.cli import main
from tests.cli.conftest import Files
from tests.cli.refusal import content

ROOT = Path(__file__).resolve().parents[2]
R = "r.sqlite"
OUTCOMES = {"masked", "tolerable", "critical", "due"}
INTERVAL = {"low", "best", "high", "level", "method"}
# The command line with a progress bar that ends the process by SIGKILL once so many faults are recorded.
KILLED = """
import contextlib, os, signal, sys
import accel_sim.cli, accel_sim.cli.progress
@contextlib.contextmanager
def deadly(label):
    yield lambda done, total: os.kill(os.getpid(), signal.SIGKILL) if done >= int(sys.argv[1]) else None
accel_sim.cli.progress.progress_bar = deadly
sys.exit(accel_sim.cli.main(sys.argv[2:]))
"""


def command(files: Files, *more: str, results: str = R) -> list[str]:
    return ["campaign", files.segmentation, "--inputs", files.several, "--results", results, "--json", *more]


def printed(capfd: pytest.CaptureFixture[str], arguments: list[str]) -> str:
    capfd.readouterr()
    assert main(arguments) == 0
    out, err = capfd.readouterr()
    assert err == ""
    assert out.count("\n") == 1
    return out


def check_counts(entry: dict[str, Any]) -> None:
    """Counts agree with each other, and intervals enclose their estimates."""
    assert set(entry["outcomes"]) == OUTCOMES
    assert sum(entry["outcomes"].values()) == entry["faults"] <= entry["population"]
    for name in ("critical_rate", "changed_fraction"):
        found = entry[name]
        assert found.keys() >= INTERVAL
        if entry["faults"]:
            assert 0 <= found["low"] <= found["best"] <= found["high"] <= 1


def test_fields(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    found = json.loads(printed(capfd, command(files, "--faults", "60", "--seed", "3", "--confidence", "0.9")))
    assert (found["model"], found["images"], found["faults"], found["seed"]) == ("segmentation", 3, 60, 3)
    assert found["population"] == 8 * (72 + 12) + 32 * (4 + 3)
    assert found["criterion"] == {"name": "segmentation", "output": "y"}
    check_counts(found)
    assert found["critical_rate"]["level"] == found["changed_fraction"]["level"] == 0.9
    assert found["critical_rate"]["best"] == pytest.approx(found["outcomes"]["critical"] / 60)
    assert len(found["strata"]) == 8 * 2 + 32 * 2
    assert {(s["name"], s["bit"]) for s in found["strata"]} >= {("w1_codes", 7), ("b2_codes", 31)}
    for stratum in found["strata"]:
        check_counts(stratum)
    assert sum(s["faults"] for s in found["strata"]) == 60
    assert sum(s["population"] for s in found["strata"]) == found["population"]


def test_set_bit_and_activations(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    found = json.loads(printed(capfd, command(files, "--strata", "set-bit", "--faults", "1", "--space", "activations")))
    assert [(s["name"], s["bit"]) for s in found["strata"]] == [
        (name, bit) for name in ("x_q", "r1_q", "c2_q") for bit in range(8)
    ]
    assert {s["faults"] for s in found["strata"]} == {1}
    assert found["strata"][0]["population"] == 3 * 2 * 6 * 8  # elements times images


def test_sample_size_from_a_margin(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    found = json.loads(printed(capfd, command(files, "--margin", "0.1", "--confidence", "0.95")))
    assert found["faults"] == 87  # Leveugle 2009: 896 / (1 + 0.1**2 * 895 / (1.96**2 / 4)), rounded up


def test_more_faults_than_there_are(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    found = json.loads(printed(capfd, command(files, "--strata", "set", "--faults", str(10**30))))
    assert found["faults"] == found["population"]
    rate = found["critical_rate"]
    assert (rate["low"], rate["high"]) == pytest.approx((rate["best"], rate["best"]))


def test_a_second_run_changes_nothing(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    first = printed(capfd, command(files, "--faults", "40"))
    before = content(here)
    assert printed(capfd, command(files, "--faults", "40")) == first
    assert content(here) == before
    assert list(before) == [R]


def test_a_campaign_in_steps(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    """A larger sample extends a smaller one, and asking for the smaller one again gives its old answer."""
    small = printed(capfd, command(files, "--faults", "20"))
    large = printed(capfd, command(files, "--faults", "50"))
    assert printed(capfd, command(files, "--faults", "50", results="fresh.sqlite")) == large
    assert printed(capfd, command(files, "--faults", "20")) == small


@pytest.mark.parametrize("workers", ["1", "2"])
def test_kill_and_run_again(workers: str, here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    options = ["--faults", "80"]
    whole = printed(capfd, command(files, *options, results="whole.sqlite"))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    arguments = ["30", *command(files, *options, "--workers", workers)]
    child = subprocess.run(
        [sys.executable, "-c", KILLED, *arguments], env=environment, capture_output=True, timeout=300
    )
    assert child.returncode == -signal.SIGKILL
    assert child.stdout == b""
    with sqlite3.connect(R) as connection:
        recorded = connection.execute("SELECT count(*) FROM faults").fetchone()[0]
    connection.close()
    assert 30 <= recorded < 80
    assert printed(capfd, command(files, *options)) == whole


def test_workers_do_not_change_the_answer(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    alone = printed(capfd, command(files, "--faults", "40", "--space", "activations", results="alone.sqlite"))
    together = printed(capfd, command(files, "--faults", "40", "--space", "activations", "--workers", "2"))
    assert together == alone


def test_for_a_reader(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    arguments = [a for a in command(files, "--faults", "20") if a != "--json"]
    assert main(arguments) == 0
    out, err = capfd.readouterr()
    assert err == ""
    assert "w1_codes" in out
    assert out.endswith(f"results: {R}\n")


def test_report(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    printed(capfd, command(files, "--faults", "20"))
    printed(capfd, command(files, "--faults", "20", "--seed", "2", results="other.sqlite"))
    assert json.loads(printed(capfd, ["report", R, "other.sqlite", "-o", "page.html", "--json"])) == {
        "path": "page.html"
    }
    page = (here / "page.html").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert "w1_codes" in page
    assert "http://" not in page.replace("http://www.w3.org/", "")
    assert main(["report", R, "-o", "page.html"]) == 0
    assert capfd.readouterr().out == "page.html\n"
    assert sorted(content(here)) == ["other.sqlite", "page.html", R]
