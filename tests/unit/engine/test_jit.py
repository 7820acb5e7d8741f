"""Compilation where no folder can hold the cache."""

from typing import Any

import numba
import pytest

from accel_sim.engine import jit as home


def test_kernels_compile_without_a_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = numba.njit

    def no_folder(*args: Any, cache: bool = False, **options: Any) -> Any:
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return honest(*args, **options)

    monkeypatch.setattr(home.numba, "njit", no_folder)
    before = numba.config.CACHE_DIR

    def double(value: int) -> int:
        return 2 * value

    assert home.jit(double)(21) == 42
    assert before == numba.config.CACHE_DIR
