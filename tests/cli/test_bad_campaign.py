"""Impossible options, and results files that cannot be used."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from accel_sim.cli import COMMANDS, main
from tests.cli.conftest import Files
from tests.cli.refusal import check_refusal, content, refused
from tests.cli.tiny_models import images

R = "r.sqlite"
TO_LIE_BETWEEN = "it must lie between 0 and 1, for instance"
OPTIONS: dict[str, tuple[list[str], tuple[str, ...]]] = {
    "faults_0": (["--faults", "0"], ("--faults is 0: it must be 1 or more",)),
    "faults_negative": (["--faults", "-1"], ("--faults is -1: it must be 1 or more",)),
    "faults_text": (["--faults", "many"], ("Invalid value for '--faults': 'many' is not a valid integer",)),
    "faults_fraction": (["--faults", "1e9"], ("Invalid value for '--faults'", "--help")),
    "margin_0": (["--margin", "0"], (f"--margin is 0.0: {TO_LIE_BETWEEN} 0.025",)),
    "margin_above_1": (["--margin", "1.5"], (f"--margin is 1.5: {TO_LIE_BETWEEN} 0.025",)),
    "margin_negative": (["--margin", "-0.1"], (f"--margin is -0.1: {TO_LIE_BETWEEN}",)),
    "margin_nan": (["--margin", "nan"], (f"--margin is nan: {TO_LIE_BETWEEN}",)),
    "margin_and_faults": (
        ["--margin", "0.1", "--faults", "7"],
        ("--faults 7 and --margin 0.1 both set the sample size: give one of them",),
    ),
    "confidence_0": (["--confidence", "0"], (f"--confidence is 0.0: {TO_LIE_BETWEEN} 0.95",)),
    "confidence_1": (["--confidence", "1"], (f"--confidence is 1.0: {TO_LIE_BETWEEN} 0.95",)),
    "confidence_nan": (["--confidence", "nan"], (f"--confidence is nan: {TO_LIE_BETWEEN}",)),
    "workers_0": (["--workers", "0"], ("--workers is 0: it must be 1 to 256, for instance one per processor",)),
    "workers_negative": (["--workers", "-2"], ("--workers is -2: it must be 1 to 256",)),
    "workers_many": (["--workers", "1000000"], ("--workers is 1000000: it must be 1 to 256",)),
    "seed_negative": (["--seed", "-1"], ("--seed is -1: it must be 0 or more",)),
    "unknown_space": (
        ["--space", "cache"],
        ("'--space': 'cache' is not one of 'parameters', 'activations', 'memory'",),
    ),
    "unknown_strata": (["--strata", "layer"], ("'--strata': 'layer' is not one of",)),
    "unknown_criterion": (["--criterion", "best"], ("'--criterion': 'best' is not one of",)),
    "unknown_arithmetic": (["--arithmetic", "fp16"], ("'--arithmetic': 'fp16' is not one of",)),
    "unknown_option": (["--fault", "3"], ("No such option '--fault'", "See `accel-sim campaign --help`.")),
    "argument_too_many": (["surplus"], ("unexpected extra argument (surplus)",)),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_options_are_refused(name: str, here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing is left behind: no results file either."""
    more, fragments = OPTIONS[name]
    refused(capfd, here, ["campaign", files.segmentation, "--inputs", files.inputs, "--results", R, *more], *fragments)


