"""What a layer needs of the accelerator: the value between reading a network and costing it."""

import math
from dataclasses import dataclass
from typing import Literal

Kind = Literal["conv", "depthwise", "dense", "pool", "elementwise", "activation", "move", "host"]


@dataclass(frozen=True)
class Tensor:
    """A stored feature map of one image, one byte an element.

    Parameters
    ----------
    name : str
        Name in the ONNX file.
    channels, height, width : int
        Its shape without the batch; a vector has height and width one.
    """

    name: str
    channels: int
    height: int
    width: int

    @property
    def bytes(self) -> int:
        """Size in bytes (int8)."""
        return self.channels * self.height * self.width


@dataclass(frozen=True)
class Layer:
    """One step of the accelerator (or of the host) with everything fused into it.

    Parameters
    ----------
    name : str
        Name of the ONNX node that gives the step its name (its first output when the node has none).
    kind : str
        conv (transposed too), depthwise, dense, pool, elementwise, activation, move (data are only rearranged), or
        host (the array cannot run it).
    op_type : str
        ONNX operator.
    inputs : tuple of Tensor
        Feature maps read; parts of a concatenation each on their own.
    output : Tensor
        Feature map written.
    kernel : (int, int)
        Height and width of the window; (1, 1) where there is none.
    stride, dilation, group : int
        As in ONNX (the larger of the two axes).
    reduction : int
        Input channels that one output channel sums over.
    weight_bytes : int
        int8 weights and biases.
    passes : int
        Times the data go through the ALU (a hard swish goes twice).
    macs : int
        Multiply-accumulates of one image.
    reason : str
        Why it is on the host; empty elsewhere.
    """

    name: str
    kind: Kind
    op_type: str
    inputs: tuple[Tensor, ...]
    output: Tensor
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    dilation: int = 1
    group: int = 1
    reduction: int = 0
    weight_bytes: int = 0
    passes: int = 1
    macs: int = 0
    reason: str = ""

    @property
    def input_bytes(self) -> int:
        """Bytes of all feature maps read, each counted once."""
        return sum(t.bytes for t in self.inputs)

    @property
    def ops(self) -> int:
        """Operations, two a multiply-accumulate."""
        return 2 * self.macs

    @property
    def taps(self) -> int:
        """Positions of the window."""
        return math.prod(self.kernel)


@dataclass(frozen=True)
class Topology:
    """A network as a list of layers in an order in which they can run.

    Parameters
    ----------
    name : str
        Name of the file or graph.
    inputs : tuple of Tensor
        Inputs of the network.
    outputs : tuple of Tensor
        Results of the network.
    layers : tuple of Layer
    """

    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    layers: tuple[Layer, ...]

    @property
    def gop(self) -> float:
        """Operations of the convolutions and fully connected layers, in 10^9, two a multiply-accumulate."""
        return sum(layer.ops for layer in self.layers) / 1e9

    @property
    def weight_bytes(self) -> int:
        """Weights and biases in bytes (int8)."""
        return sum(layer.weight_bytes for layer in self.layers)
