import re

import pytest

from tests.unit.snippets import ROOT, blocks, check_command, commands, printed_by, python_with_output

README = ROOT / "README.md"


@pytest.mark.slow
def test_the_python_example_prints_what_the_page_says(tmp_path, monkeypatch):
    ((code, expected),) = python_with_output(README)
    monkeypatch.chdir(tmp_path)
    assert printed_by(code) == expected


@pytest.mark.parametrize("words", commands(README), ids=" ".join)
def test_commands_exist_and_take_the_options_shown(words):
    check_command(words)


def test_every_command_is_in_the_table():
    from accel_sim.cli import COMMANDS

    assert set(re.findall(r"^\| `accel-sim (\w+)", README.read_text(), re.MULTILINE)) == set(COMMANDS)


def test_the_test_command_is_one_line_that_makes_its_own_environment():
    after = README.read_text().split("<!-- test command -->")[1]
    command = re.match(r"\n```sh\n(.*)\n```\n", after)
    assert command is not None
    steps = command[1].split(" && ")
    assert steps[0] == "python3 -m venv .venv"
    assert steps[-1] == ".venv/bin/python -m pytest"
    assert "[test,rtl]" in steps[1]


def test_both_installations_come_from_this_folder():
    shell = [text for language, text in blocks(README) if language == "sh"]
    assert "pip install . && .venv/bin/accel-sim demo" in shell[0]
    assert "pip install '.[test,rtl]'" in shell[1]
