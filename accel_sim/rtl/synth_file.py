"""A file that ``accel-sim synth --json FILE`` wrote, read back."""

import json
from dataclasses import dataclass
from pathlib import Path

from accel_sim.errors import UsageError


@dataclass(frozen=True)
class Synthesis:
    """The counts of a synthesised accelerator that failure rates are made of.

    Attributes
    ----------
    arch
        Name of the configuration.
    lut, ff
        Look-up tables and flip-flops of the whole design.
    tool
        What counted them.
    """

    arch: str
    lut: int
    ff: int
    tool: str


def read_synthesis(path: str | Path, arch: str) -> Synthesis:
    """Read the counts.

    Parameters
    ----------
    path
        JSON file.
    arch
        Name of the configuration that it must belong to.

    Raises
    ------
    UsageError
        The file is missing, is not of this kind, or belongs to another architecture.
    """
    again = f"write it with `accel-sim synth --arch {arch} --json {path}`"
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise UsageError(f"--synthesis: {path}: cannot be read ({error}); {again}") from error
    try:
        found = Synthesis(str(record["arch"]), record["total"]["lut"], record["total"]["ff"], str(record["tool"]))
    except (KeyError, TypeError) as error:
        raise UsageError(f"--synthesis: {path}: is no result of accel-sim synth; {again}") from error
    for name in ("lut", "ff"):
        value = getattr(found, name)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise UsageError(f"--synthesis: {path}: total {name} is {value!r}, not a count; {again}")
    if found.arch != arch:
        raise UsageError(f"--synthesis: {path}: belongs to architecture {found.arch!r}, not {arch!r}; {again}")
    return found
