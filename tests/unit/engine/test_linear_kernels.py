"""Conv, ConvTranspose, Gemm and stored operands against plain loops: geometries, zero points, wraps, all
requantisers."""

import functools
from collections.abc import Callable

import numpy as np
import pytest

from accel_sim.engine import Engine
from tests.unit.engine.one_node import Case, conv_case, gemm_case, operand_case, transpose_case, with_steps

CASES: dict[str, Callable[[int], Case]] = {
    "conv": lambda seed: conv_case(seed, "plain"),
    "grouped": lambda seed: conv_case(seed, "grouped"),
    "depthwise": lambda seed: conv_case(seed, "depthwise"),
    "transposed": transpose_case,
    "gemm": gemm_case,
    "operand": operand_case,
}
NAMES = list(CASES)
LINEAR = [name for name in NAMES if name != "operand"]
SEEDS = 20


@functools.cache
def case_of(name: str, seed: int) -> Case:
    """Cases are values: made once, as the plain loops take their time."""
    return CASES[name](seed)


@pytest.mark.parametrize("portable", ["", "1"], ids=["fast", "portable"])
@pytest.mark.parametrize("name", NAMES)
def test_kernels_are_the_plain_loops(name: str, portable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCEL_SIM_PORTABLE", portable)
    spread = []
    for seed in range(SEEDS):
        case = case_of(name, seed)
        check(case, f"{name} {seed}")
        spread.append(len(np.unique(case.expected)))
    assert np.median(spread) > 3  # not all saturated


@pytest.mark.parametrize("name", LINEAR)
def test_thresholds_see_the_same_accumulators(name: str) -> None:
    for seed in range(10):
        case = with_steps(case_of(name, seed), seed)
        assert len(np.unique(case.expected)) > 1
        check(case, f"{name} {seed}")


@pytest.mark.parametrize("name", LINEAR)
def test_some_accumulators_wrap(name: str) -> None:
    """The cases above would not notice a saturating accumulator otherwise."""
    biases = [case_of(name, seed).graph.parameters.get("b") for seed in range(SEEDS)]
    assert any(b is not None and np.abs(b.values.astype(np.int64)).max() > 2**29 for b in biases)


def check(case: Case, label: str) -> None:
    engine = Engine(case.graph)
    (found,) = engine.outputs(engine.run({"x": case.x})).values()
    assert found.dtype == case.expected.dtype
    assert np.array_equal(found, case.expected), f"{label}: {case.graph.nodes[0]}"
