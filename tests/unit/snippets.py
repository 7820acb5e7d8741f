"""Code blocks of the documentation, and running them."""

import contextlib
import io
import re
import shlex
from pathlib import Path

import click

from accel_sim.cli import COMMANDS, root

ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[tuple[str, str]]:
    """Return (language, text) of every code block of a page, in order."""
    return _BLOCK.findall(page.read_text(encoding="utf-8"))


def python_with_output(page: Path) -> list[tuple[str, str]]:
    """Return each Python block with the text block that follows it: what it prints."""
    found = blocks(page)
    return [
        (text, found[i + 1][1])
        for i, (language, text) in enumerate(found)
        if language == "python" and i + 1 < len(found) and found[i + 1][0] == "text"
    ]


def printed_by(code: str) -> str:
    """Run a block in a fresh namespace and return what it prints."""
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream):
        exec(compile(code, "snippet", "exec"), {"__name__": "snippet"})
    return stream.getvalue()


def commands(page: Path) -> list[list[str]]:
    """Return the arguments of every ``accel-sim`` command in the shell blocks of a page."""
    found = []
    for language, text in blocks(page):
        if language != "sh":
            continue
        for line in text.replace("\\\n", " ").splitlines():
            for part in line.split("&&"):
                words = shlex.split(part, comments=True)
                if words and Path(words[0]).name == "accel-sim":
                    found.append(words[1:])
    return found


def check_command(words: list[str]) -> None:
    """Assert that a command exists and takes these options and arguments (paths are not opened)."""
    name, *rest = words
    if name.startswith("-"):
        assert name in {option for parameter in root.get_params(click.Context(root)) for option in parameter.opts}
        return
    assert name in COMMANDS, f"no command {name!r}"
    command = root.get_command(click.Context(root), name)
    assert command is not None
    command.make_context(name, list(rest), resilient_parsing=False).close()
