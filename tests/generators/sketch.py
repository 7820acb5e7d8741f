"""A quantised graph while it is being drawn: nodes, constants, code tensors and what was covered so far."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tests.conformance.onnxruntime_runs import MICROSOFT, run_model

Array = NDArray[Any]
F32 = np.float32
ONNX_TYPE = {"uint8": TensorProto.UINT8, "int8": TensorProto.INT8}


def code_limits(dtype: str) -> tuple[int, int]:
    return (0, 255) if dtype == "uint8" else (-128, 127)


@dataclass(frozen=True)
class Code:
    """A tensor of 8-bit codes: its name, shape and quantisation parameters."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float
    zero: int
    omit_zero: bool = False
    vector: bool = False


class Sketch:
    """Collects a graph in QDQ form. Every choice comes from `rng`, so equal seeds give equal graphs."""

    def __init__(self, rng: np.random.Generator, opset: int, dtype: str) -> None:
        self.rng = rng
        self.opset = opset
        self.dtype = dtype
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}
        self.inputs: list[onnx.ValueInfoProto] = []
        self.feeds: dict[str, Array] = {}
        self.codes: list[Code] = []
        self.used: set[str] = set()
        self.tags: set[str] = set()
        self.symbolic_batch = False
        self.vector_scales = False
        self._count = 0
        self._real: dict[str, str] = {}
        self._measured: dict[str, Array] = {}

    # --- choices -------------------------------------------------------------------------------------------------
    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def choose(self, options: Sequence[Any]) -> Any:
        return options[int(self.rng.integers(len(options)))]

    def between(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def random_codes(self, shape: Sequence[int], dtype: str) -> Array:
        low, high = code_limits(dtype)
        result: Array = self.rng.integers(low, high + 1, tuple(shape)).astype(dtype)
        return result

    def pick(self, *ranks: int) -> Code | None:
        """A code tensor of one of these ranks; recent ones and unread ones are likelier."""
        fitting = [code for code in self.codes if len(code.shape) in ranks and 0 < np.prod(code.shape) <= 6000]
        if not fitting:
            return None
        unread = [code for code in fitting if code.name not in self.used]
        pool = unread if unread and self.chance(0.7) else fitting
        return pool[-1] if self.chance(0.6) else self.choose(pool)

    def pick_scale(self, ideal: float) -> float:
        """A decimal, power-of-two or arbitrary scale near the ideal one."""
        kind = self.choose(["decimal", "power_of_two", "random"])
        self.tags.add(f"scale_{kind}")
        ideal = max(ideal, 1e-6)
        exponent = np.floor(np.log10(ideal))
        if kind == "decimal":
            return float(F32(self.choose([1, 2, 2.5, 5]) * 10.0**exponent))
        if kind == "power_of_two":
            return float(2.0 ** np.round(np.log2(ideal)))
        # Two digits of the ideal, so that the last bits of a calibration run do not matter; the rest is noise.
        return float(F32(np.round(ideal / 10.0**exponent, 1) * self.rng.uniform(0.7, 1.4) * 10.0**exponent))

    def pick_zero(self, dtype: str, lowest: float = 0.2) -> int:
        low, high = code_limits(dtype)
        if self.chance(lowest):
            return low
        if self.chance(0.3):
            return 0 if dtype == "int8" else 128
        zero = self.between(low, high)
        self.tags.add("zero_odd" if zero % 2 else "zero_even")
        return zero

    # --- graph pieces --------------------------------------------------------------------------------------------
    def fresh(self, stem: str) -> str:
        self._count += 1
        return f"{stem}_{self._count}"

    def constant(self, value: Any, stem: str = "constant", name: str | None = None) -> str:
        name = name or self.fresh(stem)
        self.initializers[name] = numpy_helper.from_array(np.asarray(value), name)
        return name

    def node(self, op: str, inputs: Sequence[str], *, outputs: int = 1, domain: str = "", **attributes: Any) -> Any:
        """Append a node; returns the name of its output, or the list of names."""
        self.tags.add(op)
        names = [self.fresh(op.lower()) for _ in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, name=self.fresh(op), domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def parameters(self, code: Code) -> list[str]:
        """Names of the scale and (unless omitted) zero-point initializers of a code tensor."""
        scale, zero = f"{code.name}_scale", f"{code.name}_zero"
        shape = (1,) if code.vector else ()
        if scale not in self.initializers:
            self.constant(np.full(shape, code.scale, F32), name=scale)
        if code.omit_zero:
            return [scale]
        if zero not in self.initializers:
            self.constant(np.full(shape, code.zero, code.dtype), name=zero)
        return [scale, zero]

    def real(self, code: Code) -> str:
        """Name of the dequantised tensor: a DequantizeLinear of its own, or one shared by several readers."""
        self.used.add(code.name)
        if code.name in self._real and self.chance(0.5):
            self.tags.add("shared_dequantise")
            return self._real[code.name]
        name: str = self.node("DequantizeLinear", [code.name, *self.parameters(code)])
        self._real[code.name] = name
        return name

    def quantise(
        self,
        real: str,
        *,
        like: Code | None = None,
        dtype: str | None = None,
        zero: int | None = None,
    ) -> Code:
        """QuantizeLinear with the parameters of `like`, or with parameters fitted to what the tensor holds."""
        value = self.measure(real)
        name = self.fresh("code")
        code = replace(like, name=name, shape=value.shape) if like else self.fit(name, value, dtype or self.dtype, zero)
        self.codes.append(code)
        self.tags |= ({"scale_shape_1"} if code.vector else set()) | ({"zero_omitted"} if code.omit_zero else set())
        names = [real, *self.parameters(code)]
        self.nodes.append(helper.make_node("QuantizeLinear", names, [name], name=self.fresh("QuantizeLinear")))
        return code

    def fit(self, name: str, value: Array, dtype: str, zero: int | None) -> Code:
        """Choose scale and zero point so that the codes spread, or saturate, in a useful way."""
        zero = self.pick_zero(dtype) if zero is None else zero
        low, high = code_limits(dtype)
        top, bottom = float(np.max(value, initial=0.0)), float(np.min(value, initial=0.0))
        needed = max(top / max(high - zero, 16), -bottom / max(zero - low, 16), 1e-6)
        if self.chance(0.15):
            self.tags.add("saturating")
            needed *= 0.25
        # Not for int8: onnxruntime then inserts quantisers without a zero point, which make uint8 codes.
        omit = dtype == "uint8" and zero == 0 and self.chance(0.5)
        return Code(name, value.shape, dtype, self.pick_scale(needed), zero, omit, self.vector_scales)

    def quantised_constant(self, values: Array, scale: Any, zero: Any, axis: int | None = None) -> str:
        """DequantizeLinear of an initializer of codes; a zero point of 0 may be left out."""
        names = [self.constant(values, "stored"), self.constant(np.asarray(scale, F32), "stored_scale")]
        if np.any(np.asarray(zero)) or not self.chance(0.3):
            names.append(self.constant(np.asarray(zero, values.dtype), "stored_zero"))
        else:
            self.tags.add("constant_zero_omitted")
        attributes: dict[str, Any] = {} if axis is None else {"axis": axis}
        name: str = self.node("DequantizeLinear", names, **attributes)
        return name

    # --- running -------------------------------------------------------------------------------------------------
    def measure(self, name: str) -> Array:
        """Value of a tensor of the graph so far (onnxruntime, no optimisation)."""
        if name not in self._measured:
            model = self.model([name])
            self._measured[name] = run_model(model, self.feeds, optimise=False)[name]
        return self._measured[name]

    def model(self, outputs: Sequence[str], metadata: Mapping[str, str] | None = None) -> onnx.ModelProto:
        values = [onnx.ValueInfoProto(name=name) for name in outputs]
        graph = helper.make_graph(self.nodes, "random", self.inputs, values, list(self.initializers.values()))
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid(MICROSOFT, 1)]
        ir_version = min(11, helper.find_min_ir_version_for([opsets[0]], ignore_unknown=True))
        model = helper.make_model(graph, opset_imports=opsets, ir_version=ir_version)
        if metadata:
            helper.set_model_props(model, dict(metadata))
        return model
