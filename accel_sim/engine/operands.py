"""Stored parameters as kernels want them, with or without flipped bits."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.engine.requant import FLOAT32, GEMMLOWP, SHIFT, STEPS
from accel_sim.model import Graph, Requantise, Tensor, View
from accel_sim.model.graph import Epilogue
from accel_sim.numerics import gemmlowp_multiplier

# For each upset parameter the flat positions, in ONNX order, and the masks that are XORed into the stored values.
Patch = Mapping[str, tuple[NDArray[np.int64], NDArray[np.int64]]]


def patched(stored: NDArray[Any], patch: tuple[NDArray[np.int64], NDArray[np.int64]]) -> NDArray[Any]:
    """Return a copy of stored values with the patch applied."""
    positions, masks = patch
    values = stored.copy()
    unsigned = values.reshape(-1).view(f"u{values.itemsize}")
    np.bitwise_xor.at(unsigned, positions, masks.astype(unsigned.dtype))
    check_flips(stored, values, masks)
    return values


def check_flips(before: NDArray[Any], after: NDArray[Any], masks: NDArray[np.int64]) -> None:
    """Make sure that exactly the planned bits differ between two memory images.

    Raises
    ------
    AssertionError
        Another number of bits differs: the injection itself is broken, and no result of it may be used.
    """
    unsigned = f"u{before.itemsize}"
    difference = before.reshape(-1).view(unsigned) ^ after.reshape(-1).view(unsigned)
    planned = int(np.bitwise_count(masks.astype(np.uint64)).sum())
    found = int(np.bitwise_count(difference).sum())
    if found != planned:
        raise AssertionError(f"{found} bits differ after an injection of {planned}")


def view_positions(view: View, patch: tuple[NDArray[np.int64], NDArray[np.int64]]) -> NDArray[np.int64]:
    """Flat positions of a view that read an upset element."""
    if view.index is None:
        return patch[0]
    return np.flatnonzero(np.isin(view.index, patch[0]))


def read_view(graph: Graph, view: View, patch: Patch | None = None) -> NDArray[Any]:
    """Read a view of a parameter, upset or not."""
    stored = graph.parameters[view.parameter].values
    if patch and view.parameter in patch:
        stored = patched(stored, patch[view.parameter])
    return view.read(stored)


def signed_weights(graph: Graph, view: View, patch: Patch | None = None) -> tuple[NDArray[np.int8], NDArray[np.int32]]:
    """Weights as signed bytes and their zero point (one, or one per channel); unsigned codes move down by 128."""
    codes = read_view(graph, view, patch)
    zero = view.zero_point.astype(np.int32)
    if codes.dtype == np.uint8:
        return (codes ^ np.uint8(128)).view(np.int8), zero - 128
    return codes.astype(np.int8), zero


def bias_row(graph: Graph, view: View | None, channels: int, patch: Patch | None = None) -> NDArray[np.int32]:
    """Bias in accumulator units, int32, wrapping as the hardware's adder does."""
    if view is None:
        return np.zeros(channels, np.int32)
    wide = read_view(graph, view, patch).astype(np.int64) - view.zero_point
    if view.gain is not None:
        wide = np.rint(wide * view.gain).astype(np.int64)
    return np.broadcast_to(wide, (channels,)).astype(np.int32)


@dataclass(frozen=True, eq=False)
class Stage:
    """An epilogue as the compiled requantiser takes it; every array has one entry or row per channel."""

    mode: int
    scale: NDArray[np.float32]
    significand: NDArray[np.int64]
    exponent: NDArray[np.int64]
    limits: NDArray[np.int32]  # low, high, zero point, byte offset
    thresholds: NDArray[np.int32]
    codes: NDArray[np.int32]

    def part(self, start: int, stop: int) -> "Stage":
        """Return the stage of channels ``start .. stop``."""
        cut = slice(start, stop)
        rows = self.thresholds[cut], self.codes[cut]
        return Stage(self.mode, self.scale[cut], self.significand[cut], self.exponent[cut], self.limits, *rows)

    @property
    def arguments(self) -> tuple[Any, ...]:
        """In the order of the kernels' parameters."""
        return (
            self.mode, self.scale, self.significand, self.exponent, self.limits, self.thresholds, self.codes,
        )  # fmt: skip


def stage(epilogue: Epilogue, channels: int, target: Tensor) -> Stage:
    """Prepare an epilogue for `channels` channels of an output tensor."""
    byte = 128 if target.dtype == "int8" else 0
    nothing = np.zeros((channels, 1), np.int32)
    if isinstance(epilogue, Requantise):
        scale = np.ascontiguousarray(np.broadcast_to(epilogue.scale, (channels,)), np.float32)
        limits = np.array([epilogue.low, epilogue.high, epilogue.zero_point, byte], np.int32)
        if epilogue.mode == "gemmlowp":
            significand, exponent = gemmlowp_multiplier(scale)
            return Stage(GEMMLOWP, scale, significand, exponent, limits, nothing, nothing)
        exponent = (1 - np.frexp(scale.astype(np.float64))[1]).astype(np.int64)
        mode = SHIFT if epilogue.mode == "shift" else FLOAT32
        return Stage(mode, scale, np.zeros(channels, np.int64), exponent, limits, nothing, nothing)
    rows = [
        np.ascontiguousarray(np.broadcast_to(a, (channels, a.shape[1]))) for a in (epilogue.thresholds, epilogue.codes)
    ]
    limits = np.array([0, 0, 0, byte], np.int32)
    empty = np.zeros(channels, np.int64)
    return Stage(STEPS, np.zeros(channels, np.float32), empty, empty, limits, rows[0], rows[1])
