"""Tables that a user gives: looked at before they are read."""

import os
from pathlib import Path

from accel_sim.errors import UsageError


def check_table(path: str | Path | None, option: str) -> None:
    """Make sure that a table is a file with something in it; None is fine.

    Raises
    ------
    UsageError
        It is missing, no regular file, or without an entry.
    """
    if path is None:
        return
    if not os.path.exists(path):
        raise UsageError(f"{option}: {path}: no such file")
    if not os.path.isfile(path):
        raise UsageError(f"{option}: {path}: is a folder, a device or a pipe; give a file")
    try:
        lines = [line for line in Path(path).read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{option}: {path}: cannot be read ({error}); give a text file") from error
    if len(lines) < 2:  # a CSV file has a header and a row, a TOML file a section and a value
        raise UsageError(f"{option}: {path}: holds no entry; it would change nothing")
