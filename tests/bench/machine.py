"""What a figure was measured on."""

import hashlib
import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import accel_sim

PACKAGES = ("numpy", "numba", "llvmlite", "onnx", "onnxruntime", "torch", "pytorchfi", "MRFI")


def machine() -> dict[str, Any]:
    """Return processor, cores, system, versions of Python and packages, digest of the simulator's sources, and date."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": sys.version.split()[0],
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
        "sources": sources_digest(),
        "portable_kernels": os.environ.get("ACCEL_SIM_PORTABLE", "") not in ("", "0"),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def sources_digest() -> str:
    """SHA-256 over names and contents of the simulator's Python files: equal digests mean equal code."""
    root = Path(accel_sim.__file__).parent
    state = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        state.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return state.hexdigest()


def _processor() -> str:
    """Model name and the instruction sets that the kernels look for."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    found = {key.strip(): value.strip() for key, value in fields.items()}
    flags = [f for f in ("avx2", "avx512f", "avx512_vnni") if f in found.get("flags", "").split()]
    name = f"{found.get('model name', '?')}, family {found.get('cpu family', '?')} model {found.get('model', '?')}"
    return f"{name} ({', '.join(flags)})"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
