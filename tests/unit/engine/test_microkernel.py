import numpy as np
import pytest

from accel_sim.engine.microkernel import HAS_VNNI, ROWS, pack, portable, rows_fast, rows_portable

SIZES = [(1, 1), (3, 5), (4, 16), (9, 17), (27, 32), (64, 33), (63, 48), (200, 70), (5, 130)]


@pytest.mark.parametrize(("depth", "columns"), SIZES)
@pytest.mark.parametrize("rows", [ROWS, 4 * ROWS])
def test_products_are_exact(depth: int, columns: int, rows: int) -> None:
    rng = np.random.default_rng([depth, columns, rows])
    weights = rng.integers(-128, 128, (depth, columns), dtype=np.int8)
    packed, padded_depth, padded_columns = pack(weights)
    assert padded_depth % 4 == 0
    assert padded_columns % 16 == 0
    assert packed.size == padded_depth * padded_columns
    a = np.zeros((rows, padded_depth), np.uint8)
    a[:, :depth] = rng.integers(0, 256, (rows, depth))
    expected = a[:, :depth].astype(np.int64) @ weights.astype(np.int64)
    for kernel in (rows_portable, rows_fast):
        acc = np.full((rows, padded_columns), -1, np.int32)
        kernel(a, packed, acc)
        assert np.array_equal(acc[:, :columns], expected)
        assert not acc[:, columns:].any()


def test_extreme_products_do_not_saturate() -> None:
    """Pairs of 255 * -128 overflow the 16-bit intermediate of older instructions."""
    weights = np.full((64, 16), -128, np.int8)
    packed, depth, columns = pack(weights)
    a = np.full((ROWS, depth), 255, np.uint8)
    for kernel in (rows_portable, rows_fast):
        acc = np.empty((ROWS, columns), np.int32)
        kernel(a, packed, acc)
        assert set(acc.reshape(-1).tolist()) == {-255 * 128 * 64}


def test_long_sums_wrap() -> None:
    depth = 70_000  # 255 * 127 * depth is above 2**31
    packed, padded, columns = pack(np.full((depth, 1), 127, np.int8))
    a = np.full((ROWS, padded), 255, np.uint8)
    expected = (255 * 127 * depth + 2**31) % 2**32 - 2**31
    for kernel in (rows_portable, rows_fast):
        acc = np.empty((ROWS, columns), np.int32)
        kernel(a, packed, acc)
        assert set(acc[:, 0].tolist()) == {expected}


def test_portable_path_is_asked_for_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ACCEL_SIM_PORTABLE", raising=False)
    assert not portable()
    monkeypatch.setenv("ACCEL_SIM_PORTABLE", "1")
    assert portable()


def test_without_the_instruction_both_names_are_the_portable_path() -> None:
    assert (rows_fast is rows_portable) != HAS_VNNI
