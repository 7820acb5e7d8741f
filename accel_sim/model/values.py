"""What the importer knows about an ONNX value while it walks the graph."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.model.graph import Operation, Shape, Side
from accel_sim.numerics import Curve


class UnsupportedError(Exception):
    """The array cannot run a node; the message is the reason that the user reads."""


@dataclass(frozen=True, eq=False)
class Constant:
    """A plain constant; `name` is the initializer or node output that holds it."""

    name: str
    array: NDArray[Any]


@dataclass(frozen=True, eq=False)
class StoredConstant:
    """A DequantizeLinear of a constant, possibly moved: ``real = scale * (parameter.flat[index] - zero)``.

    `scale` and `zero` have the full shape, so that they follow every transposition.
    """

    parameter: str
    stored: NDArray[Any]
    index: NDArray[np.int64]
    scale: NDArray[np.float32]
    zero: NDArray[np.int32]

    @property
    def shape(self) -> Shape:
        """Shape of the moved constant."""
        return self.index.shape

    @property
    def real(self) -> NDArray[np.float32]:
        """The dequantised values."""
        codes = self.stored.reshape(-1)[self.index].astype(np.int64) - self.zero
        return np.asarray(codes.astype(np.float32) * self.scale)


@dataclass(frozen=True)
class Code:
    """A stored tensor of 8-bit codes."""

    tensor: str


@dataclass(frozen=True)
class Real:
    """A DequantizeLinear of a stored tensor, followed by elementwise curves.

    `plain` says whether its scale and zero point are scalars of shape []: onnxruntime fuses some operators only then.
    """

    tensor: str
    side: Side
    shape: Shape
    curves: tuple[Curve, ...] = ()
    sources: tuple[str, ...] = ()
    onnx_op: str = "DequantizeLinear"
    node_name: str = ""
    plain: bool = True


@dataclass(frozen=True)
class Target:
    """What a QuantizeLinear asks of the expression before it.

    Attributes
    ----------
    side, curves
        Its quantisation, and the curves between the operator and it.
    fusable
        Whether onnxruntime may fuse the group: no real value inside it is read by anything else.
    plain
        Whether scale and zero point are scalars of shape [].
    zero_given
        Whether the zero point is written out.
    """

    side: Side
    curves: tuple[Curve, ...] = ()
    fusable: bool = True
    plain: bool = True
    zero_given: bool = True


@dataclass(frozen=True, eq=False)
class Expression:
    """The real result of an operator on stored tensors that no QuantizeLinear has consumed yet.

    Attributes
    ----------
    build
        Makes the operation for a target, or raises :class:`UnsupportedError`.
    keeps
        Quantisation with which the result is exact on codes (moves, max-pool); None for arithmetic.
    takes_curves
        Whether `build` can apply curves itself.
    private
        Whether nothing but the chain to one QuantizeLinear reads the real values.
    via
        For a move or a max-pool of another pending expression: that expression. Quantisation is monotone and
        elementwise, so the codes are made first and moved afterwards.
    add_bias
        For a matrix product: the same expression with a constant row added.
    """

    onnx_op: str
    node_name: str
    output: str
    shape: Shape
    inputs: tuple[str, ...]
    build: Callable[[Target], Operation]
    curves: tuple[Curve, ...] = ()
    sources: tuple[str, ...] = ()
    keeps: Side | None = None
    takes_curves: bool = True
    private: bool = True
    via: "Expression | None" = None
    add_bias: "Callable[[Constant | StoredConstant], Expression] | None" = field(default=None)


@dataclass(frozen=True)
class Floating:
    """A value that only the host has."""

    name: str


Value = Constant | StoredConstant | Code | Real | Expression | Floating
