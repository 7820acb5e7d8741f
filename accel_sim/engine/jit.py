"""The one place that owns Numba's options."""

import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from llvmlite import binding


@functools.cache
def cpu_has(feature: str) -> bool:
    """Whether this processor has a feature, by LLVM's name (``avx512vnni``, ``avx512f``)."""
    return bool(binding.get_host_cpu_features().get(feature, False))


def jit(function: Callable[..., Any]) -> Any:
    """Compile without the interpreter's lock, cached on disk.

    No `fastmath`: every float32 operation keeps its own rounding. Where neither the package folder nor the user's
    cache folder can be written, the code is cached in a temporary folder for this process.
    """
    try:
        return numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:
        numba.config.CACHE_DIR = str(Path(tempfile.gettempdir()) / "accel_sim_numba")  # type: ignore[attr-defined]
        try:
            return numba.njit(cache=True, nogil=True, error_model="numpy")(function)
        except RuntimeError:
            return numba.njit(nogil=True, error_model="numpy")(function)
