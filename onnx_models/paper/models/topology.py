"""The U-Net as a walk over its steps, so that execution, counting and export share one description."""

from collections.abc import Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")


class Steps(Protocol[T]):
    """What is done at each step of the network; names are those of the ONNX files' nodes and parameters."""

    def block(self, name: str, x: T) -> T:
        """3x3 convolution `name`, batch normalisation, activation."""
        ...

    def pool(self, name: str, x: T) -> T:
        """2x2 max-pooling."""
        ...

    def up(self, name: str, x: T) -> T:
        """2x2 transposed convolution of stride 2."""
        ...

    def join(self, name: str, skip: T, x: T) -> T:
        """Concatenation of the encoder's channels and those from below, in this order."""
        ...

    def head(self, name: str, x: T) -> T:
        """1x1 convolution to the classes."""
        ...


def walk(levels: int, steps: Steps[T], x: T) -> T:
    """Take the steps of a U-Net from the input to the logits.

    Parameters
    ----------
    levels
        Encoder levels; `enc1` is the finest.
    steps
        What to do.
    x
        The input.

    Returns
    -------
    What the head returns.
    """
    skips = []
    for level in range(1, levels + 1):
        for part in (1, 2):
            x = steps.block(f"enc{level}.conv{part}", x)
        skips.append(x)
        x = steps.pool(f"enc{level}.pool", x)
    for part in (1, 2):
        x = steps.block(f"base.conv{part}", x)
    for level in range(levels, 0, -1):
        x = steps.up(f"dec{level}.up", x)
        x = steps.join(f"dec{level}.concat", skips[level - 1], x)
        for part in (1, 2):
            x = steps.block(f"dec{level}.conv{part}", x)
    return steps.head("head", x)


def layer_names(levels: int) -> Iterator[str]:
    """Yield the names of the layers with kernels, from input to output, the head last."""
    stages = [f"enc{level}" for level in range(1, levels + 1)] + ["base"]
    for stage in stages:
        yield from (f"{stage}.conv1", f"{stage}.conv2")
    for level in range(levels, 0, -1):
        yield from (f"dec{level}.up", f"dec{level}.conv1", f"dec{level}.conv2")
    yield "head"


def norm_name(name: str) -> str:
    """Return the name of the batch normalisation behind a convolution: `enc1.conv2` has `enc1.bn2`."""
    return name.replace(".conv", ".bn")
