"""The command of the reproduction: options, refusals, and the whole pipeline on a miniature."""

import json

import pytest

from onnx_models.paper import __main__ as command
from onnx_models.paper.campaigns.float_runner import FloatRunner
from onnx_models.paper.report.page import all_claims
from onnx_models.paper.report.record import read_record


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
    options = command._parser().parse_args(["--all", "--quick", "--images", "2", "--folder", "elsewhere"])
    assert command.command_of(options) == "python -m onnx_models.paper --all --size quick --images 2"
    recipe = command.recipe_of(options)
    assert recipe.images == 2


@pytest.mark.train
@pytest.mark.slow
def test_the_whole_pipeline_on_a_miniature(tmp_path, monkeypatch):
    for name in ("torch", "torch_pruning", "earthlib", "pvlib"):
        pytest.importorskip(name)
    arguments = ["--size", "miniature", "--folder", str(tmp_path)]
    assert command.main(["--all", *arguments]) == 0
    out = tmp_path / "report"
    page = (out / "reproduction.md").read_text(encoding="utf-8")
    assert page.count("\n| ") > 60
    record = read_record(out / "measurements" / "paper")
    assert len(record["float"]) == 6
    assert len(record["int8"]) == 9
    assert len(all_claims(record)) >= 20
    assert record["speed"]["differing"] == 0
    assert len(list((out / "figures" / "paper").glob("*.svg"))) == 12

    def fail(*_):
        raise AssertionError("a recorded fault is run again")

    monkeypatch.setattr(FloatRunner, "run", fail)
    before = json.dumps(record)
    monkeypatch.setattr("onnx_models.paper.report.record.COMPARED", 1)
    assert command.main(["--step", "float", "--step", "int8", "--step", "limits", *arguments]) == 0
    assert command.main(["--step", "page", *arguments]) == 0
    assert json.dumps(read_record(out / "measurements" / "paper")) == before
    assert (out / "reproduction.md").read_text(encoding="utf-8") == page
