from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from accel_sim.numerics import CodeType, Curve, quantise, step_function

Map = Callable[[NDArray[np.int64]], NDArray[np.int32]]
EDGES = np.array([-(2**31), -(2**31) + 1, -1, 0, 1, 2**31 - 2, 2**31 - 1], np.int64)


def coded(curve: Curve, real_scale: float, scale: float, zero: int, code: CodeType) -> Map:
    def function(acc: NDArray[np.int64]) -> NDArray[np.int32]:
        real = acc.astype(np.int32).astype(np.float32) * np.float32(real_scale)
        return quantise(curve(real), scale, zero, code)

    return function


CASES = {
    "sigmoid": (Curve("Sigmoid"), 1e-4, 1 / 256, 0, "uint8", []),
    "tanh": (Curve("Tanh"), 3e-5, 1 / 128, 0, "int8", []),
    "hard sigmoid": (Curve("HardSigmoid", {"alpha": 0.2, "beta": 0.5}), 1e-3, 1 / 255, 3, "uint8", []),
    "leaky, falling": (Curve("LeakyRelu", {"alpha": -0.3}), 1e-3, 0.05, -20, "int8", [0]),
    "hard swish": (Curve("HardSwish"), 1e-3, 0.03, 12, "uint8", [-1500]),
    "negative": (Curve("Neg"), 1e-3, 0.02, 0, "int8", []),
    "constant": (Curve("Clip", {"low": 0.5, "high": 0.5}), 1e-3, 0.02, 0, "int8", []),
    "coarse": (Curve("Identity"), 0.3, 0.1, 7, "uint8", []),
}


@pytest.mark.parametrize("name", CASES)
def test_steps_are_the_function(name: str) -> None:
    curve, real_scale, scale, zero, dtype, turns = CASES[name]
    function = coded(curve, real_scale, scale, zero, CodeType(dtype))
    steps = step_function([function], [turns])
    rng = np.random.default_rng(1)
    near = (steps.thresholds[0].astype(np.int64)[:, None] + np.arange(-2, 3)).reshape(-1)
    dense = np.arange(-20_000, 20_000)
    wide = rng.integers(-(2**31), 2**31, 20_000)
    acc = np.concatenate([near, dense, wide, EDGES]).clip(-(2**31), 2**31 - 1)
    assert np.array_equal(steps(acc.astype(np.int32), 0), function(acc))


def test_channels_have_rows_of_their_own_padded_at_the_end() -> None:
    functions = [coded(Curve("Sigmoid"), s, 1 / 256, 0, CodeType("uint8")) for s in (1e-4, 5e-3)]
    flat = coded(Curve("Clip", {"low": 0.1, "high": 0.1}), 1.0, 0.1, 0, CodeType("uint8"))
    steps = step_function([*functions, flat], [[], [], []])
    assert steps.thresholds.shape[0] == steps.codes.shape[0] == 3
    assert steps.codes.shape[1] == steps.thresholds.shape[1] + 1
    assert np.all(np.diff(steps.thresholds.astype(np.int64), axis=1) >= 0)
    acc = np.concatenate([np.arange(-70_000, 70_000, 11), EDGES])
    for channel, function in enumerate([*functions, flat]):
        assert np.array_equal(steps(acc.astype(np.int32), channel), function(acc))
    assert set(steps.codes[2].tolist()) == {1}


def test_monotone_curves_need_at_most_255_thresholds() -> None:
    steps = step_function([coded(Curve("Identity"), 1e-3, 1e-3, 0, CodeType("int8"))], [[]])
    assert steps.thresholds.shape == (1, 255)
