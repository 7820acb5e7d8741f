"""Small quantised networks, built node by node: what the tests need when no real one has it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Array = NDArray[Any]
F32 = np.float32
ONNX_TYPE = {"uint8": TensorProto.UINT8, "int8": TensorProto.INT8}


@dataclass(frozen=True)
class Code:
    """A tensor of codes under construction."""

    name: str
    shape: tuple[int, ...]
    scale: float
    zero: int


class QdqNetwork:
    """A network in QDQ form with random weights.

    Parameters
    ----------
    seed
        Fixes every weight.
    dtype
        Of the activations: ``uint8`` or ``int8``.
    weight_dtype
        Of the weights; with ``uint8`` they have a zero point.
    power_of_two
        Scales that are powers of two, with which onnxruntime's float kernels give exact results as well.
    """

    def __init__(
        self, seed: int, dtype: str = "uint8", weight_dtype: str = "int8", *, power_of_two: bool = False
    ) -> None:
        self.rng = np.random.default_rng(seed)
        self.dtype, self.weight_dtype, self.power_of_two = dtype, weight_dtype, power_of_two
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: tuple[Code, ...] = ()
        self._count = 0

    # --- parts ---------------------------------------------------------------------------------------------------
    def name(self, stem: str) -> str:
        self._count += 1
        return f"{stem}{self._count}"

    def constant(self, name: str, value: Any) -> str:
        self.initializers.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def scale(self, ideal: float) -> float:
        return float(2.0 ** np.round(np.log2(ideal))) if self.power_of_two else float(F32(ideal))

    def zero(self) -> int:
        return int(self.rng.integers(90, 150)) if self.dtype == "uint8" else int(self.rng.integers(-20, 21))

    def real(self, code: Code) -> str:
        """DequantizeLinear of a tensor."""
        name = self.name("real")
        parameters = self._parameters(code.name, code.scale, code.zero)
        self.nodes.append(helper.make_node("DequantizeLinear", [code.name, *parameters], [name], name=f"dq_{name}"))
        return name

    def close(self, real: str, shape: Sequence[int], scale: float, zero: int) -> Code:
        """QuantizeLinear at the end of an operator."""
        code = Code(self.name("codes"), tuple(shape), scale, zero)
        parameters = self._parameters(code.name, scale, zero)
        self.nodes.append(helper.make_node("QuantizeLinear", [real, *parameters], [code.name], name=f"q_{code.name}"))
        return code

    def operator(self, op: str, inputs: Sequence[str], **attributes: Any) -> str:
        name = self.name(op.lower())
        self.nodes.append(helper.make_node(op, inputs, [name], name=f"{op}_{name}", **attributes))
        return name

    def stored(self, name: str, values: Array, scale: Any, zero: Any, axis: int | None = None) -> str:
        """DequantizeLinear of a constant."""
        self.constant(name, values)
        self.constant(f"{name}_scale", np.asarray(scale, F32))
        self.constant(f"{name}_zero", np.asarray(zero, values.dtype))
        attributes: dict[str, Any] = {} if axis is None else {"axis": axis}
        inputs = [name, f"{name}_scale", f"{name}_zero"]
        self.nodes.append(
            helper.make_node("DequantizeLinear", inputs, [f"{name}_real"], name=f"dq_{name}", **attributes)
        )
        return f"{name}_real"

    def _parameters(self, name: str, scale: float, zero: int) -> list[str]:
        if f"{name}_scale" not in {t.name for t in self.initializers}:
            self.constant(f"{name}_scale", F32(scale))
            self.constant(f"{name}_zero", np.asarray(zero, self.dtype))
        return [f"{name}_scale", f"{name}_zero"]

    # --- operators -----------------------------------------------------------------------------------------------
    def input(self, shape: Sequence[int]) -> Code:
        code = Code(self.name("input"), tuple(shape), self.scale(0.03), self.zero())
        self.inputs.append(helper.make_tensor_value_info(code.name, ONNX_TYPE[self.dtype], list(shape)))
        return code

    def weights(self, shape: Sequence[int], axis: int, *, per_channel: bool) -> tuple[str, Array]:
        """Quantised weights that use the whole range of their type; returns the real tensor's name and the scales."""
        name = self.name("weight")
        low, high = (-128, 127) if self.weight_dtype == "int8" else (0, 255)
        zero = 0 if self.weight_dtype == "int8" else int(self.rng.integers(120, 137))
        spread = self.rng.normal((low + high) / 2, 45, shape)
        values = np.clip(np.rint(spread), low, high).astype(self.weight_dtype)
        values.reshape(-1)[:2] = low, high
        channels = shape[axis]
        ideal = 0.01 * self.rng.uniform(0.7, 1.4, channels if per_channel else 1)
        scales = np.array([self.scale(v) for v in ideal], F32)
        if not per_channel:
            return self.stored(name, values, scales[0], zero), scales
        return self.stored(name, values, scales, np.full(channels, zero), axis), scales

    def bias(self, x: Code, scales: Array, channels: int, spread: float) -> str:
        name = self.name("bias")
        values = np.rint(self.rng.normal(0, spread, channels)).astype(np.int32)
        product = F32(x.scale) * scales
        if scales.size == 1:
            return self.stored(name, values, product[0], 0)
        return self.stored(name, values, product, np.zeros(channels), 0)

    def _target(self, x: Code, scales: Array, depth: int) -> tuple[float, int]:
        """Scale and zero point that spread the sums of `depth` random products over most of the codes."""
        spread = np.sqrt(depth) * 60 * 45
        return self.scale(float(x.scale * scales.mean() * spread / 50)), self.zero()

    def conv(
        self,
        x: Code,
        channels: int,
        kernel: Sequence[int] = (3, 3),
        *,
        group: int = 1,
        per_channel: bool = True,
        bias: bool = True,
        **attributes: Any,
    ) -> Code:
        depth = x.shape[1] // group * int(np.prod(kernel))
        real, scales = self.weights([channels, x.shape[1] // group, *kernel], 0, per_channel=per_channel)
        inputs = [self.real(x), real]
        if bias:
            inputs.append(self.bias(x, scales, channels, 2000.0))
        out = self.operator("Conv", inputs, group=group, **attributes)
        return self.close_linear(out, x, scales, depth, channels)

    def conv_transpose(
        self, x: Code, channels: int, kernel: Sequence[int], *, group: int = 1, **attributes: Any
    ) -> Code:
        depth = x.shape[1] // group * max(1, int(np.prod(kernel)) // 4)
        real, scales = self.weights([x.shape[1], channels // group, *kernel], 1, per_channel=group == 1)
        inputs = [self.real(x), real, self.bias(x, scales, channels, 2000.0)]
        out = self.operator("ConvTranspose", inputs, group=group, **attributes)
        return self.close_linear(out, x, scales, depth, channels)

    def gemm(self, x: Code, columns: int, *, per_channel: bool = False) -> Code:
        depth = x.shape[-1]
        real, scales = self.weights([columns, depth], 0, per_channel=per_channel)
        inputs = [self.real(x), real, self.bias(x, scales, columns, 2000.0)]
        out = self.operator("Gemm", inputs, transB=1)
        return self.close_linear(out, x, scales, depth, columns)

    def matmul(self, x: Code, columns: int) -> Code:
        depth = x.shape[-1]
        real, scales = self.weights([depth, columns], 1, per_channel=False)
        out = self.operator("MatMul", [self.real(x), real])
        return self.close_linear(out, x, scales, depth, columns)

    def close_linear(self, out: str, x: Code, scales: Array, depth: int, channels: int) -> Code:
        scale, zero = self._target(x, scales, depth)
        return self.close(out, self.infer(out), scale, zero)

    def add(self, a: Code, b: Code) -> Code:
        out = self.operator("Add", [self.real(a), self.real(b)])
        return self.close(out, self.infer(out), self.scale(1.3 * max(a.scale, b.scale)), self.zero())

    def times_constant(self, x: Code, shape: Sequence[int]) -> Code:
        """Product with a stored constant of codes: a parameter that is no weight and no bias."""
        name = self.name("operand")
        limits = np.iinfo(self.dtype)
        values = self.rng.integers(limits.min, limits.max, shape, self.dtype, endpoint=True)
        real = self.stored(name, values, self.scale(0.02), int(self.zero()))
        out = self.operator("Mul", [self.real(x), real])
        return self.close(out, self.infer(out), self.scale(x.scale), self.zero())

    def concat(self, a: Code, b: Code) -> Code:
        out = self.operator("Concat", [self.real(a), self.real(b)], axis=1)
        return self.close(out, self.infer(out), self.scale(max(a.scale, b.scale)), self.zero())

    def max_pool(self, x: Code, kernel: int = 2) -> Code:
        out = self.operator("MaxPool", [self.real(x)], kernel_shape=[kernel] * 2, strides=[kernel] * 2)
        return self.close(out, self.infer(out), x.scale, x.zero)

    def global_average_pool(self, x: Code) -> Code:
        out = self.operator("GlobalAveragePool", [self.real(x)])
        return self.close(out, self.infer(out), self.scale(x.scale / 2), self.zero())

    def flatten(self, x: Code) -> Code:
        out = self.operator("Flatten", [self.real(x)])
        return self.close(out, self.infer(out), x.scale, x.zero)

    # --- result --------------------------------------------------------------------------------------------------
    def infer(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor of the graph so far."""
        graph = helper.make_graph(self.nodes, "part", self.inputs, [onnx.ValueInfoProto(name=name)], self.initializers)
        part = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        found = onnx.shape_inference.infer_shapes(part, strict_mode=True).graph.output[0]
        return tuple(d.dim_value for d in found.type.tensor_type.shape.dim)

    def model(self) -> onnx.ModelProto:
        """The network; its `outputs` are codes."""
        values = [helper.make_tensor_value_info(c.name, ONNX_TYPE[self.dtype], list(c.shape)) for c in self.outputs]
        graph = helper.make_graph(self.nodes, "network", self.inputs, values, self.initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model, full_check=True)
        return model

    def feeds(self, seed: int = 1) -> dict[str, Array]:
        """Random codes for every input."""
        rng = np.random.default_rng(seed)
        limits = np.iinfo(self.dtype)
        made = {}
        for info in self.inputs:
            shape = [d.dim_value for d in info.type.tensor_type.shape.dim]
            made[info.name] = rng.integers(limits.min, limits.max, shape, self.dtype, endpoint=True)
        return made


def integer_network(dtype: str, weight_dtype: str, seed: int = 5) -> QdqNetwork:
    """Plain, grouped and depthwise convolutions, a skip connection, a join, pools, a stored operand and two products.

    Everything in it is computed in integers by onnxruntime.
    """
    net = QdqNetwork(seed, dtype, weight_dtype)
    # onnxruntime wants one zero point for all channels; unsigned weights here have one per tensor.
    signed = weight_dtype == "int8"
    x = net.input([1, 4, 10, 9])
    first = net.conv(x, 8, pads=[1, 1, 1, 1], per_channel=signed)
    second = net.conv(first, 8, group=8, pads=[1, 0, 1, 2], per_channel=signed)
    third = net.conv(first, 8, group=2, pads=[1, 0, 1, 2], per_channel=signed, bias=False)
    joined = net.concat(net.add(second, third), net.times_constant(first, [1, 8, 1, 1]))
    features = net.conv(net.max_pool(joined), 6, (2, 3), strides=[2, 1], pads=[0, 1, 1, 1], per_channel=False)
    flat = net.flatten(net.global_average_pool(features))
    net.outputs = (net.matmul(net.gemm(flat, 12), 5), features)
    return net


def sharing_network() -> QdqNetwork:
    """Two convolutions that read the same stored weights, as converters write equal constants: one upset strikes
    both."""
    net = QdqNetwork(11, "uint8", "int8")
    x = net.input([1, 4, 6, 5])
    real, scales = net.weights([4, 4, 3, 3], 0, per_channel=False)
    for _ in range(2):
        out = net.operator("Conv", [net.real(x), real, net.bias(x, scales, 4, 2000.0)], pads=[1, 1, 1, 1])
        x = net.close_linear(out, x, scales, 36, 4)
    net.outputs = (x,)
    return net
