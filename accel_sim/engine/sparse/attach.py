"""The arrays of the state as kernels hold them: without an owner.

An array that comes from the interpreter has a reference count, which compiled code raises and lowers atomically each
time it takes the array out of a tuple or hands it to a function; in loops over pixels that took a third of all time.
The runner keeps the owners alive and passes addresses; every entry point makes its own views of them.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,attr-defined,call-arg"
from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from accel_sim.engine.jit import jit
from accel_sim.engine.sparse import fields as F


@intrinsic
def _pointer(typingctx, address):
    def codegen(context, builder, signature, args):
        return builder.inttoptr(args[0], ir.IntType(8).as_pointer())

    return types.voidptr(types.int64), codegen


def handles(arrays: Sequence[NDArray[Any]]) -> NDArray[np.int64]:
    """Addresses and lengths of flat arrays, int64 [n, 2], and of each table's second axis as a third column."""
    return np.array([[a.ctypes.data, a.shape[0], a.shape[1] if a.ndim > 1 else 1] for a in arrays], np.int64)


@jit
def _flat(handle, dtype):
    return numba.carray(_pointer(handle[0]), (handle[1],), dtype)


@jit
def _table(handle):
    return numba.carray(_pointer(handle[0]), (handle[1], handle[2]), np.int64)


@jit
def attach(h):
    """Make views of the arrays of a state from their handles, in the order of `fields`."""
    return (
        _flat(h[F.GOLDEN], np.uint8), _flat(h[F.WORK], np.uint8), _flat(h[F.FLAGS], np.uint8), _table(h[F.SPANS]),
        _flat(h[F.ACCUMULATORS], np.int32), _flat(h[F.SLACK], np.uint8), _flat(h[F.TOUCHED], np.uint8),
        _flat(h[F.ENTRIES], np.int64), _flat(h[F.STARTS], np.int32), _flat(h[F.LISTED], np.uint8),
        _flat(h[F.SUMS], np.int32), _flat(h[F.CROSSING], np.int32), _flat(h[F.WEIGHTS], np.int16),
        _flat(h[F.PACKED_WEIGHTS], np.int8), _flat(h[F.TABLES], np.uint8), _flat(h[F.INTS], np.int32),
        _flat(h[F.FLOATS], np.float32), _table(h[F.NODES]), _table(h[F.TENSORS]), _flat(h[F.TALLY], np.int64),
    )  # fmt: skip
