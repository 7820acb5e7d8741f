"""Resize of codes: nearest neighbour, and linear over the two spatial axes of an NCHW tensor."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.oracles.scalar import F32, Array


def source_coordinate(at: int, scale: np.float32, size: int, out: int, mode: str) -> np.float32:
    """Where output position `at` lies in the input, in float32."""
    if mode == "asymmetric":
        return F32(F32(at) / scale)
    if mode == "align_corners":
        return F32(F32(at) * F32(size - 1)) / F32(out - 1) if out > 1 else F32(0)
    if mode == "pytorch_half_pixel" and out == 1:
        return F32(0)
    return F32(F32(F32(at) + F32(0.5)) / scale) - F32(0.5)


def nearest(coordinate: np.float32, mode: str) -> int:
    value = float(coordinate)
    if mode == "floor":
        return math.floor(value)
    if mode == "ceil":
        return math.ceil(value)
    if mode == "round_prefer_ceil":
        return math.floor(value + 0.5)
    return math.ceil(value - 0.5)


def resize_nearest(
    x: Array, scales: Sequence[float], coordinate_mode: str = "half_pixel", nearest_mode: str = "round_prefer_floor"
) -> Array:
    """Any rank; output sizes are ``floor(size * scale)``."""
    out = [math.floor(size * float(F32(s))) for size, s in zip(x.shape, scales, strict=True)]
    result = np.zeros(out, x.dtype)
    for index in np.ndindex(*out):
        where = []
        for axis, at in enumerate(index):
            if out[axis] == x.shape[axis]:
                where.append(at)
                continue
            coordinate = source_coordinate(at, F32(scales[axis]), x.shape[axis], out[axis], coordinate_mode)
            where.append(min(max(nearest(coordinate, nearest_mode), 0), x.shape[axis] - 1))
        result[index] = x[tuple(where)]
    return result


def weights(at: int, scale: np.float32, size: int, out: int, mode: str) -> tuple[int, int, np.float32, np.float32]:
    """The two neighbours of an output position and their float32 weights (0.5 each when they coincide)."""
    coordinate = F32(at) if size == out else source_coordinate(at, scale, size, out, mode)
    coordinate = max(F32(0), min(coordinate, F32(size - 1)))
    first = min(int(coordinate), size - 1)
    second = min(first + 1, size - 1)
    if first == second:
        return first, second, F32(0.5), F32(0.5)
    return first, second, abs(F32(coordinate - F32(second))), abs(F32(coordinate - F32(first)))


def blend(corners: Sequence[Any], y: Any, x: Any) -> np.float32:
    """Weighted sum of (top left, top right, bottom left, bottom right), left to right in float32."""
    pairs = [(x[0], y[0]), (x[1], y[0]), (x[0], y[1]), (x[1], y[1])]
    total = F32(F32(pairs[0][0] * pairs[0][1]) * F32(corners[0]))
    for (wx, wy), corner in zip(pairs[1:], corners[1:], strict=True):
        total = F32(total + F32(F32(wx * wy) * F32(corner)))
    return total


def resize_linear_values(x: Array, scales: Sequence[float], coordinate_mode: str = "half_pixel") -> Array:
    """float32 result for NCHW values of any type."""
    height, width = (math.floor(x.shape[2 + i] * float(F32(scales[2 + i]))) for i in range(2))
    result = np.zeros((*x.shape[:2], height, width), F32)
    for n, c, i, j in np.ndindex(*result.shape):
        y1, y2, *wy = weights(i, F32(scales[2]), x.shape[2], height, coordinate_mode)
        x1, x2, *wx = weights(j, F32(scales[3]), x.shape[3], width, coordinate_mode)
        plane = x[n, c]
        result[n, c, i, j] = blend((plane[y1, x1], plane[y1, x2], plane[y2, x1], plane[y2, x2]), wy, wx)
    return result


def resize_linear_codes(x: Array, scales: Sequence[float], coordinate_mode: str = "half_pixel") -> Array:
    """8-bit codes are blended as they are and cut towards zero: no rounding, no zero point."""
    values = resize_linear_values(x, scales, coordinate_mode)
    result = np.zeros(values.shape, x.dtype)
    for index in np.ndindex(*values.shape):
        result[index] = int(values[index])
    return result
