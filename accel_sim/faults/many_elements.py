"""Upsets of many stored elements at once: whole tensors run again, node by node.

The incremental run strikes one element after the other, which pays for a few of them. From some hundred on the whole
nodes behind the upset cost less.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.engine import Engine, Golden, Upset, from_stored, to_stored
from accel_sim.engine.engine import same_bytes
from accel_sim.engine.operands import check_flips
from accel_sim.model import Tensor

Array = NDArray[Any]
MANY = 500  # elements from which on whole nodes cost less


def has_many(upset: Upset) -> bool:
    """Whether an upset is one of stored tensors alone, and of many elements."""
    return not upset.parameters and sum(positions.size for positions, _ in upset.activations.values()) >= MANY


def run_whole(engine: Engine, golden: Golden, upset: Upset) -> dict[str, Array]:
    """Return the tensors that differ from the golden run, in stored form.

    Parameters
    ----------
    upset
        Of stored tensors alone.

    Raises
    ------
    AssertionError
        Other bits than those of the upset would differ.
    """
    graph, changed = engine.graph, dict[str, Array]()
    for name in graph.inputs:
        _flip(name, graph.tensors[name], golden, upset, changed)
    for node, step in zip(graph.nodes, engine.steps, strict=True):
        if any(name in changed for name in node.inputs):
            outputs = step.run([changed.get(name, golden.tensors[name]) for name in node.inputs])
            for name, value in zip(node.outputs, outputs, strict=True):
                if not same_bytes(value, golden.tensors[name]):
                    changed[name] = value
        for name in node.outputs:
            _flip(name, graph.tensors[name], golden, upset, changed)
    return changed


def _flip(name: str, tensor: Tensor, golden: Golden, upset: Upset, changed: dict[str, Array]) -> None:
    """Flip the bits of a tensor that has just been written."""
    if name not in upset.activations:
        return
    positions, masks = upset.activations[name]
    before = changed.get(name, golden.tensors[name])
    codes = from_stored(before, tensor).copy()
    np.bitwise_xor.at(codes.reshape(-1).view(np.uint8), positions, masks.astype(np.uint8))
    changed[name] = to_stored(codes, tensor)
    check_flips(before, changed[name], masks)
