"""Epilogues: what happens to an accumulator before it is stored, and when a ReLU or Clip disappears into saturation."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from accel_sim.model.graph import Epilogue, Requantise, StepRequantise
from accel_sim.model.values import Target, UnsupportedError
from accel_sim.numerics import CodeType, Curve, quantise, step_function

F32 = np.float32
CLAMPS = ("Relu", "Clip", "Identity")


def clamp_limits(target: Target) -> tuple[int, int] | None:
    """Limits on the output codes that stand for a chain of ReLU and Clip, or None when the chain holds anything else.

    Rounding is monotone, so clamping the real value and clamping the code between the quantised bounds are the same.
    """
    scale, zero, code = target.side
    low, high = code.low, code.high
    for curve in target.curves:
        if curve.name not in CLAMPS:
            return None
        bounds = {"Relu": (0.0, np.inf), "Identity": (-np.inf, np.inf)}.get(
            curve.name, (curve.attributes.get("low", -np.inf), curve.attributes.get("high", np.inf))
        )
        floor, ceiling = (int(v) for v in quantise(np.array(bounds, F32), scale, zero, code))
        # min(max(x, floor), ceiling), composed with the limits so far.
        low, high = min(max(low, floor), ceiling), min(max(high, floor), ceiling)
    return low, high


def vanishes(target: Target) -> bool:
    """Whether onnxruntime drops the curves, because saturation to the code type alone already does what they do.

    It looks for that only where it can read scale and zero point easily: the conditions below were found by experiment.
    """
    if clamp_limits(target) != (target.side[2].low, target.side[2].high):
        return False
    for curve in target.curves:
        bounded = curve.name == "Clip" and "high" in curve.attributes
        if curve.name == "Relu" and not (target.plain or target.zero_given):
            return False
        if curve.name == "Clip" and not (target.plain and (bounded or target.zero_given)):
            return False
    return True


def epilogue(real_scale: NDArray[np.float32], multiplier: NDArray[np.float32], target: Target, mode: str) -> Epilogue:
    """Choose how accumulators become codes.

    Parameters
    ----------
    real_scale
        float32 (1,) or (channels,): real value of one unit of the accumulator.
    multiplier
        ``real_scale / y_scale`` in the operation order of the kernel that is modelled.
    """
    limits = clamp_limits(target)
    if limits is not None:
        if mode == "shift" and np.any(np.frexp(multiplier.astype(np.float64))[0] != 0.5):
            raise UnsupportedError("the DPU arithmetic needs power-of-two scales")
        return Requantise(multiplier, target.side[1], limits[0], limits[1], mode)
    functions, turns = [], []
    for c in range(real_scale.size):
        functions.append(_real_function(real_scale[c], target, mode))
        turns.append(_turning_points(float(real_scale[c]), target.curves))
    steps = step_function(functions, turns)
    return StepRequantise(steps.thresholds, steps.codes)


def _real_function(
    real_scale: np.float32, target: Target, mode: str
) -> Callable[[NDArray[np.int64]], NDArray[np.int32]]:
    scale, zero, code = target.side

    def function(acc: NDArray[np.int64]) -> NDArray[np.int32]:
        values = acc.astype(np.int32).astype(F32) * real_scale
        for curve in target.curves:
            values = curve(values)
        return quantise(values, scale, zero, code, half_up=mode == "shift")

    return function


def _turning_points(real_scale: float, curves: tuple[Curve, ...]) -> list[int]:
    """Accumulators where a chain stops being monotone; only its first curve may have such a point."""
    turns: list[int] = []
    for position, curve in enumerate(curves):
        slope = curve.attributes.get("alpha", 0.01) if curve.name in ("LeakyRelu", "PRelu") else 1.0
        point = {"HardSwish": -1.5, "Abs": 0.0}.get(curve.name, 0.0 if slope < 0 else None)
        if point is not None:
            if position:
                raise UnsupportedError(f"{curve.name} after {curves[position - 1].name} is not monotone")
            turns.append(round(point / real_scale))
    return turns


def pool_epilogue(multiplier: np.float32, real_scale: np.float32, target: Target, mode: str) -> Epilogue:
    """Epilogue shared by all channels."""
    return epilogue(np.array([real_scale], F32), np.array([multiplier], F32), target, mode)


def byte_table(codes: NDArray[np.int32], source: CodeType) -> NDArray[np.uint8]:
    """Turn a table ordered by code into one indexed by the code's byte, holding bytes.

    Works on every axis of length 256 whose order is that of the codes; int8 code c has the byte ``c mod 256``.
    """
    rolled = np.roll(codes, source.low, axis=0) if source.low else codes
    return (rolled & 255).astype(np.uint8)


def pair_table(codes: NDArray[np.int32], first: CodeType, second: CodeType) -> NDArray[np.uint8]:
    """Turn a (256, 256) table ordered by codes into one indexed by bytes."""
    rolled = np.roll(np.roll(codes, first.low, axis=0), second.low, axis=1)
    return (rolled & 255).astype(np.uint8)
