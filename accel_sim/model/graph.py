"""The quantised model as plain values: tensors of 8-bit codes, stored parameters, nodes in topological order.

Shapes and indices are ONNX's own (NCHW); how a stage lays them out in memory is that stage's affair. No protobuf
beyond this point.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.numerics import CodeType, Curve

Shape = tuple[int, ...]
Side = tuple[float, int, CodeType]


@dataclass(frozen=True)
class Quantisation:
    """``real = scale * (code - zero_point)`` for a whole tensor."""

    scale: float
    zero_point: int


@dataclass(frozen=True)
class Tensor:
    """A value that is stored while the model runs.

    Attributes
    ----------
    name
        The ONNX file's own name: for activations the tensor that holds the codes.
    shape
        ONNX shape with the batch resolved.
    dtype
        NumPy dtype name: ``uint8`` or ``int8`` for codes, else what a host node needs.
    quantisation
        None for values that are not codes.
    """

    name: str
    shape: Shape
    dtype: str
    quantisation: Quantisation | None = None

    @property
    def is_code(self) -> bool:
        """Whether the tensor holds 8-bit codes."""
        return self.dtype in ("uint8", "int8")

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def code_type(self) -> CodeType:
        """Range of the codes."""
        return CodeType(self.dtype)

    @property
    def side(self) -> Side:
        """``(scale, zero point, code type)`` as the table builders take it."""
        assert self.quantisation is not None, self.name
        return self.quantisation.scale, self.quantisation.zero_point, self.code_type


@dataclass(frozen=True, eq=False)
class Parameter:
    """A stored constant whose bits can be upset.

    Attributes
    ----------
    values
        As stored on the accelerator: int8, uint8 or int32, in the ONNX initializer's shape.
    role
        ``weight``, ``bias`` or ``operand`` (a constant operand of an elementwise node).
    """

    name: str
    values: NDArray[Any]
    role: str

    @property
    def bits(self) -> int:
        """Bits per element."""
        return self.values.dtype.itemsize * 8


@dataclass(frozen=True, eq=False)
class View:
    """How a node reads a parameter: ``view.flat[i] = parameter.flat[index.flat[i]]``.

    Attributes
    ----------
    parameter
        Name of the stored parameter.
    index
        int64 map of the view's shape, or None when the node reads the parameter as it is stored.
    shape
        Shape that the node sees.
    zero_point
        Scalar or per output channel.
    gain
        float64, scalar or per channel: a bias enters the accumulator as ``rne(gain * (stored - zero_point))``; other
        than 1 only for biases with a scale of their own.
    """

    parameter: str
    index: NDArray[np.int64] | None
    shape: Shape
    zero_point: NDArray[np.int32]
    gain: NDArray[np.float64] | None = None

    def read(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Return the stored values in the view's order and shape."""
        if self.index is None:
            return stored.reshape(self.shape)
        return stored.reshape(-1)[self.index].reshape(self.shape)


@dataclass(frozen=True)
class Window:
    """Geometry of a sliding window over (height, width); one-dimensional operators have height 1."""

    kernel: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)  # top, left, bottom, right
    dilations: tuple[int, int] = (1, 1)


@dataclass(frozen=True, eq=False)
class Requantise:
    """Accumulator to code by a multiplication: see :func:`accel_sim.numerics.requantise`."""

    scale: NDArray[np.float32]  # (1,) or (channels,)
    zero_point: int
    low: int
    high: int
    mode: str = "float32"


@dataclass(frozen=True, eq=False)
class StepRequantise:
    """Accumulator to code by thresholds: see :class:`accel_sim.numerics.Steps`. One row per channel."""

    thresholds: NDArray[np.int32]
    codes: NDArray[np.int32]


Epilogue = Requantise | StepRequantise


