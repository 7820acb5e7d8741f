import numpy as np
import pytest

from accel_sim.engine.layout import (
    from_stored,
    offset,
    stored_map,
    stored_position,
    stored_shape,
    stored_table,
    to_stored,
)
from accel_sim.model import Quantisation, Tensor

SHAPES = [(), (1,), (7,), (3, 4), (2, 3, 5), (1, 4, 3, 2), (2, 3, 4, 5), (2, 3, 2, 2, 3)]


def tensor(shape: tuple[int, ...], dtype: str) -> Tensor:
    return Tensor("t", shape, dtype, Quantisation(0.1, 0) if dtype.endswith("int8") else None)


def values(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    rng = np.random.default_rng(len(shape))
    if dtype == "float32":
        return rng.standard_normal(shape).astype(np.float32).reshape(shape)
    limits = np.iinfo(dtype)
    return np.asarray(rng.integers(limits.min, limits.max, shape, dtype, endpoint=True))


@pytest.mark.parametrize("dtype", ["uint8", "int8", "float32"])
@pytest.mark.parametrize("shape", SHAPES)
def test_round_trip(shape: tuple[int, ...], dtype: str) -> None:
    array, kind = values(shape, dtype), tensor(shape, dtype)
    stored = to_stored(array, kind)
    assert stored.shape == stored_shape(shape)
    assert stored.flags.c_contiguous
    back = from_stored(stored, kind)
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert np.array_equal(back, array)


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
@pytest.mark.parametrize("shape", SHAPES[1:])
def test_flipped_bits_stay_where_they_are(shape: tuple[int, ...], dtype: str) -> None:
    """An ONNX element and bit have one place in the stored form, and flipping it there flips that bit alone."""
    array, kind = values(shape, dtype), tensor(shape, dtype)
    places = [stored_position(k, shape) for k in range(array.size)]
    assert sorted(places) == list(range(array.size))
    for k, place in enumerate(places):
        for bit in (0, 6, 7):
            stored = to_stored(array, kind)
            stored.reshape(-1)[place] ^= np.uint8(1 << bit)
            difference = from_stored(stored, kind).view(np.uint8) ^ array.view(np.uint8)
            assert np.flatnonzero(difference).tolist() == [k]
            assert difference.reshape(-1)[k] == 1 << bit


def test_order_of_codes_is_the_order_of_bytes() -> None:
    codes = np.arange(-128, 128).astype(np.int8)
    stored = to_stored(codes, tensor((256,), "int8"))
    assert stored.tolist() == list(range(256))
    assert offset(tensor((1,), "int8")) == 128
    assert offset(tensor((1,), "uint8")) == 0


@pytest.mark.parametrize(("source", "order"), [((2, 3, 4, 5), (0, 2, 3, 1)), ((4, 6), (1, 0)), ((2, 3, 4), (2, 0, 1))])
def test_index_maps_are_translated_on_both_sides(source: tuple[int, ...], order: tuple[int, ...]) -> None:
    index = np.arange(np.prod(source), dtype=np.int32).reshape(source).transpose(order).copy()
    index.reshape(-1)[3] = -1  # a filled position
    array = values(source, "uint8")
    expected = np.where(index < 0, np.uint8(9), array.reshape(-1)[np.maximum(index, 0)])
    mapped = stored_map(index, source)
    flat = to_stored(array, tensor(source, "uint8")).reshape(-1)
    found = np.where(mapped < 0, np.uint8(9), flat[np.maximum(mapped, 0)])
    assert np.array_equal(from_stored(found, tensor(index.shape, "uint8")), expected)


@pytest.mark.parametrize("source", ["uint8", "int8"])
@pytest.mark.parametrize("target", ["uint8", "int8"])
def test_tables_are_translated_on_both_sides(source: str, target: str) -> None:
    table = np.random.default_rng(1).permutation(256).astype(np.uint8)  # byte of the code to byte of the code
    codes = np.arange(256, dtype=np.uint8).view(source)
    stored = stored_table(table, tensor((256,), source), tensor((256,), target))
    found = from_stored(stored[to_stored(codes, tensor((256,), source))], tensor((256,), target))
    assert np.array_equal(found, table[codes.view(np.uint8)].view(target))
