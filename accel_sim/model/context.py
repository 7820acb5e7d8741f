"""State of one import: the values known so far and the nodes emitted so far."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from accel_sim.model.graph import Node, Operation, Parameter, Quantisation, Shape, Side, Tensor
from accel_sim.model.limits import check_elements
from accel_sim.model.values import (
    Code,
    Constant,
    Expression,
    Floating,
    Real,
    StoredConstant,
    Target,
    UnsupportedError,
    Value,
)
from accel_sim.numerics import CodeType

# The suffix that onnxruntime gives to codes that it moves across a quantiser: same name, same codes.
INTERMEDIATE = "_q_to_dq"


@dataclass(eq=False)
class Context:
    """What the operators read and write while the graph is walked once, first node to last."""

    opset: int
    mode: str
    values: dict[str, Value] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    emitted: dict[str, Node] = field(default_factory=dict)
    stored: dict[str, Parameter] = field(default_factory=dict)
    floats: dict[str, tuple[Shape, str]] = field(default_factory=dict)
    uses: dict[str, int] = field(default_factory=dict)

    @property
    def half_up(self) -> bool:
        """Whether tables round ties upwards, as the DPU does."""
        return self.mode == "shift"

    def value(self, name: str) -> Value:
        """Return what is known of an input."""
        return self.values.get(name, Floating(name))

    def pend(self, expression: Expression) -> None:
        """Set a pending expression as the value of its output."""
        private = expression.private and self.used_once(expression.output)
        self.values[expression.output] = replace(expression, private=private)

    def used_once(self, name: str) -> bool:
        """Whether a value has exactly one reader."""
        return self.uses.get(name, 1) == 1

    def shape_and_type(self, name: str) -> tuple[Shape, str] | None:
        """Return shape and dtype of any value, None when they are unknown."""
        value = self.values.get(name)
        if isinstance(value, Constant):
            return value.array.shape, value.array.dtype.name
        if isinstance(value, StoredConstant | Real | Expression):
            return value.shape, "float32"
        if isinstance(value, Code):
            return self.tensors[value.tensor].shape, self.tensors[value.tensor].dtype
        if name in self.tensors:
            return self.tensors[name].shape, self.tensors[name].dtype
        return self.floats.get(name)

    def host_code(self, output: str, side: Side) -> None:
        """Note codes that a QuantizeLinear on the host makes."""
        known = self.floats.get(output)
        if known is not None:
            self.tensors[output] = self.tensor(output, known[0], side)
            self.values[output] = Code(output)

    def array(self, name: str, what: str) -> NDArray[Any]:
        """Return a constant input, dequantised where it is quantised."""
        value = self.value(name)
        if isinstance(value, Constant):
            return value.array
        if isinstance(value, StoredConstant):
            return value.real
        raise UnsupportedError(f"{what} {name!r} is not a constant")

    def optional(self, node: onnx.NodeProto, position: int) -> str:
        """Return the name of an optional input, or an empty string."""
        return node.input[position] if position < len(node.input) else ""

    def real(self, name: str) -> Real:
        """Return a dequantised stored tensor without pending curves, storing an intermediate where that is exact."""
        value = self.value(name)
        if isinstance(value, Expression) and value.keeps is not None and not value.curves:
            return self.store(value)
        if isinstance(value, Real) and not value.curves:
            return value
        if isinstance(value, Real) and all(curve.name == "Relu" for curve in value.curves):
            return self.store_real(value, name)
        if isinstance(value, Code):
            raise UnsupportedError(f"input {name!r} holds codes where real values are expected")
        raise UnsupportedError(f"input {name!r} is not quantised (no QuantizeLinear, DequantizeLinear pair before it)")

    def code(self, name: str) -> Tensor:
        """Return a stored 8-bit tensor."""
        value = self.value(name)
        if not isinstance(value, Code):
            raise UnsupportedError(f"input {name!r} is not an 8-bit tensor")
        return self.tensors[value.tensor]

    def store(self, expression: Expression) -> Real:
        """Emit an exact expression with its input's quantisation."""
        side = expression.keeps
        assert side is not None
        name = expression.output + INTERMEDIATE
        self.finish(expression, Target(side), name)
        return Real(name, side, expression.shape)

    def finish(self, expression: Expression, target: Target, output: str, sources: tuple[str, ...] = ()) -> None:
        """Emit a pending expression as codes of the target's quantisation under the name `output`."""
        inputs = expression.inputs
        if expression.via is not None:
            inner = expression.via
            name = inner.output + INTERMEDIATE
            self.finish(inner, replace(target, curves=(*inner.curves, *target.curves)), name)
            inputs = (name,)
        self.emit(
            expression.node_name,
            expression.onnx_op,
            expression.build(target),
            inputs,
            self.tensor(output, expression.shape, target.side),
            (*expression.sources, *sources),
        )

    def store_real(self, value: Real, output: str) -> Real:
        """Emit curves that are exact on the codes of their input."""
        from accel_sim.model.operators.pointwise import lookup

        target = self.tensor(output + INTERMEDIATE, value.shape, value.side)
        operation = lookup(value, Target(value.side), self.half_up)
        self.emit(value.node_name, value.onnx_op, operation, (value.tensor,), target, value.sources)
        return Real(target.name, value.side, value.shape)

    def tensor(self, name: str, shape: Shape, side: Side) -> Tensor:
        """Describe a tensor of codes."""
        check_elements(shape, f"its output {name!r}")
        scale, zero_point, code = side
        return Tensor(name, tuple(int(d) for d in shape), code.name, Quantisation(float(scale), int(zero_point)))

    def emit(
        self,
        name: str,
        onnx_op: str,
        operation: Operation,
        inputs: Sequence[str],
        output: Tensor,
        sources: Sequence[str],
    ) -> None:
        """Add a node that writes one tensor of codes."""
        self.tensors[output.name] = output
        self.values[output.name] = Code(output.name)
        self.emitted[output.name] = Node(name, onnx_op, operation, tuple(inputs), (output.name,), tuple(sources))

    def keep(self, name: str, values: NDArray[Any], role: str) -> str:
        """Register a stored parameter and return its name; a name already taken by other values gets a suffix."""
        unique, count = name, 1
        while unique in self.stored and not (
            self.stored[unique].values.dtype == values.dtype and np.array_equal(self.stored[unique].values, values)
        ):
            unique, count = f"{name}:{count}", count + 1
        if unique not in self.stored:
            self.stored[unique] = Parameter(unique, values, role)
        return unique

    def with_curve(self, value: Value, curve: Any, node: onnx.NodeProto, name: str) -> Value:
        """Append an elementwise curve to a pending value."""
        if isinstance(value, Real):
            return replace(
                value,
                curves=(*value.curves, curve),
                sources=(*value.sources, name),
                onnx_op=node.op_type if not value.curves else value.onnx_op,
                node_name=name if not value.curves else value.node_name,
            )
        if isinstance(value, Expression):
            private = value.private and self.used_once(node.output[0])
            return replace(value, curves=(*value.curves, curve), sources=(*value.sources, name), private=private)
        raise UnsupportedError(f"input {node.input[0]!r} is not quantised")


def attribute(node: onnx.NodeProto, name: str, default: Any = None) -> Any:
    """Return an attribute of an ONNX node as a Python value."""
    for entry in node.attribute:
        if entry.name == name:
            value = onnx.helper.get_attribute_value(entry)
            return value.decode() if isinstance(value, bytes) else value
    return default


def code_type(dtype: np.dtype[Any]) -> CodeType:
    """Return the code type of a NumPy dtype, or refuse it."""
    if dtype == np.int8 or dtype == np.uint8:
        return CodeType(str(dtype))
    raise UnsupportedError(f"type {dtype} is not 8 bits wide")


def scalar(array: NDArray[Any], what: str) -> Any:
    """Return the only element of a constant."""
    if array.size != 1:
        raise UnsupportedError(f"{what} has {array.size} elements where the array takes one per tensor")
    return array.reshape(-1)[0]


Operator = Callable[[Context, onnx.NodeProto, str], None]