@dataclass(frozen=True, eq=False)
class Conv:
    """Convolution; the input is (n, ic, ih, iw), 1-D inputs have ih = 1.

    ``acc[oc] = (sum (x - x_zero) * (w - w_zero) << accumulator_shift) + bias`` modulo 2**32, then the epilogue.
    """

    weight: View  # (oc, ic / group, kh, kw)
    bias: View | None
    x_zero: int
    window: Window
    group: int
    epilogue: Epilogue
    accumulator_shift: int = 0


@dataclass(frozen=True, eq=False)
class ConvTranspose:
    """Transposed convolution; accumulates like :class:`Conv`."""

    weight: View  # (ic, oc / group, kh, kw)
    bias: View | None
    x_zero: int
    window: Window
    group: int
    epilogue: Epilogue
    accumulator_shift: int = 0


@dataclass(frozen=True, eq=False)
class Gemm:
    """Matrix product of the rows of the input, (..., k), with a constant (n, k); accumulates like :class:`Conv`."""

    weight: View  # (n, k)
    bias: View | None
    x_zero: int
    epilogue: Epilogue
    accumulator_shift: int = 0


@dataclass(frozen=True)
class MaxPool:
    """Largest code in the window; padding never wins."""

    window: Window


@dataclass(frozen=True)
class AveragePool:
    """Mean over the window: a sequential float32 sum of dequantised codes, as onnxruntime's QLinearAveragePool.

    Attributes
    ----------
    count_include_pad
        Divide by the positions of the padded input under the window instead of by the real ones.
    fused
        Add the zero point before the rounding (integer kernel) or after it (float operator and QuantizeLinear).
    """

    window: Window
    count_include_pad: bool
    source: Side
    target: Side
    fused: bool
    curves: tuple[Curve, ...] = ()


@dataclass(frozen=True)
class GlobalAveragePool:
    """Mean over all positions of a channel: an integer sum, then the epilogue (one row for all channels)."""

    x_zero: int
    epilogue: Epilogue


@dataclass(frozen=True, eq=False)
class Lookup:
    """One table for every element: all unary operators, and changes of scale."""

    table: NDArray[np.uint8]  # (256,), bytes of the codes, indexed by the input byte


@dataclass(frozen=True, eq=False)
class Lookup2:
    """One table for every pair of elements, broadcast against each other: Add, Mul and their like.

    Attributes
    ----------
    table
        Shape (256, 256), bytes; row: first operand's byte, column: second's.
    constant
        View of a constant operand, or None when both are tensors.
    constant_first
        Whether the constant is the first operand.
    """

    table: NDArray[np.uint8]
    constant: View | None = None
    constant_first: bool = False


@dataclass(frozen=True, eq=False)
class Concat:
    """Join along an axis; an input whose scale differs from the output's passes through a table."""

    axis: int
    tables: tuple[NDArray[np.uint8] | None, ...]


@dataclass(frozen=True, eq=False)
class Move:
    """Codes that only change place: reshape, transpose, slice, pad, nearest resize and their like.

    Attributes
    ----------
    index
        int32, output shape: flat index into the input, or -1 for `fill`.
    fill
        Byte of the padding code.
    table
        Applied to moved (not to filled) codes; None when scale and zero point are kept.
    """

    index: NDArray[np.int32]
    fill: int = 0
    table: NDArray[np.uint8] | None = None

    @cached_property
    def is_alias(self) -> bool:
        """Whether the output holds the same bytes in the same order: nothing has to be stored again."""
        if self.table is not None:
            return False
        flat = self.index.reshape(-1)
        return bool(np.array_equal(flat, np.arange(flat.size)))


@dataclass(frozen=True, eq=False)
class ResizeLinear:
    """Linear interpolation along height and width.

    Attributes
    ----------
    rows, columns
        Source positions per output row and column: (lower index, upper index, weight of the upper) each.
    on_codes
        Blend raw codes and truncate (8-bit Resize of onnxruntime), or blend real values and quantise (between Q and
        DQ).
    """

    rows: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]
    columns: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]
    on_codes: bool
    source: Side
    target: Side
    curves: tuple[Curve, ...] = ()


@dataclass(frozen=True)
class Quantise:
    """Real graph input to codes, on the host."""

    target: Side


