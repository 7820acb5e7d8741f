"""The onnx package's own node tests, quantised and compared with onnxruntime."""

import numpy as np
import pytest

from tests.conformance.backend_cases import QUANTISED, Case, collect, direct, wrapped
from tests.conformance.onnxruntime_runs import run_model
from tests.conformance.verdict import field, loaded, nodes_of

REASONS = {
    "codes of 2 or 4 bits, or 8-bit floats: not int8, and NumPy has no type to feed them": (
        "dequantizelinear_e4m3fn dequantizelinear_e4m3fn_float16 dequantizelinear_e4m3fn_zero_point",
        "dequantizelinear_e5m2",
        "dequantizelinear_uint4 dequantizelinear_int4 dequantizelinear_uint2 dequantizelinear_int2",
        "dequantizelinear_float4e2m1 quantizelinear_e4m3fn quantizelinear_e5m2 quantizelinear_uint4",
        "quantizelinear_int4",
        "quantizelinear_uint2 quantizelinear_int2 quantizelinear_float4e2m1 quantizelinear_blocked_symmetric",
    ),
    "codes of 16 bits: the array computes with 8": (
        "quantizelinear_uint16 quantizelinear_int16 dequantizelinear_uint16 dequantizelinear_int16",
    ),
    "an activation with several scales: the array and onnxruntime's integer kernels take one per tensor": (
        "quantizelinear_axis dequantizelinear_axis quantizelinear_blocked_asymmetric dequantizelinear_blocked",
    ),
    "arithmetic on integers without a scale: nothing to quantise": (
        "add_int8 add_uint8 add_int16 add_uint16 add_uint32 add_uint64",
        "mul_int8 mul_uint8 mul_int16 mul_uint16 mul_uint32 mul_uint64",
    ),
    "no reference: onnxruntime cannot load it quantised (its QLinearAveragePool has no dilations)": (
        "averagepool_2d_dilations averagepool_3d_dilations_small",
        "averagepool_3d_dilations_large_count_include_pad_is_0_ceil_mode_is_True",
        "averagepool_3d_dilations_large_count_include_pad_is_0_ceil_mode_is_False",
        "averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_True",
        "averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_False",
    ),
    "its attribute needs a newer opset than onnxruntime runs": (
        "spacetodepth_dcr_mode_example spacetodepth_crd_mode_example",
    ),
    "float16 scales around a stack of constant matrices: all of it is the host's work": (
        "qlinearmatmul_3D_uint8_float16 qlinearmatmul_3D_int8_float16",
    ),
    "a tensor without elements": (
        "reshape_allowzero_reordered split_zero_size_splits_opset13 split_zero_size_splits_opset18",
    ),
    "a sequence or an optional, not a tensor": ("identity_sequence identity_opt",),
}
LEFT_OUT = {name: reason for reason, lines in REASONS.items() for line in lines for name in line.split()}
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
            if not np.allclose(value, wanted, rtol=1e-6, atol=0):
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


def test_summary(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(
            f"\nonnx node tests: {len(CASES)} cases, {len(CASES) - len(LEFT_OUT)} must pass, {len(LEFT_OUT)} left out:"
        )
        for reason, lines in REASONS.items():
            print(f"  {sum(len(line.split()) for line in lines):3d} {reason}")
    assert len(LEFT_OUT) < 0.2 * len(CASES)
