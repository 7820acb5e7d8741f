"""The onnx package's own node tests, quantised and compared with onnxruntime."""

import numpy as np
import pytest

from tests.conformance.backend_cases import QUANTISED, Case, collect, direct, wrapped
from tests.conformance.onnxruntime_runs import run_model
from tests.conformance.verdict import field, loaded, nodes_of

SUB_BYTE = "codes of 2 or 4 bits or 8-bit floats: not int8, and NumPy has no type to feed them"
WIDE = "16-bit codes: the array computes with 8-bit codes"
NO_REFERENCE = "onnxruntime itself cannot load the quantised model (its QLinearAveragePool has no dilations)"
LEFT_OUT: dict[str, str] = {}
CASES = collect()


def problem(case: Case) -> str | None:
    """What is wrong with a case, in words; ``None`` when it agrees with onnxruntime."""
    try:
        model, feeds = direct(case) if case.op in QUANTISED else wrapped(case)
        with loaded(model) as session:
            verdict, outputs = session.verify(feeds), session.run(feeds).outputs
        expected = run_model(model, feeds)
    except Exception as error:  # whatever stops a case is the answer
        return f"{type(error).__name__}: {error}"
    for node in nodes_of(verdict):
        if field(node, "reference") == "integer" and field(node, "mismatched"):
            return f"node {field(node, 'name')}: {field(node, 'mismatched')} wrong of {field(node, 'compared')}"
        if field(node, "max_lsb") > 1:
            return f"node {field(node, 'name')}: {field(node, 'max_lsb')} LSB off"
    if all(field(node, "reference") == "integer" for node in nodes_of(verdict)):
        for name, value in expected.items():
            if not np.array_equal(outputs[name], value):
                return f"output {name} differs"
    if case.op in QUANTISED:
        for value, wanted in zip(outputs.values(), case.outputs, strict=True):
            if not np.array_equal(value, wanted):
                return "differs from the expected output of the onnx package"
    return None


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_node(case: Case) -> None:
    wrong = problem(case)
    if case.name in LEFT_OUT:
        assert wrong is not None, f"{case.name} passes now: take it off the list"
        pytest.skip(LEFT_OUT[case.name])
    assert wrong is None


def test_the_list_names_existing_cases() -> None:
    assert set(LEFT_OUT) <= {case.name for case in CASES}
