"""The command of the reproduction: options, refusals, and the whole pipeline on a miniature."""

import json

import pytest

from onnx_models.paper import __main__ as command
from onnx_models.paper.campaigns.float_runner import FloatRunner
from onnx_models.paper.report.page import all_claims
from onnx_models.paper.report.record import read_record
from tests.unit.onnx_models.hsi_drive_folder import write_folder


def test_one_must_say_what_to_do(capsys):
    with pytest.raises(SystemExit) as stopped:
        command.main([])
    assert stopped.value.code == 2
    assert "--all" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--images", "0"], "--images is 0: it must be 1 or more"),
        (["--faults", "-3"], "--faults is -3"),
        (["--filters", "0"], "--filters is 0"),
        (["--workers", "0"], "--workers is 0"),
        (["--repeats", "-1"], "--repeats is -1: it must be 0 or more"),
        (["--margin", "1.5"], "--margin is 1.5: it must lie between 0 and 1"),
        (["--margin", "nan"], "--margin is nan"),
    ],
)
def test_numbers_that_cannot_be_are_refused(options, sentence, tmp_path, capsys):
    assert command.main(["--step", "float", "--folder", str(tmp_path), *options]) == 2
    assert sentence in capsys.readouterr().err


def test_steps_before_the_models_say_what_is_missing(tmp_path, capsys):
    assert command.main(["--step", "record", "--folder", str(tmp_path), "--size", "miniature"]) == 2
    assert "models.json cannot be read" in capsys.readouterr().err
    assert command.main(["--step", "page", "--folder", str(tmp_path), "--size", "miniature"]) == 2
    assert "reproduction.json" in capsys.readouterr().err


def test_the_command_is_recorded_as_it_was_given():
    given = ["--all", "--quick", "--images", "2", "--filters", "32", "--folder", "elsewhere"]
    options = command._parser().parse_args(given)
    assert command.command_of(options) == "python -m onnx_models.paper --all --size quick --filters 32 --images 2"
    recipe = command.recipe_of(options)
    assert (recipe.images, recipe.filters) == (2, 32)


@pytest.mark.train
@pytest.mark.slow
def test_the_whole_pipeline_on_a_miniature(tmp_path, monkeypatch):
    for name in ("torch", "torch_pruning", "earthlib", "pvlib"):
        pytest.importorskip(name)
    arguments = ["--size", "miniature", "--folder", str(tmp_path)]
    assert command.main(["--all", "--workers", "2", *arguments]) == 0
    out = tmp_path / "report"
    page = (out / "reproduction.md").read_text(encoding="utf-8")
    assert page.count("\n| ") > 60
    record = read_record(out / "measurements" / "paper")
    assert len(record["float"]) == 6
    assert len(record["int8"]) == 12
    assert len(all_claims(record)) >= 20
    assert record["speed"]["differing"] == 0
    assert {entry["seed"] for entry in record["repeats"]} == {8}
    assert len(record["recovery"]) == 14
    assert "unpruned control" in page
    assert len(list((out / "measurements" / "paper" / "models").glob("*.csv"))) == 6
    assert len(list((out / "figures" / "paper").glob("*.svg"))) == 12

    def fail(*_):
        raise AssertionError("a recorded fault is run again")

    monkeypatch.setattr(FloatRunner, "run", fail)
    before = json.dumps(record)
    monkeypatch.setattr("onnx_models.paper.report.record.COMPARED", 1)
    again = ["--step", "float", "--step", "int8", "--step", "limits", "--step", "controls", "--workers", "1"]
    assert command.main([*again, *arguments]) == 0
    assert command.main(["--step", "page", *arguments]) == 0
    assert json.dumps(read_record(out / "measurements" / "paper")) == before
    assert (out / "reproduction.md").read_text(encoding="utf-8") == page


@pytest.mark.train
@pytest.mark.slow
def test_the_whole_pipeline_on_a_dataset_in_miniature(tmp_path):
    """The same commands with pictures in the layout of HSI-Drive v2.0."""
    for name in ("torch", "torch_pruning", "earthlib", "pvlib", "PIL"):
        pytest.importorskip(name)
    dataset = tmp_path / "HSIDrive20"
    write_folder(dataset, {"training": 24, "validation": 6, "test": 6}, (16, 32), (54, 101))
    arguments = [
        "--size",
        "miniature",
        "--faults",
        "3",
        "--workers",
        "1",
        "--folder",
        str(tmp_path / "run"),
        "--dataset",
        str(dataset),
    ]
    assert command.main(["--all", *arguments]) == 0
    out = tmp_path / "run" / "report"
    page, record = (out / "reproduction.md").read_text("utf-8"), read_record(out / "measurements" / "paper")
    assert "Synthetic" not in page
    assert "Pictures of HSI-Drive v2.0" in page
    assert f"--dataset {dataset}" in record["command"]
    assert (record["synthetic"], record["recipe"]["per_set"]) == (False, 3)
    assert record["speed"]["differing"] == 0
    missing = ["--step", "models", "--size", "miniature", "--folder", str(tmp_path / "no"), "--dataset", str(out)]
    assert command.main(missing) == 2
