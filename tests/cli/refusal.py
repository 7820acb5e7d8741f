"""What every refusal has in common."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from accel_sim.cli import main


def content(folder: Path) -> dict[str, bytes | None]:
    """Every path below a folder, with the bytes of regular files."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() and not path.is_symlink() else None
        for path in sorted(folder.rglob("*"))
    }


def check_refusal(status: int, out: str, err: str) -> str:
    """Status 2, one line on stderr, nothing on stdout; returns the line without the program's name."""
    assert status == 2, (status, err)
    assert out == ""
    assert err.startswith("accel-sim: "), err
    assert err.endswith("\n"), err
    assert err.count("\n") == 1, err
    for leak in ("Traceback", "internal error", "Error:", "0x7f"):
        assert leak not in err
    return err.removeprefix("accel-sim: ").removesuffix("\n")


def refused(capfd: pytest.CaptureFixture[str], folder: Path, arguments: Sequence[str], *fragments: str) -> str:
    """Run a command that must be refused with a line that holds all fragments, and leave the folder as it was."""
    before = content(folder)
    capfd.readouterr()
    status = main(list(arguments))
    out, err = capfd.readouterr()
    line = check_refusal(status, out, err)
    for fragment in fragments:
        assert fragment in line, (fragment, line)
    assert content(folder) == before
    return line
