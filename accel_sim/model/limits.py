"""How large a model may be: refused in a sentence before anything of that size is made."""

import math
from collections.abc import Iterable

from accel_sim.errors import ModelError

# The largest tensor of networks in use, 64 channels at 1080 x 1920, has 1.3e8 elements.
MAX_ELEMENTS = 1 << 27
# Products of one node: the heaviest layers in use need 1e11; this many keep a processor busy for about a minute.
MAX_PRODUCTS = 1 << 40
# Positions that a pooling node looks at, likewise.
MAX_TAPS = 1 << 34
# Largest value of a stride, pad, dilation or kernel: their products with any index fit 64 bits.
MAX_GEOMETRY = 1 << 30


def check_elements(shape: Iterable[int], what: str) -> None:
    """Refuse a tensor that is too large or has a negative size.

    Parameters
    ----------
    shape
        Size of every axis.
    what
        How the message calls the tensor, for instance ``tensor 'w'``.

    Raises
    ------
    ModelError
        A size is negative, or there are more than `MAX_ELEMENTS` elements.
    """
    sizes = [int(d) for d in shape]
    text = "x".join(map(str, sizes[:8])) + ("x..." if len(sizes) > 8 else "")
    if any(d < 0 for d in sizes):
        raise ModelError(f"{what} has shape {text}; sizes are 0 or more: export the model again")
    if math.prod(sizes) > MAX_ELEMENTS:
        raise ModelError(f"{what} has shape {text}; the limit is {MAX_ELEMENTS} elements a tensor: use smaller sizes")


def check_work(count: int, limit: int, what: str) -> None:
    """Refuse a node that would not end.

    Parameters
    ----------
    count
        Products or positions of one inference.
    limit
        `MAX_PRODUCTS` or `MAX_TAPS`.
    what
        What is counted, for instance ``products``.

    Raises
    ------
    ModelError
        The count is above the limit.
    """
    if count > limit:
        raise ModelError(f"needs {count:.1e} {what} for one inference; the limit is {limit:.1e}: make it smaller")
