"""The one place that owns Numba's options."""

import functools
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from llvmlite import binding


@functools.cache
def cpu_has(feature: str) -> bool:
    """Whether kernels may use a feature of this processor, by LLVM's name (``avx512vnni``, ``avx512f``).

    A process that starts with ``ACCEL_SIM_PORTABLE`` uses none (and the same bytes come out).
    """
    return not os.environ.get("ACCEL_SIM_PORTABLE") and bool(binding.get_host_cpu_features().get(feature, False))


@functools.cache
def _source_stamp() -> str:
    """Digest of the sources of all packages with kernels.

    Numba's cache looks at the file of a function only, but compiled code contains the functions that it calls: a change
    anywhere among the kernels has to make every cached kernel stale.
    """
    state = hashlib.sha256(os.environ.get("ACCEL_SIM_PORTABLE", "").encode())
    here = Path(__file__).parent
    for folder in (here, here.parent / "machine"):
        for path in sorted(folder.rglob("*.py")):
            state.update(path.name.encode() + path.read_bytes())
    return state.hexdigest()


def jit(function: Callable[..., Any]) -> Any:
    """Compile without the interpreter's lock, cached on disk.

    No `fastmath`: every float32 operation keeps its own rounding. Where neither the package folder nor the user's cache
    folder can be written, the code is compiled anew in every process: cached code is executed as it is found, so that a
    folder which others may write to is no place for it.
    """
    return _stamped(_njit(function))


def _stamped(compiled: Any) -> Any:
    cache_file = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if cache_file is not None:
        cache_file._source_stamp = _source_stamp()
    return compiled


def inlined(function: Callable[..., Any]) -> Any:
    """Compile into every caller: for small functions in the innermost loops, where a call costs more than its body."""
    return _stamped(_njit(function, forceinline=True))


def _njit(function: Callable[..., Any], **special: Any) -> Any:
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", **special}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # Numba finds no folder for its cache
        return numba.njit(**options)(function)