def test_a_criterion_that_does_not_fit(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    common = ["campaign", files.classifier, "--inputs", files.classifier_inputs, "--results", R]
    line = refused(capfd, here, [*common, "--criterion", "segmentation"])
    assert line == "criterion segmentation needs an output (n, classes, height, width); 'y' is (1, 4)"


def foreign_database(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE notes (text TEXT)")
    connection.commit()
    connection.close()


def newer_format(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=99")
    connection.close()


def edit(statement: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        connection = sqlite3.connect(path)
        connection.execute(statement)
        connection.commit()
        connection.close()

    return change


def cut(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def replaced(data: bytes) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        path.write_bytes(data)

    return change


ANOTHER = "; delete it, or give another --results file"
NO_DATABASE = f"{R} is not a results file (not an SQLite database); give another --results file"
IMPOSSIBLE = f"results file {R} is damaged (the row of fault 2 of cell 0 holds impossible values){ANOTHER}"
# Changes of a finished campaign's file, and what both the campaign and the report say of it.
DAMAGE: dict[str, tuple[Callable[[Path], None], str]] = {
    "text": (replaced(b"outcome,critical\n" * 20), NO_DATABASE),
    "short_text": (replaced(b"hello"), NO_DATABASE),
    "truncated": (cut, f"results file {R} is damaged ("),
    "another_program": (edit("PRAGMA application_id=7"), f"{R} is an SQLite database of another program; give another"),
    "newer_format": (newer_format, f"results file {R} has format version 99, this program knows version 1"),
    "no_identity": (edit("DELETE FROM meta"), f"results file {R} is damaged ("),
    "identity_changed": (
        edit("UPDATE meta SET value = replace(value, '\"seed\":0', '\"seed\":1') WHERE key = 'identity'"),
        "its identity does not match its strong_id",
    ),
    "no_table": (edit("DROP TABLE faults"), f"results file {R} is damaged ("),
    "outcome": (edit("UPDATE faults SET outcome = 'fine' WHERE draw = 2"), IMPOSSIBLE),
    "fraction_above_1": (edit("UPDATE faults SET changed_fraction = 1.5 WHERE draw = 2"), IMPOSSIBLE),
    "fraction_text": (edit("UPDATE faults SET changed_fraction = 'half' WHERE draw = 2"), IMPOSSIBLE),
    "fault_no_json": (edit("UPDATE faults SET fault = '{' WHERE draw = 2"), IMPOSSIBLE),
    "stratum": (edit("UPDATE faults SET stratum = 10000 WHERE draw = 2"), IMPOSSIBLE),
    "bit": (edit("UPDATE faults SET bit = bit + 1 WHERE draw = 2"), IMPOSSIBLE),
}


@pytest.fixture
def campaign(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> list[str]:
    """A finished campaign in ``r.sqlite``; returns the command that made it."""
    command = ["campaign", files.segmentation, "--inputs", files.inputs, "--results", R, "--faults", "8"]
    assert main([*command, "--json"]) == 0
    capfd.readouterr()
    return command


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_results(name: str, campaign: list[str], here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    change, fragment = DAMAGE[name]
    change(here / R)
    refused(capfd, here, campaign, fragment)
    refused(capfd, here, ["report", R, "-o", "page.html"], fragment)


def test_foreign_database(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    foreign_database(here / R)
    common = ["campaign", files.segmentation, "--inputs", files.inputs, "--results", R]
    refused(capfd, here, common, f"{R} is an SQLite database of another program; give another --results file")


def test_results_of_another_campaign(
    campaign: list[str], here: Path, files: Files, capfd: pytest.CaptureFixture[str]
) -> None:
    """The line names what differs: model, inputs, seed, space, strata or criterion."""
    np.savez(here / "other.npz", x=images(1, seed=99))
    options = campaign[2:]
    cases = {
        "model is ": ["campaign", files.classifier, "--inputs", files.classifier_inputs, *options[2:]],
        "inputs is ": ["campaign", files.segmentation, "--inputs", "other.npz", *options[2:]],
        "seed is 0 in the file and 5 now": [*campaign, "--seed", "5"],
        "space.name is parameters in the file and activations now": [*campaign, "--space", "activations"],
        "design is uniform in the file and set now": [*campaign, "--strata", "set"],
        "criterion.name is segmentation in the file and any now": [*campaign, "--criterion", "any"],
    }
    for fragment, command in cases.items():
        line = refused(capfd, here, command, fragment)
        assert line.startswith(f"results file {R} holds another campaign: ")
        assert line.endswith("; give another --results file, or repeat the settings of the first run")


def test_results_path(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    (here / "inner").mkdir()
    os.mkfifo(here / "pipe")
    common = ["campaign", files.segmentation, "--inputs", files.inputs, "--results"]
    refused(capfd, here, [*common, "inner"], "inner: is a folder; give the name of a file")
    refused(capfd, here, [*common, "none/r.sqlite"], "none/r.sqlite: the folder none does not exist; make it first")
    refused(capfd, here, [*common, "pipe"], "pipe: is a device or a pipe; give the name of a file")
    refused(capfd, here, [*common, files.segmentation], "segmentation.onnx is not a results file")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_that_cannot_be_written(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    (here / "locked").mkdir(mode=0o500)
    common = ["campaign", files.segmentation, "--inputs", files.inputs, "--results", "locked/r.sqlite"]
    refused(capfd, here, common, "cannot be written")


def test_report(campaign: list[str], here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    foreign_database(here / "foreign.sqlite")
    (here / "inner").mkdir()
    cases = {
        "Missing argument 'R.sqlite [...]'. See `accel-sim report --help`.": ["-o", "page.html"],
        "Missing option '-o' / '--output'.": [R],
        "results file none.sqlite does not exist; run a campaign with --results first": [R, "none.sqlite", "-o", "p"],
        "foreign.sqlite is an SQLite database of another program": ["foreign.sqlite", "-o", "page.html"],
        "segmentation.onnx is not a results file": [files.segmentation, "-o", "page.html"],
        "results file inner is a folder": ["inner", "-o", "page.html"],
        "none/page.html: the folder none does not exist; make it first": [R, "-o", "none/page.html"],
        "inner: is a folder; give the name of": [R, "-o", "inner"],
        "r.sqlite: is one of the results files; give another name to the report": [R, "-o", R],
    }
    for fragment, arguments in cases.items():
        refused(capfd, here, ["report", *arguments], fragment)


def test_demo(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    (here / "page.sqlite").mkdir()
    cases = {
        "--model is nope: the demo takes one of hsi-unet-relu, ": ["--model", "nope"],
        "segmentation.onnx: the demo takes one of": ["--model", files.segmentation],
        "--faults is 0: it must be 1 or more": ["--faults", "0"],
        "none/page.html: the folder none does not exist; make it first": ["-o", "none/page.html"],
        "page.sqlite: is a folder; give the name of a file": ["-o", "page.html"],
        "--output is r.sqlite: the results beside the report take that name; end it in .html": ["-o", R],
    }
    for fragment, arguments in cases.items():
        refused(capfd, here, ["demo", *arguments], fragment)


def test_outputs_that_cannot_be_written(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    (here / "inner").mkdir()
    common = ["run", files.segmentation, "--inputs", files.inputs, "--outputs"]
    refused(capfd, here, [*common, "inner"], "inner: is a folder; give the name of a file")
    refused(capfd, here, [*common, "none/out.npz"], "none/out.npz: the folder none does not exist; make it first")
    refused(capfd, here, [*common, "o" * 300], "File name too long")


def test_in_a_process_of_its_own(here: Path, files: Files) -> None:
    """``python -m accel_sim`` with nothing of the test's own around it: the same line, the same status."""
    (here / "text.onnx").write_text("this is no model")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    cases = {
        "none.onnx: no such file": ["verify", "none.onnx"],
        "text.onnx: not an ONNX model": ["run", "text.onnx", "--inputs", files.inputs, "--outputs", "out.npz"],
        "--margin is nan": [
            "campaign",
            files.segmentation,
            "--inputs",
            files.inputs,
            "--results",
            R,
            "--margin",
            "nan",
        ],
    }
    before = content(here)
    for fragment, arguments in cases.items():
        child = subprocess.run(
            [sys.executable, "-m", "accel_sim", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert fragment in check_refusal(child.returncode, child.stdout, child.stderr)
        assert content(here) == before


def test_usage(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    assert refused(capfd, here, []) == "Missing command. See `accel-sim --help`."
    assert refused(capfd, here, ["analyse"]) == "No such command 'analyse'. See `accel-sim --help`."
    assert refused(capfd, here, ["--fast"]) == "No such option '--fast'. See `accel-sim --help`."
    refused(capfd, here, ["run"], "Missing argument 'MODEL'. See `accel-sim run --help`.")
    refused(capfd, here, ["inject", files.segmentation], "Missing option '--fault'.")
    refused(capfd, here, ["campaign", files.segmentation], "Missing option '--results'.")
    for command in COMMANDS:
        refused(capfd, here, [command, "--no-such-option"], "No such option", f"See `accel-sim {command} --help`.")
    assert content(here) == {}