@dataclass(frozen=True)
class Dequantise:
    """Codes to real values, on the host."""

    source: Side


@dataclass(frozen=True, eq=False)
class Host:
    """A piece of the ONNX graph that the array cannot run, as a model of its own for onnxruntime."""

    model: bytes


Operation = (
    Conv | ConvTranspose | Gemm | MaxPool | AveragePool | GlobalAveragePool | Lookup | Lookup2 | Concat | Move
    | ResizeLinear | Quantise | Dequantise | Host
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Node:
    """One step of the model.

    Attributes
    ----------
    name
        Name of the ONNX node that gives the operation.
    onnx_op
        Its ONNX operator type.
    inputs, outputs
        Tensor names. Parameters are named inside the operation.
    sources
        Names of all ONNX nodes that the step stands for.
    reason
        Why the step runs on the host; empty for the accelerator.
    """

    name: str
    onnx_op: str
    operation: Operation
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    sources: tuple[str, ...] = ()
    reason: str = ""

    @property
    def on_host(self) -> bool:
        """Whether the step is work for the processor beside the array."""
        return isinstance(self.operation, Host | Quantise | Dequantise)

    @property
    def views(self) -> tuple[View, ...]:
        """The parameters that the node reads."""
        found = [getattr(self.operation, name, None) for name in ("weight", "bias", "constant")]
        return tuple(v for v in found if isinstance(v, View))


@dataclass(frozen=True, eq=False)
class Graph:
    """A quantised model.

    Attributes
    ----------
    tensors
        Every stored value by name.
    parameters
        Every stored constant by name, in order of first use.
    nodes
        In topological order.
    inputs, outputs
        Names of the graph's own inputs and outputs; a name in `constants` is an output that no input reaches.
    file_hash
        SHA-256 of the ONNX file.
    """

    name: str
    tensors: Mapping[str, Tensor]
    parameters: Mapping[str, Parameter]
    nodes: tuple[Node, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    file_hash: str

    @cached_property
    def producer(self) -> dict[str, Node]:
        """The node that writes each tensor."""
        return {name: node for node in self.nodes for name in node.outputs}

    @cached_property
    def consumers(self) -> dict[str, tuple[int, ...]]:
        """Positions in `nodes` of those that read each tensor."""
        readers: dict[str, list[int]] = {name: [] for name in self.tensors}
        for position, node in enumerate(self.nodes):
            for name in dict.fromkeys(node.inputs):
                readers[name].append(position)
        return {name: tuple(found) for name, found in readers.items()}

    @cached_property
    def readers(self) -> dict[str, tuple[int, ...]]:
        """Positions in `nodes` of those that read each parameter."""
        found: dict[str, list[int]] = {name: [] for name in self.parameters}
        for position, node in enumerate(self.nodes):
            for view in node.views:
                if position not in found[view.parameter]:
                    found[view.parameter].append(position)
        return {name: tuple(positions) for name, positions in found.items()}

    @cached_property
    def digest(self) -> str:
        """SHA-256 over everything that the graph computes with: equal digests give equal results."""
        state = hashlib.sha256()
        _feed(state, [self.tensors, self.parameters, self.nodes, self.inputs, self.outputs])
        return state.hexdigest()


def _feed(state: Any, value: object) -> None:
    """Hash a nest of dataclasses, mappings, sequences, arrays and scalars, with its structure."""
    if isinstance(value, np.ndarray):
        state.update(f"<{value.dtype.str}{value.shape}>".encode())
        state.update(np.ascontiguousarray(value).tobytes())
    elif is_dataclass(value):
        state.update(f"<{type(value).__name__}>".encode())
        for part in fields(value):
            _feed(state, getattr(value, part.name))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            _feed(state, key)
            _feed(state, item)
    elif isinstance(value, list | tuple):
        state.update(f"<{len(value)}>".encode())
        for item in value:
            _feed(state, item)
    elif isinstance(value, bytes):
        state.update(value)
    else:
        state.update(repr(value).encode() + b";")
