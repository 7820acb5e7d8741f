"""onnxruntime as the peer: the reference of every comparison, and the host that runs what the array cannot.

The reference is one stated configuration (``docs/numerics.md``): extended graph optimisations, int8 activations
allowed in integer kernels, no quantisation of float weights behind the user's back, no merging of neighbouring Q/DQ
pairs, exact u8s8 products on processors without VNNI. Its optimised graph is dumped, every intermediate tensor made
an output, and run without further optimisation.
"""

import functools
import math
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from accel_sim.errors import ModelError
from accel_sim.model.dump import expose_tensors, integer_outputs, tensor_names, unsigned_weights

Array = NDArray[Any]
Runner = Callable[[dict[str, Array]], dict[str, Array]]
# The first quantises real weights behind the user's back; the second merges equal scales of shapes [] and [1], and some
# kernels take one of the two only.
DISABLED_OPTIMISERS = ["WeightBiasQuantization", "ConstantSharing"]


@functools.cache
def _has_vnni() -> bool:
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "avx512_vnni" in flags or "avx_vnni" in flags


def options(level: str = "extended", threads: int = 1) -> ort.SessionOptions:
    """Session options of the reference; `level` is ``extended``, or ``none`` for a dump, which is optimised already."""
    chosen = ort.SessionOptions()
    chosen.log_severity_level = 4
    chosen.intra_op_num_threads = threads
    chosen.inter_op_num_threads = 1
    levels = ort.GraphOptimizationLevel
    chosen.graph_optimization_level = levels.ORT_ENABLE_EXTENDED if level == "extended" else levels.ORT_DISABLE_ALL
    chosen.add_session_config_entry("session.qdqisint8allowed", "1")
    chosen.add_session_config_entry("session.disable_double_qdq_remover", "1")
    return chosen


def session(model: bytes, level: str = "extended", threads: int = 1) -> ort.InferenceSession:
    """Open a session in the reference configuration."""
    try:
        return ort.InferenceSession(
            model,
            options(level, threads),
            providers=["CPUExecutionProvider"],
            disabled_optimizers=DISABLED_OPTIMISERS if level == "extended" else None,
        )
    except Exception as error:  # onnxruntime's exception types are private to its binding
        raise ModelError(f"onnxruntime cannot run the model: {' '.join(str(error).split())[:300]}") from error


def host_runner(model: bytes) -> Runner:
    """Make a function that runs a host piece of a Graph."""
    peer = session(model) if _has_vnni() else session(optimised(model), "none")
    shapes = {output.name: tuple(output.shape) for output in peer.get_outputs()}

    def run(feeds: dict[str, Array]) -> dict[str, Array]:
        found = dict(zip(shapes, _run(peer, list(shapes), feeds), strict=True))
        for name, array in found.items():
            if array.size != math.prod(shapes[name]):
                raise ModelError(
                    f"onnxruntime gives {name!r} the shape {array.shape}, ONNX's shape inference {shapes[name]}: "
                    "the nodes before it contradict each other; export the model again"
                )
        return found

    return run


def _run(peer: ort.InferenceSession, names: list[str], feeds: dict[str, Array]) -> list[Array]:
    try:
        found: list[Array] = peer.run(names, feeds)
    except Exception as error:
        raise ModelError(f"onnxruntime cannot run the model: {' '.join(str(error).split())[:300]}") from error
    return found


@dataclass(frozen=True, eq=False)
class Reference:
    """The reference run of a model.

    Attributes
    ----------
    integer
        Tensors that onnxruntime computes with integer kernels or moves as codes.
    """

    peer: ort.InferenceSession
    names: tuple[str, ...]
    integer: frozenset[str]

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Return every tensor that the optimised graph still has, by name."""
        return dict(zip(self.names, _run(self.peer, list(self.names), dict(inputs)), strict=True))


def optimised(model: bytes) -> bytes:
    """Return the graph that onnxruntime really runs, as ONNX bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "optimised.onnx")
        chosen = options()
        chosen.optimized_model_filepath = path
        try:
            ort.InferenceSession(
                model, chosen, providers=["CPUExecutionProvider"], disabled_optimizers=DISABLED_OPTIMISERS
            )
        except Exception as error:
            raise ModelError(f"onnxruntime cannot run the model: {' '.join(str(error).split())[:300]}") from error
        dump = Path(path).read_bytes()
    # Without VNNI the kernels for unsigned inputs and signed weights add pairs of products in 16 bits and saturate.
    return dump if _has_vnni() else unsigned_weights(dump)


def reference(model: bytes) -> Reference:
    """Prepare the reference of a model given by its ONNX bytes."""
    dump = optimised(model)
    exposed, names = expose_tensors(dump)
    return Reference(session(exposed, "none"), tuple(names), frozenset(integer_outputs(dump, tensor_names(model))))


def agree(ours: Array, theirs: Array) -> tuple[int, int, int]:
    """Compare two arrays of codes or values.

    Returns
    -------
    compared, mismatched, max_lsb
        For codes the largest difference in steps; for real values 0 (their difference is judged at the codes they
        come from).
    """
    if ours.shape != theirs.shape:
        return ours.size, ours.size, 255
    if ours.dtype in (np.uint8, np.int8):
        difference = np.abs(ours.astype(np.int32) - theirs.astype(np.int32))
        return ours.size, int(np.count_nonzero(difference)), int(difference.max(initial=0))
    equal = (ours == theirs) | ((ours != ours) & (theirs != theirs))
    return ours.size, int(ours.size - np.count_nonzero(equal)), 0
